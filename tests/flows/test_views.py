"""Transposes, reshapes, slices, splits and shuffles: elements elsewhere, the same scores as qonnx. Tables
that are read at sums of bits, as ONNX has them, become neurons that are tables."""

import numpy as np
import pytest
from graphs import Graph, compare, frames_of, lowered, qonnx_scores_of
from onnx import TensorProto
from pipeline import agrees, bounds_of, built, imported, mapped_cells, proven, smallest
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.flows.clean_up import cleaned_up
from xnorforge.flows.fold import fold, with_fifos
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.lower.proof import checks
from xnorforge.flows.lower.proof.exactness import is_exact
from xnorforge.sim import cosim

from ..refusals import refuses

SHAPE = (3, 8, 8)
TO_LAST, TO_FIRST = {"perm": [0, 2, 3, 1]}, {"perm": [0, 3, 1, 2]}


def whole(*numbers):
    return np.array(numbers, np.int64)


def bits(shape=SHAPE, channels=6, seed=0):
    """Bits (channels, 6, 6) behind a convolution."""
    net = Graph(shape, seed)
    return net.node("Conv", net.weights(channels, shape[0], 3, 3)).norm(channels).sign()


def conv(net, outputs, inputs, kernel=3, **more):
    return net.node("Conv", net.weights(outputs, inputs, kernel, kernel), **more)


def scores(net, inputs):
    return net.node("Flatten").node("MatMul", net.weights(inputs, 5))


def channels_last():
    """Keras: every convolution between two transposes, constants and quantisers channels last."""
    net = Graph(SHAPE).node("Transpose", **TO_LAST)
    conv(net.node("Transpose", **TO_FIRST), 6, 3).node("Transpose", **TO_LAST)
    net.real("Add", net.rng.normal(0, 30, 6)).real("Mul", net.rng.uniform(0.5, 2, 6)).sign()
    conv(net.node("Transpose", **TO_FIRST), 4, 6).norm(4).node("Transpose", **TO_LAST)
    net.real("PRelu", net.rng.uniform(0, 1, (1, 1, 4))).quant(2.0, 3)
    net.node("Reshape", whole(1, 64))
    return net.node("MatMul", net.weights(64, 5))


def shuffled(net, channels, size, groups):
    """Channel shuffle of ShuffleNet."""
    net.node("Reshape", whole(1, groups, channels // groups, size, size))
    return net.node("Transpose", perm=[0, 2, 1, 3, 4]).node("Reshape", whole(1, channels, size, size))


def split():
    """Half of the channels through a convolution, then all together, shuffled."""
    net = bits()
    net.node("Split", whole(2, 4), axis=1, outputs=2)
    left = net.at
    net.at = f"{left}_1"
    right = conv(net, 4, 4, 1).norm(4).sign().at
    net.node("Concat", inputs=[left, right], axis=1)
    return scores(conv(shuffled(net, 6, 6, 2), 4, 6).norm(4).sign(), 64)


def focus():
    """Four slices of every other pixel, side by side."""
    net, parts = bits(), []
    source = net.at
    for row, column in ((0, 0), (1, 0), (0, 1), (1, 1)):
        net.at = source
        net.node("Slice", whole(row, column), whole(6, 6), whole(2, 3), whole(2, 2))
        parts.append(net.at)
    return scores(conv(net.node("Concat", inputs=parts, axis=1), 4, 24), 4)


def sliced(net, starts, ends, axes, steps):
    return net.node("Slice", whole(*starts), whole(*ends), whole(*axes), whole(*steps))


def cropped(step=1):
    """Rows 1 to 4 and columns 2 to 5, or every other one."""
    return sliced(bits(), (1, 2), (5, 6), (2, 3), (step, step))


def levels_cropped():
    """Numbers of three bits, cropped, beside others that are not."""
    net = Graph(SHAPE)
    net.node("Conv", net.weights(6, 3, 3, 3)).norm(6).quant(16.0, 3, signed=0)
    source = net.at
    small = sliced(net, (1, 1), (5, 5), (2, 3), (1, 1)).at
    net.at = source
    other = conv(net, 4, 6).norm(4).quant(4.0, 3).at
    return scores(conv(net.node("Concat", inputs=[small, other], axis=1), 4, 10).norm(4).sign(), 16)


def dense(net, inputs, outputs=5):
    return net.node("MatMul", net.weights(inputs, outputs))


def shuffled_sums():
    """A shuffle of sums, with one constant per channel in front of the sign behind it."""
    net = shuffled(conv(bits(), 6, 6), 6, 4, 2).real("Add", np.linspace(-3, 3, 6)[:, None, None])
    return scores(conv(net.sign(), 4, 6), 16)


def flattened_channels_last():
    net = bits().node("Transpose", **TO_LAST).node("Reshape", whole(1, 216))
    return dense(net.real("Add", np.linspace(-1, 1, 216)).sign(), 216)


def exchanged_twice():
    net = bits().node("Transpose", perm=[0, 1, 3, 2]).sign().node("Transpose", perm=[0, 1, 3, 2])
    return scores(conv(net, 4, 6), 64)


def short_axes():
    net = bits().node("GlobalAveragePool").node("Squeeze", whole(2, 3)).node("Unsqueeze", whole(1))
    return dense(net.node("Reshape", whole(1, 6)), 6).node("Unsqueeze", whole(2))


def rolled(net, by, *axes):
    """Channels, rows or columns that leave on one side come in on the other."""
    for axis in axes:
        source = net.at
        behind = sliced(net, [-by], [6], [axis], [1]).at
        net.at = source
        before = sliced(net, [0], [-by], [axis], [1]).at
        net.node("Concat", inputs=[behind, before], axis=axis)
    return net


def reflected():
    """Pads and a shape that are computed, as torch writes them."""
    net = bits()
    net.constants.update(before=whole(0, 0, 1, 2), behind=whole(0, 0, 2, 1), rest=whole(6, 9, 9))
    source = net.at
    pads = net.node("Concat", inputs=["before", "behind"], axis=0).node("Transpose", perm=[0]).at
    net.node("Pad", inputs=[source, pads], mode="reflect")
    for _ in range(2):
        image, count = net.at, net.node("Shape").node("Gather", whole(0)).at
        net.node("Reshape", inputs=[image, net.node("Concat", inputs=[count, "rest"], axis=0).at])
    return scores(conv(net, 4, 6), 196)


def stacked():
    """Rows of one convolution below those of another."""
    net = bits()
    above = net.at
    below = conv(net, 6, 6, 1).norm(6).sign().at
    return scores(conv(net.node("Concat", inputs=[above, below], axis=2), 4, 6), 160)


def per_pixel():
    return dense(bits().node("Transpose", **TO_LAST), 6, 4).node("Transpose", **TO_FIRST)


def averaged():
    """Keras: an average over rows and columns, channels last."""
    net = bits().node("Transpose", **TO_LAST).node("ReduceMean", axes=[1, 2], keepdims=0)
    return dense(net, 6)


def side_by_side():
    """Keras: a concatenation of channels, channels last."""
    net = bits().node("Transpose", **TO_LAST)
    once = net.at
    twice = net.real("Mul", [1.0, -1.0, 1.0, 1.0, -1.0, 1.0]).at
    net.node("Concat", inputs=[once, twice], axis=3).node("Transpose", **TO_FIRST)
    return scores(conv(net, 4, 12).norm(4).sign(), 64)


def half_of_a_vector():
    """Some elements of a vector through a layer of their own, the others beside it."""
    net = dense(bits().node("Flatten"), 216, 8).norm(8).sign()
    net.node("Split", whole(3, 5), axis=1, outputs=2)
    left = net.at
    net.at = f"{left}_1"
    right = dense(net, 5, 4).norm(4).sign().at
    return dense(net.node("Concat", inputs=[left, right], axis=1), 7)


ALL = -(2**63)
POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}
BUILT = {  # name: network, its output, kinds of its integer operators that stand for the move
    "channels last": (channels_last, (5,), []),
    "shuffle": (lambda: scores(conv(shuffled(bits(), 6, 6, 3), 4, 6), 64), (5,), []),
    "shuffle in front of a quantiser": (shuffled_sums, (5,), []),
    "shuffle, depthwise": (
        lambda: scores(conv(shuffled(bits(), 6, 6, 2), 6, 1, group=6), 96), (5,), ["Conv"],
    ),
    "channels sliced": (lambda: scores(conv(sliced(bits(), [1], [5], [1], [1]), 4, 4), 64), (5,), []),
    "channels backwards": (lambda: scores(conv(sliced(bits(), [-1], [ALL], [1], [-1]), 4, 6), 64), (5,), []),
    "channels gathered": (
        lambda: scores(conv(bits().node("Gather", whole(3, 1, 4), axis=1), 4, 3).norm(4).sign(), 64),
        (5,), [],
    ),
    "cropped": (lambda: scores(conv(cropped(), 4, 6), 16), (5,), ["Crop"]),
    "cropped, pooled": (lambda: scores(cropped().node("MaxPool", **POOL), 24), (5,), ["Crop"]),
    "levels cropped": (levels_cropped, (5,), ["Crop"]),
    "every other pixel": (lambda: scores(conv(cropped(2), 4, 6, 1), 16), (5,), ["Conv"]),
    "cropped in front of a dense layer": (lambda: scores(cropped(2), 24), (5,), []),
    "rows as channels": (lambda: conv(bits().node("Transpose", perm=[0, 2, 1, 3]), 4, 6), (4, 4, 4), []),
    "split": (split, (5,), ["Conv"]),
    "focus": (focus, (5,), ["Conv"] * 4),
    "space to depth": (
        lambda: scores(conv(bits().node("SpaceToDepth", blocksize=2), 4, 24), 4), (5,), ["Conv"],
    ),
    "depth to space in front of a dense layer": (
        lambda: scores(conv(bits(), 8, 6).sign().node("DepthToSpace", blocksize=2), 128), (5,), [],
    ),
    "dense layer for every pixel": (per_pixel, (4, 6, 6), []),
    "flattened channels last": (flattened_channels_last, (5,), []),
    "concatenation, channels last": (side_by_side, (5,), []),
    "half of a vector": (half_of_a_vector, (5,), ["Crop"]),
    "some of the scores": (
        lambda: sliced(dense(bits().node("Flatten"), 216), [1], [4], [1], [1]), (3,), ["Crop"],
    ),
    "average, channels last": (averaged, (5,), []),
    "part of a vector": (lambda: dense(sliced(bits().node("Flatten"), [7], [107], [1], [1]), 100), (5,), []),
    "rows and columns exchanged twice": (exchanged_twice, (5,), []),
    "rolled": (lambda: scores(conv(rolled(bits(), 2, 2, 3), 4, 6), 64), (5,), []),
    "stacked": (stacked, (5,), []),
    "rows at uneven distances": (
        lambda: scores(conv(bits().node("Gather", whole(0, 2, 2, 5), axis=2), 4, 6), 32), (5,), [],
    ),
    "channels repeated": (
        lambda: scores(bits().node("Gather", whole(5, 5, 3, 3, 1, 0), axis=1), 216), (5,), [],
    ),
    "reflected": (reflected, (5,), []),
    "cut by a pad": (
        lambda: scores(conv(bits().node("Pad", whole(0, 0, -1, 1, 0, 0, -1, -2), np.float32(1)), 4, 6), 24),
        (5,), ["Crop"],
    ),
    "axes of length one": (short_axes, (5, 1), []),
}  # fmt: skip


def pixels_for(model, count=3, seed=1):
    shape = model.get_tensor_shape(model.graph.input[0].name)[1:]
    return np.random.default_rng(seed).integers(0, 256, (count, *shape))


@pytest.mark.parametrize("name", BUILT)
def test_elements_that_lie_elsewhere_give_the_same_scores(name):
    make, output, operators = BUILT[name]
    model = make().model(output)
    pixels = pixels_for(model)
    found = compare(model, pixels)
    assert [node.op for node in found.nodes if "_chosen" in node.name and node.op != "Threshold"] == operators
    assert checks.finn_is_equal(found, pixels[:1].transpose(0, 2, 3, 1))[0]["integers"]


@pytest.mark.quick("half of a vector")
@pytest.mark.parametrize("name", ["channels last", "split", "focus", "levels cropped", "half of a vector",
                                  "rolled", "stacked", "rows at uneven distances", "reflected"])  # fmt: skip
def test_the_rtl_gives_the_scores_of_qonnx(tmp_path, name):
    make, output, _ = BUILT[name]
    model = make().model(output)
    proven(model, pixels_for(model, 2), 1, tmp_path)


def test_the_shape_of_a_tensor_of_unknown_rank_waits_until_it_is_known():
    model = cleaned_up(ModelWrapper(reflected().onnx((5,))))
    assert "Shape" not in {node.op_type for node in model.graph.node}


def test_steps_with_constants_of_their_own_are_no_loop_of_adders(tmp_path):
    net = Graph((3, 5, 5))
    net.node("Conv", net.weights(2, 3, 3, 3)).norm(2).quant(16.0, 3, signed=0)
    model = scores(rolled(net, 1, 1, 1, 1).node("GlobalAveragePool"), 2).model((5,))
    model.save(str(tmp_path / "net.onnx"))
    imported(tmp_path / "net.onnx", pixels_for(model).astype(np.uint8), tmp_path, 1.0)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=1000)
    agrees(tmp_path)


def keras(tail):
    """Images (8, 8, 3) in, a map of 4 classes channels last out."""
    net = Graph((8, 8, 3))
    conv(net.node("Transpose", **TO_FIRST), 6, 3).sign()
    conv(net, 4, 6).node("Transpose", **TO_LAST)
    return net.node("Softmax", axis=3) if tail else net


@pytest.mark.parametrize("tail", [False, True])
def test_a_network_of_images_channels_last_is_imported_channels_first(tmp_path, tail):
    model = keras(tail).model((4, 4, 4))
    model.save(str(tmp_path / "net.onnx"))
    pixels = np.random.default_rng(2).integers(0, 256, (3, *SHAPE)).astype(np.uint8)
    record = import_model(tmp_path / "net.onnx", pixels, np.full(3, -1), tmp_path, 1.0)
    assert record["host_function"] == ("softmax" if tail else None)
    wanted = qonnx_scores_of(model, pixels.transpose(0, 2, 3, 1))
    golden = np.load(tmp_path / "golden.npz")
    scores = golden["scores"].transpose(0, 2, 3, 1)
    if tail:
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        scores = shares / shares.sum(-1, keepdims=True)
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-6)
    found = lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    assert len(found["checks"]) == 3 and not any(row["mismatches"] for row in found["checks"])


def one_row(seed=0):
    """Convolutions and pools along one row: tensors (1, C, L)."""
    net = Graph((4, 40), seed)
    net.node("Conv", net.weights(6, 4, 5), strides=[2]).norm(6).sign()
    net.node("MaxPool", kernel_shape=[2], strides=[2])
    net.node("Conv", net.weights(8, 6, 3), pads=[1, 1], dilations=[1]).norm(8).sign()
    net.node("GlobalAveragePool").node("Flatten")
    return net.node("MatMul", net.weights(8, 5))


@pytest.mark.parametrize("seed", range(2))
def test_a_convolution_of_one_dimension_is_one_of_a_single_row(seed):
    model = one_row(seed).model((5,))
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 4, 40))
    graph, frames = compare(model, pixels), frames_of(pixels)
    assert checks.finn_is_equal(graph, frames[:1])[0]["integers"]
    assert len(np.unique(checks.run_all(graph, frames))) > 3


@pytest.mark.parametrize("at", [{"alpha": 0.5}, {"beta": -2.0}, {"alpha": -0.25, "beta": 0.5, "transB": 1}])
def test_factors_of_gemm_go_into_its_weights_and_its_bias(at):
    net = bits().node("Flatten")
    weights = net.weights(216, 5)
    net.node("Gemm", weights.T if at.get("transB") else weights, np.float32([1, -2, 3, 0.5, 8]), **at)
    compare(net.model((5,)), pixels_for(net.model((5,))))


def addresses(graph, inputs: int, neurons: int, bits: int, scale: float = 0.5):
    """The sums of bits with which each neuron finds its entries in a row of all tables."""
    weights = np.zeros((inputs, neurons))
    for n in range(neurons):
        weights[graph.rng.choice(inputs, bits, replace=False), n] = scale * 2.0 ** np.arange(bits)
    first = 2**bits * np.arange(neurons) + scale * (2**bits - 1)
    return graph.real("MatMul", weights).real("Add", first).node("Cast", to=TensorProto.INT64)


def looked_up(graph, table):
    """Entries of a table."""
    graph.constants["table"] = np.float32(table)
    return graph.node("Gather", inputs=["table", graph.at], axis=0)


def neurons(seed: int, shape, many: int, bits: int):
    """A sign, tables of the bits, tables of their answers, and votes for three classes."""
    graph, inputs = Graph(shape, seed).real("Sub", 99.5).sign(), int(np.prod(shape))
    if len(shape) > 1:
        graph.node("Flatten")
    for size in (inputs, many):
        addresses(graph, size, many, min(bits, size))
        looked_up(graph, graph.rng.choice([-1, 1], many << min(bits, size)))
    return graph.real("MatMul", graph.rng.integers(-1, 2, (many, 3))).model((3,))


@pytest.mark.quick("*-shape1")
@pytest.mark.parametrize("shape", [(9,), (2, 3, 4)])
@pytest.mark.parametrize(("many", "bits"), [(7, 1), (5, 3), (12, 6), (9, 8)])
def test_tables_are_lowered_exactly_and_addresses_are_not_built(shape, many, bits):
    model, rng = neurons(many, shape, many, bits), np.random.default_rng(1)
    graph = compare(model, rng.integers(0, 256, (40, *shape)))
    kinds = [node.op for node in graph.nodes if node.op != "Reshape"]
    assert kinds == ["Threshold", "Lookup", "Lookup", "Dense"]
    frames = rng.integers(0, 256, (3, *shape))
    assert is_exact(graph, model, frames.transpose(0, 2, 3, 1) if frames.ndim == 4 else frames)["integers"]


def test_rtl_looks_up_a_frame_per_cycle_at_any_pace(tmp_path):
    integers = lowered(neurons(0, (24,), 12, 6))
    device, ops = built(with_fifos(smallest(bounds_of(integers), 1), {}), tmp_path)
    assert [type(op).__name__ for op in ops].count("Lookup") == 2
    frames = np.random.default_rng(1).integers(0, 256, (200, 24))
    wanted = checks.run_all(integers, frames).reshape(len(frames), -1)
    for stall in (0.0, 0.4):
        run = cosim.run(device, frames, stall=stall, seed=2)
        np.testing.assert_array_equal(run.output.reshape(len(frames), -1)[:, :3], wanted)
        assert stall or (np.diff(run.cycles[:, 0]) == 1).all()


@pytest.mark.full
def test_the_netlist_looks_up_what_the_rtl_does(tmp_path):
    integers = lowered(neurons(0, (24,), 12, 6))
    _, ops = built(with_fifos(smallest(bounds_of(integers), 1), {}), tmp_path)
    device, _ = mapped_cells(tmp_path, ops)
    frames = np.random.default_rng(2).integers(0, 256, (2000, 24))
    run = cosim.run(device, frames, stall=0.4, seed=2)
    wanted = checks.run_all(integers, frames).reshape(len(frames), -1)
    np.testing.assert_array_equal(run.output.reshape(len(frames), -1)[:, :3], wanted)


def test_tables_of_any_two_numbers_and_negative_indices_keep_their_values():
    """Index -1 is the last entry, in ONNX as in numpy."""
    graph = Graph((3,)).real("Sub", 99.5).sign()
    graph.real("MatMul", [[0.5], [1.0], [0.0]]).real("Add", [-0.5]).node("Cast", to=TensorProto.INT64)
    model = looked_up(graph, [2.5, 0.25, 2.5, 0.25]).model((1,))
    pixels = np.array([[a, b, 0] for a in (0, 255) for b in (0, 255)])
    compare(model, pixels)


REFUSED = {
    "numbers": (lambda g: addresses(g.quant(8.0, 4), 9, 2, 2, 1.0), [1, -1] * 40, ("other than bits",)),
    "nine bits": (lambda g: addresses(g.sign(), 9, 2, 9), [1, -1] * 512, ("neuron", "9 bits", "at most 8")),
    "three answers": (lambda g: addresses(g.sign(), 9, 2, 2), [1, -1, 0] * 3, ("3 different", "two")),
    "a short table": (lambda g: addresses(g.sign(), 9, 2, 2), [1, -1] * 2, ("0 .. 7", "4 entries")),
    "rows": (lambda g: addresses(g.sign(), 9, 2, 2), np.ones((8, 2)), ("[8, 2]", "axis 0")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_tables_are_refused_by_name(name):
    given, table, words = REFUSED[name]
    model = looked_up(given(Graph((9,)).real("Sub", 99.5)), table)
    shape = (2, 2) if name == "rows" else (2,)
    with refuses(" … ".join(("Gather", *words))):
        lowered(model.model(shape))
