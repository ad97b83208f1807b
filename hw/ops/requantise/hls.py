"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.net import Net, Wire, per_element
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """A shift and a correction per channel."""
    numbers = {"shift": op.get_nodeattr("shift"), "levels": op.get_nodeattr("levels")}
    return [per_element(net, op, sources, "xf_requantise", np.stack(op.tables()), **numbers)]
