"""How networks may end: each ending is built and gives the scores of qonnx, or `lower` refuses it with a
cure that works. No ending gets through `lower` and is refused by a later stage. In an image: every stage of a
build on small ones as pedestrians, segmentation and tracking have. In a correlation, also as a tracker."""

import json
from fractions import Fraction
from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from graphs import Graph, qonnx_scores_of
from onnx import TensorProto
from pipeline import exported, proven, simulated
from scipy import special
from torch import nn
from torch.nn import functional as F

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows import report
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.synth.stage import synthesise
from xnorforge.hw import graph
from xnorforge.hw.bind import Bound, bind
from xnorforge.hw.loads import LoadChain
from xnorforge.hw.lowering.nodes import read_graph
from xnorforge.hw.lowering.registry import TAILS as TAILS_OF
from xnorforge.hw.lowering.tails import differences
from xnorforge.hw.ops.arg_max.bind import arg_max, keys
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.sim.loading import feed_in_turn, learnt, template_file
from xnorforge.sim.netlist import simulate_netlist
from xnorforge.sim.stage import simulate
from xnorforge.sw.nn.binary import EightWeights

from ..refusals import refused as sentence
from ..refusals import refuses, says, stops

IMAGES = 3
CLASSES = 4
SHAPE = (3, 8, 8)


def whole(*numbers):
    return np.array(numbers, np.int64)


def bits():
    """A convolution of pixels and a sign: bits (6, 4, 4)."""
    net = Graph(SHAPE)
    return net.node("Conv", net.weights(6, 3, 5, 5)).norm(6).sign()


def dense(outputs=CLASSES):
    net = bits().node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Flatten")
    return net.node("MatMul", net.weights(24, outputs))


def head(outputs=CLASSES):
    """A convolution of one pixel behind the bits: a map (4, 4, 4)."""
    net = bits()
    return net.node("Conv", net.weights(outputs, 6, 1, 1))


def dead():
    """As `bits`, but levels of two bits, of which no channel ever leaves the first."""
    net = Graph(SHAPE)
    return net.node("Conv", net.weights(6, 3, 5, 5)).real("Sub", 1e6).quant(0.5, 2, signed=0)


def places(count):
    """The places of the largest scores, without them."""
    net = dense().node("TopK", whole(count), outputs=2)
    net.at, net.kind = f"{net.at}_1", TensorProto.INT64
    return net


def averaged():
    return head().node("GlobalAveragePool")


def weighted(net, inputs, scale=1.0):
    return net.node("MatMul", net.weights(inputs, CLASSES) * np.float32(scale))


def concatenated():
    net = head()
    first = net.at
    return net.real("Mul", 2.0).node("Concat", inputs=[first, net.at], axis=1)


def boxes(net=None, width=2):
    """The elements of a map, channels last, as a list of rows."""
    return (net or head()).node("Transpose", perm=[0, 2, 3, 1]).node("Reshape", whole(1, -1, width))


def lists(axis):
    """The boxes of two maps, one behind the other or row by row."""
    net = head()
    start, first = net.at, boxes(net).at
    net.at = start
    return net.node("Concat", inputs=[first, boxes(net.real("Mul", [[[[2.0]]]])).at], axis=axis)


POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}
NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "mode": "nearest"}
MAP, CELL = (CLASSES, 4, 4), (CLASSES, 1, 1)
BUILT = {  # name: network, shape of its scores
    "dense": (dense, (CLASSES,)), "one score": (lambda: dense(1), (1,)),
    "two dense layers": (lambda: weighted(dense(10), 10), (CLASSES,)),
    "two dense layers, a sign between": (lambda: weighted(dense(10).sign(), 10), (CLASSES,)),
    "batch norm behind dense": (lambda: dense().norm(CLASSES), (CLASSES,)),
    "bias per class": (lambda: dense().real("Add", [0.25, -1.5, 3.0, 0.0]), (CLASSES,)),
    "scale per class": (lambda: dense().real("Mul", [0.25, 1.5, 3.0, -1.0]), (CLASSES,)),
    "identity": (lambda: dense().node("Identity"), (CLASSES,)),
    "dropout": (lambda: dense().node("Dropout"), (CLASSES,)),
    "cast to float": (lambda: dense().node("Cast", to=TensorProto.FLOAT), (CLASSES,)),
    "sign behind dense": (lambda: dense().sign(), (CLASSES,)),
    "quantised scores": (lambda: dense().quant(2.0, 4), (CLASSES,)),
    "relu behind dense": (lambda: dense().node("Relu"), (CLASSES,)),
    "clip behind dense": (lambda: dense().real("Clip", -6.0, 6.0), (CLASSES,)), "average": (averaged, CELL),
    "average, flatten": (lambda: averaged().node("Flatten"), (CLASSES,)),
    "average, reshape": (lambda: averaged().node("Reshape", whole(1, -1)), (CLASSES,)),
    "average, squeeze": (lambda: averaged().node("Squeeze", whole(2, 3)), (CLASSES,)),
    "mean without its axes": (lambda: head().node("ReduceMean", axes=[2, 3], keepdims=0), (CLASSES,)),
    "average of bits, flatten": (lambda: bits().node("GlobalAveragePool").node("Flatten"), (6,)),
    "average, flatten, bias": (lambda: averaged().node("Flatten").real("Add", [0.25, -1.5, 3.0, 0.0]),
        (CLASSES,)),
    "average, flatten, quantised": (lambda: averaged().node("Flatten").quant(0.5, 4), (CLASSES,)),
    "average, flatten, dense": (lambda: weighted(bits().node("GlobalAveragePool").node("Flatten"), 6),
        (CLASSES,)),
    "average of a dead layer, dense": (lambda: weighted(dead().node("GlobalAveragePool").node("Flatten"), 6),
        (CLASSES,)),
    "averages of a dead layer, dense": (lambda: weighted(dead().node("AveragePool", **POOL).node("Flatten"),
        24), (CLASSES,)),
    "maxima of a dead layer, dense of 0.1": (lambda: weighted(dead().node("MaxPool", **POOL).node("Flatten"),
        24, 0.1), (CLASSES,)),
    "maximum of all pixels": (lambda: head().node("GlobalMaxPool"), CELL), "map": (head, MAP),
    "map of bits": (bits, (6, 4, 4)), "map, pool": (lambda: head().node("MaxPool", **POOL), (CLASSES, 2, 2)),
    "map, overlapping pool": (lambda: head().node("MaxPool", kernel_shape=[3, 3], strides=[1, 1]),
        (CLASSES, 2, 2)),
    "map, padded pool": (lambda: head().node("MaxPool", kernel_shape=[3, 3], strides=[2, 2],
        pads=[1, 1, 1, 1]), (CLASSES, 2, 2)),
    "map of bits in a border": (lambda: bits().node("Pad", whole(0, 0, 1, 1, 0, 0, 1, 1), np.float32(-1.0)),
        (6, 6, 6)),
    "map, upsampled": (lambda: head().node("Resize", None, np.float32([1, 1, 2, 2]), **NEAREST),
        (CLASSES, 8, 8)),
    "map of two heads": (concatenated, (2 * CLASSES, 4, 4)),
    "list of pixels": (lambda: boxes(width=CLASSES), (16, CLASSES)), "list of boxes": (boxes, (32, 2)),
    "two lists": (lambda: lists(1), (64, 2)), "two lists, row by row": (lambda: lists(2), (32, 4)),
    "map as rows": (lambda: head().node("Reshape", whole(1, CLASSES, 16)), (CLASSES, 16)),
    "scores as an image": (lambda: dense().node("Reshape", whole(1, CLASSES, 1, 1)), CELL),
    "another axis": (lambda: dense().node("Unsqueeze", whole(2)), (CLASSES, 1)),
}  # fmt: skip
TAILS = {  # name: network, shape of its scores, the ending in front of the function, what the host computes
    "softmax": (lambda: dense().node("Softmax", axis=1), (CLASSES,), "dense", "softmax"),
    "softmax, last axis": (lambda: dense().node("Softmax"), (CLASSES,), "dense", "softmax"),
    "log softmax": (lambda: dense().node("LogSoftmax", axis=1), (CLASSES,), "dense", "log_softmax"),
    "softmax of a map": (lambda: head().node("Softmax", axis=1), MAP, "map", "softmax"),
    "softmax of pixels": (lambda: boxes(width=4).node("Softmax"), (16, 4), "list of pixels", "softmax"),
    "softmax of boxes": (lambda: boxes().node("Softmax"), (32, 2), "list of boxes", "softmax"),
    "softmax of one pixel": (lambda: averaged().node("Softmax", axis=1), CELL, "average", "softmax"),
    "sigmoid": (lambda: dense().node("Sigmoid"), (CLASSES,), "dense", "sigmoid"),
    "sigmoid, identity": (lambda: dense().node("Sigmoid").node("Identity"), (CLASSES,), "dense", "sigmoid"),
    "sigmoid of one score": (lambda: dense(1).node("Sigmoid"), (1,), "one score", "sigmoid"),
    "sigmoid of a map": (lambda: head().node("Sigmoid"), MAP, "map", "sigmoid"),
    "tanh": (lambda: dense().node("Tanh"), (CLASSES,), "dense", "tanh"),
    "argmax": (lambda: dense().index("ArgMax", axis=1), (1,), "dense", "arg_max"),
    "argmax of softmax": (
        lambda: dense().node("Softmax").index("ArgMax", axis=1), (1,), "dense", "arg_max of softmax",
    ),
    "argmax of a map": (lambda: head().index("ArgMax", axis=1), (1, 4, 4), "map", "arg_max"),
    "place of the largest": (lambda: places(1), (1,), "dense", "top_k"),
    "places of the largest two": (lambda: places(2), (2,), "dense", "top_k"),
    "largest two": (lambda: dense().node("TopK", whole(2), outputs=2), (2,), "dense", "top_k"),
}  # fmt: skip
REFUSED = {  # name: network, shape of its scores, the cure in the message, the ending that the cure leads to
    "softmax over the columns": (lambda: head().node("Softmax", axis=3), MAP,
        "axis 3 of [1, 4, 4, 4] … axis 1", "map"),
    "smallest": (lambda: dense().node("TopK", whole(1), largest=0, outputs=2), (1,), "take the largest",
        "dense"),
    "softmax inside": (lambda: weighted(dense().node("Softmax"), CLASSES), (CLASSES,),
        "Softmax … last layer", "two dense layers"),
    "transposed map": (lambda: head().node("Transpose", perm=[0, 2, 3, 1]), (4, 4, CLASSES),
        "channels-last … Transpose", "map"),
    "mean of the flattened map": (lambda: head().node("Flatten").node("ReduceMean", axes=[1]), (1,),
        "GlobalAveragePool", "average, flatten"),
    "largest of each channel": (lambda: head().node("ReduceMax", axes=[2, 3]), CELL, "use GlobalMaxPool",
        "maximum of all pixels"),
    "no layer": (lambda: Graph(SHAPE).node("Identity"), SHAPE, "no operator … layer", "dense"),
}  # fmt: skip


def stored_model(folder, make, shape):
    """The network's folder as the export stage leaves it, without its scores where qonnx cannot run it."""
    net = make()
    model = net.model(shape)
    images = np.random.default_rng(1).integers(0, 256, (IMAGES, *SHAPE)).astype(np.uint8)
    model.save(str(folder / "model.onnx"))
    given = {"lo": 0, "hi": 255, "scale": 1.0}
    write_json(folder / "export.json", {"net": "ending", "input": given, "writable": []})
    np.savez(folder / "golden.npz", images=images, labels=np.zeros(IMAGES, int), scores=np.zeros((IMAGES, 1)))
    return model, images


def lowered(folder):
    return lower(folder / "model.onnx", folder / "golden.npz", folder)


@pytest.mark.parametrize("name", BUILT)
def test_an_ending_is_built_and_the_bit_simulator_gives_the_scores_of_qonnx(tmp_path, name):
    model, images = stored_model(tmp_path, *BUILT[name])
    scores = qonnx_scores_of(model, images)
    assert scores.shape == (IMAGES, *BUILT[name][1])
    np.savez(tmp_path / "golden.npz", images=images, labels=np.zeros(IMAGES, int), scores=scores)
    lowered(tmp_path)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=100_000)
    integers = np.load(tmp_path / "lowered.npz")
    ops = graph.operators(tmp_path / "acc" / "folded.onnx")
    scales, biases = set(integers["scale"]), set(integers["bias"])
    one_pixel = np.prod(BUILT[name][1][1:]) == 1 < BUILT[name][1][0]  # or a vector, of several classes
    assert ops[-1].indices == (one_pixel and len(scales) == len(biases) == 1 and min(scales) > 0)
    found = BitSimulator(ops).run(images)[ops[-1].name].reshape(IMAGES, -1)[:, : integers["integers"][0].size]
    got = integers["scale"] * found.reshape(integers["integers"].shape) + integers["bias"]
    got = np.moveaxis(got, -1, 1).reshape(scores.shape)  # axes of length 1
    np.testing.assert_allclose(got, scores, rtol=0, atol=1e-6 * abs(scores).max())
    given = graph.execute(ops, images)[ops[-1].name]
    np.testing.assert_array_equal(given.reshape(IMAGES, -1)[:, : found.shape[1]], found)
    if ops[-1].indices:
        assert given[:, -1].tolist() == scores.reshape(IMAGES, -1).argmax(1).tolist()


@pytest.mark.parametrize("name", TAILS)
def test_a_function_of_the_scores_is_left_to_the_host(tmp_path, name):
    """Imported: scores are those in front of it, bit for bit. Lowered as it is: golden scores are behind it,
    or, of an index, in front."""
    make, shape, ending, function = TAILS[name]
    model, images = stored_model(tmp_path, make, shape)
    out = tmp_path / "out"
    out.mkdir()
    record = import_model(tmp_path / "model.onnx", images, np.arange(IMAGES), out, 1.0)
    assert record["host_function"] == function and record["checks"][-1]["mismatches"] == 0
    scores = np.load(out / "golden.npz")["scores"]
    assert scores.shape == (IMAGES, *BUILT[ending][1])
    if "arg_max" not in function and "top_k" not in function:
        scores = qonnx_scores_of(model, images)
    np.savez(tmp_path / "golden.npz", images=images, labels=np.zeros(IMAGES, int), scores=scores)
    for folder in (out, tmp_path):
        found = lowered(folder)
        assert found["host_function"] == function and not any(row["mismatches"] for row in found["checks"])
        assert (folder / "lowered.onnx").exists()


# A function of scores in other words, and by how much at most it magnifies what an error adds to one of them.
FUNCTIONS = {"Softmax": (special.softmax, 1), "LogSoftmax": (special.log_softmax, 2),
             "Sigmoid": (lambda scores, axis: special.expit(scores), 1),
             "Tanh": (lambda scores, axis: np.tanh(scores), 1)}  # fmt: skip


@pytest.mark.parametrize("reach", [0.01, 4.0, 300.0])
@pytest.mark.parametrize("op", FUNCTIONS)
def test_numbers_are_the_function_of_scores_up_to_a_millionth(op, reach):
    """Of the largest number, at least 1, and of the largest score for the function's error."""
    compute, slope = FUNCTIONS[op]
    scores = np.random.default_rng(0).permuted(np.tile(np.linspace(-reach, reach, 5), (6, 1)), axis=1)
    wanted = compute(scores, axis=1)
    most = 1e-6 * (max(1, abs(wanted).max()) + slope * reach)
    for at, place in enumerate(scores.argmin(1)):
        for part, wrong in ((0.99, 0), (1.01, 1)):
            given = wanted.copy()
            given[at, place] -= part * most
            assert differences([TAILS_OF[op]], scores, given) == wrong


def test_scores_that_are_not_the_function_of_ours_are_a_mismatch(tmp_path):
    _, images = stored_model(tmp_path, lambda: dense().node("Softmax"), (CLASSES,))
    scores = np.full((IMAGES, CLASSES), 1 / CLASSES, np.float32)
    np.savez(tmp_path / "golden.npz", images=images, labels=np.zeros(IMAGES, int), scores=scores)
    stops(r"golden\.npz .* softmax", lowered, tmp_path, kind=MismatchError)


@pytest.mark.parametrize("name", REFUSED)
def test_an_ending_that_cannot_be_built_is_refused_by_lower_with_a_cure(tmp_path, name):
    make, shape, cure, cured = REFUSED[name]
    stored_model(tmp_path, make, shape)
    with refuses(cure):
        lowered(tmp_path)
    assert cured in BUILT  # the test above builds it
    assert not (tmp_path / "lowered.onnx").exists()


@pytest.mark.quick("average-1", "map, pool-0")
@pytest.mark.parametrize("name, indices", [
    ("average", 1), ("average, flatten", 1), ("average, flatten, quantised", 1),
    ("average, flatten, bias", 0), ("map, pool", 0),
])  # fmt: skip
def test_the_rtl_of_an_ending_gives_the_scores_of_qonnx_and_the_index(tmp_path, name, indices):
    make, shape = BUILT[name]
    images = np.random.default_rng(2).integers(0, 256, (IMAGES, *SHAPE))
    ops, flowing = proven(make().model(shape), images, 1, tmp_path)  # which compares scores and index
    assert ops[-1].indices == indices and flowing.output.size == IMAGES * (np.prod(shape) + indices)


SIX = 6
BINARY = {"weight_quant": SignedBinaryWeightPerTensorConst, "weight_scaling_const": 1.0, "bias": False}


class Pixels(nn.Module):
    """Bytes to -1 .. 127/128."""

    def forward(self, x):
        return x / 128 - 1


def layer(inputs, outputs, pad=1, rate=1, stride=1, pool=1, kernel=3):
    """[-1 border], binary convolution, grid norm of either sign, sign, [maximum of bits]."""
    norm = nn.BatchNorm2d(outputs, eps=0.0)
    with torch.no_grad():
        norm.running_mean.copy_((torch.randn(outputs) * 3).round() + 0.5)
        norm.weight.copy_(torch.randn(outputs).sign())
    return nn.Sequential(
        nn.ConstantPad2d(pad * rate, -1.0) if pad else nn.Identity(),
        QuantConv2d(inputs, outputs, kernel, stride=stride, dilation=rate, **BINARY), norm,
        QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=1.0),
        nn.MaxPool2d(pool) if pool > 1 else nn.Identity(),
    )  # fmt: skip


class Rates(nn.Module):
    """The sum of convolutions of one tensor at several dilations, each with its own border of -1."""

    def __init__(self, inputs, outputs, rates, kernel=3):
        super().__init__()
        self.pads = nn.ModuleList(nn.ConstantPad2d(kernel // 2 * rate, -1.0) for rate in rates)
        layers = (QuantConv2d(inputs, outputs, kernel, dilation=rate, **BINARY) for rate in rates)
        self.convs = nn.ModuleList(layers)

    def forward(self, x):
        return sum(conv(pad(x)) for pad, conv in zip(self.pads, self.convs))


def rates_layer(inputs, outputs, rates, **more):
    """As `layer`, several dilations added up before the norm."""
    block = layer(inputs, outputs, pad=0, **more)
    block[1] = Rates(inputs, outputs, rates, block[1].kernel_size[0])
    return block


def ends(inputs, outputs):
    """1x1 convolution with 8-bit weights and a bias in 128ths."""
    made = QuantConv2d(inputs, outputs, 1, weight_quant=EightWeights)
    with torch.no_grad():
        made.bias.copy_((torch.randn(outputs) * 20).round() / 128)
    return made


NETS = {
    "strided-padded-dilated-pooled": lambda: ((3, 16, 20),
        [layer(3, 6, stride=2), layer(6, 8, rate=1, pool=2), layer(8, 8, rate=2), layer(8, 6, rate=4),
        ends(6, 5)]),
    "dilation-8": lambda: ((3, 12, 11), [layer(3, 4), layer(4, 6, rate=8), ends(6, 3)]),
    "unpadded-odd": lambda: ((3, 25, 27),
        [layer(3, 4, pad=0, stride=2), layer(4, 6, pad=0, pool=2), layer(6, 8, pad=0, kernel=2), ends(8, 2)]),
    "rates": lambda: ((3, 14, 16), [layer(3, 4, stride=2), rates_layer(4, 6, (1, 2, 4)), ends(6, 3)]),
    "rates-twice-pooled": lambda: ((1, 12, 13),
        [layer(1, 3), rates_layer(3, 4, (4, 1, 8), pool=2), rates_layer(4, 5, (2, 1), kernel=5), ends(5, 4)]),
    "one-channel": lambda: ((1, 9, 9), [layer(1, 4), ends(4, 1)]),
    "ends-in-bits": lambda: ((3, 11, 9), [layer(3, 4, pad=0, stride=2), layer(4, 6, pad=0)]),
    "ends-in-sums-of-bits": lambda: ((2, 8, 8),
        [layer(2, 4), nn.ConstantPad2d(2, -1.0), QuantConv2d(4, 3, 3, dilation=2, **BINARY)]),
}  # fmt: skip


def net(name):
    """Shape of its pictures, and a module of the network in evaluation mode."""
    torch.manual_seed(1)
    shape, parts = NETS[name]()
    return shape, nn.Sequential(Pixels(), *parts).eval()


def lay(folder, name):
    """Export and lower a network; its module and pictures."""
    shape, module = net(name)
    images = np.random.default_rng(2).integers(0, 256, (SIX, *shape), np.uint8)
    exported(module, images, folder)
    return module, images


@pytest.mark.quick("ends-in-bits")
@pytest.mark.parametrize("name", NETS)
def test_every_stage_gives_the_map_of_the_module(tmp_path, name):
    module, images = lay(tmp_path, name)
    with torch.no_grad():
        wanted = module(torch.from_numpy(images).float()).as_subclass(torch.Tensor).numpy()
    assert wanted.ndim == 4 and wanted.std() > 0
    reference = np.load(tmp_path / "lowered.npz")
    assert reference["integers"].dtype == np.int64
    assert reference["scale"].shape == reference["bias"].shape == wanted.shape[1:2]
    got = reference["scale"] * reference["integers"] + reference["bias"]
    np.testing.assert_array_equal(got.transpose(0, 3, 1, 2), wanted)
    np.testing.assert_array_equal(np.load(tmp_path / "golden.npz")["scores"], wanted)

    record = simulated(tmp_path, 5000, SIX, SIX)
    checks = [*read_json(tmp_path / "lower.json")["checks"], *record["checks"]]
    assert all(check["integers"] > 0 and check["mismatches"] == 0 for check in checks)
    assert [check["integers"] for check in record["checks"][:3]] == [wanted.size] * 3
    assert record["accuracy"] == []
    ops = graph.operators(tmp_path / "acc/folded.onnx")
    kinds = [type(op).__name__ for op in ops]
    if name.startswith("rates"):
        assert "Fork" not in kinds and "Join" not in kinds
    assert ops[-1].out_stream().shape == (*wanted.shape[2:], wanted.shape[1])
    if name in ("strided-padded-dilated-pooled", "unpadded-odd"):
        assert type(ops[-1]).__name__ == "IntMvu" and "thresholds" not in ops[-1].arrays_of


def labels_of(tmp_path, scale=None, bias=None):
    """The labels that RTL gives of a small network, folded with `output="labels"`; its integers, scale and
    bias, of which the last two may be replaced before."""
    lay(tmp_path, "rates-twice-pooled")
    reference = dict(np.load(tmp_path / "lowered.npz"))
    reference |= {key: np.array(x) for key, x in (("scale", scale), ("bias", bias)) if x is not None}
    np.savez(tmp_path / "lowered.npz", **reference)
    acc = tmp_path / "acc"
    checks = simulated(tmp_path, 5000, SIX, SIX, output="labels")["checks"]
    record = read_json(acc / "fold.json")
    assert record["output"] == "labels" and record["operators"][-1]["op"] == "ArgMax"
    added = len(np.unique(reference["bias"])) > 1  # by the index, whose constants are tried alone
    assert len(checks) == 7 + added and not any(check["mismatches"] for check in checks)
    assert checks[1]["integers"] == SIX * 6 * 6
    ops = graph.operators(acc / "folded.onnx")
    assert ops[-1].out_stream().shape == (6, 6, 1) and ops[-1].out_stream().bits == 2
    images = np.load(tmp_path / "golden.npz")["images"]
    return cosim.run(network(acc / "rtl", ops), graph.enter(ops[0], images)).output[..., 0], reference


def test_labels_are_the_largest_scores_of_the_module(tmp_path):
    labels, _ = labels_of(tmp_path)
    np.testing.assert_array_equal(labels, np.load(tmp_path / "golden.npz")["scores"].argmax(1))
    assert len(np.unique(labels)) == 4


ODD = [0.7, -3.0, 1.25, 0.0]
LABELS = {  # the scales and the bias of scores; gains of any sign are as of norms at the end
    "none": ([0.25] * 4, [0.0] * 4), "quarters": ([0.25] * 4, [-3.0, 0.5, 0.75, 0.5]),
    "any": ([0.25] * 4, [0.1, 0.2, 0.3, -0.4]), "double": ([1.0, 1.0, 2.0, 1.0], ODD),
    "down": ([-1.0] * 4, ODD), "any scale": ([0.1234, -0.2517, 0.0, 0.3371], ODD),
}  # fmt: skip


@pytest.mark.quick("none")
@pytest.mark.parametrize("case", LABELS)
def test_labels_follow_any_scales_and_bias(tmp_path, case):
    """Equal scores, whole and broken multiples of the scale, numbers that float64 only comes near to."""
    scale, bias = LABELS[case]
    labels, reference = labels_of(tmp_path, scale, bias)
    rows, parts = reference["integers"].reshape(-1, 4), [*zip(map(Fraction, scale), map(Fraction, bias))]
    shares = [[int(n) * a + b for n, (a, b) in zip(row, parts)] for row in rows]
    assert labels.ravel().tolist() == [row.index(max(row)) for row in shares]


@pytest.mark.parametrize("seed", range(20))
def test_keys_have_the_order_and_the_ties_of_scores(seed):
    """Every pair of scores, of which small multiples of a half have many ties."""
    rng = np.random.default_rng(seed)
    low, high, channels = int(rng.integers(-20, 1)), int(rng.integers(1, 30)), int(rng.integers(2, 6))
    scale, bias = rng.integers(-6, 7, channels) / 2, rng.integers(-30, 30, channels) / 4
    if seed % 2:
        scale, bias = (rng.normal(size=channels).astype(np.float32) for _ in range(2))
    gains, offsets = keys(scale, bias, low, high)
    n = np.arange(low, high + 1)[:, None]
    made = (n * gains + offsets).ravel()
    exact = [Fraction(float(a)) * int(x) + Fraction(float(b)) for x in n.ravel() for a, b in zip(scale, bias)]
    for (key, score), (other, rival) in combinations(zip(made, exact), 2):
        assert (key > other) - (key < other) == (score > rival) - (score < rival)


def test_a_vector_ends_in_the_class_with_the_largest_score():
    same = np.tile(np.arange(1, 16), (4, 1))  # thresholds: the level of a number is the number
    shape = {"in_shape": [4], "in_bits": 4}
    last = Bound("Threshold", "last", shape, {"thresholds": same}, outputs=["scores"])
    scale, bias = np.array([1, 2, 0.5, -1]), np.array([0, -9, 3, 12.0])
    found = x = np.random.default_rng(0).integers(0, 16, (50, 4))
    for one in (last, *arg_max(last, scale, bias)):
        found = one.make_alone().run(found)
    np.testing.assert_array_equal(found[:, 0], (x * scale + bias).argmax(1))
    assert len(np.unique(found)) == 4


def test_labels_of_other_networks_are_refused_with_the_reason(tmp_path):
    lay(tmp_path / "one", "one-channel")
    with refuses("conv1: … OUTPUT=labels … (9, 9, 1) … OUTPUT=scores"):
        fold(tmp_path / "one", "pynq-z2", tmp_path / "acc", output="labels")


def test_a_map_that_differs_in_one_place_is_found_at_its_place(tmp_path):
    lay(tmp_path, "one-channel")
    golden = dict(np.load(tmp_path / "golden.npz"))
    golden["scores"][3, 0, 4, 7] += 1 / 128
    np.savez(tmp_path / "golden.npz", **golden)
    with pytest.raises(MismatchError, match=r"lower: score 0 at \(y 4, x 7\) of image 3 is "):
        lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)


def test_a_flattened_map_is_a_vector_of_scores_in_the_networks_order(tmp_path):
    shape, module = net("strided-padded-dilated-pooled")
    images = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    checks = exported(nn.Sequential(module, nn.Flatten()).eval(), images, tmp_path)
    assert not any(check["mismatches"] for check in checks)


@pytest.mark.full
@pytest.mark.parametrize("output", ["scores", "labels"])
def test_the_mapped_cells_give_the_map(tmp_path, output):
    lay(tmp_path, "rates-twice-pooled")
    acc = tmp_path / "acc"
    fold(tmp_path, "pynq-z2", acc, interval=5000, output=output)
    generate(acc / "folded.onnx", acc / "rtl")
    synthesise(acc, tmp_path)
    checks = simulate_netlist(acc, tmp_path)["checks"]
    assert [(check["integers"], check["mismatches"]) for check in checks[:1]] == [
        (2 * 36 * (4 if output == "scores" else 1), 0)
    ]
    assert checks[1]["mismatches"] == 0


class Template(nn.Module):
    """A correlation as `sw/nn/building_blocks.py` has it."""

    def __init__(self, channels, size, outputs=1):
        super().__init__()
        self.register_buffer("template", torch.randn(outputs, channels, size, size).sign())

    def forward(self, x):
        return F.conv2d(x, self.template)


def sign():
    return QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=1.0)


unpadded = partial(layer, pad=0)


def tracker(widths, size, seed=1):
    """The layers of tinytrk: stride 2, pool, plain ones; a correlation of `size` x `size` features."""
    torch.manual_seed(seed)
    ends = list(zip((3, *widths), widths))
    layers = [unpadded(*ends[0], stride=2), unpadded(*ends[1], pool=2),
              *(unpadded(*pair) for pair in ends[2:])]  # fmt: skip
    return nn.Sequential(Pixels(), *layers, Template(widths[-1], size)).eval()


def laid(folder, module, images, interval, board="pynq-z2"):
    """Every stage up to the RTL; the operators."""
    exported(module, images, folder)
    acc = folder / "acc"
    fold(folder, board, acc, interval=interval)
    generate(acc / "folded.onnx", acc / "rtl")
    return graph.operators(acc / "folded.onnx")


def as_weights(template):
    """A template (O, C, k, k) of +-1 as the operator has it, (k k C, O) of 0/1."""
    return (np.asarray(template).transpose(2, 3, 1, 0).reshape(-1, len(template)) > 0).astype(np.int64)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A little tracker: frames 46 x 46, features 6 x 6 x 12, templates 3 x 3 x 12 of exemplars 34 x 34."""
    folder, module = tmp_path_factory.mktemp("small"), tracker((4, 6, 8, 12), 3)
    images = np.random.default_rng(2).integers(0, 256, (6, 3, 46, 46), np.uint8)
    return folder, module, images, laid(folder, module, images, 12000)


def test_every_stage_gives_the_responses_of_the_module(small):
    folder, module, images, ops = small
    with torch.no_grad():
        wanted = module(torch.from_numpy(images).float()).numpy()
    assert wanted.shape == (6, 1, 4, 4) and wanted.std() > 0
    export_record = read_json(folder / "export.json")
    assert export_record["writable"] == ["Conv_4"]
    units = [one for one in read_graph(folder / "lowered.onnx").nodes if one.op == "Conv"]
    assert [one.name for one in units if one.at.get("writable")] == ["conv4"] and len(units) == 5
    lowered = np.load(folder / "lowered.npz")
    assert (lowered["scale"], lowered["bias"]) == (2, -108)
    np.testing.assert_array_equal((2 * lowered["integers"] - 108).transpose(0, 3, 1, 2), wanted)
    [unit] = LoadChain(ops).ops
    np.testing.assert_array_equal(unit.arrays_of["weights"], as_weights(module[-1].template))

    record = simulate(folder / "acc", folder, stalled=6)
    for check in [*read_json(folder / "lower.json")["checks"], *record["checks"]]:
        assert check["mismatches"] == 0 and check["integers"] > 0, check
    named = {check["name"].partition(" = ")[0]: check for check in record["checks"]}
    for name in ("RTL with a load", "RTL stalled with a load"):
        assert named[name]["integers"] == 6 * 16
    assert {"cycles of the RTL", "cycles of the RTL stalled"} <= named.keys()
    assert record["interval"] == record["interval_bound"] and record["interval_constant"]
    assert record["unpacked"] == []


def test_a_learnt_template_is_what_torch_makes_of_the_exemplar_alone(small):
    """The exemplar lies in the upper left corner of a frame; what else is in the frame does not matter."""
    folder, module, images, ops = small
    exemplar, search = images[:1, :, :34, :34], images[1:3]
    corner = np.random.default_rng(3).integers(0, 256, (1, 3, 46, 46), np.uint8)
    corner[:, :, :34, :34] = exemplar
    with torch.no_grad():
        features = module[:-1](torch.from_numpy(exemplar).float())
        assert features.shape == (1, 12, 3, 3)
        wanted = F.conv2d(module[:-1](torch.from_numpy(search).float()), features).numpy()
    simulator, before = BitSimulator(ops), BitSimulator(ops).run(search)[ops[-1].name]
    others = learnt(ops, simulator.run, corner)
    for one in (others, learnt(ops, partial(graph.execute, ops), corner)):
        np.testing.assert_array_equal(LoadChain(one).ops[0].arrays_of["weights"], as_weights(features))
    device = network(folder / "acc" / "rtl", ops, level="-O0")
    feed = feed_in_turn(ops, graph.enter(ops[0], np.concatenate([search, search])), [(2, others)])
    run = cosim.run(device, feed, stall=0.3)
    assert not run.outputs[1].any()
    np.testing.assert_array_equal(run.output[:2], before)
    simulator.load(others)
    for found in (run.output[2:], simulator.run(search)[ops[-1].name]):
        np.testing.assert_array_equal((2 * found - 108).transpose(0, 3, 1, 2), wanted)
    simulator.load(ops)
    np.testing.assert_array_equal(simulator.run(search)[ops[-1].name], before)


@pytest.mark.full
def test_the_counted_cells_load_as_the_rtl_does(small):
    folder = small[0]
    acc = folder / "acc"
    synth = synthesise(acc, folder)
    record = simulate_netlist(acc, folder)
    assert [check["name"] for check in record["checks"][:3]] == [
        "netlist = lowered", "netlist cycles = RTL cycles", "netlist with a load = bit simulator",
    ]  # fmt: skip
    assert {check["mismatches"] for check in record["checks"]} == {0}
    row = synth["operators"][-1]
    assert row["name"] == "conv4" and row["lut_ram"] > 0 and synth["top"]["ff"] > 100  # AXI4-Lite

    simulate(acc, folder)
    reported, loads = report.write(acc), read_json(acc / "rtl" / "rtl.json")["loads"]
    assert reported["verdict"] == "PASS" and loads["operators"] == ["conv4"]
    sentence = f"loads the weights of conv4, 108 bits, between two frames: {loads['words']} writes"
    assert all(sentence in (acc / name).read_text() for name in ("report.md", "report.html"))


def test_a_weights_file_with_a_learnt_template_differs_in_it_alone(small):
    """As bits in words of `simd`, behind the head, whose id is another."""
    folder, _, images, ops = small
    own = (folder / "acc" / "rtl" / "weights.bin").read_bytes()
    made = template_file(folder / "acc", images[:1])
    [unit] = LoadChain(learnt(ops, BitSimulator(ops).run, images[:1])).ops
    simd, loads = unit.get_nodeattr("simd"), read_json(folder / "acc" / "rtl" / "rtl.json")["loads"]
    assert len(own) == len(made) == 32 + 8 * loads["words"]
    assert own[:12] + own[16:32] == made[:12] + made[16:32]
    assert own[12:16] != made[12:16]
    head, words = np.frombuffer(own, "<u4")[8::2], np.frombuffer(made, "<u4")[9::2]
    np.testing.assert_array_equal(head, np.frombuffer(made, "<u4")[8::2])
    pieces = words.reshape(108 // simd, -1).astype("<u4").view(np.uint8)
    bits = np.unpackbits(pieces, axis=1, bitorder="little")[:, :simd]
    np.testing.assert_array_equal(bits.reshape(-1, 1), unit.arrays_of["weights"])


def test_a_back_end_without_loads_is_refused(small):
    folder = small[0]
    with pytest.raises(UserError, match=r"^fold: weights that a host loads .*BACKEND=hls4ml.*BACKEND=rtl"):
        fold(folder, "pynq-z2", folder / "hls", backend="hls4ml")


def refused(tmp_path, *parts, writable=None):
    """What lowering says of a small network."""
    torch.manual_seed(1)
    module = nn.Sequential(Pixels(), *parts).eval()
    images = np.random.default_rng(2).integers(0, 256, (2, 3, 12, 12), np.uint8)
    return sentence(lambda: exported(module, images, tmp_path))


class Padded(Template):
    def forward(self, x):
        return F.conv2d(x, self.template, padding=1)


ONLY_BITS = "Conv_{} (Conv): … template … run time … -1 and +1 … sign"


class Factor(Template):
    def forward(self, x):
        return x * self.template


def levels(correlate):
    correlate.template *= torch.arange(9).reshape(3, 3) + 1
    return correlate


AT_ITS_END = "Conv_1 (Conv): … template … run time … end"


@pytest.mark.parametrize("parts, words", [
    (lambda: [Template(3, 3)], ONLY_BITS.format(0)),
    (lambda: [unpadded(3, 4), Padded(4, 3)], ONLY_BITS.format(1)),
    (lambda: [unpadded(3, 4), levels(Template(4, 3))], ONLY_BITS.format(1)),
    (lambda: [unpadded(3, 4), Template(4, 3), sign()], AT_ITS_END),
    (lambda: [unpadded(3, 4), Template(4, 3, 2), sign(), Template(2, 3)], AT_ITS_END),
    (lambda: [Factor(3, 1)], "export: … 1.template … F.conv2d"),
], ids=["pixels", "a border", "levels", "a sign behind it", "a template behind it", "a factor"])  # fmt: skip
def test_templates_but_of_bits_against_bits_at_the_end_are_refused(tmp_path, parts, words):
    says(refused(tmp_path, *parts()), words)


def test_a_lowered_node_with_a_threshold_behind_writable_weights_is_refused(chains):
    chain = chains["Chain"]((6, 6, 2)).sign("sign0").conv("conv0", 4).conv("conv1", 3, raw=True)
    for name in ("conv0", "conv1"):
        model = chain.model()
        for node in model.nodes:
            node.at["writable"] = node.name == name
        if name == "conv1":
            last = bind(model)[-1]
            assert last.op == "SignMvu" and last.attributes["loadable"] == 1
            continue
        stops("conv0: … run time", bind, model)


@pytest.mark.full
def test_tinytrk_whole(tmp_path):
    """Of 128 x 128: features 24 x 24 x 128, template 8 x 8 x 128, 289 responses in 18,496 cycles."""
    module = tracker((32, 32, 64, 64, 128), 8)
    images = np.random.default_rng(2).integers(0, 256, (4, 3, 128, 128), np.uint8)
    ops = laid(tmp_path, module, images, 40960)
    [unit] = LoadChain(ops).ops
    assert unit.in_stream().shape == (17, 17, 8192) and unit.cycles() <= 40960
    folding = tmp_path / "folding.json"
    folding.write_text(json.dumps({unit.name: {"simd": 128, "pe": 1}}))
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=40960, folding=folding)
    generate(tmp_path / "acc" / "folded.onnx", tmp_path / "acc" / "rtl")
    ops = graph.operators(tmp_path / "acc" / "folded.onnx")
    assert LoadChain(ops).ops[0].cycles() == 18496
    record = simulate(tmp_path / "acc", tmp_path, stalled=2)
    assert all(check["mismatches"] == 0 and check["integers"] > 0 for check in record["checks"])
    assert len(record["checks"]) == 9 and record["interval"] == record["interval_bound"] <= 40960
