"""Operations and stored bits equal what shapes give by hand, and qonnx's count of the exported network; and
channels that decide nothing are removed, and no answer changes."""

import itertools
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from graphs import Graph, lowered
from pipeline import proven, seeds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.inference_cost import inference_cost

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import UserError
from xnorforge.flows.export import PIXELS, as_qonnx
from xnorforge.flows.lower import complexity_of
from xnorforge.flows.lower.proof.exactness import is_exact
from xnorforge.flows.lower.rules.pruning import GRAIN
from xnorforge.studies import complexity
from xnorforge.sw import zoo
from xnorforge.sw.tasks.base import task_of

SUMS = ("binary", "multi_bit", "weight_bits", "stored_bits")
QUICK = [("mnist-tfc", "ste"), ("mnist-cnn", "ste"), ("cifar10-cnv_half", "ci_bcnn")]
LATER = {"marks": pytest.mark.full}
EVERY = [one if one in QUICK else pytest.param(*one, **LATER, id="-".join(one)) for one in zoo.shipped()]


def card(net, method):
    return read_json(Path(str(files("xnorforge.sw"))) / "shipped" / f"{net}-{method}" / "card.json")


def bits(*shape):
    """A graph that begins with the bits of its pixels: one threshold of 128, 8 bits, per channel."""
    return Graph(shape).real("Sub", 127.5).sign()


def counted(graph, *output):
    return complexity_of(graph.model(output), PIXELS)


def test_mnist_tfc_by_hand():
    whole = card("mnist-tfc", "ste")["complexity"]
    products = [784 * 64, 64 * 64, 64 * 64, 64 * 10]
    assert [row["binary"] for row in whole["layers"] if row["w_bits"]] == products
    assert whole["binary"] == whole["weight_bits"] == sum(products) == 59008
    assert whole["multi_bit"] == 0 and whole["operations"] == 59008 // 64


def test_cifar10_cnv_by_hand():
    """3x3 kernels without padding from 32x32 pixels, 2x2 pools behind the second and the fourth."""
    whole = card("cifar10-cnv", "ste")["complexity"]
    sides, channels = [30, 28, 12, 10, 3, 1], [3, 64, 64, 128, 128, 256, 256]
    convs = [9 * a * b * side**2 for side, a, b in zip(sides, channels[:-1], channels[1:])]
    dense = [256 * 512, 512 * 512, 512 * 10]
    assert whole["multi_bit"] == convs[0] == 1555200  # pixels have 8 bits
    assert whole["binary"] == sum(convs[1:]) + sum(dense) == 57906176
    assert whole["operations"] == round(57906176 / 64 + 1555200)
    assert whole["weight_bits"] == sum(9 * a * b for a, b in pairwise(channels)) + sum(dense)


def test_all_branches_of_group_net_count():
    """Three branches of the convolutions behind the first; the dense layers behind them are plain."""
    found, plain = (card("cifar10-cnv_half", method)["complexity"] for method in ("group_net", "ste"))
    dense = 128 * 256 + 256 * 256 + 256 * 10
    assert found["binary"] == 3 * (plain["binary"] - dense) + dense
    assert found["multi_bit"] == plain["multi_bit"]


@pytest.mark.parametrize("shape, weights, output, attributes", [
    pytest.param((4, 9, 9), (6, 4, 3, 3), (6, 4, 4), {"strides": [2, 2]}, id="strided"),
    pytest.param((4, 8, 8), (6, 4, 3, 3), (6, 8, 8), {"pads": [1] * 4}, id="padded with zeros"),
    pytest.param((4, 8, 8), (6, 4, 3, 3), (6, 4, 4), {"dilations": [2, 2]}, id="dilated"),
    pytest.param((8, 6, 6), (12, 2, 3, 3), (12, 4, 4), {"group": 4}, id="grouped"),
    pytest.param((8, 6, 6), (8, 1, 3, 3), (8, 4, 4), {"group": 8}, id="depthwise"),
    pytest.param((8, 6, 6), (8, 1, 3, 3), (8, 6, 6), {"group": 8, "pads": [1] * 4}, id="depthwise, padded"),
    pytest.param((4, 32), (6, 4, 5), (6, 14), {"strides": [2]}, id="one-dimensional"),
])  # fmt: skip
def test_a_weight_is_used_once_per_output_pixel(shape, weights, output, attributes):
    graph = bits(*shape)
    graph.real("Conv", graph.weights(*weights), kernel_shape=weights[2:], **attributes)
    found, count = counted(graph, *output), int(np.prod(weights))
    assert found["binary"] == count * np.prod(output[1:]) and found["multi_bit"] == 0
    assert found["weight_bits"] == count
    (layer,) = (row for row in found["layers"] if row["w_bits"])
    assert (layer["a_bits"], layer["w_bits"]) == (1, 1)


def test_padding_with_minus_one_changes_nothing_but_the_pixels():
    graph = bits(4, 8, 8)
    graph.node("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(-1))
    graph.real("Conv", graph.weights(6, 4, 3, 3), kernel_shape=[3, 3])
    found = counted(graph, 6, 8, 8)
    assert (found["binary"], found["multi_bit"]) == (6 * 4 * 9 * 64, 0)
    assert (found["weight_bits"], found["stored_bits"]) == (6 * 4 * 9, 6 * 4 * 9 + 4 * 8)


def test_a_transposed_convolution_of_bits_stays_binary():
    """Stride 2: 4x4 blocks of pixels, the border included, each with all weights."""
    graph = bits(8, 3, 3)
    graph.real("ConvTranspose", graph.weights(8, 5, 3, 3), kernel_shape=[3, 3], strides=[2, 2])
    found = counted(graph, 5, 7, 7)
    assert (found["binary"], found["multi_bit"]) == (8 * 5 * 9 * 16, 0)
    assert found["weight_bits"] == 8 * 5 * 9


def test_one_wide_operand_makes_an_operation_multi_bit():
    graph = Graph((3, 6, 6))
    graph.real("Conv", graph.weights(4, 3, 3, 3), kernel_shape=[3, 3])  # of pixels
    graph.real("Sub", 0.5).sign()
    wide = graph.rng.permutation(np.arange(-128, 128))[:8].reshape(2, 4, 1, 1)
    graph.real("Conv", wide, kernel_shape=[1, 1])
    found = counted(graph, 2, 4, 4)
    assert (found["binary"], found["multi_bit"]) == (0, 4 * 27 * 16 + 8 * 16)


def test_a_factor_per_kernel_position_leaves_the_weights_binary():
    """Nine factors 1 .. 9 have 4 bits each, and multiply once per output."""
    graph = bits(4, 6, 6)
    weights = graph.weights(6, 4, 3, 3) * np.arange(1, 10).reshape(3, 3)
    graph.real("Conv", weights, kernel_shape=[3, 3])
    found = counted(graph, 6, 4, 4)
    assert (found["binary"], found["multi_bit"]) == (6 * 36 * 16, 9 * 6 * 16)
    assert found["weight_bits"] == 6 * 36 + 9 * 4


def test_thresholds_are_stored_at_the_width_of_their_integers():
    """Of 9 bits, a sum is >= 0 from 5 matches on: 3 bits per channel."""
    graph = bits(1, 5, 5)
    graph.real("Conv", graph.weights(6, 1, 3, 3), kernel_shape=[3, 3]).sign()
    graph.real("Conv", graph.weights(2, 6, 1, 1), kernel_shape=[1, 1])
    found = counted(graph, 2, 3, 3)
    assert found["stored_bits"] == 8 + (6 * 9 + 6 * 3) + 2 * 6


@pytest.mark.parametrize(("net", "method"), zoo.shipped())
def test_a_card_is_the_sum_of_its_layers(net, method):
    whole = card(net, method)["complexity"]
    for name in SUMS:
        assert whole[name] == sum(row[name] for row in whole["layers"])
    assert whole["operations"] == round(whole["binary"] / 64 + whole["multi_bit"])
    assert all(row["weight_bits"] <= row["stored_bits"] for row in whole["layers"])


@pytest.mark.parametrize(("net", "method"), EVERY)
def test_a_shipped_network_is_what_its_card_says_and_what_qonnx_counts(net, method, tmp_path):
    """qonnx knows no factors per kernel position: it calls their weights wider than one bit."""
    module, shape = zoo.load(net, method)[0], task_of(net).shape
    stated = card(net, method)["complexity"]
    assert complexity.complexity_of_module(module, shape) == stated
    as_qonnx(module, shape).save(str(tmp_path / "model.onnx"))
    peer = inference_cost(ModelWrapper(str(tmp_path / "model.onnx")), discount_sparsity=False)["total_cost"]
    # The tracker's template is of -1 and +1, but no quantiser says so: it is replaced at run time.
    binary = sum(peer.get(f"op_mac_BIPOLAR_{kind}", 0) for kind in ("BIPOLAR", "FLOAT32"))
    if net == "pedestrian-tinyped":  # it counts neurons that never change, too
        assert 1 < binary / stated["binary"] < 1.05 and peer["total_macs"] - binary >= stated["multi_bit"]
        return
    if binary == 0:  # every binary layer has factors
        assert peer["total_macs"] - stated["binary"] < stated["multi_bit"]
        return
    bits = stated["binary"] * (794 if method == "dwn" else 10) // 10  # choices among 784 pixels, 10 classes
    assert (binary, peer["total_macs"]) == (bits, bits + stated["multi_bit"])


def test_a_network_without_an_integer_form_keeps_its_card(tmp_path, monkeypatch):
    def refused(*_):
        raise UserError("conv0: no exact integer form.")

    monkeypatch.setattr(complexity, "complexity_of_module", refused)
    monkeypatch.setattr(zoo, "load", lambda *_: (None, {}))
    write_json(tmp_path / "card.json", {"net": "mnist-tfc"})
    assert complexity.complete_card(tmp_path, "mnist-tfc", "ste") == {"net": "mnist-tfc"}
    assert read_json(tmp_path / "card.json") == {"net": "mnist-tfc"}


FEATURES, HIGH = 5, 2  # small enough to try every frame


def spread(rng, channels: int, dead: float):
    """Multipliers and addends of signs of sums: a dead channel has the multiplier 0."""
    factor = rng.choice([-1.0, 1.0], channels) * (rng.random(channels) >= dead)
    return factor, np.where(factor, rng.integers(-2, 3, channels), rng.choice([-1, 1], channels)) + 0.5


def net(seed: int):
    """Dense layers of bits, channels dead with a probability per layer: the model, and their dead ones."""
    rng = np.random.default_rng(seed)
    graph, size, dead = Graph((FEATURES,), seed), FEATURES, []
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.choice([4, 6, 8, 12]))
        factor, plus = spread(rng, width, rng.choice([0, 0.2, 0.7]))
        graph.node("MatMul", graph.weights(size, width)).real("Mul", factor).real("Add", plus).sign()
        dead.append(factor == 0)
        size = width
    return graph.node("MatMul", graph.weights(size, 3)).model((3,)), dead


def every_frame():
    return np.array([*itertools.product(range(HIGH + 1), repeat=FEATURES)])


@pytest.mark.parametrize("seed", range(40))
def test_every_frame_has_the_scores_of_the_whole_network(seed):
    model, dead = net(seed)
    graph, frames = lowered(model, 0, HIGH), every_frame()
    name = graph.output.single[0]
    np.testing.assert_array_equal(graph.run(frames)[name], graph.walked.run(frames)[name])
    assert is_exact(graph, model, frames[::50])["integers"]
    # What feeds thresholds has lost its dead channels, to a multiple of the grain.
    widths = [graph.leaves[f"dense{k}"].channels for k in range(len(dead))]
    for width, own in zip(widths[:-1], dead):
        grain = np.gcd(len(own), GRAIN)
        assert width <= max(grain, len(own) - own.sum() // grain * grain)


@pytest.mark.parametrize("seed", range(10))
def test_unread_and_equal_channels_are_gone(seed):
    rng = np.random.default_rng(seed)
    hidden, plus = rng.choice([-1.0, 1.0], (FEATURES, 4)), rng.integers(-2, 3, 4) + 0.5
    weights = rng.integers(-1, 2, (8, 3))
    weights[[0, 4], 0] = 3, 0  # weights of three bits, which hold the sum of any two
    weights[:4, 1], weights[4:, 1] = 1, 1
    order = rng.permutation(12)
    both = [[one, one, rng.permutation(one.T).T] for one in (hidden, plus)]
    hidden, plus = (np.concatenate(parts, -1)[..., order] for parts in both)
    weights = np.concatenate([weights, np.zeros((4, 3), int)])[order]
    graph = Graph((FEATURES,), seed).real("MatMul", hidden).real("Add", plus).sign()
    model = graph.real("MatMul", weights).model((3,))
    graph, frames = lowered(model, 0, HIGH), every_frame()
    assert graph.leaves["dense0"].channels == 4
    signs = np.where(frames @ hidden + plus >= 0, 1, -1)
    factor, offset = graph.output.single[1].astype(float), graph.output.offset.astype(float)
    np.testing.assert_array_equal(factor * graph.run(frames)["dense1"] + offset, signs @ weights)
    assert is_exact(graph, model, frames[::50])["integers"]


@pytest.mark.parametrize("seed", seeds(1, 20))
def test_images_keep_their_scores_in_rtl(seed, tmp_path):
    """Convolutions, a pool and dense layers; the channels of the last convolution are rows of the image."""
    rng = np.random.default_rng(seed)
    graph = Graph((3, 7, 7), seed)
    for inputs, outputs in ((3, 8), (8, 8)):
        factor, plus = (one.reshape(-1, 1, 1) for one in spread(rng, outputs, 0))
        factor[rng.permutation(8)[:5]] = 0
        graph.node("Conv", graph.weights(outputs, inputs, 2, 2), kernel_shape=[2, 2])
        graph.real("Mul", factor).real("Add", plus).sign()
    graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Flatten")
    factor, plus = spread(rng, 8, 0)
    graph.node("MatMul", graph.weights(32, 8)).real("Mul", factor).real("Add", plus).sign()
    model = graph.node("MatMul", graph.weights(8, 4)).model((4,))
    integers = lowered(model)
    frames = rng.integers(0, 256, (4, 7, 7, 3))
    assert is_exact(integers, model, frames)["integers"]
    assert integers.leaves["conv0"].channels == integers.leaves["conv1"].channels == 4
    proven(model, frames.transpose(0, 3, 1, 2).astype(np.uint8), seed, tmp_path)
