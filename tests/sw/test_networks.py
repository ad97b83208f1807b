"""Networks: names, sizes, and what the building block, 8-bit ends and the frame PReLU(x + 2^-k
conv(sign(BN(x)))) compute."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.methods import base, group_net, react
from xnorforge.sw.nn import binary, building_blocks, stream
from xnorforge.sw.nn.building_blocks import Affine2d, Block, Head, Network, Scores, set_on_grid
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import train, weights

from .nets import NETS, drawn


@pytest.mark.parametrize("net, weights", [
    ("mnist-tfc", 784 * 64 + 64 * 64 + 64 * 64 + 64 * 10),
    ("mnist-cnn", 9 * 32 + 9 * 32 * 64 + 9 * 64 * 64 + 1024 * 128 + 128 * 10),
    ("cifar10-cnv",
     9 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256) + 256 * 512 + 512 * 512 + 5120),
    ("cifar10-cnv_half",
     9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 128 * 256 + 256 * 256 + 2560),
    ("cifar10-vgg_small", 9 * 128 * (128 + 2 * 128 + 2 * 256 + 4 * 256 + 4 * 512)),
    ("cifar10-resnet20", 9 * 16 * (6 * 16 + 2 * 16 + 5 * 64 + 4 * 32 + 5 * 256)),
    ("cifar10-resnet20_half", 9 * 8 * (6 * 8 + 2 * 8 + 5 * 32 + 4 * 16 + 5 * 128)),
    ("cifar10-wrn22", 9 * 16 * (6 * 16 + 2 * 16 + 5 * 64 + 4 * 32 + 5 * 256)),
    ("cifar10-resnet18", 9 * 64 * (4 * 64 + 7 * 128 * (1 + 4 + 16))),
    ("pedestrian-tinyped", 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 2 * 128 * 128)),
    ("segment-tinyseg", 9 * (3 * 32 + 32 * 32 + 32 * 64 + 3 * 3 * 64 * 64)),
    ("track-tinytrk", 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128)),
])  # fmt: skip
def test_weights_are_those_of_the_topology(net, weights):
    assert sum(latent.numel() for latent in binary.latents(networks.build(net)).values()) == weights


def test_pixels_enter_as_whole_128ths():
    x = torch.arange(256.0).reshape(1, -1)
    assert torch.equal(Network()(x) * 128, x - 128)


def test_the_border_of_a_padded_convolution_is_minus_one():
    block = Block(1, 1, kernel=3, pad=1).eval()
    with torch.no_grad():
        block.dot.weight.fill_(1)
        sums = block.dot(block.pad(torch.ones(1, 1, 3, 3)))
    assert sums[0, 0].tolist() == [[-1, 3, -1], [3, 9, 3], [-1, 3, -1]]


def test_rates_are_one_dot_product_of_taps_at_their_distances():
    """The centre counts once per rate; beyond the border are -1."""
    dot = Block(1, 1, kernel=3, pad=1, rates=(1, 2, 4)).eval().dot
    with torch.no_grad():
        for layer in dot.dots:
            layer.weight.fill_(1)
        flat = dot(-torch.ones(1, 1, 17, 17))
        impulse = -torch.ones(1, 1, 17, 17)
        impulse[0, 0, 8, 8] = 1
        seen = (dot(impulse) - flat)[0, 0]
    assert flat.shape == (1, 1, 17, 17) and (flat == -27).all()
    places = {(8 + rate * r, 8 + rate * c) for rate in (1, 2, 4) for r in (-1, 0, 1) for c in (-1, 0, 1)}
    assert {tuple(at) for at in seen.nonzero().tolist()} == places
    assert seen[8, 8] == 6 and all(seen[at] == 2 for at in places - {(8, 8)})


def test_a_head_has_weights_and_bias_of_128ths():
    head = binary.prepare(Head(2, [-2.5, 0.3]))
    with torch.no_grad():
        head.dot.weight.copy_(torch.tensor([[0.1, -7.0], [0.004, 2.0]]).view(2, 2, 1, 1))
    bits = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
    scores = head(bits)
    assert (scores.flatten() * 128).tolist() == [13 + 127 - 320, 1 - 127 + 38]
    scores.sum().backward()
    assert head.dot.bias.grad.tolist() == [1, 1] and head.dot.weight.grad.flatten().tolist() == [1, 0, 1, 0]


def test_pooling_after_the_sign_gives_the_bits_of_pooling_before():
    block = Block(2, 4, kernel=3, pool=2).eval()
    torch.nn.init.uniform_(block.norm.weight, -1, 1)
    x = torch.randn(8, 2, 9, 9).sign()
    with torch.no_grad():
        before = block.sign(F.max_pool2d(block.norm(block.dot(x)), 2))
        assert torch.equal(block(x), before)


def test_scores_are_whole_sums_times_a_power_of_two():
    scores = Scores(64, 10, 2**-3)
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0)).sign()
    whole = scores(x) * 8
    assert torch.equal(whole, whole.round())
    assert torch.equal(whole % 2, torch.zeros(5, 10))


@pytest.mark.parametrize("net", NETS)
def test_the_task_of_a_name_is_what_stands_before_the_dash(net):
    assert type(task_of(net)).__module__.rpartition(".")[2] == net.split("-")[0]


@pytest.mark.parametrize(("net", "fixed"), [("cifar10-resnet20", True), ("cifar10-wrn22", False)])
def test_a_residual_network_has_shortcuts_and_only_wrn22_has_weights_in_them(net, fixed):
    """With all weights of added sums at 0, and slopes of 1, nothing but shortcuts is left."""
    network = networks.build(net).eval()
    for module in network.modules():
        if isinstance(module, stream.Added):
            module.conv = torch.nn.Conv2d(module.conv.in_channels, module.conv.out_channels, 3, bias=False,
                                          stride=module.conv.stride).requires_grad_(False)  # fmt: skip
            module.conv.weight.zero_()
        if isinstance(module, stream.Slopes):
            torch.nn.init.ones_(module.weight)
    x = torch.randint(-1024, 1024, (2, 16, 32, 32)) / 256
    blocks = [part for part in network if isinstance(part, stream.Residual)]
    assert len(blocks) == 18
    with torch.no_grad():
        assert torch.equal(torch.nn.Sequential(*blocks[:6])(x), x)
        mean = torch.nn.functional.avg_pool2d(x, 2)
        assert torch.equal(blocks[6](x), (torch.cat([mean] * 2, 1) * 256).floor() / 256) == fixed
    weighted = [part for part in network.modules() if isinstance(part, stream.Convolved)]
    assert len(weighted) == (0 if fixed else 2)


def test_the_control_of_branches_has_as_many_bits_as_three_of_them():
    """At most 3 % more, and no fewer."""
    bits = {
        name: sum(latent.numel() for latent in binary.latents(base.create(method).build(name)).values())
        for name, method in (("cifar10-resnet20_half", "group_net"), ("cifar10-resnet20_half_wide", "ste"))
    }
    half, wide = bits.values()
    assert half == 3 * 66816 and half <= wide <= 1.03 * half


def norm_on_grid(gamma, beta, mean, var, reach=288, fraction=12):
    norm = Affine2d(1, reach, fraction)
    with torch.no_grad():
        for tensor, value in (
            (norm.weight, gamma), (norm.bias, beta), (norm.running_mean, mean), (norm.running_var, var),
        ):  # fmt: skip
            tensor.fill_(value)
    set_on_grid(norm, True)
    return norm


def test_a_norm_on_the_grid_has_both_constants_on_the_grid():
    """gamma / std = 0.3 / 12 = 102.4 / 4096, so 102; 0.1 - mean * 0.025 = -102.4 / 4096, so -102."""
    norm = norm_on_grid(0.3, 0.1, 5.0, 144 - 1e-5)
    gain, shift = norm.constants()
    assert gain.item() * 4096 == 102 and shift.item() * 4096 == -102
    x = torch.arange(-288.0, 289, 2).reshape(1, 1, 1, -1)
    assert torch.equal(norm(x) * 4096, x * 102 - 102)
    norm.store_deployed()
    assert norm.constants() == (gain, shift) and norm.weight == gain and norm.bias == shift


def test_a_norm_on_the_grid_still_learns_and_leaves_its_statistics_alone():
    norm = norm_on_grid(0.3, 0.1, 5.0, 144.0).train()
    norm(torch.randn(4, 1, 2, 2)).sum().backward()
    assert norm.weight.grad.abs() > 0 and norm.bias.grad == 16
    assert norm.running_mean == 5 and norm.running_var == 144


def test_a_channel_that_never_changes_has_a_limited_gain():
    gain, shift = norm_on_grid(1.0, 0.0, 288.0, 0.0).constants()
    assert gain.item() <= 64 / 288 and shift.item() == -32


@pytest.mark.parametrize("method", [base.Method(), react.Method(), group_net.Method()], ids=str)
def test_what_is_deployed_and_written_is_what_was_trained_bit_for_bit(method):
    network = drawn(method)
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 8, 8), np.uint8)
    expected = train.scores(network, images)
    assert len(np.unique(expected)) > 500
    found = building_blocks.as_trained(network)
    other = building_blocks.as_trained(drawn(method, seed=1))
    again = weights.unpack(other, weights.packed_weights(found), "here")
    for one in (found, again):
        np.testing.assert_array_equal(train.scores(one, images), expected)


def test_activations_are_256_levels_between_minus_and_plus_the_limit():
    x = torch.tensor([-9.0, -8.0, 0.03, 0.04, 7.99, 20.0], requires_grad=True)
    act = binary.eight_act(8.0)
    assert act(x).tolist() == [-8, -8, 0, 0.0625, 7.9375, 7.9375]
    found = binary.prepare(act)(x)
    assert found.tolist() == [-8, -8, 0, 0.0625, 7.9375, 7.9375]
    found.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0] or x.grad.tolist() == [0, 0, 1, 1, 1, 0]


def pictures(count: int, size: int):
    """Smooth random pictures 0 .. 255 of two classes, the brighter half, and their classes."""
    noise = torch.rand(count, 3, 4, 4)
    labels = torch.randint(0, 2, (count,))
    noise[labels == 1, :, :2] += 0.5
    noise[labels == 0, :, 2:] += 0.5
    return (F.interpolate(noise, size=(size, size), mode="bilinear") * 170).round().clamp(0, 255), labels


def least_share(net: nn.Module, images) -> float:
    """The least share of activations that a sign of the network reads between -1 and 1."""
    found = []
    hooks = [
        part.norm.register_forward_hook(lambda _, _in, out: found.append((out.abs() < 1).float().mean()))
        for part in net.modules()
        if isinstance(part, stream.Added)
    ]
    net(images)
    for hook in hooks:
        hook.remove()
    return float(min(found))


def on_small_pictures(name: str) -> nn.Module:
    """A network for 32x32 pixels whose last mean is over the map of 16x16."""
    net = networks.build(name)
    for part in net.modules():
        if isinstance(part, stream.Classifier):
            part.mean = nn.AvgPool2d(part.mean.kernel_size // 2)
    return net


STREAMS = ("cifar10-resnet", "cifar10-vgg", "cifar10-wrn")
ZOO = [net for net in networks.names() if net.startswith(STREAMS)]
SMALL = {
    "residual": lambda: stream.residual_stream((8, 8, 16), 2, size=8, classes=2),
    "repeated": lambda: stream.residual_stream((8, 8, 16), 2, size=8, classes=2, wider=stream.Repeated),
    "plain": lambda: stream.plain_stream((16, 32), size=8, classes=2),
}


@pytest.mark.parametrize("net", ZOO)
def test_at_least_four_in_ten_activations_of_a_fresh_network_pass_a_gradient(net):
    assert least_share(on_small_pictures(net), pictures(32, 16)[0]) > 0.4


@pytest.mark.parametrize("net", [*SMALL, *(pytest.param(net, marks=pytest.mark.full) for net in ZOO)])
def test_they_still_do_after_ten_epochs_and_every_weight_has_a_gradient_that_teaches(net):
    net, size = (SMALL[net](), 8) if net in SMALL else (on_small_pictures(net), 16)
    binary.prepare(net)
    images, labels = pictures(256, size)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(10):
        for at in torch.randperm(len(images)).split(32):
            loss = F.cross_entropy(net(images[at]), labels[at])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            for latent in binary.latents(net).values():
                latent.data.clamp_(-1, 1)
    assert all(part.grad is not None and part.grad.any() for part in net.parameters())
    assert least_share(net, images) > 0.4
    assert least_share(net.eval(), images) > 0.4
    with torch.no_grad():
        assert (net(images).argmax(1) == labels).float().mean() > 0.9


def test_a_block_computes_its_equation():
    block = stream.Residual(4, 4).eval()
    x = torch.randint(-2048, 2048, (2, 4, 5, 5)) / 256
    with torch.no_grad():
        block.added.norm.running_mean.uniform_(-1, 1)
        block.added.norm.weight.uniform_(-1, 1)
        bits = torch.where(block.added.norm(x) >= 0, 1.0, -1.0)
        weights = torch.where(block.added.conv.weight >= 0, 1.0, -1.0) / 16  # 36 products
        total = x + F.conv2d(F.pad(bits, (1, 1, 1, 1), value=-1.0), weights)
        want = torch.where(total < 0, total / 2, total).mul(256).floor().clamp(-2048, 2047) / 256
        assert torch.equal(block(x), want)


def test_a_shortcut_without_weights_repeats_the_mean_of_four_pixels():
    x = torch.randint(-2048, 2048, (2, 4, 6, 6)) / 256
    wider = stream.Repeated(4, 8, 2)(x)
    for channel in range(8):
        corners = [x[:, channel % 4, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        assert torch.equal(wider[:, channel], sum(corners) / 4)


def test_a_plain_layer_pools_what_its_equation_gives():
    block = stream.Plain(4, 6, pool=2).eval()
    x = torch.randint(-2048, 2048, (2, 4, 6, 6)) / 256
    with torch.no_grad():
        block.added.norm.running_mean.uniform_(-1, 1)
        bits = torch.where(block.added.norm(x) >= 0, 1.0, -1.0)
        weights = torch.where(block.added.conv.weight >= 0, 1.0, -1.0) / 16
        found = F.conv2d(F.pad(bits, (1, 1, 1, 1), value=-1.0), weights)
        bent = torch.where(found < 0, found / 2, found)
        corners = [bent[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        assert torch.equal(block(x), torch.stack(corners).amax(0))


def test_slopes_are_the_nearest_powers_of_two_by_logarithm():
    slopes = stream.Slopes(8)
    with torch.no_grad():
        slopes.weight.copy_(torch.tensor([-1, 0.1, 0.17, 0.18, 0.35, 0.36, 0.7, 3]))
    assert slopes.rounded().tolist() == [0.125, 0.125, 0.125, 0.25, 0.25, 0.5, 0.5, 1]


def test_gradients_are_those_of_the_triangle_and_inside_the_stream_the_identity():
    x = torch.tensor([-1.5, -0.5, 0.25, 2.0], requires_grad=True)
    binary.prepare(nn.Sequential(binary.sign_layer(binary.TriangularSign)))(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1.5, 0]
    x = torch.tensor([-9.0, -0.3, 7.9, 8.5], requires_grad=True)
    binary.prepare(nn.Sequential(binary.Identity(act_quant=stream.RoundedDown)))(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
