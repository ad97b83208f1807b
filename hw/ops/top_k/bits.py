"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.sim.bits.packed import as_integers


def step(op):
    """The scores, then the indices of the largest, first on ties."""
    n, k = op.get_nodeattr("n"), op.get_nodeattr("k")

    def run(x):
        x = as_integers(x, op.in_stream()).reshape(-1, n)
        return np.concatenate([x, np.argsort(-x, axis=-1, kind="stable")[..., :k]], axis=-1)

    return run
