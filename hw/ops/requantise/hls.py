"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.net import Net, Wire, per_element, refused
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """A shift and a correction per channel.

    Raises:
        UserError: it has slopes.
    """
    if "slope" in op.arrays_of or op.get_nodeattr("zero"):
        raise refused(op, "is a rounded PReLU, which no layer of hls4ml is", "build it with BACKEND=rtl")
    numbers = {name: op.get_nodeattr(name) for name in ("shift", "levels")}
    return [per_element(net, op, sources, "xf_requantise", np.stack(op.tables()[:3]), **numbers)]
