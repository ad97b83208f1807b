"""The walk itself: a cleaned QONNX graph becomes a graph of integer operators, or is refused by name."""

from collections import Counter
from fractions import Fraction

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError

from . import chain, linear, moves  # noqa: F401  they enter their rules
from .registry import CURES, RULES
from .sums import one_leaf
from .values import Leaf
from .walk import Lowered, Walk, refuse

# The nearest form that works, for float operators that people do put into networks.
AT_THE_END = "drop it behind the last layer, where it keeps the order of the scores"
CURES |= {
    "Softmax": "drop it, the largest score is the same",
    "LogSoftmax": "drop it, the largest score is the same",
    "Sigmoid": f"{AT_THE_END}, or use brevitas.nn.QuantHardTanh (Clip and Quant) inside the network",
    "HardSigmoid": f"{AT_THE_END}, or use brevitas.nn.QuantHardTanh (Clip and Quant) inside the network",
    "Tanh": f"{AT_THE_END}, or use brevitas.nn.QuantHardTanh (Clip and Quant) inside the network",
    "Unsqueeze": "drop it behind the last layer: scores are a vector, or a map of rows, columns and channels",
    "ReduceMax": "use GlobalMaxPool, which takes the largest of all rows and columns",
    "ReduceSum": "use GlobalAveragePool; a sum is the average times the number of pixels",
    "Elu": "use brevitas.nn.QuantReLU (Relu and Quant)",
    "Gelu": "use brevitas.nn.QuantReLU (Relu and Quant)",
    "ConvTranspose": "use a nearest Resize and a Conv",
    "LayerNormalization": "use BatchNormalization, whose constants are known when the network is built",
    "InstanceNormalization": "use BatchNormalization, whose constants are known when the network is built",
    "Transpose": "drop it behind the last layer, and export the network channels first, as torch does",
}


def integer_graph(
    model: ModelWrapper, lo: int, hi: int, scale: float, sum_bits: int | None = None, writable=(), offset=0.0
) -> Lowered:
    """Lower a network.

    Args:
        model: cleaned QONNX, one float input (1, C, H, W) or (1, F), one output.
        lo, hi, scale, offset: the input's integers; value = integer * scale + offset.
        sum_bits: round wide sums of branches (hw/ops/join/lower.py); None keeps every sum exact.
        writable: names of convolutions whose weights are replaced at run time.

    Raises:
        UserError: an operator has no exact integer form; the text names node, reason and the nearest form
            that works.
    """
    walk = Walk(model, sum_bits, writable)
    graph = model.graph
    inputs = [i for i in graph.input if i.name not in walk.constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UserError(
            f"lower: the network has {len(inputs)} inputs and {len(graph.output)} outputs, and one of each "
            "can be built; cut it into networks of one input and one output."
        )
    _check_constants(walk)
    _, channels, *image = model.get_tensor_shape(inputs[0].name)
    low, high = (np.full(channels, end, np.int64) for end in (lo, hi))
    leaf = walk.leaves["input"] = Leaf("input", (*image, channels), low, high, "input")
    step, origin = (Fraction(float(np.float32(one))) for one in (scale, offset))
    walk.values[inputs[0].name] = walk.levels_of(leaf, step, origin)
    readers = Counter(name for node in graph.node for name in node.input)
    for node in graph.node:
        if node.op_type not in RULES:
            near = CURES.get(
                node.op_type,
                "drop it behind the last layer, or write it with " + ", ".join(sorted(RULES)),
            )
            raise refuse(node, "a float operator is left over that no integer operator equals", near)
        at = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        value = RULES[node.op_type](walk, node, at)
        if value is None:
            continue
        if value.base is None and readers[node.output[0]] > 1:
            value = one_leaf(walk, value, node)
        walk.values[node.output[0]] = value
    name = graph.output[0].name
    output = one_leaf(walk, walk.values[name], model.find_producer(name))
    for node in graph.node:
        if node.name in writable and walk.values[node.output[0]].single[0] != output.single[0]:
            raise refuse(
                node, "its template is replaced at run time, and more follows it", "let the network end in it"
            )
    return Lowered(
        walk.nodes,
        walk.leaves,
        output,
        walk.activations,
        walk.rounded,
        walk.own,
        walk.approximate,
        walk.slack,
    )


def _check_constants(walk: Walk) -> None:
    """Refuse NaN and infinite constants."""
    for node in walk.model.graph.node:
        for name in node.input:
            given = walk.constants.get(name)
            if given is not None and given.dtype.kind == "f" and not np.isfinite(given).all():
                where = np.argwhere(~np.isfinite(given))[0].tolist()
                why = f"constant {name} is {given[tuple(where)]} at {where}"
                raise refuse(node, why, "train and export the network again")
