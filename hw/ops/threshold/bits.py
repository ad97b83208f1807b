"""The operator on packed bits, for the bit simulator."""

from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim.bits.elements import level_step
from xnorforge.sim.bits.packed import Step


def step(op: Threshold) -> Step:
    """How many of a channel's thresholds are reached."""
    return level_step(op, *op.tables())
