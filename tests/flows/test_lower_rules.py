"""Every rule of lowering against the reference's float32, on every reachable integer where possible."""

from fractions import Fraction

import numpy as np
import pytest
from graphs import QONNX, Graph, activations_are_equal, compare, lowered
from pipeline import proven
from qonnx.core import onnx_exec

from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.finn_graph import as_finn
from xnorforge.flows.lower.graph import integer_graph
from xnorforge.flows.lower.proof import checks
from xnorforge.hw.lowering import quantisers, values
from xnorforge.hw.lowering.evaluation import evaluate

from ..refusals import refuses, says

CHANNELS = 48
EVERY_BYTE = np.tile(np.arange(256), (1, CHANNELS, 1, 1))  # one row of 256 pixels, the same in every channel


def chain(graph, kinds):
    """Append per-channel operations with random constants."""
    rng, shape = graph.rng, (CHANNELS, 1, 1)
    for kind in kinds:
        factor = rng.choice([-1, 1], shape) * rng.uniform(0.1, 3, shape)
        if kind == "norm":
            graph.norm(CHANNELS)
        elif kind == "Sub from":
            graph.constants["c_from"] = np.float32(rng.normal(0, 2, shape))
            graph.node("Sub", inputs=["c_from", graph.at])
        elif kind in ("Mul", "Div"):
            graph.real(kind, factor)
        elif kind in ("Add", "Sub"):
            graph.real(kind, rng.normal(0, 20, shape))
        elif kind == "Clip":
            graph.real("Clip", -0.75, 1.25)
        elif kind == "PRelu":
            graph.real("PRelu", rng.uniform(0, 1, shape))
        else:
            graph.node(kind)
    return graph


CHAINS = [["norm"], ["Mul", "Add"], ["Div", "Sub", "norm"], ["Sub from", "Mul"], ["norm", "Relu"],
          ["norm", "PRelu", "Add"], ["Add", "LeakyRelu", "Mul", "norm"], ["norm", "Clip"],
          ["Mul", "norm", "Mul", "norm", "Div"], ["Relu", "norm", "Clip", "Mul"]]  # fmt: skip
QUANTISERS = {
    "sign": lambda g: g.sign(), "scaled sign": lambda g: g.sign(0.37), "4 bit": lambda g: g.quant(0.173, 4),
    "3 bit unsigned, zero point, floor": lambda g: g.quant(0.31, 3, zero=2.0, signed=0, mode="FLOOR"),
    "8 bit narrow, ceil": lambda g: g.quant(2.0**-5, 8, narrow=1, mode="CEIL"),
    "1 bit, which is -1 and +1": lambda g: g.quant(0.4, 1, zero=-1.0),
    "1 bit unsigned": lambda g: g.quant(0.4, 1, signed=0),
    "zero point between two levels": lambda g: g.quant(0.25, 4, zero=0.5, signed=0),
}  # fmt: skip


@pytest.mark.parametrize("quantiser", QUANTISERS)
@pytest.mark.parametrize("kinds", CHAINS, ids=" ".join)
def test_thresholds_equal_the_reference_on_every_byte(kinds, quantiser):
    graph = Graph((CHANNELS, 1, 256), seed=len(kinds) + len(quantiser))
    compare(QUANTISERS[quantiser](chain(graph, kinds)).model((CHANNELS, 1, 256)), EVERY_BYTE)


def test_thresholds_equal_the_reference_where_batch_norm_hits_zero_exactly():
    graph = Graph((CHANNELS, 1, 256))
    mean, gamma = np.arange(CHANNELS) * 5.0, np.tile([1.0, -1.0, 0.3, -2.7], CHANNELS // 4)
    zeros, var = np.zeros(CHANNELS), np.full(CHANNELS, 3.0)
    graph.real("BatchNormalization", gamma, zeros, mean, var, epsilon=1e-5).sign()
    compare(graph.model((CHANNELS, 1, 256)), EVERY_BYTE)


@pytest.mark.parametrize("mode", quantisers.MODES)
def test_every_rounding_mode_of_qonnx_ties_included(mode):
    graph = Graph((1, 1, 256)).real("Sub", 128.0).quant(4.0, 5, mode=mode)
    compare(graph.model((1, 1, 256)), EVERY_BYTE[:, :1])


@pytest.mark.parametrize("zero", [0.0, 3.0, -2.0])
@pytest.mark.parametrize("form", ["first", "second", "second, unsigned and narrow"])
def test_both_versions_of_trunc(form, zero):
    graph, second = Graph((1, 1, 256)).real("Sub", 100.0), form != "first"
    at = {"signed": 0, "narrow": 1} if "unsigned" in form else {}
    given = (2.0, zero, 7.0, *([16.0] if second else []), 4.0)
    graph.real("Trunc", *given, domain=QONNX, rounding_mode="FLOOR", **at)
    model = graph.model((1, 1, 256))
    for opset in model.model.opset_import:
        opset.version = 2 if second and opset.domain == QONNX else opset.version
    compare(model, EVERY_BYTE[:, :1])


def test_a_batch_norm_that_reaches_infinity_still_has_its_threshold():
    given = [1e37, -1e37], [0, 0], [10, 10], [1, 1]
    graph = Graph((2, 1, 256)).real("BatchNormalization", *given, epsilon=1e-5)
    found = compare(graph.real("Mul", 9.0).sign().model((2, 1, 256)), EVERY_BYTE[:, :2]).nodes[0].at
    assert found["thresholds"].tolist() == [[10], [-10]] and found["direction"].tolist() == [1, -1]


def test_the_chain_gives_the_bits_of_onnxruntime():
    model = Graph((CHANNELS, 1, 256), seed=3).norm(CHANNELS).model((CHANNELS, 1, 256))
    wanted = onnx_exec.execute_onnx(model, {model.graph.input[0].name: EVERY_BYTE.astype(np.float32)})
    constants = [model.get_initializer(name) for name in model.graph.node[0].input[1:]]
    leaf = values.Leaf("n", (CHANNELS,), np.zeros(CHANNELS, int), np.full(CHANNELS, 255))
    value = values.of_leaf(leaf, Fraction(1), Fraction(0))
    value = values.append(value, "bn", *values.batch_norm(*constants, 1e-5))
    got = evaluate(value, EVERY_BYTE[0, :, 0, :])
    np.testing.assert_array_equal(got, wanted[model.graph.output[0].name][0, :, 0, :])


def test_always_and_never_are_exact_thresholds():
    graph = Graph((3, 1, 4)).real("Add", np.reshape([1.0, -300.0, -100.0], (3, 1, 1))).sign()
    found = lowered(graph.model((3, 1, 4))).nodes[0].at["thresholds"]
    assert found.tolist() == [[0], [256], [100]]  # 0: always, 255 + 1: never


def test_an_8_bit_quantiser_on_its_own_pixels_is_no_operator():
    graph = Graph((2, 4, 4)).real("Mul", 1 / 128).real("Sub", 1.0).quant(2.0**-7, 8).sign()
    assert [n.op for n in compare(graph.model((2, 4, 4)), bytes_of((2, 2, 4, 4))).nodes] == ["Threshold"]


def bytes_of(shape, seed=0, hi=255):
    return np.random.default_rng(seed).integers(0, hi + 1, shape)


def bits(graph, channels):
    """Bits of -1 and +1 from bytes."""
    return graph.real("Sub", graph.rng.uniform(64, 192, (channels, 1, 1))).sign()


LINEAR = {
    "3x3": ((8, 4, 3, 3), {}), "stride": ((8, 4, 3, 3), {"strides": [2, 3]}),
    "dilation": ((8, 4, 3, 2), {"dilations": [2, 1]}), "not square": ((8, 4, 1, 5), {}),
    "grouped": ((8, 2, 3, 3), {"group": 2}), "depthwise": ((4, 1, 3, 3), {"group": 4}),
    "zero padded": ((8, 4, 3, 3), {"pads": [1, 0, 2, 1]}),
    "zero padded, grouped, stride": ((8, 2, 3, 3), {"pads": [1, 1, 1, 1], "group": 2, "strides": [2, 2]}),
}  # fmt: skip


@pytest.mark.parametrize("source", ["bits", "bytes", "levels"])
@pytest.mark.parametrize("form", LINEAR)
def test_convolutions_of_every_form_and_input(form, source):
    shape, attributes = LINEAR[form]
    graph = Graph((4, 9, 9), seed=len(form))
    if source == "bits":
        bits(graph, 4)
    elif source == "levels":
        graph.quant(37.0, 3, signed=0)
    graph.node("Conv", graph.weights(*shape), **attributes)
    h, w = convolved((9, 9), shape[2:], attributes)
    graph.norm(shape[0]).sign()
    compare(graph.model((shape[0], h, w)), bytes_of((3, 4, 9, 9)))


def convolved(size, kernel, attributes):
    pads = attributes.get("pads", [0] * 4)
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    every = zip(size, kernel, strides, dilations, pads[:2], pads[2:])
    return [(n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, d, a, b in every]


def with_weights(graph, op, shape, change, **attributes):
    """An operator whose weights `change` makes of random numbers within -1 .. 1."""
    graph.constants["w"], at, graph.at = np.float32(graph.rng.uniform(-1, 1, shape)), graph.at, "w"
    return graph.node(op, inputs=[at, change(graph).at], **attributes)


def joined(graph):
    """Bits of the whole input behind those that there are, both flattened."""
    parts = graph.node("Flatten").at, graph.real("Mul", 1.0, inputs=["x"]).sign().node("Flatten").at
    return graph.node("Concat", inputs=parts, axis=1)


def branches(graph, op, *steps):
    """What an operator makes of as many convolutions as there are steps, each quantised to 3 bits; a step of
    0 stands for the sums, times real numbers."""
    source, ends = graph.at, []
    for step in steps:
        graph.node("Conv", graph.weights(4, 4, 1, 1), inputs=[source])
        factors = graph.rng.uniform(0.1, 0.3, (4, 1, 1))
        ends.append((graph.quant(step, 3) if step else graph.real("Mul", factors).real("Add", 0.7)).at)
    return graph.node(op, inputs=ends)


KERNELS, STEP = (4, 4, 3, 3), (np.float32(0.25), np.int8(0))
PER_OUTPUT = np.reshape([1.0, 0.5, 2.0, 0.25, 1.5, 3.0, 1.0], (7, 1))
FORMS = {  # of matrices and convolutions behind bits (4, 6, 6)
    "Gemm": lambda g: g.node("Flatten").real("Gemm", g.weights(7, 144), g.rng.integers(-5, 5, 7), transB=1),
    "MatMul": lambda g: g.node("Flatten").node("MatMul", g.weights(144, 7)),
    "MatMul of pixels": lambda g: g.node("MatMul", g.weights(6, 3)).sign().node("Flatten").node(
        "MatMul", g.weights(72, 7)),
    "plain low-bit weights":
        lambda g: g.node("Flatten").real("MatMul", g.rng.integers(-7, 8, (144, 7)) * 0.25),
    "scaled weights": lambda g: with_weights(
        g.node("Flatten"), "Gemm", (7, 144), lambda w: w.sign().real("Mul", PER_OUTPUT), transB=1),
    "scale per output": lambda g: with_weights(
        g.node("Flatten"), "Gemm", (7, 144), lambda w: w.quant(0.5 * PER_OUTPUT, 2, narrow=1), transB=1),
    "Quant": lambda g: with_weights(g, "Conv", KERNELS, lambda w: w.quant(0.25, 4, 2.0, narrow=1)).sign(),
    "Quant of a bit": lambda g: with_weights(g, "Conv", KERNELS, lambda w: w.quant(0.25, 1, narrow=1)).sign(),
    "QuantizeLinear": lambda g: with_weights(
        g, "Conv", KERNELS, lambda w: w.node("QuantizeLinear", *STEP).node("DequantizeLinear", *STEP)).sign(),
    "channels chosen before":
        lambda g: g.node("Gather", np.int64([2, 0, 2]), axis=1).node("Conv", g.weights(5, 3, 3, 3)),
    "parts joined before": lambda g: joined(g).node("MatMul", g.weights(288, 7)),
    "scales and signs per input": lambda g: g.real("Mul", np.reshape([1.0, -2.0, 0.5, 3.0], (4, 1, 1))).real(
        "Add", np.reshape([0.0, 1.0, -2.0, 0.25], (4, 1, 1))).node("Conv", g.weights(6, 4, 3, 3)),
    "small scales": lambda g: scaled(g, 1, 0.3, 1e-20, 1.1).node("Conv", g.weights(5, 4, 3, 3)),
    "half of the channels": lambda g: g.node("Split", axis=1, outputs=2).node("Conv", g.weights(5, 2, 3, 3)),
    "whole numbers rounded": lambda g: g.node("Conv", g.weights(5, 4, 3, 3)).node("Round").sign(),
    "a padded pool of sums": lambda g: g.node("Conv", g.weights(8, 4, 3, 3)).node(
        "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4).norm(8).sign(),
    "sum with the input": lambda g: g.node("Sum", inputs=[g.at, "x"]).sign(),
    "elements chosen": lambda g: g.node("Flatten").node("Gather", np.int64([3, 1, 99]), axis=1).sign(),
    "sums of 18 bits": lambda g: g.node("Flatten").real("MatMul", g.rng.integers(-999, 999, (144, 8))).node(
        "MatMul", g.weights(8, 3)),
    "real sums": lambda g: branches(g, "Add", 0, 0).node("Conv", g.weights(5, 4, 1, 1), strides=[2, 2]),
    "real sums, padded, grouped": lambda g: branches(g, "Add", 0, 0).node("Relu").node(
        "Conv", g.weights(8, 2, 3, 3), pads=[1] * 4, group=2),
    "levels of two steps": lambda g: branches(g, "Add", 0.3, 0.7).node("Conv", g.weights(5, 4, 3, 3)),
    "larger levels": lambda g: branches(g, "Max", 1.0, 1.0, 1.0).node("Conv", g.weights(5, 4, 3, 3)),
    "smaller levels of two steps": lambda g: branches(g, "Min", 0.3, 0.7).node("Conv", g.weights(5, 4, 3, 3)),
    "ReLU of a channel that is always 0": lambda g: scaled(g, 1, 0, 1, 1).node("Relu"),
    "larger real sums": lambda g: branches(g, "Max", 0, 0).sign().node("Conv", g.weights(5, 4, 3, 3)),
    "a pixel": lambda g: g.node("Reshape", np.int64([1, 144, 1, 1])).node("Conv", g.weights(3, 144, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_matrices_of_every_form(form):
    compare(FORMS[form](bits(Graph((4, 6, 6)), 4)).model(None), bytes_of((4, 4, 6, 6)))


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_padding_with_a_bit_is_an_integer_border(value):
    pads = np.array([0, 0, 1, 2, 0, 0, 0, 1])
    graph = bits(Graph((4, 5, 5)), 4).node("Pad", pads, np.float32(value))
    graph.node("Conv", np.ones((2, 4, 3, 3), np.float32))
    found = compare(graph.model((2, 4, 6)), bytes_of((3, 4, 5, 5)))
    assert [n.at["value"] for n in found.nodes if n.op == "Pad"] == [int(value > 0)]
    checks.finn_is_equal(found, bytes_of((2, 5, 5, 4)))
    [pad] = {n.op_type for n in as_finn(found).graph.node if "Pad" in n.op_type}
    assert pad == ("Pad" if value > 0 else "FMPadding")


@pytest.mark.parametrize("order", ["sign pool", "norm pool sign", "pool norm sign"])
def test_a_max_pool_stands_behind_the_threshold(order):
    graph = Graph((6, 8, 8)).node("Conv", Graph((1,), 1).weights(5, 6, 3, 3))
    for part in order.split():
        if part == "pool":
            graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        else:
            graph.norm(5) if part == "norm" else graph.sign()
    found = compare(graph.model((5, 3, 3)), bytes_of((3, 6, 8, 8)))
    assert [n.op for n in found.nodes] == ["Conv", "Threshold", "MaxPool"]
    checks.finn_is_equal(found, bytes_of((2, 8, 8, 6)))
    assert (found.nodes[1].at["direction"] == 1).all()
    # Where the pool comes first, falling channels take the minimum of their bits.
    first = order == "pool norm sign"
    assert (found.nodes[2].at["direction"] < 0).any() == first
    assert as_finn(found).graph.node[-1].op_type == ("MaxPool" if first else "Pool")


def test_a_falling_comparison_goes_into_the_weights_when_nobody_else_reads_the_sums():
    weights = Graph((1,)).weights(6, 4, 3, 3)
    graph = bits(Graph((4, 5, 5)), 4).node("Conv", weights).real("Mul", -1.0).sign()
    found = compare(graph.model((6, 3, 3)), bytes_of((3, 4, 5, 5)))
    conv = found.nodes[1].at["weights"]
    np.testing.assert_array_equal(conv.transpose(3, 2, 0, 1), -weights)
    assert (found.nodes[2].at["direction"] == 1).all()


def test_a_falling_comparison_keeps_its_direction_when_the_sums_have_two_readers():
    graph = bits(Graph((4, 5, 5)), 4).node("Conv", Graph((1,)).weights(6, 4, 3, 3))
    sums = graph.at
    up = graph.sign().at
    graph.at = sums
    down = graph.real("Mul", -1.0).sign().at
    found = compare(graph.node("Add", inputs=[up, down]).model((6, 3, 3)), bytes_of((3, 4, 5, 5)))
    ways = [n.at["direction"][0] for n in found.nodes if n.name.startswith("conv0_threshold")]
    assert sorted(ways) == [-1, 1]
    checks.finn_is_equal(found, bytes_of((3, 5, 5, 4)))


@pytest.mark.parametrize("quantised", [False, True])
def test_joins_equal_the_reference_on_every_pair_of_levels(quantised):
    graph = Graph((2, 16, 16)).real("Mul", np.reshape([1.0, -1.0], (2, 1, 1)))
    source = graph.at
    ends = []
    for scale, shift in ((0.5, 3.0), (0.75, -1.0)):
        graph.at = source
        graph.node("Conv", np.float32(np.eye(2)[:, :, None, None])).real("Mul", scale).real("Add", shift)
        ends.append(graph.quant(0.25, 7).at if quantised else graph.at)
    graph.node("Add", inputs=ends).real("Sub", np.reshape([70.0, -110.0], (2, 1, 1))).sign()
    every = np.stack([np.arange(256).reshape(16, 16), np.arange(256).reshape(16, 16)[::-1]])[None]
    found = compare(graph.model((2, 16, 16)), every)
    assert found.rounded == []  # on a binary grid equality is by construction
    checks.finn_is_equal(found, every.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("kind", ["Relu", "PRelu", "Clip"])
def test_relu_and_clip_in_front_of_a_sum_are_exact(kind):
    graph = Graph((CHANNELS, 1, 256), seed=5)
    rng, shape, source = graph.rng, (CHANNELS, 1, 1), graph.at
    graph.real("Mul", rng.choice([-1, 1], shape) * rng.integers(1, 9, shape) / 8).real(
        "Add", rng.integers(-80, 80, shape) / 4
    )
    given = {"Relu": (), "PRelu": (rng.integers(0, 5, shape) / 4,), "Clip": (-4.25, 9.5)}[kind]
    graph.real(kind, *given)
    graph.node("Add", inputs=[graph.at, source]).real("Sub", rng.integers(0, 200, shape)).sign()
    found = compare(graph.model((CHANNELS, 1, 256)), EVERY_BYTE)
    checks.finn_is_equal(found, EVERY_BYTE.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("kind", ["AveragePool", "GlobalAveragePool", "ReduceMean"])
def test_averages_are_sums(kind):
    graph = Graph((4, 6, 6)).quant(16.0, 4, signed=0)
    means = {"axes": [2, 3], "keepdims": 1}
    more = {"AveragePool": {"kernel_shape": [2, 2], "strides": [2, 2]}, "ReduceMean": means}
    graph.node(kind, **more.get(kind, {})).norm(4).sign()
    size = (3, 3) if kind == "AveragePool" else (1, 1)
    compare(graph.model((4, *size)), bytes_of((4, 4, 6, 6)))


def test_concatenation_and_upsampling_move_integers():
    graph = Graph((3, 4, 4))
    left = bits(graph, 3).at
    graph.at = "x"
    right = bits(graph, 3).at
    graph.node("Concat", inputs=[left, right], axis=1)
    graph.node("Resize", None, np.float32([1, 1, 2, 2]), mode="nearest",
               coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    graph.node("Conv", graph.weights(4, 6, 3, 3))
    found = compare(graph.model((4, 6, 6)), bytes_of((3, 3, 4, 4)))
    checks.finn_is_equal(found, bytes_of((2, 4, 4, 3)))


def test_a_tensor_may_be_concatenated_with_its_own_multiple():
    graph = Graph((2, 4, 4)).sign()
    once = graph.at
    twice = graph.real("Mul", 2.0).at
    model = graph.node("Concat", inputs=[once, twice], axis=1).model((4, 4, 4))
    graph = compare(model, bytes_of((3, 2, 4, 4)))
    assert "DuplicateStreams" in {node.op_type for node in as_finn(graph).graph.node}


def test_constants_per_pixel_behind_a_flattening_follow_the_stream():
    pixels = Graph((1,)).rng.uniform(0, 255, (1, 48))
    graph = Graph((3, 4, 4)).node("Flatten", axis=1).real("Sub", pixels).sign()
    graph.node("MatMul", graph.weights(48, 5))
    found = compare(graph.model((5,)), bytes_of((4, 3, 4, 4)))
    checks.finn_is_equal(found, bytes_of((2, 4, 4, 3)))


def test_one_threshold_for_all_pixels_stands_before_the_flattening():
    graph = Graph((3, 4, 4)).node("Flatten", axis=1).real("Sub", 100.0).sign()
    graph.node("MatMul", Graph((1,)).weights(48, 5))
    found = compare(graph.model((5,)), bytes_of((4, 3, 4, 4)))
    assert [(n.name, found.leaves[n.out].shape) for n in found.nodes] == [
        ("input_threshold", (4, 4, 3)), ("input_flat", (48,)), ("dense0", (5,)),
    ]  # fmt: skip


def small():
    """A binary convolution with thresholds, and two images."""
    graph = bits(Graph((4, 5, 5)), 4).node("Conv", Graph((1,)).weights(6, 4, 3, 3)).norm(6).sign()
    model = graph.node("Flatten", axis=1).node("MatMul", graph.weights(54, 3)).model((3,))
    return model, bytes_of((2, 4, 5, 5))


def test_a_wrong_threshold_is_named_with_channel_position_and_values():
    model, pixels = small()
    graph = integer_graph(model, 0, 255, 1.0)
    threshold = next(n for n in graph.nodes if n.name == "conv0_threshold")
    frames = pixels.transpose(0, 2, 3, 1)
    threshold.at["thresholds"][2] = 40  # never
    image, y, x = np.argwhere(np.stack([reference(model, one)[2] for one in pixels]) > 0)[0]
    with pytest.raises(MismatchError) as raised:
        activations_are_equal(graph, model, frames, pixels.astype(np.float32))
    place = f"channel 2, position (y {y}, x {x}), image {image}"
    says(raised, f"lower: conv0_threshold, {place}: … 0 in the integer graph and 1 in qonnx")


def reference(model, image):
    """The first convolution's bits by qonnx, (C, H, W)."""
    context = onnx_exec.execute_onnx(
        model, {model.graph.input[0].name: image[None].astype(np.float32)}, return_full_exec_context=True
    )
    last = [n for n in model.graph.node if n.op_type == "BipolarQuant"][-1]
    return context[last.output[0]][0]


def test_a_wrong_score_is_named():
    model, pixels = small()
    graph = lowered(model)
    integers = checks.run_all(graph, pixels.transpose(0, 2, 3, 1))
    scale, bias = checks.scale_and_bias(graph.output)
    golden = (scale * integers + bias).astype(np.float32)
    assert checks.scores_are_equal(graph, integers, golden)["what"].startswith("scores ==")
    golden[1, 2] += 2
    with pytest.raises(MismatchError, match=r"^lower: score 2 of image 1 is .* in golden.npz\.$"):
        checks.scores_are_equal(graph, integers, golden)


def test_scores_that_float32_rounds_may_be_off_by_so_much_and_no_more():
    """A millionth of the largest; or 32 times what the images are off that a judge has seen, or that 2^-24 of
    the largest is, but no more than its bound."""
    net = Graph((300,)).real("Sub", 0.5).sign(0.1)
    graph = lowered(net.node("MatMul", net.weights(300, 4)).real("Mul", 0.3).model((4,)), hi=1)
    integers = np.random.default_rng(0).integers(100, 200, (3, 4))
    scale, bias = checks.scale_and_bias(graph.output)
    scores = scale * integers + bias
    largest = abs(scores).max()
    judge = (np.full(4, 1e-3), lambda: [0], lambda image: False)
    for first, given, most in (
        (0, None, 1e-6 * largest), (0, judge, 32 * 2**-24 * largest), (1e-5, judge, 32e-5),
        (9e-4, judge, 1e-3), (0, (judge[0], list, judge[2]), 1e-3),
    ):  # fmt: skip
        golden = scores.copy()
        golden[0, 0] += first
        golden[1, 2] += 0.99 * most
        checks.scores_are_equal(graph, integers, golden, given)
        golden[1, 2] += 0.02 * most
        with pytest.raises(MismatchError, match="score 2 of image 1"):
            checks.scores_are_equal(graph, integers, golden, given)


def test_an_integer_outside_its_range_is_named():
    model, pixels = small()
    graph = lowered(model)
    with pytest.raises(MismatchError, match=r"^lower: input .* \(0, 255\), .* -?\d+ .. 1000\.$"):
        checks.run_all(graph, pixels.transpose(0, 2, 3, 1) * 0 + np.array([0, 0, 0, 1000]))


def test_images_are_computed_as_many_at_a_time_as_their_tensors_leave_memory_for(monkeypatch):
    """segment-tinyseg by group_net, four million numbers per image, was refused for its memory."""
    model, pixels = small()
    graph, frames = lowered(model), pixels.transpose(0, 2, 3, 1)
    whole, taken, run = checks.run_all(graph, frames), [], graph.run
    monkeypatch.setattr(graph, "run", lambda some: taken.append(len(some)) or run(some))
    numbers = sum(np.prod(tensor.shape) for tensor in graph.leaves.values())
    for room, batch in ((3 * numbers, 3), (numbers - 1, 1)):
        taken.clear()
        monkeypatch.setattr(checks, "BATCH_NUMBERS", room)
        np.testing.assert_array_equal(checks.run_all(graph, frames), whole)
        assert max(taken) == min(batch, len(frames)) and sum(taken) == len(frames) > 1


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("where", ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"])
def test_a_resize_is_lowered_exactly_or_refused_whatever_its_coordinates(where, nearest, factor):
    graph = Graph((2, 3, 4)).real("Sub", 127.5).sign()
    graph.node("Resize", None, np.float32([1, 1, factor, factor]), mode="nearest",
               coordinate_transformation_mode=where, nearest_mode=nearest)  # fmt: skip
    graph.node("Flatten", axis=1)
    model = graph.node("MatMul", graph.weights(24 * factor**2, 3)).model((3,))
    pixels = np.random.default_rng(0).integers(0, 256, (8, 2, 3, 4))
    if (where, nearest) in {("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")}:
        compare(model, pixels)
        return
    try:
        compare(model, pixels)
    except UserError as error:
        assert "does more than repeat pixels" in str(error)


def per_channel(numbers):
    return np.reshape(numbers, (1, -1, 1, 1))


@pytest.mark.parametrize("pads", [0, 1])
def test_channels_of_unlike_scales_become_matrices_of_digits(pads):
    """Ratios of 1 to 2,560, whose products with weights need 17 bits."""
    for bits, depth in [(1, 6), (3, 12)]:
        graph = Graph((4, 6, 6), seed=bits)
        scales = per_channel([1.0, 1 / 512, 3 / 256, -5.0])
        graph.quant(64.0, bits, signed=0).real("Mul", scales)
        weights = graph.rng.integers(-20, 21, (depth, 4, 3, 3)).astype(np.float32)
        graph.node("Conv", weights, pads=[pads] * 4).norm(depth).sign().node("Flatten", axis=1)
        size = depth * (4 + 2 * pads) ** 2
        model = graph.node("MatMul", graph.weights(size, 3)).model((3,))
        made = compare(model, bytes_of((6, 4, 6, 6), seed=bits))
        matrices = [node for node in made.nodes if node.op == "Conv"]
        assert len(matrices) == 3 and all(abs(node.at["weights"]).max() <= 128 for node in matrices)


def test_every_channel_of_a_depthwise_convolution_may_have_its_own_scale():
    graph = Graph((4, 6, 6))
    scales = np.float32(per_channel([0.3, 0.07, 0.11, 1.9]))
    graph.real("Mul", 1 / 255).quant(scales / 16, 4, signed=0)
    model = graph.node("Conv", graph.weights(4, 1, 3, 3), group=4).norm(4).sign().model((4, 4, 4))
    (matrix,) = [node for node in compare(model, bytes_of((6, 4, 6, 6))).nodes if node.op == "Conv"]
    assert (abs(matrix.at["weights"]) == 1).all()


def test_every_channel_may_have_its_own_zero_point():
    graph = Graph((CHANNELS, 1, 256))
    graph.quant(31.0, 4, per_channel(np.arange(CHANNELS) % 8), signed=0)
    compare(graph.model((CHANNELS, 1, 256)), EVERY_BYTE)


def test_quantised_weights_may_have_a_zero_point_per_output():
    graph = Graph((4, 6, 6)).real("Sub", 128.0).sign()
    before, graph.at = graph.at, "raw"
    graph.constants["raw"] = np.float32(graph.rng.uniform(-1, 1, (5, 4, 3, 3)))
    graph.quant(0.125, 4, np.reshape([0, 3, 7, 12, 15], (5, 1, 1, 1)), signed=0)
    model = graph.node("Conv", inputs=[before, graph.at]).norm(5).sign().model((5, 4, 4))
    compare(model, bytes_of((6, 4, 6, 6)))


def test_a_quantised_bias_of_32_bits_keeps_its_digits():
    graph = Graph((16,)).real("Sub", 128.0).sign()
    before, graph.at = graph.at, "raw"
    graph.constants["raw"] = np.float32([-0.3, 0.008, 0.097, -0.027])
    bias = graph.quant(2.0**-10, 32).at
    graph.constants["weights"] = graph.weights(16, 4)
    model = graph.node("Gemm", inputs=[before, "weights", bias]).model((4,))
    made = compare(model, bytes_of((6, 16)))
    _, offset = checks.scale_and_bias(made.output)
    np.testing.assert_array_equal(offset * 2**10 % 1, 0)
    assert abs(offset * 2**10 % 2**10).any()


def and_plus_one(graph, op, **attributes):
    """An operator that reads a tensor, and the same plus one."""
    return graph.node(op, inputs=[graph.at, graph.real("Add", 1.0).at], **attributes)


def scaled(graph, *scales):
    """A scale per channel."""
    return graph.real("Mul", np.reshape(scales, (-1, 1, 1)))


def given_one(graph, op):
    """An operator whose first input is 1."""
    graph.constants["one"] = np.ones((1, 1), np.float32)
    return graph.node(op, inputs=["one", graph.at])


ONE, TWO = np.int64([1]), np.reshape([1.0, 2.0, 1.0, 1.0], (1, 4, 1, 1))
REFUSED = {  # words of the sentence: what is refused
    "Conv_0 (Conv): … Conv_0_param0 … brevitas.nn.QuantConv2d":
        lambda g: g.real("Conv", g.rng.normal(size=(5, 4, 3, 3))),
    "Conv_0 (Conv): … 3 dimensions … 2-D":
        lambda g: g.node("Reshape", np.int64([1, 2, 2, 6, 6])).node("Conv", g.weights(3, 2, 1, 1, 1)),
    "Conv_0 (Conv): … weights are not constant … export": lambda g: and_plus_one(g, "Conv"),
    "Conv_0 (Conv): … scale varies over the inputs … per output":
        lambda g: with_weights(bits(g, 4), "Conv", KERNELS, lambda w: w.quant(TWO, 4)),
    "Quant_0 (Quant): … 0.5 … whole":
        lambda g: with_weights(bits(g, 4), "Conv", KERNELS, lambda w: w.quant(1.0, 4, zero=0.5)),
    "Conv_0 (Conv): … pixels of one channel … different scales":
        lambda g: g.real("Mul", TWO).node("DepthToSpace", blocksize=2).node("Conv", g.weights(3, 1, 3, 3)),
    "Conv_0 (Conv): … one channel of an image … one scale":
        lambda g: g.real("Mul", TWO).node("Transpose", perm=[0, 2, 1, 3]).node("Conv", g.weights(3, 6, 1, 1)),
    "ConvTranspose_0 (ConvTranspose): … not constant": lambda g: and_plus_one(g, "ConvTranspose"),
    "ConvTranspose_0 (ConvTranspose): … varies over the inputs":
        lambda g: with_weights(g.sign(), "ConvTranspose", KERNELS, lambda w: w.quant(TWO.swapaxes(0, 1), 4)),
    "ConvTranspose_0 (ConvTranspose): … 0x0 pixels … smaller pads":
        lambda g: bits(g, 4).node("ConvTranspose", g.weights(4, 5, 3, 3), pads=[4] * 4),
    "Gemm_0 (Gemm): … transposes … transA":
        lambda g: g.node("Flatten").node("Gemm", g.weights(1, 3), transA=1),
    "MatMul_0 (MatMul): … input 0 … first": lambda g: given_one(g.node("Flatten"), "MatMul"),
    "Div_0 (Div): … divides by zero … train": lambda g: g.real("Div", 0.0),
    "Div_0 (Div): … one activation by another … by a constant": lambda g: and_plus_one(g, "Div"),
    "Div_0 (Div): … divided by an activation … constant factor": lambda g: given_one(g, "Div"),
    "Mul_0 (Mul): … varies over the image … per channel": lambda g: g.real("Mul", np.arange(1, 7)).sign(),
    "Mul_0 (Mul): … from one tensor … quantise": lambda g: and_plus_one(g, "Mul"),
    "Add_0 (Add): … varies over the image … per channel":
        lambda g: g.real("Add", g.rng.normal(size=(1, 6, 6))).sign(),
    "Add_0 (Add): … (1, 4, 6, 6, 1) … (1, 4, 6, 6) … per channel":
        lambda g: g.real("Add", np.ones((1, 4, 6, 6, 1))),
    "BatchNormalization_0 (BatchNormalization): … variance … train":
        lambda g: g.real("BatchNormalization", *[np.ones(4)] * 3, np.array([1.0, -2.0, 1.0, 1.0])).sign(),
    "BipolarQuant_0 (BipolarQuant): … float32 overflows … train":
        lambda g: g.real("Mul", 1e37).real("Mul", 90.0).real("Mul", 0.0).sign(),
    "Quant_0 (Quant): … scale is 0 … positive": lambda g: g.quant(0.0, 4).sign(),
    "Quant_0 (Quant): … 3.5 bits … whole number": lambda g: g.quant(1.0, 3.5).sign(),
    "Quant_0 (Quant): input 3 … 4 numbers … whole tensor": lambda g: g.quant(1.0, 4 * TWO[0]),
    "Quant_0 (Quant): … STOCHASTIC … ROUND, CEIL, FLOOR, UP, DOWN, HALF_UP, HALF_DOWN":
        lambda g: g.quant(1.0, 4, mode="STOCHASTIC").sign(),
    "QuantizeLinear_0 (QuantizeLinear): … per block … per channel":
        lambda g: g.node("QuantizeLinear", np.ones((2, 6, 6), np.float32), np.zeros((2, 6, 6), np.uint8)),
    "MultiThreshold_0 (MultiThreshold): … thresholds … sort":
        lambda g: g.node("MultiThreshold", np.float32([[9, 5]] * 4), domain=QONNX, out_dtype="UINT2"),
    "MultiThreshold_0 (MultiThreshold): … [3, 2] … [4, levels]":
        lambda g: g.node("MultiThreshold", np.float32([[1, 2]] * 3), domain=QONNX, out_dtype="UINT2"),
    "Cast_0 (Cast): … FLOAT16 loses digits … Quant": lambda g: g.real("Mul", 0.3).node("Cast", to=10),
    "PRelu_0 (PRelu): … negative slope … zero": lambda g: g.real("PRelu", -0.25).sign(),
    "PRelu_0 (PRelu): input 1 is not a constant … export": lambda g: and_plus_one(g, "PRelu"),
    "Elu_0 (Elu): … not positive … positive": lambda g: g.node("Elu", alpha=-1.0).sign(),
    "Elu_0 (Elu): … quantiser": lambda g: bits(g, 4).node("Conv", g.weights(5, 4, 3, 3)).node("Elu"),
    "Clip_0 (Clip): … 3 … 2": lambda g: g.real("Clip", 3.0, 2.0).sign(),
    "Abs_0 (Abs): … Relu, or Clip, and a quantiser":
        lambda g: bits(g, 4).node("Flatten").node("MatMul", g.weights(144, 3)).node("Abs"),
    "Cos_0 (Cos): … Add, AveragePool, BatchNormalization, BipolarQuant, ":
        lambda g: bits(g, 4).node("Conv", g.weights(5, 4, 3, 3)).node("Cos").sign(),
    "AveragePool_0 (AveragePool): … ceil_mode=False … count_include_pad=0": lambda g: g.node(
        "AveragePool", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1, count_include_pad=1),
    "AveragePool_0 (AveragePool): … dilated … dilation 1":
        lambda g: g.node("AveragePool", kernel_shape=[2, 2], dilations=[2, 2]),
    "Pad_0 (Pad): … 93 bits … 62 … scale": lambda g: scaled(g, 0.1, 0.3, 0.7, 0.9).node(
        "Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(0.37)).node("MaxPool", kernel_shape=[2, 2]),
    "AveragePool_0 (AveragePool): … scale 0 … remove":
        lambda g: scaled(g, 1, 0, 1, 1).node("AveragePool", kernel_shape=[2, 2], pads=[1] * 4),
    "ReduceMean_0 (ReduceMean): … rows and columns … GlobalAveragePool":
        lambda g: g.node("ReduceMean", axes=[1]),
    "MaxPool_0 (MaxPool): … border … ceil_mode=False":
        lambda g: bits(g, 4).node("MaxPool", kernel_shape=[1, 1], strides=[3, 3], ceil_mode=1),
    "Resize_0 (Resize): … nearest … asymmetric":
        lambda g: bits(g, 4).node("Resize", None, np.float32([1, 1, 2, 2]), mode="linear"),
    "Gather_0 (Gather): … exceed the 4 elements … 0 .. 3": lambda g: g.node("Gather", np.int64([9]), axis=1),
    "Concat_0 (Concat): … along axis 0 … pixels": lambda g: and_plus_one(g, "Concat", axis=0),
    "Reshape_0 (Reshape): … to [2, 72] … [1, 144]": lambda g: g.node("Reshape", np.int64([2, 72])),
    "Transpose_0 (Transpose): … [1, 0, 2, 3] … batch first": lambda g: g.node("Transpose", perm=[1, 0, 2, 3]),
    "Slice_0 (Slice): … no element": lambda g: g.node("Slice", ONE, ONE, ONE),
    "its constant varies over the image; use one number per channel.": lambda g: bits(g, 4).node(
        "Transpose", perm=[0, 2, 3, 1]).real("Add", np.arange(36.0).reshape(6, 6, 1)).sign(),
    "ConvTranspose_0 (ConvTranspose): … [1, 0] … [1, 1] … stride": lambda g: g.node(
        "ConvTranspose", g.weights(4, 2, 3, 3), dilations=[2, 2], output_padding=[1, 0]),
    "output_shape … pads and output_padding": lambda g: g.node(
        "ConvTranspose", g.weights(4, 2, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"),
    "floating-point … quantise them": lambda g: g.real("ConvTranspose", g.rng.normal(0, 1, (4, 2, 3, 3))),
    "its zero point has type float32; use integers of 4, 8 or 16 bits.":
        lambda g: g.node("QuantizeLinear", np.float32(1), np.float32(0)).sign(),
    "its scale is -1; use a positive scale.":
        lambda g: g.node("QuantizeLinear", np.float32(-1), np.int8(0)).sign(),
    "Conv_0 (Conv): … Tanh … quantiser":
        lambda g: g.real("Mul", 0.01).node("Tanh").node("Conv", g.weights(4, 4, 1, 1)),
    "Conv_0 … Tanh … quantiser":  # of what is rounded to thirds
        lambda g: g.real("Mul", 0.06).node("Round").real("Div", 3.0).node("Floor").real("Mul", 1e-3).node(
            "Tanh").node("Conv", g.weights(4, 4, 1, 1)),
    "Where_0 (Where): … activations … two constants": lambda g: (
        g.constants.update(x2=np.zeros((1, 4, 6, 6), np.float32)),
        g.node("Where", inputs=[g.real("Greater", 9.0).at, "x", "x2"])),
    "Cast_0 (Cast): … compare":  # truth of negative numbers
        lambda g: g.real("Sub", 100.0).node("Cast", to=9).node("Cast", to=1),
    "INT8; … Clip": lambda g: g.node("Cast", to=3).node("Cast", to=1),
    "HardSwish_0 … Relu, or Clip": lambda g: g.real("Sub", 100.0).node("HardSwish"),
    "Pad_0 (Pad): it pads the batch": lambda g: g.node("Pad", np.int64([1, *[0] * 7]), np.float32(0)),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_refused_with_node_reason_and_what_works(words):
    graph = Graph((4, 6, 6))
    REFUSED[words](graph)
    with refuses(words):
        lowered(graph.model(None))


def option_a(kind: str, seed: int):
    """Every other pixel of 4 channels and 2 of zeros on either side, added to a convolution of stride 2."""
    net = Graph((3, 6, 6), seed)
    net.node("Conv", net.weights(4, 3, 3, 3), pads=[1] * 4).norm(4)
    net = net.sign() if kind == "bits" else net.quant(0.5, 3, signed=0)
    source = net.at
    net.node("Conv", net.weights(8, 4, 3, 3), pads=[1] * 4, strides=[2, 2]).quant(0.5, 4)
    main, net.at = net.at, source
    net.node("Slice", *(np.int64(x) for x in ([0, 0], [6, 6], [2, 3], [2, 2])))
    net.node("Pad", np.int64([0, 2, 0, 0, 0, 2, 0, 0]), np.float32(0))
    net.node("Add", inputs=[main, net.at]).norm(8).sign()
    return net.node("Conv", net.weights(3, 8, 1, 1)).model((3, 3, 3))


def pixels(seed, count=3):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 6, 6)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["bits", "levels"])
@pytest.mark.parametrize("seed", range(3))
def test_a_shortcut_padded_with_channels_of_zeros_gives_the_scores_of_qonnx(kind, seed):
    compare(option_a(kind, seed), pixels(seed))


@pytest.mark.parametrize("kind", ["bits", pytest.param("levels", marks=pytest.mark.full)])
def test_the_rtl_of_such_a_shortcut_gives_the_scores_of_qonnx(tmp_path, kind):
    proven(option_a(kind, 1), pixels(1, 6), 1, tmp_path)


def test_channels_and_rows_of_any_constant_are_added_as_counted_by_hand():
    net = Graph((1, 1, 2)).real("Sub", 127.5).sign()
    net.node("Pad", np.int64([0, 1, 1, 0, 0, 0, 0, 0]), np.float32(-1)).real("Mul", 3.0)
    graph = lowered(net.model((2, 2, 2)))
    factor, offset = checks.scale_and_bias(graph.output)
    got = factor * checks.run_all(graph, np.array([[[[0], [255]]]])) + offset
    # Channel 0 is -3 everywhere, channel 1 has a row of -3 above the pixels -3 and 3.
    assert got[0].tolist() == [[[-3, -3], [-3, -3]], [[-3, -3], [-3, 3]]]


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_row_is_padded_in_front_alone_as_in_causal_networks(dilation):
    net = Graph((3, 12), dilation).quant(32.0, 3, signed=0)
    net.node("Pad", np.int64([0, 0, 2 * dilation, 0, 0, 0]), np.float32(0))
    net.node("Conv", net.weights(5, 3, 3), dilations=[dilation]).norm(5).sign()
    net.node("Flatten").node("MatMul", net.weights(60, 3))
    compare(net.model((3,)), pixels(2, 6)[:, :, :2].reshape(6, 3, 12))
