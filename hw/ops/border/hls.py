"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.net import Net, Wire, per_element, refused
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """An offset per place and channel."""
    if op.factors() is not None:
        why = "has a factor that depends on the position"
        raise refused(op, why, "let averages count their padding (count_include_pad=1)")
    table, (height, width, _) = op.table(), op.get_nodeattr("in_shape")
    given = np.concatenate([table.ravel(), op.get_nodeattr("rows"), op.get_nodeattr("columns")])
    sizes = {
        "height": height,
        "width": width,
        "column_classes": table.shape[1],
        "mul": op.get_nodeattr("mul"),
        "mul_bits": op.get_nodeattr("mul").bit_length() + 1,
    }
    return [per_element(net, op, sources, "xf_border", given, **sizes)]
