"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.net import Net, Wire, per_element
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """A bound per channel."""
    at, direction = op.tables()
    return [per_element(net, op, sources, "xf_clip", np.stack([direction, at]), mul=op.get_nodeattr("mul"))]
