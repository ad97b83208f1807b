"""CI-BCNN: the stair is the published one for every sum, the graph keeps its rules, mining learns."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from xnorforge.flows import export
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.methods import _mining, ci_bcnn
from xnorforge.sw.methods.ci_bcnn import Interact, interactions
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.tasks import track
from xnorforge.sw.tasks.base import Images, task_of
from xnorforge.sw.training import curves, train, weights

from ..refusals import refused
from .digits import in_place_of_mnist, started, steps
from .maps import deployed_exactly, shape_of
from .nets import NETS

LENGTHS = [27, 64, 128, 144, 256, 288, 576, 720, 784, 1024, 1152, 2304, 4608]
SIZES = [3, -3, 5, -5, 7, 11, -11]


@pytest.fixture
def digits(monkeypatch):
    """512 images to train on, 128 held out, 200 to state."""
    return in_place_of_mnist(monkeypatch, (0, 512), (512, 640), (800, 1000), epochs=4)


def stair(p: int, n0: int, k: int, unit: int) -> int:
    """Equation 3 as printed, in rational numbers: the interval (q_j, q_j+1] of p, [q_0, q_1] the first."""
    ends = [-n0 + Fraction(2 * n0 * j, abs(k)) for j in range(abs(k) + 1)]
    j = next((j for j in range(abs(k)) if ends[j] < p <= ends[j + 1]), 0)
    return (Fraction(1 - abs(k), 2) + j) * (1 if k > 0 else -1) * unit


def pair(n0, k, ratio):
    """Two channels, the first influences the second."""
    mix = Interact(2, n0, ratio)
    mix.influence[0, 0, 1] = k
    return mix


def moves(mix, p):
    """What sums of channel 0 add to 0 in channel 1."""
    p = torch.as_tensor(p, dtype=torch.float32)
    mixed = mix(torch.stack([p, torch.zeros_like(p)], 1))
    assert torch.equal(mixed[:, 0], p)
    return mixed[:, 1].int().tolist()


def random_graph(mix, share, rng, sizes=(3, -3, 5, -5)):
    """Fill a share of each group with edges."""
    groups, g, _ = mix.influence.shape
    drawn = torch.tensor(sizes, dtype=torch.float32)[torch.randint(len(sizes), (groups, g, g), generator=rng)]
    drawn = drawn * (torch.rand(groups, g, g, generator=rng) < share) * (1 - torch.eye(g))
    mix.influence.copy_(drawn)


def shaken(net, seed, ratio=0.05, sizes=(3, -3, 5, -5)):
    """A network with random graphs and batch norms, a third of the gammas negative; its method."""
    torch.manual_seed(seed)
    method, rng = ci_bcnn.Method(unit=ratio), torch.Generator().manual_seed(seed)
    network = method.build(net).eval()
    with torch.no_grad():
        for mix in interactions(network):
            random_graph(mix, 0.1, rng, sizes)
            if not ratio:
                mix.fit(mix.n0**0.5, 1.5, 1.0)
        for part in network.modules():
            norm = getattr(part, "norm", None)
            if norm is not None:
                norm.weight.normal_(0.4, 1)
                norm.bias.normal_(0, 0.5)
                added = building_blocks.length_of(part.dot) if hasattr(part, "dot") else 1  # of a stream
                norm.running_var.uniform_(0.5, 2).mul_(added)
                norm.running_mean.normal_().mul_(added**0.5)
        building_blocks.set_on_grid(network, True)
    return method, network


# The stair.


def test_hand_values_at_units_one_and_three():
    assert ci_bcnn.unit_of(0.001, 288) == 1
    assert moves(pair(288, 3, 0.001), [-96, -95, 96, 97]) == [-1, 0, 0, 1]
    assert moves(pair(288, -3, 0.001), [-96, -95, 96, 97]) == [1, 0, 0, -1]
    assert moves(pair(288, 11, 0.001), [288, -288]) == [5, -5]
    assert moves(pair(288, 5, 0.001), [57, 58, 174]) == [0, 1, 2]
    sums = [-288, -172, -58, -57, 58, 172, 174, 288]
    assert moves(pair(288, 5, 0.01), sums) == [-6, -3, -3, 0, 3, 3, 6, 6]


def test_unit_pitches_of_the_specification():
    lengths = [144, 288, 576, 720, 1152, 2304, 4608]
    assert [ci_bcnn.unit_of(0.01, n0) for n0 in lengths] == [2, 3, 6, 8, 12, 24, 47]
    assert ci_bcnn.unit_of(0.07, 100) == 7, "a decimal number, not the float a little above it"
    assert ci_bcnn.unit_of(0.0, 288) == 1


EXTENTS = [(27, 5), (144, 100), (1152, 171), (4608, 300), (4608, 1)]


@pytest.mark.parametrize(("n0", "extent"), [*zip(LENGTHS, LENGTHS), *EXTENTS])
def test_level_is_the_stair_and_the_comparators_for_every_sum(n0, extent):
    p = torch.arange(-n0, n0 + 1)
    for k in (3, 5, 7, 11):
        comparators = sum((p * k > extent * (2 * j - k)).int() for j in range(1, k)) - (k - 1) // 2
        assert torch.equal(ci_bcnn.level(p, extent, k).int(), comparators)
        some = [*p[:: max(1, n0 // 200)].tolist(), -n0, n0, 0] if extent == n0 else []
        assert [stair(at, n0, k, 1) for at in some] == comparators[[at + n0 for at in some]].tolist()


def test_levels_do_not_depend_on_the_type_of_the_sums():
    n0 = 288
    p = torch.arange(-256, 257, 2)
    for k in (3, 5):
        assert torch.equal(ci_bcnn.level(p.bfloat16(), n0, k), ci_bcnn.level(p.float(), n0, k))


# The stair of measured sums.


def fitted(n0, k, dispersion, dead, height):
    """Two channels, the first influences the second, with a stair for sums of that deviation."""
    mix = pair(n0, k, 0.0)
    mix.fit(dispersion, dead, height)
    return mix


def test_an_edge_acts_beyond_its_dead_zone_and_moves_by_its_height():
    """The authors' edge at N0 = 720: beyond 200, by 100; with U0 it would act beyond 240, by 8."""
    ends = [-720, -201, -200, -199, 0, 200, 201, 720]
    assert moves(fitted(720, 3, 100.0, 2.0, 1.0), ends) == [-100, -100, -100, 0, 0, 0, 100, 100]
    assert moves(fitted(720, -3, 100.0, 2.0, 1.0), ends) == [100, 100, 100, 0, 0, 0, -100, -100]
    # Five parts of -600 .. 600 end at 120 and 360.
    assert moves(fitted(720, 5, 100.0, 2.0, 1.0), [120, 121, 360, 361, -120, -119, -360]) == [
        0, 100, 100, 200, -100, 0, -200,
    ]  # fmt: skip


def test_the_stair_is_whole_at_least_1_and_inside_the_range_of_sums():
    assert fitted(288, 3, 17.4, 1.5, 1.0).stair.tolist() == [3 * 26, 17]
    assert fitted(288, 3, 0.0, 1.5, 1.0).stair.tolist() == [3, 1]
    assert fitted(72, 3, 30.0, 1.5, 2.0).stair.tolist() == [72, 60], "3 T = 135 is beyond N0"


def test_what_edges_do_is_stated_in_shares_and_deviations():
    """Channel 0 moves channel 1 by 4 where it is 8: in two of four pictures, so two of eight sums."""
    network = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Module())
    network[1].mix = fitted(12, 3, 4.0, 1.0, 1.0)
    network[1].forward = lambda x: network[1].mix(x)
    assert network[1].mix.stair.tolist() == [12, 4]
    images = torch.tensor([[8, -8], [8, 8], [0, -8], [0, 8]])
    network.train()
    (found,) = ci_bcnn.acting(network, images).items()
    assert found[0] == "1" and network.training
    deviation = ((4**2 + 8**2) / 2) ** 0.5  # 8, 8, 0, 0 are 4 away from their mean
    assert found[1].deviation == pytest.approx(deviation)
    assert found[1].moved == 2 / 8 and found[1].move == pytest.approx(4 / deviation)


# The layer.


@pytest.mark.parametrize(("channels", "size"), [(64, 16), (16, 16), (8, 8), (24, 12), (40, 10), (17, 1)])
def test_groups_are_the_largest_equal_ones_up_to_16(channels, size):
    assert tuple(Interact(channels, 288, 0.01).influence.shape) == (channels // size, size, size)


@pytest.mark.parametrize("shape", [(6, 32), (2, 32, 3, 5)])
def test_a_layer_is_equation_2_whatever_the_order_of_edges(shape):
    mix, rng, n0 = Interact(32, 288, 0.01), torch.Generator().manual_seed(0), 288
    random_graph(mix, 0.3, rng, SIZES)
    p = torch.randint(-n0 // 2, n0 // 2 + 1, shape, generator=rng).float() * 2
    sums, expected = p.int().numpy(), p.int().numpy().copy()
    edges = mix.influence.nonzero().tolist()
    for at in torch.randperm(len(edges), generator=rng).tolist():
        group, t, s = edges[at]
        k = int(mix.influence[group, t, s])
        table = {x: int(stair(x, n0, k, mix.unit)) for x in np.unique(sums[:, 16 * group + t]).tolist()}
        expected[:, 16 * group + s] += np.vectorize(table.get)(sums[:, 16 * group + t])
    assert len(edges) > 100 and np.array_equal(mix(p).int().numpy(), expected)


def test_a_changed_graph_is_seen_at_once():
    mix, p = Interact(16, 288, 0.01), torch.full((1, 16), 288.0)
    mix.influence[0, 0, 1] = 3
    assert mix(p)[0, 1] == 291
    mix.load_state_dict({"influence": torch.zeros(1, 16, 16)})
    assert mix(p) is p
    mix.influence = mix.influence.clone()
    mix.influence[0, 2, 3] = -5
    assert mix(p)[0, 3] == 282


def test_the_gradient_reaches_the_student_s_sum_alone():
    mix, rng = Interact(32, 288, 0.01), torch.Generator().manual_seed(0)
    random_graph(mix, 0.3, rng)
    p = torch.randint(-288, 289, (4, 32, 2, 2), generator=rng).float().requires_grad_()
    weight = torch.randn(4, 32, 2, 2, generator=rng)
    (mix(p) * weight).sum().backward()
    assert torch.equal(p.grad, weight)


# What the hardware will compute.


@pytest.mark.parametrize("net, ratio", [
    ("mnist-tfc", 0.05), ("mnist-cnn", 0.0), ("cifar10-cnv_half", 0.05),
    ("cifar10-resnet20_half", 0.05), ("segment-tinyseg", 0.0),
])  # fmt: skip
def test_the_deployed_network_computes_the_same_scores_and_comes_back_from_its_file(net, ratio):
    method, network = shaken(net, seed=1, ratio=ratio)
    images = np.random.default_rng(0).integers(0, 256, (8, *shape_of(net)), np.uint8)
    expected = train.scores(network, images)
    deployed, _ = deployed_exactly(method, net, network, images)
    for mix in interactions(deployed):
        mix.influence.zero_()
    assert not np.array_equal(train.scores(deployed, images), expected), "the graph has no part in the scores"


@pytest.mark.parametrize("net", NETS)
def test_graphs_are_where_layers_read_bits_and_have_a_threshold_or_a_shortcut_behind_them(net):
    network = ci_bcnn.Method().skeleton(net)
    for name, part in network.named_modules():
        if hasattr(part, "mix"):
            assert isinstance(part.mix, Interact) == (not getattr(part, "pixels", False)), name
            if isinstance(part.mix, Interact):
                layer = part.layer if isinstance(part, ci_bcnn.Interacting) else part.dot
                assert part.mix.n0 == building_blocks.length_of(layer)
                channels = len(building_blocks.added_in(layer)[0].weight)
                assert part.mix.size == max(size for size in range(1, 17) if channels % size == 0)
    assert not any(isinstance(module, Interact) for module in network[-1].modules())


@pytest.mark.parametrize("net", ["mnist-tfc", pytest.param("cifar10-resnet20_half", marks=pytest.mark.full)])
def test_the_exported_network_gives_the_module_s_scores(net, tmp_path):
    method, network = shaken(net, seed=2, ratio=0.0)
    count = 256 if net == "mnist-tfc" else 2
    images = np.random.default_rng(1).integers(0, 256, (count, *task_of(net).shape), np.uint8)
    meta = {"net": net, "method": "ci_bcnn", "source": "here", "images": "random"}
    record = export.export(method.deploy(net, network), images, np.full(count, -1), tmp_path, meta)
    assert record["checks"][0]["mismatches"] == 0 and record["checks"][0]["images"] == count


def test_a_layer_without_edges_leaves_nothing_in_the_export():
    method, network = shaken("mnist-tfc", seed=3)
    interactions(network)[1].influence.zero_()
    model = export.as_qonnx(method.deploy("mnist-tfc", network), (1, 28, 28))
    nodes = model.get_nodes_by_op_type("Interact")
    assert len(nodes) == 2 and {node.domain for node in nodes} == {"xnorforge.hw.lowering.nodes"}


# The scale that is left out.


def test_batch_norm_takes_up_the_published_weight_scale_and_its_gradient():
    bits, latent = (torch.randn(256, 48) >= 0).float() * 2 - 1, torch.randn(16, 48)
    target = torch.randn(256, 16)

    def outcome(scaled):
        weight = latent.clone().requires_grad_()
        norm = torch.nn.BatchNorm1d(16)
        sums = F.linear(bits, binary.SignThrough.apply(weight))
        mixed = pair_of_16(sums)
        norm(mixed * weight.abs().mean(1).detach() if scaled else mixed).mul(target).mean().backward()
        return norm(mixed * weight.abs().mean(1) if scaled else mixed).detach(), weight.grad

    mix = Interact(16, 48, 0.05)
    random_graph(mix, 0.1, torch.Generator().manual_seed(0))
    pair_of_16 = mix
    (plain, gradient), (scaled, other) = outcome(False), outcome(True)
    torch.testing.assert_close(scaled, plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(other, gradient, rtol=1e-3, atol=1e-7)


# Mining.


def test_influence_of_a_weight_is_equation_4():
    w = torch.tensor([-1, -0.6, -0.5, -0.1, 0.1, 0.5, 0.51, 1])
    assert ci_bcnn_influence(w, 2) == [-5, -5, -3, -3, 3, 3, 5, 5]
    assert ci_bcnn_influence(torch.tensor([0.0]), 2) == [3]
    assert set(ci_bcnn_influence(torch.linspace(-1, 1, 101), 3)) == {-7, -5, -3, 3, 5, 7}


def ci_bcnn_influence(w, space):
    return _mining.influence_of(w, space).int().tolist()


def test_small_changes_of_the_loss_are_none():
    assert _mining.loss_reward(1.0, 1.0 - 0.003, 0.004) == _mining.loss_reward(1.0, 1.003, 0.004) == 0
    assert _mining.loss_reward(1.0, 0.99, 0.004) == 1 and _mining.loss_reward(1.0, 1.01, 0.004) == -1


def test_saturated_teachers_are_rewarded():
    influence = torch.zeros(2, 4, 4)
    influence[0, 0, 1] = influence[1, 2, 3] = 3
    sums = torch.zeros(3, 8, 2, 2)
    sums[:, [0, 6]] = -50.0
    assert _mining.saturation_reward(sums, influence) == 1
    assert _mining.saturation_reward(-sums, influence.transpose(1, 2)) == -1
    assert _mining.saturation_reward(torch.zeros(3, 8), influence) == 0
    assert _mining.saturation_reward(sums, torch.zeros(2, 4, 4)) == 0


def miner(shapes, density=0.1, rate=1e-3, seed=0, edges=100):
    torch.manual_seed(seed)
    return _mining.Miner(shapes, 2, density, edges, 0.99, rate)


def test_transitions_are_probabilities_without_self_edges():
    shapes = [(2, 16, 16), (1, 8, 8)]
    found, rng = miner(shapes), torch.Generator().manual_seed(0)
    mixes = [Interact(32, 288, 0.01), Interact(8, 72, 0.01)]
    for mix in mixes:
        random_graph(mix, 0.1, rng)
    create, means, _ = found.transitions([mix.influence for mix in mixes])
    for layer, mean, shape in zip(create, means, shapes, strict=True):
        assert tuple(layer.shape) == shape and layer.sum().item() == pytest.approx(1, abs=1e-6)
        assert layer.diagonal(dim1=1, dim2=2).abs().max() == 0
        assert (layer >= 0).all() and mean.abs().max() <= 1


@pytest.mark.parametrize(("density", "edges"), [(0.1, 100), (0.03, 100), (0.1, 20)])
def test_no_action_makes_a_self_edge_or_fills_a_group_or_layer_beyond_its_limit(density, edges):
    found, rng = miner([(2, 16, 16)], density, edges=edges), torch.Generator().manual_seed(0)
    graph, most, vanished = [torch.zeros(2, 16, 16)], int(density * 256), 0

    def judge(layer, proposed):
        nonlocal vanished
        vanished += int(((graph[layer] != 0) & (proposed == 0)).sum())
        graph[layer].copy_(proposed)
        assert (proposed != 0).sum() <= edges
        assert ((proposed != 0).sum((1, 2)) <= most).all()
        assert proposed.diagonal(dim1=1, dim2=2).abs().max() == 0
        assert set(proposed.unique().tolist()) <= {-5.0, -3.0, 0.0, 3.0, 5.0}
        return 0.0, True

    for _ in range(12):
        found.episode(graph, judge, 16, rng)
    assert (graph[0] != 0).sum() > 0.7 * min(2 * most, edges) and vanished > 0


def test_a_policy_sure_of_one_edge_proposes_it():
    graph, create = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    create[0, 1, 2] = 1.0
    proposed, surprise = miner([(1, 4, 4)]).act(graph, create, create, 2, torch.Generator().manual_seed(0))
    assert proposed.nonzero().tolist() == [[0, 1, 2]] and surprise.isfinite()


def test_a_policy_network_that_diverged_is_said():
    found = miner([(1, 4, 4)], rate=0.5)
    for parameter in found.policy.parameters():
        parameter.data.fill_(torch.nan)
    refused(lambda: found.transitions([torch.zeros(1, 4, 4)]), "ci_bcnn: ", "rate=0.5", "0.001")


def test_the_gradient_of_an_action_is_that_of_its_printed_probability():
    found = miner([(1, 4, 4)])
    graph, rng = torch.zeros(1, 4, 4), torch.Generator().manual_seed(0)
    graph[0, 0, 1] = 3
    logits = torch.randn(16, generator=rng, dtype=torch.float64).requires_grad_()
    means = torch.randn(1, 4, 4, generator=rng, dtype=torch.float64).tanh().requires_grad_()

    def act(logits, means):
        loops = torch.eye(4, dtype=torch.bool).flatten()
        create = logits.masked_fill(loops, -torch.inf).softmax(0).view(1, 4, 4)
        return create, *found.act(graph, create, means, 2, torch.Generator().manual_seed(3))

    create, proposed, surprise = act(logits, means)
    (new,) = (proposed != graph).flatten().nonzero()[:, 0].tolist()
    assert not graph.flatten()[new], "an edge appeared"
    chance = create.detach().flatten()
    rare = torch.where(chance > 0, -chance.clamp(min=1e-300).log(), 0)
    drawn = torch.Generator().manual_seed(3)
    assert torch.multinomial(chance, 1, generator=drawn) == new
    old = torch.multinomial(rare / rare.sum(), 1, generator=drawn)[0]
    noise = torch.randn((), generator=drawn)
    wanted = noise**2 / 2 - chance[new].log() - (rare / rare.sum())[old].log()
    assert surprise.item() == pytest.approx(wanted.item(), rel=1e-6)
    gradient = torch.autograd.grad(surprise, means)[0].flatten()
    assert gradient[new].item() == pytest.approx(-noise.item() / _mining.SPREAD, rel=1e-6)
    assert gradient.count_nonzero() == 1
    assert torch.autograd.gradcheck(lambda logits: act(logits, means.detach())[2], logits)


def test_a_bandit_s_good_edge_becomes_likely():
    """Each step starts from no edges; creating 1 -> 2 alone is rewarded."""
    found, rng = miner([(1, 4, 4)], rate=3e-3), torch.Generator().manual_seed(0)
    graph = [torch.zeros(1, 4, 4)]

    def likely():
        return found.transitions(graph)[0][0][0, 1, 2].item()

    before = likely()
    for _ in range(40):
        found.episode(graph, lambda _layer, proposed: (float(proposed[0, 1, 2] != 0), False), 8, rng)
    assert before < 0.2 and likely() > 0.8


def test_a_policy_that_stops_acts_no_more_on_the_batch():
    found, graph, calls = miner([(1, 4, 4)]), [torch.zeros(1, 4, 4)], []
    for stop, count in ((20.0, 0), (-20.0, 8)):
        rng = torch.Generator().manual_seed(0)
        torch.nn.init.constant_(found.policy.stop.bias, stop)
        found.episode(graph, lambda *call: calls.append(call) or (0.0, False), 8, rng)
        assert len(calls) == count


def test_a_judge_s_loss_from_a_part_on_is_that_of_the_whole_network(digits):
    run = steps(started(ci_bcnn.Method(unit=0.05)), 10)
    images, labels = torch.from_numpy(digits[0].images[:128].copy()), torch.from_numpy(digits[0].labels[:128])
    mixes, rng = interactions(run.network), torch.Generator().manual_seed(0)
    judge, kept = _mining.Judge(run, mixes, images, labels, 0.0), 0
    for turn in range(60):
        layer = turn % len(mixes)
        proposed, before = mixes[layer].influence.clone(), mixes[layer].influence.clone()
        at = tuple(torch.randint(end, (), generator=rng) for end in proposed.shape)
        proposed[at] = 5 * (at[1] != at[2])
        loss = judge.loss
        reward, taken = judge(layer, proposed)
        kept += taken
        assert torch.equal(mixes[layer].influence, proposed if taken else before)
        assert judge.loss < loss and reward > 0 if taken else judge.loss == loss
    with torch.no_grad():
        whole = run.task.loss(run.forward(images), labels).item()
    assert kept > 3 and judge.loss == pytest.approx(whole, rel=1e-6)
    with judge._watched():
        run.forward(images)
    pairs = zip(judge.sums, mixes, strict=True)
    wanted = [_mining.saturation_reward(sums, mix.influence) for sums, mix in pairs]
    assert all(-1 <= reward <= 1 for reward in wanted)


@pytest.mark.usefixtures("digits")
def test_mining_moves_no_weight_and_leaves_fresh_statistics():
    run = steps(started(ci_bcnn.Method(unit=0.05, batches=2, steps=12, images=128)), 10)
    before = {name: parameter.detach().clone() for name, parameter in run.network.named_parameters()}
    run.method.mine(run)
    assert all(torch.equal(parameter, before[name]) for name, parameter in run.network.named_parameters())
    edges = torch.cat([mix.influence.flatten() for mix in interactions(run.network)])
    assert (edges != 0).sum() > 0
    norm = run.network[1].norm
    assert norm.momentum == 0.1 and norm.num_batches_tracked == 2


def test_mining_sees_training_images_only(digits, monkeypatch):
    seen = []
    monkeypatch.setattr(ci_bcnn, "Judge", lambda *given: seen.append(given[2]) or (lambda *_: (0.0, False)))
    monkeypatch.setattr(ci_bcnn, "PIXELS", 20 * 28 * 28 + 27)
    run = started(ci_bcnn.Method(batches=2, steps=1, images=64))
    run.method.mine(run)
    assert [len(images) for images in seen] == [20, 20]
    known = {image.tobytes() for image in digits[0].images}
    assert len(seen) == 2 and all(image.numpy().tobytes() in known for images in seen for image in images)


def test_mining_on_pairs_takes_them_in_whole_fives_and_no_more_than_its_pixels():
    run = started(ci_bcnn.Method(batches=1, steps=1), "track-tinytrk")
    clip = synthetic.clips(1, frames=3).items[0]
    sightings = [track.Sighting(list(clip.frames), clip.boxes)]
    run.sets = Images(np.empty((64, 0)), np.empty(0), "pairs", (sightings, [])), None
    seen = []
    run.network[0].register_forward_pre_hook(lambda _part, inputs: seen.append(len(inputs[0])))
    run.method.mine(run)
    assert ci_bcnn.PIXELS == 128 * 128 * 32 and seen == [30] * 3, "measured, judged once, statistics"
    assert run.network[1].norm.num_batches_tracked == 1


# The training.


@pytest.mark.usefixtures("digits")
def test_without_edges_training_is_that_of_ste(tmp_path):
    """The control of the tables: all epochs are the weights', so the bytes of the weights are ste's."""
    for method, hyper in (("ste", {}), ("ci_bcnn", {"density": 0})):
        train.train("mnist-tfc", method, tmp_path / method, epochs=2, hyper=hyper)
    plain, without = (weights.read_weights(tmp_path / method)[1] for method in ("ste", "ci_bcnn"))
    assert all(np.array_equal(found, without[name]) for name, found in plain.items())


@pytest.mark.usefixtures("digits")
def test_the_curve_states_what_edges_move(tmp_path):
    """A tenth to a half of the sums of channels with an edge, by about a deviation."""
    hyper = {"batches": 4, "steps": 16, "images": 128}
    train.train("mnist-tfc", "ci_bcnn", tmp_path, epochs=4, hyper=hyper)
    card, tensors = weights.read_weights(tmp_path)
    network = weights.unpack(ci_bcnn.Method(**card["hyper"]).skeleton("mnist-tfc"), tensors, "here")
    last = curves.read_curve(tmp_path / "curve.csv")[-1]
    names = [key.removeprefix("moved ") for key in last if key.startswith("moved ")]
    acting = 0
    for layer, mix in zip(names, interactions(network), strict=True):
        moved, move = last[f"moved {layer}"], last[f"move {layer}"]
        assert bool(moved) == bool(mix.influence.any())
        if moved:
            acting += 1
            targets = mix.influence.any(1).float().mean().item()
            assert 0.1 < moved / targets < 0.5 and 0.5 < move < 2, last
            assert abs(mix.plan().extent / 3 - 1.5 * mix.unit) <= 1.25  # both are rounded
    assert acting


@pytest.mark.full
def test_large_steps_in_a_dense_graph_cost_accuracy_and_small_ones_do_not():
    """The direction of the paper's Figure 5; here it takes both, U0 = 0.5 and half of all edges. Of the
    shipped digits, 700 are to train on and 300 to judge by."""
    images, labels = (torch.from_numpy(part.copy()) for part in mnist_images.shipped())

    def accuracy(ratio, density, seed) -> float:
        run = started(ci_bcnn.Method(unit=ratio), epochs=30, seed=seed)
        for mix in interactions(run.network):
            random_graph(mix, density, torch.Generator().manual_seed(50))
        for step in range(420):
            at = torch.randperm(700, generator=run.rng)[:50]
            for group in run.optimiser.param_groups:
                group["lr"] = 5e-3 * 0.5 * (1 + np.cos(np.pi * step / 420))
            run.method.step(run, run.task.augment(images[at], run.rng), labels[at])
        _mining.estimate_again(run, [images[:700]])
        run.network.eval()
        with torch.no_grad():
            return (run.network(images[700:].float()).argmax(1) == labels[700:]).float().mean().item()

    cases = (0.01, 0.0), (0.01, 0.1), (0.5, 0.5)
    plain, small, large = (np.mean([accuracy(*case, seed) for seed in range(3)]) for case in cases)
    assert small > plain - 0.03 and large < plain - 0.03


@pytest.mark.parametrize("settings, turns", [
    ({"mining": 0.0}, [3, 6]), ({"mining": 0.0, "rounds": 1}, [5]), ({}, [5, 6, 7, 8, 9]),
    ({"mining": 0.1}, [9]),
    *(({"mining": 0.0, name: 0}, []) for name in ("density", "rounds", "batches", "steps")),
])  # fmt: skip
@pytest.mark.usefixtures("digits")
def test_edges_are_mined_between_rounds_or_after_each_of_the_last_epochs(monkeypatch, settings, turns):
    """All ten epochs are the weights', counted from 1; the tenth is left to get used to the edges."""
    method, mined = ci_bcnn.Method(**settings), []
    run = started(method, epochs=10)
    assert [phase.epochs for phase in method.phases(run.recipe)] == [10]
    monkeypatch.setattr(method, "mine", lambda run: mined.append(run.epoch + 1))
    for epoch in range(run.phase.epochs):
        run.epoch = epoch
        method.on_epoch(run)
    assert mined == turns


def test_without_a_policy_every_edge_is_proposed_alike_and_nothing_is_learned():
    found = _mining.Miner([(2, 16, 16), (1, 8, 8)], 2, 0.1, 100, 0.99, 1e-3, uniform=True)
    graph = [torch.zeros(2, 16, 16), torch.zeros(1, 8, 8)]
    before = [p.detach().clone() for p in found.policy.parameters()]
    create, means, stop = found.transitions(graph)
    assert torch.allclose(create[0][create[0] > 0], torch.tensor(1 / 480)) and (create[0] > 0).sum() == 480
    assert not means[0].any() and stop.sigmoid() < 1e-6
    judged = []

    def judge(layer, proposed):
        judged.append(layer)
        graph[layer].copy_(proposed)
        return 1.0, True

    found.episode(graph, judge, 20, torch.Generator().manual_seed(0))
    assert judged == [0, 1] * 20 and graph[0].any()
    assert all(torch.equal(a, b) for a, b in zip(before, found.policy.parameters(), strict=True))
