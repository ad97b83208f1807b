"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.top_k.op import TopK
from xnorforge.sim.bits.packed import Step, as_integers


def step(op: TopK) -> Step:
    """The scores, then the indices of the largest, first on ties."""
    n, k, stream = op.get_nodeattr("n"), op.get_nodeattr("k"), op.in_stream()

    def run(x):
        x = as_integers(x, stream).reshape(-1, n)
        return np.concatenate([x, np.argsort(-x, axis=-1, kind="stable")[..., :k]], axis=-1)

    return run
