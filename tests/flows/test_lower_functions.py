"""Monotonic functions before quantisers, step functions as quantisers: qonnx on all integers."""

from fractions import Fraction

import numpy as np
import pytest
from graphs import Graph, compare, lowered
from onnx import TensorProto
from pipeline import proven
from qonnx.core import onnx_exec

from xnorforge.flows.lower.proof import checks
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.evaluation import evaluate
from xnorforge.hw.lowering.levels import thresholds
from xnorforge.hw.lowering.values import Leaf, append, exact, of_leaf

from ..refusals import stops

CHANNELS = 12
SHAPE = (CHANNELS, 1, 256)
EVERY_BYTE = np.tile(np.arange(256), (1, CHANNELS, 1, 1))  # the 256 integers, in every channel
TO_BOOL, TO_INT, TO_FLOAT = ({"to": kind} for kind in (TensorProto.BOOL, TensorProto.INT8, TensorProto.FLOAT))


def scaled(seed=0, top=3.0):
    """Bytes times a number of either sign, plus another, per channel: about -top .. top."""
    graph, shape = Graph(SHAPE, seed), (CHANNELS, 1, 1)
    factor = graph.rng.choice([-1, 1], shape) * graph.rng.uniform(0.3, 1, shape) * top / 128
    return graph.real("Mul", factor).real("Add", -127.5 * factor + graph.rng.normal(0, top / 4, shape))


SMOOTH = {"Tanh": {}, "Sigmoid": {}, "HardSigmoid": {"alpha": 0.25, "beta": 0.5}, "Softplus": {}, "Selu": {},
          "Elu": {"alpha": 0.7}, "Celu": {"alpha": 1.5}, "Softsign": {}, "Erf": {}}  # fmt: skip


@pytest.mark.parametrize("op", SMOOTH)
def test_a_smooth_function_in_front_of_a_quantiser_is_in_its_thresholds(op):
    graph = scaled(len(op)).node(op, **SMOOTH[op]).norm(CHANNELS).quant(0.0917, 5)
    found = compare(graph.model(SHAPE), EVERY_BYTE)
    assert [node.op for node in found.nodes] == ["Threshold"]


@pytest.mark.parametrize("op", ["Tanh", "Elu"])
def test_a_smooth_function_in_front_of_a_sign_keeps_zero(op):
    graph = Graph(SHAPE).real("Sub", 100.0).real("Mul", 0.05).node(op).sign()
    (node,) = compare(graph.model(SHAPE), EVERY_BYTE).nodes
    assert node.at["thresholds"].tolist() == [[100]] * CHANNELS


# Runs of the reference may differ by 2^-21 of this and |y|, where the function of a negative number is y.
SPREADS = {"Elu": 1, "Selu": 1, "Celu": 1, "Softsign": 0, "Softplus": 0}


@pytest.mark.parametrize("op", SMOOTH)
def test_a_threshold_is_refused_exactly_where_runs_of_the_reference_differ_on_it(op):
    """The threshold lies above what becomes of 199 by a little more than they differ, then a little less."""

    def made(threshold=None):
        graph = Graph(SHAPE).real("Sub", 200.0).real("Mul", 0.25).node(op, **SMOOTH[op])
        return (graph if threshold is None else graph.real("Add", -threshold).sign()).model(SHAPE)

    name = made().graph.input[0].name
    [values] = onnx_exec.execute_onnx(made(), {name: EVERY_BYTE.astype(np.float32)}).values()
    y = float(values[0, 0, 0, 199])
    spread = (SPREADS[op] + abs(y)) * 2**-21 if op in SPREADS else 0
    step = 2 * np.spacing(np.float32(abs(y)))
    lowered(made(y + spread + step))
    if spread:
        stops(rf"{op} .* channel 0 of input is 199; .* Clip", lowered, made(y + spread - step))


def test_a_prelu_that_is_rounded_down_is_shifts_where_its_numbers_are_on_one_grid():
    """Kinks at integers, slopes in eighths up to one, a level of two or more to some power of steps of the
    input, eight levels or more: one of these is missing, or none."""
    rng, shape = np.random.default_rng(0), (CHANNELS, 1, 1)
    for wrong in [*("kink", "slope", "steep", "level", "few", "flat"), *[""] * 6] * 2:
        factor = 2.0 ** -rng.integers(0, 4) * rng.choice([-1, 1], shape)
        kink = rng.integers(-20, 270, shape) + (wrong == "kink") * 0.5
        slope = rng.integers(0, 9, shape) / 8
        slope[3] = {"slope": 0.3, "steep": 1.125}.get(wrong, slope[3, 0, 0])
        factor[5] *= wrong != "flat"
        level = abs(factor[0, 0, 0]) * 2.0 ** rng.integers(0, 4) * (3 if wrong == "level" else 1)
        graph = Graph(SHAPE).real("Mul", factor).real("Add", -factor * kink).real("PRelu", slope)
        graph.quant(level, 2 if wrong == "few" else 5, signed=rng.integers(2), mode="FLOOR")
        (node,) = compare(graph.model(SHAPE), EVERY_BYTE).nodes
        assert node.op == ("Threshold" if wrong else "Rectify"), wrong


def minus_or_plus_one(graph):
    """Where(x > 0.3, 1, -1)."""
    graph.real("Greater", 0.3)
    return graph.real("Where", 1.0, -1.0)


STEPS = {  # name: what makes levels of real numbers, how many
    "sign": (lambda g: g.node("Sign"), 2),
    "sign of sign": (lambda g: g.node("Sign").real("Add", 0.1).node("Sign"), 2),  # Larq's: 0 counts as +1
    "comparison, cast": (lambda g: g.real("Greater", 0.3).node("Cast", **TO_FLOAT), 2),
    "comparison from below": (lambda g: g.real("LessOrEqual", -0.2).node("Cast", **TO_FLOAT), 2),
    "comparison, not": (lambda g: g.real("Less", 0.1).node("Not").node("Cast", **TO_FLOAT), 2),
    "where": (minus_or_plus_one, 2),
    "where, falling": (lambda g: g.real("GreaterOrEqual", 0.0).real("Where", -1.0, 1.0), 2),
    "where, other numbers": (lambda g: g.real("Less", 0.5).real("Where", -0.375, 2.5), 2),
    "round": (lambda g: g.node("Round"), 9),
    "floor": (lambda g: g.node("Floor"), 9),
    "ceil": (lambda g: g.node("Ceil"), 9),
    "cast to whole numbers": (lambda g: g.node("Cast", **TO_INT).node("Cast", **TO_FLOAT), 7),
    "truth": (lambda g: g.node("Relu").node("Cast", **TO_BOOL).node("Cast", **TO_FLOAT), 2),
    "dorefa": (lambda g: g.real("Clip", 0.0, 1.0).real("Mul", 15.0).node("Round").real("Div", 15.0), 16),
    "fake quantiser": (
        lambda g: g.real("Div", 0.37).node("Round").real("Clip", -2.0, 1.0).real("Mul", 0.37), 4,
    ),
    "clip behind the division": (
        lambda g: g.real("Mul", 3.0).node("Round").real("Div", 3.0).real("Clip", 0.0, 1.0), 20,
    ),
    "tanh, round": (lambda g: g.node("Tanh").real("Mul", 4.0).node("Round"), 9),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_step_functions_are_quantisers(name):
    make, levels = STEPS[name]
    graph = make(scaled(len(name)))
    weights = graph.weights(6, CHANNELS, 1, 1)
    found = compare(graph.node("Conv", weights).norm(6).sign().model((6, 1, 256)), EVERY_BYTE)
    conv = next(node for node in found.nodes if node.op == "Conv")
    lo, hi = found.leaves[conv.inputs[0]].range
    assert hi - lo + 1 <= levels and conv.at["xnor"] == (levels == 2)
    frames = EVERY_BYTE.transpose(0, 2, 3, 1)
    assert checks.finn_is_equal(found, frames)[0]["integers"]


def test_a_falling_comparison_in_front_of_a_pool_and_a_flattening():
    graph = scaled(5).real("Less", np.reshape(np.linspace(-1, 1, CHANNELS), (CHANNELS, 1, 1)))
    graph.node("Cast", **TO_FLOAT).node("MaxPool", kernel_shape=[1, 4], strides=[1, 4]).node("Flatten")
    graph.node("MatMul", graph.weights(64 * CHANNELS, 5))
    compare(graph.norm(5).sign().model((5,)), EVERY_BYTE)


def test_sign_of_a_zero_that_is_reached_is_a_level_of_its_own():
    graph = Graph(SHAPE).real("Sub", 100.0).node("Sign")
    found = compare(graph.node("Conv", graph.weights(3, CHANNELS, 1, 1)).model((3, 1, 256)), EVERY_BYTE)
    assert found.nodes[0].at["thresholds"].tolist() == [[100, 101]] * CHANNELS


@pytest.mark.parametrize("seed", range(4))
def test_sign_of_a_sum_that_is_never_zero_is_a_bit(seed):
    """A scaled convolution plus levels of a quantiser, with float norms: no sum is the zero of the grid."""
    graph = Graph((3, 6, 6), seed)
    graph.node("Conv", graph.weights(6, 3, 3, 3), kernel_shape=[3] * 2, pads=[1] * 4)
    shortcut = graph.norm(6).quant(0.37, 8).at
    scales = np.float32(graph.rng.uniform(0.05, 0.3, (6, 1, 1, 1)))
    graph.node("Conv", graph.weights(6, 6, 3, 3) * scales, kernel_shape=[3] * 2, pads=[1] * 4)
    graph.real("Mul", 1.37).real("Add", graph.rng.normal(0, 1, (6, 1, 1)))
    graph.node("Add", inputs=[shortcut, graph.at]).node("Sign")
    graph.node("Conv", graph.weights(4, 6, 3, 3), kernel_shape=[3] * 2, pads=[1] * 4).norm(4).sign()
    found = compare(graph.model((4, 6, 6)), graph.rng.integers(0, 256, (3, 3, 6, 6)))
    step = next(node for node in found.nodes if node.op == "SignedConv").inputs[0]
    assert found.leaves[step].range == (0, 1)


@pytest.mark.parametrize("seed", range(40))
def test_the_first_integer_of_a_level_is_where_float32_reaches_it(seed):
    """Any chain in front of any quantiser, integers of 3 to 90 bits: at the threshold, and not one before."""
    rng = np.random.default_rng(seed)
    channels, bits = 3, int(rng.choice([3, 10, 30, 60, 90]))
    ends = np.sort(rng.integers(-(2**53), 2**53, (2, channels)), 0).astype(object)
    lo, hi = (whole_numbers((one << bits) >> 53) for one in ends)
    leaf = Leaf("n", (channels,), lo, hi)
    unit = Fraction(1, int(rng.choice([1, 3, 2**20, 7])) << int(rng.integers(bits + 1)))
    scale = np.array([int(x) * unit for x in rng.integers(-50, 50, channels)], object)
    value = of_leaf(leaf, scale, exact(rng.normal(0, 50, channels)))
    for _ in range(int(rng.integers(4))):
        op = rng.choice(["mul", "add", "bn", "rsub", "div", "prelu", "clip"])
        one, other = np.float32(rng.normal(0, 2, (2, channels)))
        given = {"bn": (one, other), "clip": (-abs(one), abs(other)), "prelu": (abs(one),)}.get(op, (one,))
        value = append(value, op, *given)
    steps, width = int(rng.choice([1, 2, 7, 255])), np.float32(rng.uniform(0.01, 1))

    def level(x):
        return np.clip(np.rint(x / width + np.float32(steps // 2)), 0, steps).astype(np.int64)

    found, direction = thresholds(value, leaf, level, steps)
    up = direction[:, None] > 0
    low, high = np.where(up, lo[:, None], -hi[:, None]), np.where(up, hi[:, None], -lo[:, None])
    signs = direction[:, None]
    at, before = (level(evaluate(value, np.clip(n, low, high) * signs)) for n in (found, found - 1))
    wanted = np.arange(1, steps + 1)
    assert ((found >= low) & (found <= high + 1)).all()
    assert ((at >= wanted) | (found > high)).all() and ((before < wanted) | (found == low)).all()


def test_steps_that_two_layers_read_are_made_once():
    graph = scaled(4).node("Sign")
    bits = graph.at
    ends = [graph.node("Conv", graph.weights(5, CHANNELS, 1, 1), inputs=[bits]).at for _ in range(2)]
    found = compare(graph.node("Add", inputs=ends).model((5, 1, 256)), EVERY_BYTE)
    assert [node.op for node in found.nodes] == ["Threshold", "Conv", "Conv", "Join"]


@pytest.mark.parametrize("op", ["Max", "Min"])
@pytest.mark.parametrize("first", [True, False])
def test_maximum_and_minimum_with_constants_are_clips(op, first):
    graph = Graph(SHAPE).real("Mul", 0.25)
    source = graph.at
    graph.constants["bound"] = np.float32(graph.rng.integers(40, 220, (CHANNELS, 1, 1)) / 4)
    graph.node(op, inputs=["bound", source] if first else [source, "bound"])
    compare(graph.node("Add", inputs=[graph.at, source]).norm(CHANNELS).sign().model(SHAPE), EVERY_BYTE)


@pytest.mark.parametrize("ends", [(None, 10.0), (-3.5, None)])
def test_a_clip_of_one_side(ends):
    graph = scaled(1, 20.0).real("Clip", *ends).norm(CHANNELS).quant(0.7, 4)
    compare(graph.model(SHAPE), EVERY_BYTE)


def test_rprelu_is_a_chain():
    """ReActNet: a bias, PReLU, another bias, in front of the next sign and in front of a sum."""
    graph, shape = Graph(SHAPE), (CHANNELS, 1, 1)
    graph.real("Sub", graph.rng.integers(50, 200, shape))
    source = graph.at
    graph.real("Add", graph.rng.integers(-30, 30, shape) / 8)
    graph.real("PRelu", graph.rng.integers(0, 8, shape) / 16)
    graph.real("Add", graph.rng.integers(-30, 30, shape) / 8)
    compare(graph.node("Add", inputs=[graph.at, source]).norm(CHANNELS).sign().model(SHAPE), EVERY_BYTE)


def test_the_rtl_of_functions_gives_the_scores_of_qonnx(tmp_path):
    graph = Graph((3, 8, 8), 7)
    graph.node("Conv", graph.weights(6, 3, 3, 3)).norm(6).node("Tanh").quant(0.25, 3)
    graph.node("Conv", graph.weights(8, 6, 3, 3)).norm(8).node("Sign").real("Add", 0.5).node("Sign")
    graph.node("Conv", graph.weights(4, 8, 3, 3)).real("GreaterOrEqual", 1.0).real("Where", 1.0, -1.0)
    graph.node("Flatten").node("MatMul", graph.weights(16, 5))
    pixels = np.random.default_rng(3).integers(0, 256, (2, 3, 8, 8))
    proven(graph.model((5,)), pixels, 1, tmp_path)
