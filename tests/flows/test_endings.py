"""How networks may end: each ending is built and gives the scores of qonnx, or `lower` refuses it with a
cure that works. No ending gets through `lower` and is refused by a later stage.
"""

import numpy as np
import pytest
from graphs import Graph, qonnx_scores_of
from onnx import TensorProto
from pipeline import proven
from scipy import special

from xnorforge.core.artifacts import write_json
from xnorforge.core.errors import MismatchError
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.lower.registry import TAILS as TAILS_OF
from xnorforge.flows.lower.tails import differences
from xnorforge.hw import graph
from xnorforge.sim.bits import BitSimulator

from ..refusals import refuses, stops

IMAGES = 3
CLASSES = 4
SHAPE = (3, 8, 8)


def whole(*numbers):
    return np.array(numbers, np.int64)


def bits():
    """A convolution of pixels and a sign: bits (6, 4, 4)."""
    net = Graph(SHAPE)
    return net.node("Conv", net.weights(6, 3, 5, 5)).norm(6).sign()


def flat():
    """Bits (24,)."""
    return bits().node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Flatten")


def dense(outputs=CLASSES):
    net = flat()
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


POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}
NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "mode": "nearest"}
MAP, CELL = (CLASSES, 4, 4), (CLASSES, 1, 1)
BUILT = {  # name: network, shape of its scores
    "dense": (dense, (CLASSES,)),
    "one score": (lambda: dense(1), (1,)),
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
    "clip behind dense": (lambda: dense().real("Clip", -6.0, 6.0), (CLASSES,)),
    "average": (averaged, CELL),
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
    "maximum of all pixels": (lambda: head().node("GlobalMaxPool"), CELL),
    "map": (head, MAP),
    "map of bits": (bits, (6, 4, 4)),
    "map, pool": (lambda: head().node("MaxPool", **POOL), (CLASSES, 2, 2)),
    "map, overlapping pool": (lambda: head().node("MaxPool", kernel_shape=[3, 3], strides=[1, 1]),
        (CLASSES, 2, 2)),
    "map, padded pool": (lambda: head().node("MaxPool", kernel_shape=[3, 3], strides=[2, 2],
        pads=[1, 1, 1, 1]), (CLASSES, 2, 2)),
    "map of bits in a border": (lambda: bits().node("Pad", whole(0, 0, 1, 1, 0, 0, 1, 1), np.float32(-1.0)),
        (6, 6, 6)),
    "map, upsampled": (lambda: head().node("Resize", None, np.float32([1, 1, 2, 2]), **NEAREST),
        (CLASSES, 8, 8)),
    "map of two heads": (concatenated, (2 * CLASSES, 4, 4)),
    "map as rows": (lambda: head().node("Reshape", whole(1, CLASSES, 16)), (CLASSES, 16)),
    "scores as an image": (lambda: dense().node("Reshape", whole(1, CLASSES, 1, 1)), CELL),
    "another axis": (lambda: dense().node("Unsqueeze", whole(2)), (CLASSES, 1)),
}  # fmt: skip
TAILS = {  # name: network, shape of its scores, the ending in front of the function, what the host computes
    "softmax": (lambda: dense().node("Softmax", axis=1), (CLASSES,), "dense", "softmax"),
    "softmax, last axis": (lambda: dense().node("Softmax"), (CLASSES,), "dense", "softmax"),
    "log softmax": (lambda: dense().node("LogSoftmax", axis=1), (CLASSES,), "dense", "log_softmax"),
    "softmax of a map": (lambda: head().node("Softmax", axis=1), MAP, "map", "softmax"),
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


def exported(folder, make, shape):
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
    model, images = exported(tmp_path, *BUILT[name])
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
    model, images = exported(tmp_path, make, shape)
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
FUNCTIONS = {
    "Softmax": (special.softmax, 1), "LogSoftmax": (special.log_softmax, 2),
    "Sigmoid": (lambda scores, axis: special.expit(scores), 1),
    "Tanh": (lambda scores, axis: np.tanh(scores), 1),
}  # fmt: skip


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
    _, images = exported(tmp_path, lambda: dense().node("Softmax"), (CLASSES,))
    scores = np.full((IMAGES, CLASSES), 1 / CLASSES, np.float32)
    np.savez(tmp_path / "golden.npz", images=images, labels=np.zeros(IMAGES, int), scores=scores)
    stops(r"golden\.npz .* softmax", lowered, tmp_path, kind=MismatchError)


@pytest.mark.parametrize("name", REFUSED)
def test_an_ending_that_cannot_be_built_is_refused_by_lower_with_a_cure(tmp_path, name):
    make, shape, cure, cured = REFUSED[name]
    exported(tmp_path, make, shape)
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
