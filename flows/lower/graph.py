"""The walk over the graph: cleaned QONNX becomes a graph of integer operators, or is refused by name."""

from collections import Counter
from collections.abc import Collection
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.core.indexed_model import attributes, indexed
from xnorforge.hw.lowering import linear, views  # noqa: F401  they register
from xnorforge.hw.lowering.geometry import in_two_dimensions
from xnorforge.hw.lowering.registry import CURES, MAKERS, RULES, TIDYINGS
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.values import Leaf, Value
from xnorforge.hw.lowering.views import is_list, reordered, seen, usual_view
from xnorforge.hw.lowering.walk import Lowered, Walk, refuse

from .rules import chain, functions, pruning, qcdq, transposed  # noqa: F401

# The nearest form that works, for float operators that occur in real networks.
CURES |= {
    "Softmax": "use it only after the last layer, where the host computes it",
    "LogSoftmax": "use it only after the last layer, where the host computes it",
    "Unsqueeze": "remove it from the end: scores are a vector, or a map of rows, columns and channels",
    "ReduceMax": "use GlobalMaxPool, which takes the largest of all rows and columns",
    "ReduceSum": "use GlobalAveragePool; a sum is the average times the number of pixels",
    "Transpose": "remove it after the last layer, and export the network channels first, as PyTorch does",
} | dict.fromkeys(
    ("HardSwish", "Swish", "Gelu", "Mish", "Abs"),
    "it is not monotone, so thresholds cannot express it; use Relu, or Clip, and a quantiser",
)
# Layers that a network is built around; they are named before the nodes that prepare their inputs.
LAYERS = {
    **dict.fromkeys(
        ("GRU", "LSTM", "RNN", "QuantLSTMCell", "QuantRNNCell"),
        "unroll its steps in the module: matrices of quantised weights, gates and state behind quantisers, "
        "products of these; all of that builds",
    ),
    **dict.fromkeys(
        ("Attention", "MultiHeadAttention"),
        "its softmax divides by a sum of activations; use layers whose weights are constants",
    ),
    **dict.fromkeys(
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization", "Sqrt"),
        "a norm of its own input, as LayerNorm is, divides by an activation; use BatchNormalization, whose "
        "constants are known at build time",
    ),
}
CURES |= LAYERS


def integer_graph(
    model: ModelWrapper, lo: int, hi: int, scale: float, writable: Collection[str] = (), offset: float = 0.0
) -> Lowered:
    """Lower a network.

    Args:
        model: cleaned QONNX, one float input (1, C, H, W) or (1, F), one output.
        lo, hi, scale, offset: the input's integers; value = integer * scale + offset.
        writable: names of convolutions whose weights are replaced at run time.

    Raises:
        UserError: an operator has no exact integer form; the text names node, reason and nearest form.
    """
    model = indexed(model)
    walk = Walk(model, writable)
    graph = model.graph
    inputs = [i for i in graph.input if i.name not in walk.constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UserError(
            f"lower: the network has {len(inputs)} inputs and {len(graph.output)} outputs, but must have one "
            "of each; split it into networks with one input and one output."
        )
    _check_constants(walk)
    _, channels, *image = model.get_tensor_shape(inputs[0].name)
    image = [1, *image] if len(image) == 1 else image
    low, high = (np.full(channels, end, np.int64) for end in (lo, hi))
    leaf = walk.leaves["input"] = Leaf("input", (*image, channels), low, high, "input")
    step, origin = (Fraction(float(np.float32(one))) for one in (scale, offset))
    given = walk.levels_of(leaf, step, origin)
    walk.values[inputs[0].name] = _in_shape(walk, given, inputs[0].name)
    readers = Counter(name for node in graph.node for name in node.input)
    for node in sorted(graph.node, key=lambda node: node.op_type not in LAYERS):
        if node.op_type not in RULES:
            usual = "remove it after the last layer, or express it with " + ", ".join(sorted(RULES))
            near = CURES.get(node.op_type, usual)
            raise refuse(node, "this float operator has no exact integer form", near)
        value = RULES[node.op_type](walk, node, in_two_dimensions(attributes(node)))
        if value is None:
            continue
        if value.base is None and readers[node.output[0]] > 1:
            value = one_leaf(walk, value, node)
        walk.values[node.output[0]] = _in_shape(walk, value, node.output[0])
    name = graph.output[0].name
    last = model.find_producer(name)
    output = _in_order(walk, last, one_leaf(walk, _at_the_end(walk, last, walk.values[name]), last))
    for node in graph.node:
        if node.name in writable and walk.values[node.output[0]].single[0] != output.single[0]:
            why = "its template is replaced at run time, so it must be last"
            raise refuse(node, why, "end the network here")
    found = (walk.activations, list(walk.rounded), walk.own, walk.values)
    return Lowered(walk.nodes, walk.leaves, output, *found)


def _at_the_end(walk: Walk, node, value: Value) -> Value:
    """The network's output: a vector, or an image in the usual order, regardless of axes of length 1; a list
    of parts of channels, as of the boxes of a detector, is a vector."""
    view = value.view
    if view is None or np.array_equal(view.reshape(-1), usual_view(value.leaf).reshape(-1)):
        return replace(value, view=None)
    if view.ndim == 3 and np.array_equal(np.moveaxis(view, -1, 0), usual_view(value.leaf)):
        raise refuse(node, "it ends in a channels-last image", "remove the Transpose at the end")
    if is_list(value):
        value = replace(value, view=view.reshape(-1))
    return MAKERS["arranged"](walk, node, value)


def _in_order(walk: Walk, node, value: Value) -> Value:
    """The output with the elements of a flattened image in the network's order."""
    order = value.leaf.order
    return value if order is None else reordered(walk, node, value, np.argsort(order))


def _in_shape(walk: Walk, value: Value, name: str) -> Value:
    """A value in the shape of the network's tensor: without axes that were averaged over, and with
    rows if they are images of one row."""
    shape, usual = walk.model.get_tensor_shape(name), usual_view(value.leaf)
    if value.view is not None or not shape or tuple(shape[1:]) == usual.shape or prod(shape) != usual.size:
        return value
    return seen(value, usual.reshape(shape[1:]))


def _check_constants(walk: Walk) -> None:
    """Refuse NaN and infinite constants."""
    for node in walk.model.graph.node:
        for name in node.input:
            given = walk.constants.get(name)
            if given is not None and given.dtype.kind == "f" and not np.isfinite(given).all():
                where = np.argwhere(~np.isfinite(given))[0].tolist()
                why = f"constant {name} is {given[tuple(where)]} at {where}"
                raise refuse(node, why, "train and export the network again")


def tidied(graph: Lowered) -> Lowered:
    """Apply in place the rearrangements of operators, which keep every integer; `walked` is the original."""
    graph.walked = deepcopy(graph)
    for _, rearrange in TIDYINGS:
        rearrange(graph)
    return graph
