"""Transposed convolutions and shuffles of pixels: the same numbers as torch and qonnx, in every machine."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.quant import Int8WeightPerChannelFloat
from brevitas_networks import Network
from graphs import Graph, compare, lowered, qonnx_scores_of
from pipeline import imported, proven, random_foldings, smallest
from torch import nn

from xnorforge.flows.fold import with_fifos
from xnorforge.flows.lower.proof import checks
from xnorforge.hw import graph as operators
from xnorforge.hw.bind import bind
from xnorforge.hw.ops.reorder.lower import MOVES
from xnorforge.sim.bits import simulate_bits

IMAGES = 20


class Drawn:
    """A transposed convolution drawn from a seed, of bits, levels or pixels: `graph` in QONNX, `pixels` uint8
    (N, C, H, W), `shape` (C, H, W) of its result, and torch's own result of the values that it reads."""

    def __init__(self, seed: int):
        self.rng = rng = np.random.default_rng([seed, 3])
        channels, *image = (int(n) for n in rng.integers(1, 7, 3))
        self.pixels = rng.integers(0, 256, (IMAGES, channels, *image)).astype(np.uint8)
        self.graph = Graph((channels, *image), seed)
        self.kind = str(rng.choice(["bits", "levels", "pixels"]))
        values = self.pixels.astype(np.float32)
        if self.kind == "bits":
            self.graph.real("Sub", 127.5).sign()
            values = np.where(values > 127.5, 1, -1).astype(np.float32)
        elif self.kind == "levels":
            self.graph.real("Sub", 128).quant(16.0, 4)
            values = (np.clip(np.rint((values - 128) / 16), -8, 7) * 16).astype(np.float32)
        kernel, dilation = ([int(n) for n in rng.integers(1, most + 1, 2)] for most in (5, 2))
        stride = [int(n) for n in rng.integers(1, 4, 2)]
        reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
        pads = [int(rng.integers(0, most + 1)) for most in reach]
        more = [int(rng.integers(0, s)) for s in stride]
        sides = [(n - 1) * s + r + 1 + m - 2 * p for n, s, r, m, p in zip(image, stride, reach, more, pads)]
        pads = pads if min(sides) > 0 else [0, 0]
        groups = int(rng.choice([n for n in range(1, channels + 1) if channels % n == 0]))
        outputs = int(rng.integers(1, 4))
        size = (channels, outputs, *kernel)
        weights = rng.choice([-1, 1], size) if rng.random() < 0.5 else rng.integers(-7, 8, size)
        bias = [rng.integers(-8, 9, outputs * groups)] if rng.random() < 0.3 else []
        given = {"strides": stride, "dilations": dilation, "output_padding": more, "group": groups}
        self.graph.real("ConvTranspose", weights, *bias, kernel_shape=kernel, pads=pads * 2, **given)
        numbers = [torch.tensor(np.float32(x)) for x in (values, weights, *bias)]
        options = {"stride": stride, "padding": pads, "output_padding": more, "dilation": dilation}
        self.torch = torch.conv_transpose2d(*numbers, groups=groups, **options).numpy()
        self.shape = self.torch.shape[1:]

    def ended(self):
        """The model that ends in the sums, in bits of them, in a convolution of these, or in one of sums."""
        end = int(self.rng.integers(4)) if self.kind != "pixels" else int(self.rng.integers(1, 3))
        self.graph.real("Add", self.rng.integers(-2, 3, (1, self.shape[0], 1, 1)))
        if end in (1, 2):
            self.graph.norm(self.shape[0]).sign()
        if end >= 2:
            self.graph.real("Conv", self.graph.weights(3, self.shape[0], 3, 3), pads=[1] * 4)
        return self.graph.model((3 if end >= 2 else self.shape[0], *self.shape[1:]))


def in_the_bit_simulator(model, pixels, seed: int):
    """Lowered and folded at random, all integers of the bit simulator are those of the integer graph."""
    graph = lowered(model)
    wanted = checks.run_all(graph, pixels.transpose(0, 2, 3, 1).astype(np.int64))
    ends = checks.scale_and_bias(graph.output)
    bounds = bind(graph, *ends)
    ops = smallest(bounds, given=random_foldings(bounds, np.random.default_rng(seed)))
    ops = with_fifos(ops, {})
    answers = {"integers": wanted, "scale": ends[0], "bias": ends[1]}
    np.testing.assert_array_equal(simulate_bits(ops, pixels), operators.answers(ops, answers))


def same_everywhere(seed: int):
    """One drawn network: torch's sums are qonnx's, and those of every machine."""
    net = Drawn(seed)
    sums = net.graph.model(net.shape)
    np.testing.assert_array_equal(qonnx_scores_of(sums, net.pixels[:2]), net.torch[:2])
    model = net.ended()
    compare(model, net.pixels[:3])
    in_the_bit_simulator(model, net.pixels, seed)


@pytest.mark.quick("[0-9]")
@pytest.mark.parametrize("seed", range(25))
def test_a_random_transposed_convolution_is_torchs_in_every_machine(seed):
    same_everywhere(seed)


@pytest.mark.full
def test_many_random_transposed_convolutions_are_torchs_in_every_machine():
    for seed in range(25, 400):
        same_everywhere(seed)


@pytest.mark.quick("1")
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(k, marks=pytest.mark.full) for k in range(2, 20))])
def test_the_rtl_of_a_random_transposed_convolution_gives_its_scores(tmp_path, seed):
    net = Drawn(seed)
    proven(net.ended(), net.pixels[:6], seed, tmp_path)


def test_a_transposed_convolution_counted_by_hand():
    """Weights 1, 2, 4 at stride 2, first pad 1, along a row: y[2i + k - 1] += x[i] w[k]."""
    net = Graph((1, 1, 3))
    net.real("Sub", 127.5).sign()
    net.real("ConvTranspose", np.reshape([1, 2, 4], (1, 1, 1, 3)), strides=[1, 2], pads=[0, 1, 0, 0])
    graph = lowered(net.model((1, 1, 6)))
    integers = checks.run_all(graph, np.array([[[[0], [255], [255]]]]))
    factor, offset = checks.scale_and_bias(graph.output)
    # x = -1, 1, 1; y[0] = 2 x0, y[1] = 4 x0 + x1, y[2] = 2 x1, y[3] = 4 x1 + x2, y[4] = 2 x2, y[5] = 4 x2
    assert (factor * integers + offset).ravel().tolist() == [-2, -3, 2, 5, 2, 4]


def test_a_transposed_convolution_of_bits_whose_taps_do_not_overlap_counts_matches():
    net = Graph((3, 4, 5))
    net.real("Sub", 127.5).sign()
    net.node("ConvTranspose", net.weights(3, 4, 2, 2), strides=[2, 2])
    nodes = lowered(net.model((4, 8, 10))).nodes
    assert [n.op for n in nodes] == ["Threshold", "Conv", "DepthToSpace"] and nodes[1].at["xnor"]


def test_a_layer_behind_sums_that_are_always_zero_takes_them_as_numbers():
    same_everywhere(42)


def rows(seed=0):
    """Along one row: tensors (1, C, L)."""
    net = Graph((4, 9), seed).real("Sub", 127.5).sign()
    weights = net.weights(4, 3, 4)
    net.node("ConvTranspose", weights, strides=[3], pads=[1, 2], output_padding=[1]).norm(3).sign()
    return net.node("Conv", net.weights(2, 3, 3), pads=[1, 1])


def test_a_transposed_convolution_of_one_dimension_is_one_of_a_single_row():
    model = rows().model((2, 26))
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 9))
    compare(model, pixels)


def shuffle(net, how, channels, size, block=2):
    """A shuffle of pixels to `channels`, as DepthToSpace in one of its modes, or as torch's older export."""
    if how != "reshape":
        return net.node("DepthToSpace", blocksize=block, mode=how)
    net.node("Reshape", np.int64([1, channels, block, block, *size]))
    net.node("Transpose", perm=[0, 1, 4, 2, 5, 3])
    return net.node("Reshape", np.int64([1, channels, *(side * block for side in size)]))


@pytest.mark.parametrize("how", ["DCR", "CRD", "reshape"])
@pytest.mark.parametrize("where", ["bits", "sums", "at the end"])
def test_pixels_shuffled_in_front_of_a_layer_give_the_scores_of_qonnx(how, where):
    net = Graph((3, 5, 4), 2).real("Sub", 127.5).sign()
    net.node("Conv", net.weights(8, 3, 3, 3), net.rng.integers(-3, 4, 8).astype(np.float32), pads=[1] * 4)
    net = net.norm(8).sign() if where == "bits" else net
    shuffle(net, how, 2, (5, 4))
    if where != "at the end":
        net.node("Conv", net.weights(4, 2, 3, 3), pads=[1] * 4)
    model = net.model((2 if where == "at the end" else 4, 10, 8))
    pixels = net.rng.integers(0, 256, (IMAGES, 3, 5, 4)).astype(np.uint8)
    assert sum(node.op == "DepthToSpace" for node in compare(model, pixels[:3]).nodes) == 1
    in_the_bit_simulator(model, pixels, 1)


@pytest.mark.parametrize("how", ["CRD", pytest.param("DCR", marks=pytest.mark.full)])
def test_the_rtl_of_shuffled_pixels_gives_the_scores_of_qonnx(tmp_path, how):
    net = Graph((3, 4, 4), 2)
    net.node("Conv", net.weights(12, 3, 3, 3)).norm(12).sign()
    shuffle(net, how, 3, (2, 2)).node("Conv", net.weights(4, 3, 3, 3))
    proven(net.model((4, 2, 2)), net.rng.integers(0, 256, (6, 3, 4, 4)).astype(np.uint8), 1, tmp_path)


def test_channels_become_pixels_as_counted_by_hand():
    """Two pixels of six channels: blocks of 3 x 2 pixels of one channel, the last row left out."""
    x = np.arange(12).reshape(1, 1, 2, 6)
    pixels = MOVES["DepthToSpace"](x, {"block": (3, 2), "size": (2, 4)})
    assert pixels[0, ..., 0].tolist() == [[0, 1, 6, 7], [2, 3, 8, 9]]


PER_CHANNEL = {"weight_quant": Int8WeightPerChannelFloat}


@pytest.mark.quick("*qonnx-2")
@pytest.mark.parametrize("exporter, groups", [("qonnx", 2), ("qonnx", 1), ("qcdq", 1)])
@pytest.mark.parametrize("shape", [(3, 6, 6), (3, 12)], ids=["2 dimensions", "1 dimension"])
def test_transposed_convolutions_of_brevitas_give_its_scores(tmp_path, shape, exporter, groups):
    kind = "2d" if len(shape) == 3 else "1d"
    conv, larger = getattr(qnn, f"QuantConv{kind}"), getattr(qnn, f"QuantConvTranspose{kind}")
    norm, weights = getattr(nn, f"BatchNorm{kind}"), {"weight_bit_width": 4} if groups > 1 else PER_CHANNEL
    net = nn.Sequential(
        qnn.QuantIdentity(bit_width=8), conv(3, 6, 3, padding=1, weight_bit_width=4), norm(6),
        qnn.QuantReLU(bit_width=4), larger(6, 4, 4, stride=2, padding=1, **weights), norm(4),
        qnn.QuantReLU(bit_width=4),
        larger(4, 4, 3, stride=2, padding=1, output_padding=1, groups=groups, **weights),
        qnn.QuantReLU(bit_width=4), conv(4, 2, 1, weight_bit_width=4),
    )  # fmt: skip
    for _ in range(3):  # statistics of norms and scales
        net(torch.rand(4, *shape))
    Network(net.eval(), shape, exporter).export(tmp_path / "net.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    record = imported(tmp_path / "net.onnx", pixels, tmp_path, 1 / 255)
    assert record["nodes"]["DepthToSpace"] == 2 and len(record["checks"]) == 3
