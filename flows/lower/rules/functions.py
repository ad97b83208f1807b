"""Monotone functions of one number: they extend a chain and produce no operator.

A quantiser after a chain needs only the chain's order, so its thresholds can be found by search through any
such function. Step functions (Sign, Round, comparisons, casts) are exact in float32. For smooth functions
onnxruntime computes an approximation that may decrease in the last digit, and some results depend on the
position in the tensor: onnxruntime itself runs each, and `levels.py` tries it on every reachable integer.
"""

from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import NodeProto, TensorProto, helper

from xnorforge.hw.lowering.evaluation import evaluate
from xnorforge.hw.lowering.registry import rule
from xnorforge.hw.lowering.sums import single
from xnorforge.hw.lowering.values import F32, Function, Value, append
from xnorforge.hw.lowering.walk import Walk, refuse

# Relative: 4 units in the last place, the largest observed difference between runs of onnxruntime 1.25.
SPREAD = F32(2.0**-21)


def stepped(
    node: NodeProto, value: Value, compute: Callable[..., np.ndarray], *constants: np.ndarray,
    falls: np.ndarray | None = None, whole: bool = False,
) -> Value:  # fmt: skip
    """The value after a step function; `value` must have a base.

    Args:
        compute, whole: as in `Function`; constants: per channel; falls: bool per channel, where it decreases.
    """
    direction = np.where(np.zeros(value.channels, bool) if falls is None else falls, -1, 1)
    return append(value, Function(node.op_type, compute, whole=whole), *constants, direction)


def _is_whole(value: Value) -> bool:
    """Whether every number of a value is already whole."""
    terms = [*(value.terms or {}).values(), value.offset]
    return value.terms is not None and all(x.denominator == 1 for row in terms for x in row)


STEPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Sign": np.sign,
}  # fmt: skip


@rule(*STEPS)
def _step(walk, node, _at):
    """A step function, evaluated exactly; the next thresholds absorb it."""
    value = single(walk, walk.value(node, arrange=False), node)
    if node.op_type != "Sign" and _is_whole(value):
        return value
    return stepped(node, value, STEPS[node.op_type], whole=True)


COMPARISONS = {
    "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less, "LessOrEqual": np.less_equal,
}  # fmt: skip


@rule(*COMPARISONS)
def _comparison(walk, node, _at):
    """1 where an activation passes a constant, else 0."""
    left = node.input[0] in walk.constants
    value = single(walk, walk.value(node, int(left), arrange=False), node)
    constant = walk.per_channel(node, walk.constant(node, int(not left)), value)
    compare = COMPARISONS[node.op_type]
    falls = np.full(value.channels, left != node.op_type.startswith("Less"))
    return stepped(node, value, lambda x, c: compare(c, x) if left else compare(x, c), constant, falls=falls)


@rule("Not")
def _not(walk, node, _at):
    """1 minus a condition."""
    value = walk.value(node, arrange=False)
    return append(value, "rsub", np.ones(value.channels, F32))


@rule("Where")
def _where(walk, node, _at):
    """One of two constants, by a comparison."""
    value = single(walk, walk.value(node, arrange=False), node)
    if any(name not in walk.constants for name in node.input[1:]):
        raise refuse(node, "it chooses between activations", "choose between two constants instead")
    yes, no = (walk.per_channel(node, walk.constant(node, k), value) for k in (1, 2))
    return stepped(node, value, lambda x, a, b: np.where(x != 0, a, b), yes, no, falls=yes < no)


@rule("Cast")
def _cast(walk, node, at):
    """A number becomes whole by dropping its fractional digits; as a condition it is 1 unless it is 0."""
    if at["to"] in (TensorProto.FLOAT, TensorProto.DOUBLE):
        return walk.value(node, arrange=False)
    kind = TensorProto.DataType.Name(at["to"])
    value = single(walk, walk.value(node, arrange=False), node)
    low, high = reached(walk, value)
    if at["to"] == TensorProto.BOOL:
        if low < 0:
            why = f"it uses numbers from {low:g} to {high:g} as a condition"
            raise refuse(node, why, "compare them with a constant")
        return stepped(node, value, np.sign)
    type_ = helper.tensor_dtype_to_np_dtype(at["to"])
    if type_.kind not in "iu":
        raise refuse(node, f"a cast to {kind} loses digits", "remove the cast, or quantise with a Quant node")
    info = np.iinfo(type_)
    if low < info.min or high > info.max:
        raise refuse(node, f"numbers from {low:g} to {high:g} do not fit {kind}", "put a Clip before it")
    return value if _is_whole(value) else stepped(node, value, np.trunc)


def reached(walk: Walk, value: Value) -> tuple[float, float]:
    """Least and greatest float32 number that a value with a base can take."""
    leaf = walk.leaves[value.start[0]]
    ends = evaluate(value, np.stack([leaf.lo, leaf.hi], 1))
    return float(ends.min()), float(ends.max())


def _relative(_x, y):
    return SPREAD * abs(y)


def _below_zero(x, y):
    """Exact above zero, exp(x) - 1 below, where digits cancel."""
    return np.where(x < 0, SPREAD * (1 + abs(y)), F32(0))


def _none(_x, y):
    return np.zeros_like(y)


# Largest observed difference between onnxruntime's results of a function at different tensor positions.
SMOOTH = {
    "Tanh": _none, "Sigmoid": _none, "HardSigmoid": _none, "Erf": _none, "Softsign": _relative,
    "Softplus": _relative, "Elu": _below_zero, "Selu": _below_zero, "Celu": _below_zero,
}  # fmt: skip


@rule(*SMOOTH)
def _smooth(walk, node, at):
    """Evaluated by onnxruntime, as the reference does."""
    if any(at.get(key, 1.0) <= 0 for key in ("alpha", "gamma")):
        raise refuse(node, "it decreases where its constants are not positive", "use positive constants")
    value = single(walk, walk.value(node, arrange=False), node)
    function = Function(node.op_type, _run_by_onnxruntime(walk, node), SMOOTH[node.op_type])
    return append(value, function, np.ones(value.channels, np.int64))


def _run_by_onnxruntime(walk, node) -> Callable[[np.ndarray], np.ndarray]:
    """The node alone, as a function of float32 arrays (channels, any)."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["a", "b"]) for name in ("x", "y")]
    alone = helper.make_node(node.op_type, ["x"], ["y"])
    alone.attribute.extend(node.attribute)
    graph = helper.make_graph([alone], node.op_type, ends[:1], ends[1:])
    opset = [one for one in walk.model.model.opset_import if one.domain in ("", "ai.onnx")]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": np.ascontiguousarray(x, F32)})[0]
