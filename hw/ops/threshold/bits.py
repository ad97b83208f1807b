"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.sim.bits.packed import as_integers


def step(op):
    """How many of a channel's thresholds are reached."""
    thresholds, direction = op.tables()

    def run(x):
        x = as_integers(x, op.in_stream()) * direction
        level = np.zeros(x.shape, np.int64)
        for step_of_channel in thresholds.T:
            level += x >= step_of_channel
        return level

    return run
