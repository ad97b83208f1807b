"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.interact.op import Interact
from xnorforge.sim.bits.packed import Step, as_integers, pack


def step(op: Interact) -> Step:
    """The contract, with comparisons of 32 bits."""
    _, thresholds, direction = op.tables()
    stairs = op.stairs()

    def run(x):
        mixed = op.mixed(as_integers(x, op.in_stream()).astype(np.int32), stairs)
        return mixed if thresholds is None else pack(direction * mixed >= thresholds)

    return run
