"""Layer-wise priority: the specification's checks; every prefix of the order is a network."""

import copy
import csv
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from brevitas.nn import QuantConv2d, QuantLinear

from xnorforge.flows import export
from xnorforge.flows.lower import lower
from xnorforge.sw import zoo
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import cifar10 as cifar10_images
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.methods import base, layer_priority
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, mixed_precision
from xnorforge.sw.nn.mixed_precision import Form
from xnorforge.sw.tasks.base import Images, task_of
from xnorforge.sw.training import train, weights

from .digits import epoch, in_place_of_mnist, steps
from .digits import started as started_at
from .maps import deployed_exactly

# Ten epochs of mnist-tfc: 2, then one for each of 4 layers, then 4.
SHARES = {"float_share": 0.2, "polish_share": 0.4}
CHAINS = ["mnist-tfc", "mnist-cnn", "cifar10-cnv_half"]
# Specification, section 3: VGG-16 (D), from the deepest layer on: weights, filters, and the ratios of the
# table there, convolutions only (None: not in it) and with fc6 and fc7.
VGG = [
    ("fc7", 4096 * 4096, 4096, None, 1.14), ("fc6", 25088 * 4096, 4096, None, 7.27),
    ("conv5_3", 9 * 512 * 512, 512, 1.18, 8.30), ("conv5_2", 9 * 512 * 512, 512, 1.45, 9.67),
    ("conv5_1", 9 * 512 * 512, 512, 1.87, 11.57), ("conv4_3", 9 * 512 * 512, 512, 2.64, 14.41),
    ("conv4_2", 9 * 512 * 512, 512, 4.48, 19.10), ("conv4_1", 9 * 256 * 512, 512, 6.86, 22.81),
    ("conv3_3", 9 * 256 * 256, 256, 9.36, 25.26), ("conv3_2", 9 * 256 * 256, 256, 14.70, 28.30),
    ("conv3_1", 9 * 128 * 256, 256, 20.57, 30.11), ("conv2_2", 9 * 128 * 128, 128, 25.70, 31.10),
    ("conv2_1", 9 * 64 * 128, 128, 29.35, 31.63), ("conv1_2", 9 * 64 * 64, 64, 31.60, 31.89),
    ("conv1_1", 9 * 3 * 64, 64, 31.71, 31.91),
]  # fmt: skip
CONVS = [layer for layer in VGG if layer[0].startswith("conv")]


def method(**hyper):
    return base.create("layer_priority", hyper)


def rates(layers, bits=32):
    """The ratio after one, two, ... layers of a list."""
    sizes = [(weights, filters) for _, weights, filters, *_ in layers]
    cuts = [[(p, c, at < count) for at, (p, c) in enumerate(sizes)] for count in range(len(sizes) + 1)]
    return [layer_priority.ratio(layers, bits) for layers in cuts]


started = partial(started_at, epochs=10, phase="polish")


def shaken(net, seed, shape=None, **hyper):
    """A method and a network with random batch norms, some gammas negative or zero, on noise."""
    torch.manual_seed(seed)
    chosen = method(**hyper)
    network = chosen.build(net)
    pictures = torch.randint(0, 256, (16, *(shape or task_of(net).shape))).float()
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                norm.weight.normal_(0.4, 1).masked_fill_(torch.rand(norm.num_features) < 0.1, 0)
                norm.bias.normal_(0, 0.5)
        for _ in range(20):
            network(pictures)
    return chosen, network.eval()


def noise(net, count, seed=0, shape=None):
    """Random pictures, and among them one black and one white: every activation behind them may saturate."""
    pictures = np.random.default_rng(seed).integers(0, 256, (count, *(shape or task_of(net).shape)), np.uint8)
    pictures[0], pictures[1] = 0, 255
    return pictures


@pytest.fixture
def digits(monkeypatch):
    """The shipped digits in place of MNIST: 704 to train on, 296 held out."""
    return in_place_of_mnist(monkeypatch, (0, 704), (704, 1000), epochs=8)


def tradeoff(folder):
    with (folder / "tradeoff.csv").open() as file:
        return list(csv.DictReader(file))


# Compression


def test_ratios_of_vgg16_are_those_of_the_table():
    for layers, column in ((CONVS, 3), (VGG, 4)):
        for (name, *_), found, expected in zip(layers, rates(layers)[1:], [row[column] for row in layers]):
            assert round(found, 2) == expected, name


def test_from_the_other_end_the_ratio_hardly_moves():
    names, found = [name for name, *_ in CONVS[::-1]], rates(CONVS[::-1])[1:]
    assert round(found[names.index("conv3_3")], 2) == 1.13
    assert found[names.index("conv4_2")] < 2 < found[names.index("conv4_3")]


def test_the_ratio_rises_with_each_layer_whether_the_rest_has_32_bits_or_8():
    for layers in (VGG, VGG[::-1], CONVS):
        for bits in (32, 8):
            found = rates(layers, bits)
            assert found[0] == 32 / bits and (np.diff(found) > 0).all()
    assert rates(VGG)[-1] == rates(VGG, 8)[-1]


# Block coordinate descent


def test_b_and_alpha_block_never_raise_the_discrepancy_and_leave_the_norm_minus_n_alpha_squared():
    rng = torch.Generator().manual_seed(0)
    for size in ((7, 5), (4, 3, 3, 3)):
        latents = torch.randn(size, generator=rng, dtype=torch.float64)
        bits = torch.randint(0, 2, size, generator=rng).double() * 2 - 1
        scale = torch.rand((size[0], *(1,) * (len(size) - 1)), generator=rng, dtype=torch.float64)

        def distance(bits, scale, latents=latents):
            return (latents - scale * bits).square().flatten(1).sum(1)

        better = layer_priority.sign(latents)
        best = layer_priority.alpha(latents)
        assert (distance(better, scale) <= distance(bits, scale)).all()
        assert (distance(better, best) <= distance(better, scale)).all()
        n = latents[0].numel()
        squares = latents.square().flatten(1).sum(1)
        torch.testing.assert_close(distance(better, best), squares - n * best.flatten().square())
        torch.testing.assert_close((latents * better).flatten(1).sum(1) / n, best.flatten())
        torch.testing.assert_close(layer_priority.discrepancy(latents), distance(better, best).sum())


def test_the_blocks_have_their_hand_values():
    latents = torch.tensor([[0.5, -1.0, 0.0, 0.1]])
    assert layer_priority.sign(latents).tolist() == [[1, -1, 1, 1]]
    assert layer_priority.alpha(latents).item() == pytest.approx(0.4)
    assert layer_priority.discrepancy(latents).item() == pytest.approx(0.01 + 0.36 + 0.16 + 0.09)


def test_the_gradient_of_the_penalty_is_rho_times_the_distance_and_its_finite_difference():
    rng = torch.Generator().manual_seed(1)
    latents = torch.randn(3, 6, generator=rng, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: 0.5 * layer_priority.discrepancy(w), (latents,))
    (0.5 * layer_priority.discrepancy(latents)).backward()
    bits, scale = layer_priority.sign(latents.detach()), layer_priority.alpha(latents.detach())
    torch.testing.assert_close(latents.grad, latents.detach() - scale * bits)


def test_the_penalty_draws_latents_to_their_alpha():
    def spread(run):
        sizes = [run.network.get_submodule(name).weight.detach().abs() for name in ("1.dot", "2.dot")]
        return sum((size.std(1) / size.mean(1)).mean() for size in sizes).item()

    found = [spread(steps(started(method(rho=rho)), 60)) for rho in (0.0, 1e-2)]
    assert found[1] < 0.9 * found[0]


def test_batch_norm_absorbs_alpha():
    norm = torch.nn.BatchNorm1d(5).eval()
    norm.running_mean.normal_(), norm.running_var.uniform_(50, 90), norm.weight.data.normal_()
    sums, factor = torch.randn(20, 5) * 9, torch.rand(5) + 0.5
    before = norm(sums * factor)
    layer_priority.absorb(norm, factor)
    torch.testing.assert_close(norm(sums), before, rtol=1e-4, atol=1e-5)


def test_thresholds_depend_on_signs_alone_however_the_latents_drift():
    chosen, network = shaken("mnist-tfc", seed=1)
    before = weights.packed_weights(chosen.deploy("mnist-tfc", copy.deepcopy(network)))
    with torch.no_grad():
        for latent in binary.latents(network).values():
            latent.mul_(torch.rand_like(latent) * 0.9 + 0.1)
    after = weights.packed_weights(chosen.deploy("mnist-tfc", network))
    assert all(np.array_equal(before[name], after[name]) for name in before)


# Order


def test_each_order_ranks_the_layers_as_it_says():
    def ranked(**hyper):
        chosen = method(**hyper)
        chosen.build("mnist-cnn")
        return chosen.ranked

    assert ranked() == ["5", "4", "2", "1", "0"]
    assert ranked(order="forward_depth") == ["0", "1", "2", "4", "5"]
    assert ranked(order="size") == ["4", "2", "1", "5", "0"]
    assert ranked(exclude_heads=True) == ["4", "2", "1", "0"]
    assert ranked(ranking="0 5 1 2 4") == ["0", "5", "1", "2", "4"]


def test_phases_are_float_one_step_a_layer_and_a_polish():
    chosen = method()
    chosen.build("cifar10-cnv_half")
    phases = chosen.phases(Recipe(epochs=100, batch=128, lr=5e-3))
    begin, polish = round(100 * chosen.float_share), round(100 * chosen.polish_share)
    assert [phase.name for phase in phases] == ["float", *(f"step {at}" for at in range(1, 10)), "polish"]
    assert (phases[0].epochs, phases[-1].epochs) == (begin, polish)
    each = [phase.epochs for phase in phases[1:-1]]
    assert sum(each) == 100 - begin - polish and max(each) - min(each) <= 1 and each == sorted(each)


@pytest.mark.parametrize("epochs, layers, expected", [
    (1, 4, (0, [1 / 4] * 4, 0)), (2, 4, (1, [1 / 4] * 4, 0)), (3, 4, (1, [1 / 4] * 4, 1)),
    (5, 4, (1, [1 / 2] * 4, 2)), (11, 4, (2, [1, 1, 1, 2], 4)), (10, 0, (2, [], 8)),
])  # fmt: skip
def test_with_fewer_epochs_than_layers_a_step_takes_a_part_of_one_and_without_any_there_are_none(
    epochs, layers, expected
):
    assert layer_priority.shared_out(epochs, 0.2, 0.4, layers) == expected


def test_s_is_a_suffix_of_the_layers_and_the_log_is_the_closed_form(digits, tmp_path):
    train.train("mnist-tfc", "layer_priority", tmp_path, epochs=10, hyper=SHARES)
    rows = tradeoff(tmp_path)
    assert [row["names"] for row in rows] == ["", "4", "4 3", "4 3 2", "4 3 2 1", "4 3 2 1"]
    layers = [("4", 640, 10), ("3", 4096, 64), ("2", 4096, 64), ("1", 50176, 64)]
    for column, bits in (("ratio_fp32", 32), ("ratio_deployed", 8)):
        found = [float(row[column]) for row in rows[:-1]]
        np.testing.assert_allclose(found, rates(layers, bits), atol=1e-4)
        assert (np.diff(found) > 0).all()
    assert int(rows[2]["bits"]) == 8 * (50176 + 4096) + 640 + 4096 + 32 * 74
    for row in rows[:-1]:
        folder = tmp_path / f"prefix_{int(row['layers']):02}"
        network, record = zoo.load("mnist-tfc", "layer_priority", folder)
        correct = round(float(row["deployed_accuracy"]) * 296)
        scores = train.scores(network, digits[1].images)
        assert task_of("mnist-tfc").correct(scores, digits[1].labels) == correct
        assert record["accuracy"][0]["correct"] == correct
        if row["phase"] != "float":
            assert row["held_out_accuracy"] == row["deployed_accuracy"]
        else:
            lost = abs(float(row["held_out_accuracy"]) - float(row["deployed_accuracy"]))
            assert lost < 0.03, "8 bits in place of real weights"


# Forms of a layer


def test_without_binary_layers_a_float_phase_is_a_network_of_real_weights():
    run = started(method(), phase="float")
    steps(run, 5)
    network = run.network.eval()
    x = torch.from_numpy(mnist_images.shipped()[0][:32].copy()).float()
    with torch.no_grad():
        found, real = network(x), x.flatten(1) / 128 - 1
        for part in list(network)[1:-1]:
            real = part.norm(F.linear(real, part.dot.weight)).mul(128).round().clamp(-128, 127) / 128
        expected = F.linear(real, network[-1].dot.weight * mixed_precision.GAIN) * network[-1].scale
    assert torch.equal(found, expected)


def test_eight_bits_are_the_pixels_grid_and_their_gradient_that_of_the_hard_tanh():
    pixels = torch.arange(256).float() / 128 - 1
    act = method().prepared(binary.sign_layer())
    binary.quantiser(act).eight = True
    assert torch.equal(act(pixels), pixels)
    x = torch.tensor([-9.0, -1.01, -1.0, -0.3, 0.0, 0.999, 1.0, 7.0], requires_grad=True)
    act(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert act(x).tolist() == [-1, -1, -1, -38 / 128, 0, 127 / 128, 127 / 128, 127 / 128]


def test_folded_weights_are_the_nearest_on_eight_bits_and_add_up_exactly():
    rng = torch.Generator().manual_seed(0)
    sizes = {(8, 30): 1.0, (4, 256, 3, 3): 0.2, (2, 4608): 1.0, (3, 5): 0.0, (3, 4): 1e-9}
    for size, factor in sizes.items():
        wanted = torch.randn(size, generator=rng) * factor
        unit = mixed_precision.grid_unit(wanted)
        integers = mixed_precision.folded(wanted, unit)
        assert integers.abs().max() <= 127 and (integers == integers.round()).all()
        assert unit.log2() == unit.log2().round()
        assert (integers * unit / 128 - wanted).abs().max() <= max(unit / 256, 1e-8)
        assert 3 * 128 * integers.abs().flatten(1).sum(1).max() < 2**24


def test_gains_keep_their_significant_bits():
    numbers = torch.tensor([0.7, -0.31, 3e-3, 100.0, 0.0])
    for bits in (5, 9):
        kept, step = mixed_precision.significant(numbers, bits)
        assert ((kept - numbers).abs() <= step / 2).all() and torch.equal((kept / step).round(), kept / step)
        assert ((kept / step).abs() <= 2**bits).all()


def test_gradients_reach_every_layer_in_every_form():
    for phase in ("float", "step 1", "polish"):
        for mode in layer_priority.MODES:
            run = started(method(mode=mode, rho=1e-4), phase=phase)
            images, labels = mnist_images.shipped()
            scores = run.forward(torch.from_numpy(images[:64].copy()))
            losses = run.method.losses(run, scores, torch.from_numpy(labels[:64]))
            assert set(losses) == ({"task"} if phase == "float" else {"task", "discrepancy"})
            sum(losses.values()).backward()
            for name, latent in binary.latents(run.network).items():
                assert torch.isfinite(latent.grad).all() and latent.grad.abs().sum() > 0, (phase, mode, name)


# Deployment


@pytest.mark.parametrize("net", [*CHAINS, "cifar10-resnet20_half"])
def test_binary_throughout_it_is_the_plain_network(net):
    (chosen, network), plain, pictures = shaken(net, seed=1), base.create("ste").skeleton(net), noise(net, 4)
    scores, sums = train.scores(network, pictures), mixed_precision.has_sums(network)
    deployed = chosen.deploy(net, network)
    assert deployed.state_dict().keys() == plain.state_dict().keys()
    if not sums:
        np.testing.assert_array_equal(train.scores(deployed, pictures), scores)
    tensors = weights.packed_weights(deployed)
    assert {name for name in tensors if name.endswith(".weight.bits")} == {
        f"{name}.weight.bits" for name in binary.latents(plain)
    }


SMALL = (3, 32, 32)  # maps of 4 x 4 and 8 x 8
# Network, settings, pictures and their size.
PREFIXES = [
    ("mnist-tfc", {"order": "forward_depth", "binarise": 2, "mode": "w1a1"}, 24, None),
    ("pedestrian-tinyped", {"binarise": 4}, 3, SMALL),
]
MORE = [
    ("mnist-tfc", {"binarise": 2}, 256, None), ("mnist-tfc", {"binarise": 0}, 24, None),
    ("mnist-tfc", {"mode": "w1a8"}, 24, None),
    *((net, hyper, 256 if net == "mnist-cnn" and "mode" not in hyper else 4, None) for net in ("mnist-cnn",
        "cifar10-cnv_half") for hyper in ({"binarise": 3}, {"mode": "w1a8", "binarise": 4},
        {"exclude_heads": True})),
    *(("pedestrian-tinyped", {"binarise": at}, 3, None) for at in range(8)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("net", "hyper", "count", "shape"),
    [*PREFIXES, *(pytest.param(*one, marks=pytest.mark.full) for one in MORE)],
)
def test_a_prefix_is_shipped_exported_and_lowered_exactly(net, hyper, count, shape, tmp_path):
    """Module = loaded module = QONNX = integers = FINN's execution, with saturated pictures among them."""
    chosen, network = shaken(net, seed=2, shape=shape, **hyper)
    pictures = noise(net, count, shape=shape)
    scores = train.scores(network, pictures)
    deployed = chosen.deploy(net, network)
    card = {"net": net, "method": "layer_priority", "hyper": asdict(chosen), "accuracy": []}
    weights.save_weights(tmp_path, deployed, card)
    back, _ = zoo.load(net, "layer_priority", tmp_path)
    assert len(np.unique(scores)) > 10
    np.testing.assert_array_equal(train.scores(deployed, pictures), scores)
    np.testing.assert_array_equal(train.scores(back, pictures), scores)
    words = {"net": net, "method": "layer_priority", "source": "", "images": "noise"}
    checks = export.export(back, pictures, np.full(count, -1), tmp_path, words)["checks"]
    lowered = lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    assert [check["images"] for check in checks] == [count] and not lowered["reference_rounds"]
    assert lowered["checks"][0]["what"].startswith("scores ==")


@pytest.mark.quick("*: 0*", "*: 4*", "*w1a8*")
@pytest.mark.parametrize("hyper", [*({"binarise": at} for at in range(8)), {"mode": "w1a8"}], ids=str)
def test_every_prefix_of_the_pedestrian_detector_deploys_what_it_evaluates(hyper):
    chosen, network = shaken("pedestrian-tinyped", seed=4, shape=SMALL, **hyper)
    pictures = noise("pedestrian-tinyped", 4, shape=SMALL)
    scores = train.scores(network, pictures)
    at = {name: (dot.stride, dot.dilation) for name, dot in network.named_modules() if name.endswith(".dot")}
    deployed, _ = deployed_exactly(chosen, "pedestrian-tinyped", network, pictures)
    assert scores.shape == (4, 5, 4, 4)
    dots = map(deployed.get_submodule, at)
    assert [(dot.stride, dot.dilation) for dot in dots] == [*at.values()]
    assert deployed[-2].sign.act_quant.bit_width() == 1, "what the head reads are bits"


@pytest.mark.parametrize("hyper", [{"binarise": 2}, {"binarise": 3}], ids=str)
def test_rates_that_are_added_up_have_one_gain_and_go_together(hyper):
    chosen, network = shaken("segment-tinyseg", seed=5, shape=SMALL, **hyper)
    assert [unit.name for unit in chosen.units] == ["0", "1", "2", "3", "4", "5"], "the head is none"
    for unit in chosen.units[3:]:
        forms = {binary.quantiser(network.get_submodule(name)).form for name, _ in unit.layers}
        assert forms == {Form.BINARY if unit.name in chosen.chosen else Form.EIGHT}
        assert (unit.weights, unit.filters) == (3 * 9 * 64 * 64, 64)
    pictures = noise("segment-tinyseg", 4, shape=SMALL)
    scores = train.scores(network, pictures)
    np.testing.assert_array_equal(train.scores(chosen.deploy("segment-tinyseg", network), pictures), scores)


def test_batch_norm_absorbs_one_alpha_of_all_rates():
    chosen, network = shaken("segment-tinyseg", seed=6, shape=SMALL, binarise=0)
    norm, dots = network[5].norm, network[5].dot.dots
    latents = torch.cat([dot.weight.flatten(1) for dot in dots], 1)
    before = norm.running_mean.clone()
    chosen._join()
    torch.testing.assert_close(norm.running_mean, before / latents.abs().mean(1))
    [(found, behind)] = chosen._sums(["5"])
    assert torch.equal(found, latents) and behind is norm


def test_layers_outside_s_have_eight_bits_and_there_is_one_boundary():
    chosen, network = shaken("mnist-cnn", seed=3, binarise=3)
    deployed = chosen.deploy("mnist-cnn", network)
    layers = [layer for layer in deployed.modules() if isinstance(layer, (QuantConv2d, QuantLinear))]
    assert [int(layer.weight_quant.bit_width()) for layer in layers] == [8, 8, 1, 1, 1]
    signs = [part.sign for part in deployed if hasattr(part, "sign")]
    assert [int(sign.act_quant.bit_width()) for sign in signs] == [8, 1, 1, 1]
    tensors = weights.packed_weights(deployed)
    steps = tensors["1.dot.weight"] * 128
    assert (steps == steps.round()).all() and abs(steps).max() <= 127 and "2.dot.weight.bits" in tensors
    for norm in (deployed[0].norm, deployed[1].norm):
        gain = norm.weight.unique()
        assert len(gain) == 1 and gain.log2() == gain.log2().round() and not norm.running_mean.any()


def test_in_front_of_the_boundary_saturated_activations_are_clipped():
    skeleton = method(binarise=1).skeleton("mnist-tfc")
    act = skeleton.get_submodule("2.sign")
    x = torch.tensor([-1e6, -1.0, -1 / 256, 1 / 256, 3 / 256, 0.9999, 1e6])
    expected = torch.tensor([-128, -128, 0, 0, 2, 127, 127]) / 128
    assert torch.equal(act(x).as_subclass(torch.Tensor) + 0.0, expected)
    assert torch.equal(skeleton.get_submodule("3.sign")(x).as_subclass(torch.Tensor), layer_priority.sign(x))


def test_in_training_the_weights_are_those_of_hardware_but_for_a_factor_batch_norm_takes_out():
    run = steps(started(method(binarise=1, mode="w1a8")), 20)
    layers = [run.network.get_submodule(f"{at}.dot").train() for at in (2, 4)]
    trained = [binary.quantiser(layer).quantised(layer.weight).detach() for layer in layers]
    gain, _ = mixed_precision.affine_of(run.network[2].norm)
    deployed = run.method.deploy("mnist-tfc", run.network)
    trained[0] *= gain[:, None] / deployed[2].norm.weight[0]
    for found, at in zip(trained, (2, 4), strict=True):
        torch.testing.assert_close(found, deployed[at].dot.quant_weight().value, rtol=1e-5, atol=1e-6)


# The run


@pytest.mark.usefixtures("digits")
def test_statistics_are_taken_again_from_standing_weights():
    run = started(method(binarise=1), phase="float")
    steps(run, 10)
    seen = []
    run.network[1].norm.register_forward_pre_hook(lambda _norm, inputs: seen.append(inputs[0].double()))
    run.epoch = run.phase.epochs - 1
    run.method._restate(run)
    assert len(seen) == 704 // 64
    for name, function in (("running_mean", torch.mean), ("running_var", torch.var)):
        wanted = torch.stack([function(x, 0) for x in seen]).mean(0)
        found = getattr(run.network[1].norm, name).double()
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("digits")
def test_training_stops_at_the_target_ratio_and_the_card_says_where(tmp_path):
    hyper = SHARES | {"target_ratio": 4.2}
    card = train.train("mnist-tfc", "layer_priority", tmp_path, epochs=10, hyper=hyper)
    assert card["hyper"]["binarise"] == 2 and card["weights"]["binary_weights"] == 640 + 4096
    assert [row["layers"] for row in tradeoff(tmp_path)] == ["0", "1", "2", "2", "2", "2"]
    network, _ = zoo.load("mnist-tfc", "layer_priority", tmp_path)
    assert network[2].dot.weight_quant.bit_width() == 8 and network[3].dot.weight_quant.bit_width() == 1


@pytest.mark.usefixtures("digits")
def test_training_goes_back_to_the_last_network_within_the_allowed_loss(tmp_path, monkeypatch):
    found = iter([0.9, 0.89, 0.84, 0.95, 0.96, 0.97])
    usual = layer_priority.Method._row
    monkeypatch.setattr(layer_priority.Method, "_row", lambda self, run, _: usual(self, run, next(found)))
    card = train.train("mnist-tfc", "layer_priority", tmp_path, epochs=10, hyper=SHARES | {"max_loss": 0.05})
    assert [row["layers"] for row in tradeoff(tmp_path)] == ["0", "1", "2", "1", "1", "1"]
    assert card["hyper"]["binarise"] == 1 and card["weights"]["binary_weights"] == 640


@pytest.mark.usefixtures("digits")
def test_what_sensitivity_measured_is_on_the_card(tmp_path):
    hyper = {"order": "sensitivity", "binarise": 1}
    card = train.train("mnist-tfc", "layer_priority", tmp_path, epochs=6, hyper=hyper)
    first, *_ = card["hyper"]["ranking"].split()
    assert tradeoff(tmp_path)[-1]["names"] == first
    network, _ = zoo.load("mnist-tfc", "layer_priority", tmp_path)
    assert network.get_submodule(f"{first}.dot").weight_quant.bit_width() == 1


# Against the paper's direction


def fine_tuned(run, epochs):
    """Train so many epochs as one phase, statistics taken again."""
    run.phase = base.Phase(run.phase.name, epochs, run.phase.lr)
    run.optimiser = run.method.optimiser(run)
    for run.epoch in range(epochs):
        epoch(run)
    run.method._restate(run)


def curves_by_order(net, parts, seed, orders, epochs, count):
    """Held-out accuracy in % (w1a1) after 0 .. `count` layers: one float training, then orders from there.
    `epochs` of fine-tuning after each layer: 0 is none at all, batch norm's statistics included. Per order
    the layers in turn, the ratios against 32 bits, the accuracy."""
    run = started(method(float_share=0.5), net, epochs=20, phase="float",
                  arithmetic="bfloat16" if net.startswith("cifar") else "float32", seed=seed)  # fmt: skip
    run.recipe = replace(run.recipe, warmup=10)
    fine_tuned(run, 10)
    start, order_of_images = {k: v.clone() for k, v in run.network.state_dict().items()}, run.rng.get_state()
    found, chosen = {}, run.method
    for chosen.order in orders:
        run.network.load_state_dict(start)
        run.rng.set_state(order_of_images)
        chosen.done, chosen.rest = 0, Form.EIGHT
        chosen.ranked = chosen._ranked(chosen.units)
        chosen.ranked = chosen._sensitive(run) if chosen.order == "sensitivity" else chosen.ranked
        chosen._set_forms()
        accuracy = [train.evaluate_network(run.network, parts[1], run.task)]
        for at in range(count):
            chosen._join()
            chosen._set_forms()
            if epochs:
                run.phase = base.Phase(f"step {at + 1}", epochs, run.recipe.lr * chosen.step_rate)
                fine_tuned(run, epochs)
            accuracy.append(train.evaluate_network(run.network, parts[1], run.task))
        cuts = [chosen.ranked[:some] for some in range(count + 1)]
        layers = [[(u.weights, u.filters, u.name in cut) for u in chosen.units] for cut in cuts]
        ratios = [layer_priority.ratio(some, 32) for some in layers]
        found[chosen.order] = chosen.ranked[:count], ratios, [100 * value for value in accuracy]
    return found


@pytest.mark.full
def test_without_fine_tuning_the_deepest_layer_costs_far_less_than_the_first(digits):
    orders = "inverse_depth", "forward_depth"
    for seed in range(3):
        found = curves_by_order("mnist-cnn", digits, seed, orders, epochs=0, count=1)
        (_, deep_ratio, deep), (_, shallow_ratio, shallow) = found.values()
        assert deep[0] == shallow[0] > 93, seed
        assert deep[1] > shallow[1] + 4 and deep_ratio[1] > shallow_ratio[1], seed


@pytest.mark.full
def test_with_fine_tuning_two_layers_and_three_quarters_of_the_bits_cost_little(digits):
    for seed in range(3):
        found = curves_by_order("mnist-cnn", digits, seed, ("inverse_depth",), epochs=2, count=2)
        _, ratios, deep = found["inverse_depth"]
        assert ratios[2] > 3 and deep[2] > deep[0] - 4, seed


@pytest.mark.full
def test_partly_binarised_and_fine_tuned_the_deepest_first_is_more_accurate_and_smaller(monkeypatch):
    try:
        images, labels, _ = cifar10_images.images("train")
    except datasets.Absent as absent:
        pytest.skip(str(absent))
    parts = [Images(images[a:b], labels[a:b], str(b - a)) for a, b in ((0, 2000), (2000, 3000))]
    monkeypatch.setattr(type(task_of("cifar10-cnv_half")), "train_sets", lambda _self: tuple(parts))
    lead = []
    for seed in range(3):
        orders = "inverse_depth", "forward_depth"
        (_, small, deep), (_, large, shallow) = curves_by_order(
            "cifar10-cnv_half", parts, seed, orders, epochs=2, count=3
        ).values()
        assert all(a > b for a, b in zip(small[1:], large[1:]))
        lead.append(np.mean(deep[2:]) - np.mean(shallow[2:]))
    assert min(lead) > 0 and np.mean(lead) > 0.5, lead
