"""Group-Net: its structure is the specification's, its limits the plain network; deployment is exact."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.flows import export
from xnorforge.flows.lower import graph
from xnorforge.flows.lower.proof import checks
from xnorforge.flows.qonnx_execution import qonnx_scores
from xnorforge.sw import networks
from xnorforge.sw.methods import group_net, ste
from xnorforge.sw.methods.group_net import Method
from xnorforge.sw.nn import binary, branches, building_blocks, scaled
from xnorforge.sw.nn import stream as frame
from xnorforge.sw.nn.branches import Group, Numbers, Streams, Sum, Summand
from xnorforge.sw.nn.building_blocks import Affine2d, Bits, Block, Head, Network, Scores
from xnorforge.sw.nn.splitting import Shape, grouped
from xnorforge.sw.tasks import base
from xnorforge.sw.training import warm_start

from . import digits
from .maps import deployed_exactly
from .nets import give_network


def chain():
    """8x8 pixels; two groups of two convolutions."""
    return Network(Block(1, 8, kernel=3, pad=1, pixels=True), Block(8, 8, kernel=3, pad=1),
                   Block(8, 8, kernel=3, pad=1, pool=2), Block(8, 16, kernel=3, pad=1),
                   Block(16, 16, kernel=3, pad=1, pool=2), nn.Flatten(), Block(64, 32),
                   Scores(32, 10, 2**-3))  # fmt: skip


def dense():
    """Bits and dense layers only."""
    return Network(Bits(), Block(64, 32), Block(32, 32), Block(32, 32), Scores(32, 10, 2**-3))


def atrous():
    """Strides, a dilation and two layers of several rates in front of a map."""
    return Network(Block(1, 8, kernel=3, pad=1, pixels=True), Block(8, 8, kernel=3, pad=1, stride=2),
                   Block(8, 8, kernel=3, pad=1, rates=(2,)), Block(8, 8, kernel=3, pad=1, rates=(1, 2, 4)),
                   Block(8, 8, kernel=3, pad=1, rates=(1, 4, 8)), Head(8, [0.5, -0.25]))  # fmt: skip


SETTINGS = [{}, {"bases": 2, "gate": "scalar"},
            {"gate": "per_branch", "aggregate": "learned", "weight_scale": "channel"},
            {"relu": "always", "decomposition": "v2"}, {"decomposition": "v3"},
            {"decomposition": "lbd", "aggregate": "learned", "relu": "always"}, {"bases": 1}]  # fmt: skip


def twelve_bits():
    """Two groups of two parts of a 12-bit stream; the shortcut of the third has weights."""
    sizes = [(8, 8), (8, 8), (8, 16, 2), (16, 16)]
    parts = [frame.Pixels(), frame.Stem(1, 8), *(frame.Residual(*size) for size in sizes)]
    return nn.Sequential(*parts, frame.Classifier(16, 10, 4))


SMALL = {"chain": chain, "dense": dense, "stream": twelve_bits}


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    """Networks of seconds in the table."""
    for name, network in (SMALL | {"atrous": atrous}).items():
        give_network(monkeypatch, name, network)
    monkeypatch.setattr(group_net.base, "task_of", lambda _net: SimpleNamespace(shape=(1, 8, 8)))


def pictures(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=rng)


def started(method, net="chain", epochs=5):
    return digits.started(method, net, epochs, -1, batch=50, lr=1e-2, task=base.Task())


def steps(run, count):
    for at in range(count):
        labels = torch.randint(0, 10, (50,), generator=torch.Generator().manual_seed(at))
        run.method.step(run, pictures(50, at), labels)
    return run


def shaken(network, seed=0):
    """Batch norms as training might leave them, a third of gammas negative; statistics of noise."""
    rng = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(part.weight, 0.4, 1, generator=rng)
            nn.init.normal_(part.bias, 0, 0.5, generator=rng)
            part.momentum = 0.5
        if isinstance(part, Numbers) and part.raw[0].requires_grad:
            for raw in part.raw:
                nn.init.normal_(raw, 0.6, 0.8, generator=rng)
    network.train()
    with torch.no_grad():
        for at in range(4):
            network(pictures(64, 100 + at).float())
    return network.eval()


def scores(network, images):
    with torch.no_grad():
        return network(images.float()).as_subclass(torch.Tensor)


def of_kind(network, kind):
    return [part for part in network.modules() if isinstance(part, kind)]


def prepared_conv(inputs, outputs, kernel, **hyper):
    """A convolution as the method trains it."""
    return Method(**hyper).prepared(binary.conv(inputs, outputs, kernel))


# 1. One base is the plain network.


@pytest.mark.parametrize("net", ["chain", "dense"])
def test_one_branch_of_a_chain_is_the_plain_chain_bit_for_bit(net):
    plain, grouped = shaken(binary.prepare(networks.build(net))), Method(bases=1).build(net)
    own, state = grouped.state_dict(), plain.state_dict()
    assert [tensor.shape for tensor in own.values()] == [tensor.shape for tensor in state.values()]
    grouped.load_state_dict(dict(zip(own, state.values(), strict=True)))
    found = [scores(network, pictures(64)) for network in (plain, grouped.eval())]
    assert torch.equal(*found) and len(found[0].unique()) > 5


# 2. Gates.


def gated(net, gate, value):
    network = shaken(Method(gate=gate).build(net), seed=3)
    with torch.no_grad():
        for numbers in of_kind(network, Numbers):
            for raw in numbers.raw:
                raw.fill_(torch.tensor(value).logit())
    return network


@pytest.mark.parametrize("net", ["chain", "stream"])
def test_with_gate_one_branches_are_networks_of_their_own(net):
    network, seen = gated(net, "scalar", 1.0), []
    first, _ = of_kind(network, (Group, Streams))
    first.register_forward_hook(lambda _part, _inputs, output: seen.append(output))
    network(pictures(8).float())
    with torch.no_grad():
        for part in first.branches[1].modules():
            if isinstance(part, (nn.Conv2d, nn.BatchNorm2d)):
                part.weight.neg_()
    network(pictures(8).float())
    for branch, (old, new) in enumerate(zip(*seen, strict=True)):
        assert torch.equal(old, new) == (branch != 1), branch


@pytest.mark.parametrize("net", SMALL)
def test_with_gate_zero_nothing_is_gated(net):
    closed = gated(net, "per_branch", 0.0)
    plain = Method().build(net).eval()
    plain.load_state_dict(closed.state_dict(), strict=False)
    assert torch.equal(scores(closed, pictures(64)), scores(plain, pictures(64)))


class Third(nn.Module):
    """Takes (x, no matter which branch) to x / 3."""

    def forward(self, x):
        return x / 3


def test_a_gate_is_a_mixture_of_branch_and_mean():
    """x_i = s y_i + (1 - s) m, where branches give y_i / K; one gate for all, or one for each."""
    y = [torch.randn(2, 4, 3, 3) for _ in range(3)]
    for count, values in ((1, [0.25] * 3), (3, [0.25, 0.5, 0.75])):
        gates = Numbers(values[:count], 1 / 8, gate=True)
        group = Group([Third()] * 3, None, gates, 1, nn.Identity())
        mean = sum(y) / 3
        for found, own, s in zip(group(y), y, values, strict=True):
            torch.testing.assert_close(found, s * own + (1 - s) * mean)


def test_only_what_another_group_follows_is_gated():
    for net in ("chain", "stream"):
        groups = of_kind(Method(gate="scalar").build(net), (Group, Streams))
        assert [group.gates is not None for group in groups] == [True, False]


def test_equal_branches_of_a_stream_are_the_plain_stream_bit_for_bit():
    """The mean of three equal streams, and any mixture of one with its mean, is that stream; branches start
    from the layers in whose place they are."""
    plain = shaken(Method().prepared(networks.build("stream")))
    expected = scores(plain, pictures(64))
    for setting in ({}, {"gate": "scalar"}, {"gate": "per_branch", "decomposition": "v2"}, {"bases": 1}):
        grouped = Method(**setting).build("stream")
        warm_start.copy_numbers(grouped, plain.state_dict(), sized=True)
        building_blocks.set_on_grid(grouped, True)
        assert torch.equal(scores(grouped.eval(), pictures(64)), expected) and len(expected.unique()) > 9
    latents = binary.latents(grouped := Method().build("stream"))
    warm_start.copy_numbers(grouped, plain.state_dict(), sized=True)
    Method().warm_started(grouped)
    size = plain[2].added.conv.weight.std()
    for at in range(3):  # near 8 % of the signs of normal numbers turn, 1 / pi arctan(1 / 4)
        apart = latents[f"2.branches.{at}.0.added.conv"] - plain[2].added.conv.weight
        assert (
            apart.std().item() == pytest.approx(size.item() / 4, rel=0.1) and apart.mean().abs() < size / 20
        )


@pytest.mark.parametrize("net, setting", [
    ("fashion-cnn", {}), ("cifar10-cnv_half", {"decomposition": "v2"}), ("mnist-tfc", {"bases": 3}),
])  # fmt: skip
def test_branches_of_a_chain_start_from_the_layers_in_whose_place_they_are(net, setting):
    """Every weight of the plain network is that of one layer outside of groups, or of one in each branch."""
    plain, grouped = ste.Method().build(net), Method(**setting).build(net)
    warm_start.copy_numbers(grouped, plain.state_dict(), sized=True)
    count, latents = Counter(), [latent.detach() for latent in binary.latents(grouped).values()]
    for name, latent in binary.latents(plain).items():
        count[name] = sum(latent.shape == one.shape and torch.equal(latent, one) for one in latents)
    assert {1, 3} >= {*count.values()} and sum(count.values()) == len(latents) > len(count)


def test_a_group_of_a_stream_gives_the_mean_or_mixtures_on_the_stream_s_grid():
    """y 1, 2 and -1: m = 2/3 rounded to 171/256, and s y + (1 - s) m with s = 3/8, rounded down."""
    y = [torch.full((1, 1, 1, 1), value) for value in (1.0, 2.0, -1.0)]
    given = [nn.Identity()] * 3, None
    group = Streams(*given, None, []).eval()
    assert group(y).item() == 171 / 256
    gates = Numbers([3 / 8], 1 / 8, gate=True)
    group = Streams(*given, gates, []).eval()
    mixed = [(3 * 256 * value + 5 * 171) // 8 / 256 for value in (1, 2, -1)]
    building_blocks.set_on_grid(group, True)
    assert [one.item() for one in group(y)] == mixed


# 3. Weights.


def bits(network):
    return sum(latent.numel() for latent in binary.latents(network).values())


@pytest.mark.parametrize(
    ("bases", "mbit", "with_8_bits"), [(1, 27.9, 15.3), (3, 49.8, 37.3), (5, 71.8, 59.3), (8, 104.8, 92.2)]
)
def test_resnet18_has_the_published_number_of_bits(bases, mbit, with_8_bits):
    """Stem 7x7 and the classifier at 32 or 8 bits; 1x1 shortcuts, one for all branches, are binary there.
    Counted with a quarter of the channels, which has a sixteenth of the bits."""
    network = frame.residual_stream((16, 16, 32, 64, 128), 4, size=224)
    assert grouped(network, Shape(bases=bases))
    count = 16 * bits(network)
    shortcuts = 64 * 128 + 128 * 256 + 256 * 512
    assert count == bases * 10_985_472
    count += shortcuts
    others = 7 * 7 * 3 * 64 + 512 * 1000 + 1000
    assert round((count + 32 * others) / 1e6, 1) == pytest.approx(mbit)
    assert round((count + 8 * others) / 1e6, 1) == pytest.approx(with_8_bits, abs=0.051)
    assert bases != 5 or round((count + 31 * shortcuts + 32 * others) / 1e6, 1) == 77.1


@pytest.mark.parametrize("net", SMALL)
def test_groups_cost_k_times_their_weights_and_shortcuts_once(net):
    plain = bits(binary.prepare(networks.build(net)))
    shared = {"chain": 72 + 64 * 32 + 320, "dense": 2048 + 320, "stream": 0}[net]
    for decomposition in ("lbd", "v1", "v2", "v3"):
        for bases in (1, 3):
            network = Method(bases=bases, decomposition=decomposition).build(net)
            assert bits(network) == shared + bases * (plain - shared), decomposition


def test_decompositions_cut_as_they_say():
    def lengths(net, decomposition):
        groups = of_kind(Method(decomposition=decomposition).build(net), (Group, Streams))
        return [len(list(group.branches[0])) for group in groups]

    for net in ("chain", "stream"):
        assert [lengths(net, v) for v in ("v1", "v2", "v3")] == [[2, 2], [4], [4]]
    assert lengths("dense", "v1") == [2] and lengths("chain", "lbd") == []
    assert len(of_kind(Method(decomposition="lbd").build("chain"), Sum)) == 4
    half = Method().build("cifar10-cnv_half")
    assert [len(group.branches[0]) for group in of_kind(half, Group)] == [1, 2, 2]


# 4. Dilations.


@pytest.mark.parametrize("net", ["chain", "stream"])
def test_each_branch_has_the_dilation_it_was_given(net):
    network = Method(dilations="1,2,3").build(net)
    for group in of_kind(network, (Group, Streams)):
        dots = [set(binary.binary_layers(branch).values()) for branch in group.branches]
        rates = [{dot.dilation for dot in own} for own in dots]
        assert rates == [{(1, 1)}, {(2, 2)}, {(3, 3)}]
    assert bits(network) == bits(Method().build(net))
    assert scores(shaken(network), pictures(2)).shape == (2, 10)


def test_an_impulse_shows_taps_at_the_distance_of_the_branch():
    whole = nn.Sequential(frame.Residual(1, 1))
    assert grouped(whole, Shape(bases=3, rates=(1, 2, 4)))
    for branch, rate in zip(Method().prepared(whole)[0].branches, (1, 2, 4), strict=True):
        added = branch[0].added
        nn.init.constant_(added.conv.weight, 0.1)
        picture = -torch.ones(1, 1, 17, 17)
        flat = added.conv(added.pad(picture))
        assert flat.shape == picture.shape and (flat == -9 / 8).all()
        picture[0, 0, 8, 8] = 1
        taps = {tuple(at) for at in (added.conv(added.pad(picture)) - flat)[0, 0].nonzero().tolist()}
        assert taps == {(8 + rate * r, 8 + rate * c) for r in (-1, 0, 1) for c in (-1, 0, 1)}


def test_layers_of_several_rates_become_parallel_atrous_branches_or_stay_whole():
    def shapes(**setting):
        """Stride and dilations by branch, of each group."""
        groups = of_kind(Method(**setting).build("atrous"), Group)
        parts = [[of_kind(branch, nn.Conv2d) for branch in group.branches] for group in groups]
        return [[[(dot.stride[0], dot.dilation[0]) for dot in dots] for dots in rows] for rows in parts]

    parallel = [[(1, 1)], [(1, 2)], [(1, 4)]], [[(1, 1)], [(1, 4)], [(1, 8)]]
    assert shapes() == [[[(2, 1), (1, 2)]] * 3, *parallel]
    assert shapes(bases=2)[1:] == [[[(1, 1), (1, 2), (1, 4)]] * 2, [[(1, 1), (1, 4), (1, 8)]] * 2]
    assert shapes(dilations="1,2,3")[0] == [[(2, rate), (1, 2 * rate)] for rate in (1, 2, 3)]
    assert shapes(atrous=False) == [[[(2, 1), (1, 2)]] * 3, *[[[(1, 1)]] * 3] * 2]
    assert shapes(atrous=False, bases=1)[1:] == [[[(1, 1)] * 3]] * 2
    assert shapes(decomposition="v3") == [[[(2, 1), (1, 2), *a, *b] for a, b in zip(*parallel)]]
    atrous = Method(decomposition="lbd").build("atrous")
    first, second = [part.dot for part in atrous if isinstance(part, Block)][3:]
    assert [[dot.dilation[0] for dot in rate.dots] for rate in first.dots] == [[1] * 3, [2] * 3, [4] * 3]
    assert [[dot.dilation[0] for dot in rate.dots] for rate in second.dots] == [[1] * 3, [4] * 3, [8] * 3]


@pytest.mark.parametrize("atrous", [True, False])
def test_borders_of_parallel_branches_keep_the_size_of_the_map(atrous):
    network = shaken(Method(atrous=atrous).build("atrous"))
    assert scores(network, pictures(2)).shape == (2, 2, 4, 4)
    for group in of_kind(network, Group)[1:]:
        for branch in group.branches:
            assert branch[-1].pad.padding == branch[-1].dot.dilation * 2 and branch[-1].pad.value == -1


# 5. Gradients.


@pytest.mark.parametrize("per_channel", [False, True])
def test_gradient_of_a_weight_is_that_of_alpha_times_its_sign(per_channel):
    """dL/dW = dL/dWb, y = norm(conv(x, Wb)), Wb = alpha sign(W): ours are y / alpha, the norm's factor."""
    layer = prepared_conv(3, 4, 3, weight_scale="channel" if per_channel else "tensor").double()
    x = torch.randn(8, 3, 6, 6).double().sign()
    weigh = torch.randn(8, 4, 4, 4).double()
    layer.weight.data[0, 0, 0, 0] = 1.5  # no clipping
    alpha = binary.quantiser(layer).alpha(layer.weight)
    assert alpha.shape == ((4, 1, 1, 1) if per_channel else (1, 1, 1, 1))
    whole = (alpha * layer.weight.detach().sign()).requires_grad_()
    (F.batch_norm(F.conv2d(x, whole), None, None, training=True, eps=1e-12) * weigh).sum().backward()
    (F.batch_norm(layer(x), None, None, training=True, eps=1e-12) * weigh).sum().backward()
    torch.testing.assert_close(layer.weight.grad, whole.grad)


def test_real_weights_and_tanh_are_the_same_network_in_stage_one():
    run = started(Method())
    group_net.make_real(run.network, True)
    layer, x = list(binary.binary_layers(run.network).values())[1], torch.randn(2, 8, 5, 5)
    alpha = layer.weight.abs().mean().item()
    torch.testing.assert_close(layer(x) * alpha, F.conv2d(x, layer.weight))
    sign = of_kind(run.network, binary.Identity)[0]
    assert torch.equal(sign(x), x.tanh())
    before = {name: p.detach().clone() for name, p in run.network.named_parameters()}
    group_net.make_real(run.network, False)
    assert all(torch.equal(before[name], p) for name, p in run.network.named_parameters())
    assert set(layer(torch.ones(1, 8, 3, 3)).fmod(2).unique().tolist()) <= {0.0}


def test_layerwise_sums_count_alpha_and_lambda():
    part = Sum([prepared_conv(4, 3, 3) for _ in range(3)], learned=True)
    with torch.no_grad():
        for raw, value, dot in zip(part.lambdas.raw, (1.0, -0.5, 0.25), part.dots, strict=True):
            raw.fill_(value)
            dot.weight.mul_(2 if value == 0.25 else 1)
    x = torch.randn(2, 4, 5, 5).sign()
    signed = [dot.weight.abs().mean() * F.conv2d(x, dot.weight.sign()) for dot in part.dots]
    whole = sum(factor * sums for factor, sums in zip((1, -0.5, 0.25), signed))
    found = part(x)
    torch.testing.assert_close(found / found.std(), whole / whole.std())
    part.on_grid = True
    assert all(torch.equal(factor * 8, (factor * 8).round()) for factor in part.factors())


# 6 to 8, 10 to 12. Constants, borders, scale, zero, order, statistics.


def test_relu_and_norm_are_two_constants():
    norm = Affine2d(16, reach=16, fraction=24)
    norm.weight.data.normal_(), norm.bias.data.normal_()
    norm.running_mean.uniform_(0, 20), norm.running_var.uniform_(50, 200)
    sums = torch.randint(-288, 289, (4000, 16, 1, 1)).float() * 2
    with torch.no_grad():
        expected = norm.eval()(F.relu(sums))
        gain, shift = (constant[:, None, None] for constant in norm.constants())
        found = gain.double() * sums.clamp(min=0).double() + shift.double()
    apart = expected.abs() > 1e-4
    assert apart.float().mean() > 0.99 and torch.equal((found >= 0)[apart], (expected >= 0)[apart])


def test_a_share_of_a_mean_lies_on_the_grid():
    norm = branches.MeanAffine2d(8, 72, 10, bases=3)
    norm.weight.data.normal_(), norm.bias.data.normal_()
    norm.running_mean.uniform_(0, 5), norm.running_var.uniform_(20, 90)
    whole = Affine2d(8, 72, 10)
    whole.load_state_dict(norm.state_dict())
    x = torch.randint(0, 72, (32, 8, 3, 3)).float()
    torch.testing.assert_close(norm.eval()(x), whole.eval()(x) / 3)
    gain, shift = norm.constants()
    assert all(torch.equal(constant * 1024, (constant * 1024).round()) for constant in (gain, shift))
    torch.testing.assert_close(gain, whole.constants()[0] / 3, atol=2**-10, rtol=0)
    norm.on_grid = True
    assert torch.equal(norm(x), gain[:, None, None] * x + shift[:, None, None])


def test_borders_are_bits():
    layer, pad = prepared_conv(1, 1, 3), nn.ConstantPad2d(1, -1.0)
    nn.init.constant_(layer.weight, 0.1)
    ones = torch.ones(1, 1, 4, 4)
    assert (layer(pad(-ones)) == -9).all() and layer(pad(ones))[0, 0, 0, 0] == -1
    assert (layer(nn.ConstantPad2d(1, 1.0)(ones)) == 9).all()
    assert layer(nn.ConstantPad2d(1, 0.0)(ones))[0, 0, 0, 0] == 4
    for net in ("chain", "stream"):
        found = of_kind(Method(dilations="1,2,3").build(net), nn.ConstantPad2d)
        assert {pad.value for pad in found} == {-1.0}


def test_the_scale_of_a_sum_does_not_count():
    network = shaken(Method(gate="scalar").build("chain"))
    expected = scores(network, pictures(64))
    with torch.no_grad():
        for norm in of_kind(network, Affine2d):
            norm.weight.mul_(4), norm.bias.mul_(4)
    assert torch.equal(scores(network, pictures(64)), expected)


def test_zero_is_plus_one_in_training_deployment_and_qonnx():
    method = Method(bases=2)
    network = shaken(method.build("dense"))
    group = of_kind(network, Group)[-1]
    with torch.no_grad():
        group.branches[1].load_state_dict(group.branches[0].state_dict())
        group.branches[1][-1].norm.weight.neg_(), group.branches[1][-1].norm.bias.neg_()
    building_blocks.set_on_grid(network, True)
    images, seen = pictures(8), []
    network[2].register_forward_hook(lambda _part, _inputs, output: seen.append(output))
    expected = scores(network.eval(), images)
    deployed = method.deploy("dense", network)
    assert torch.equal(scores(deployed, images), expected) and all((one == 1).all() for one in seen)
    found = qonnx_scores(export.as_qonnx(deployed, (1, 8, 8)), images.float().numpy())
    np.testing.assert_array_equal(found, expected.numpy())


def test_the_norm_comes_behind_the_relu():
    """So a summand may be negative, by its shift; convolution, norm, ReLU would cut it off."""
    for relu, kind in (("always", nn.ReLU), ("residual", nn.Identity)):
        for summand in of_kind(Method(relu=relu).build("chain"), Summand):
            assert list(summand._modules) == ["pad", "dot", "mix", "norm"]
            assert isinstance(summand.mix, kind)
    summand = of_kind(Method(relu="always").build("chain"), Summand)[0].eval()
    nn.init.constant_(summand.norm.bias, -1.0)
    assert summand(torch.ones(1, 8, 4, 4)).min() < 0


def test_statistics_of_branches_differ():
    run = steps(started(Method()), 2)
    for group in of_kind(run.network, Group):
        norms = [of_kind(branch, nn.BatchNorm2d) for branch in group.branches]
        for first, *others in zip(*norms, strict=True):
            for other in others:
                assert first is not other and (first.running_mean != other.running_mean).float().mean() > 0.5


# What is deployed.


@pytest.mark.quick("chain-*", "*-2-scalar")
@pytest.mark.parametrize("net, setting", [
    *[(net, setting) for net in ("chain", "atrous") for setting in SETTINGS],
    *[("stream", setting) for setting in SETTINGS if "relu" not in setting],
    *[("dense", setting) for setting in SETTINGS[1:3]],
], ids=lambda s: s if isinstance(s, str) else "-".join(map(str, s.values())) or "default")  # fmt: skip
def test_what_is_on_the_grid_is_what_is_deployed_shipped_and_loaded(net, setting):
    method = Method(**setting)
    network = shaken(method.build(net))
    building_blocks.set_on_grid(network, True)
    _, back = deployed_exactly(method, net, network.eval(), pictures(64), least=4)
    assert all(set(latent.unique().tolist()) <= {-1.0, 1.0} for latent in binary.latents(back).values())


@pytest.mark.parametrize("net, setting", [
    ("chain", SETTINGS[5]), ("atrous", SETTINGS[0]), ("stream", SETTINGS[2]),
    pytest.param("chain", SETTINGS[2], marks=pytest.mark.full),
], ids=["chain-lbd", "atrous", "stream", "chain-gated"])  # fmt: skip
def test_qonnx_and_integers_give_the_same_scores(net, setting):
    method = Method(**setting)
    network = shaken(method.build(net))
    building_blocks.set_on_grid(network, True)
    images = pictures(256)
    expected = scores(network.eval(), images).numpy()
    model = export.as_qonnx(method.deploy(net, network), (1, 8, 8))
    np.testing.assert_array_equal(qonnx_scores(model, images.float().numpy()), expected)
    lowered = graph.integer_graph(model, 0, 255, 1.0)
    scale, bias = checks.scale_and_bias(lowered.output)
    integers = lowered.run(images.numpy().transpose(0, 2, 3, 1))[lowered.output.single[0]]
    np.testing.assert_array_equal(scale * integers + bias, np.moveaxis(expected, 1, -1))
    assert lowered.rounded == []


# Training.


@pytest.mark.parametrize(("net", "setting"), [
    *(("chain", setting) for setting in SETTINGS[1:6]),
    *(("stream", setting) for setting in SETTINGS[1:6] if "relu" not in setting),
], ids=lambda s: s if isinstance(s, str) else "-".join(map(str, s.values())))  # fmt: skip
def test_gradients_reach_everything_learned_and_latents_stay_in_reach(net, setting):
    run = steps(started(Method(**setting), net), 2)
    for name, parameter in run.network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    for on_grid in (False, True):
        building_blocks.set_on_grid(run.network, on_grid)
        steps(run, 1)
        assert all(latent.abs().max() <= 1 for latent in binary.latents(run.network).values())
    for name, parameter in run.network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


def test_latents_start_small():
    for latent in binary.latents(Method().build("stream")).values():
        assert 0.05 < latent.abs().max() <= 0.1


def test_only_the_first_stage_is_real():
    run = started(Method(warmup=0.5), epochs=2)
    for phase, real in zip(run.method.phases(run.recipe), (True, False), strict=True):
        run.phase = phase
        run.method.begin(run)
        assert {part.real for part in of_kind(run.network, (group_net.Sign, scaled.Scaled))} == {real}
