"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.interact.op import Interact
from xnorforge.sim.bits.packed import Step, as_integers, pack


def step(op: Interact) -> Step:
    """How many steps of each stair a sum passed, times a matrix of the edges of that stair."""
    influence, thresholds, direction = op.tables()
    shape, g = op.in_stream().shape, influence.shape[1]
    stairs = []
    for size in np.unique(abs(influence[abs(influence) > 1])):
        edges = np.zeros((shape[-1], shape[-1]), np.float32)
        for k, group in enumerate(influence):
            edges[k * g : (k + 1) * g, k * g : (k + 1) * g] = np.sign(group) * (abs(group) == size)
        stairs.append((op.cuts(int(size)), edges, (int(size) - 1) // 2 * edges.sum(axis=0)))

    def run(x):
        x = as_integers(x, op.in_stream())
        rows = x.reshape(-1, shape[-1]).astype(np.int32)
        moved = np.zeros(rows.shape, np.float32)  # small integers: exact
        for cuts, edges, middle in stairs:
            passed = np.zeros(rows.shape, np.float32)
            for cut in cuts:
                passed += rows > cut
            moved += passed @ edges - middle
        mixed = op.scale * x - op.offset + op.get_nodeattr("unit") * moved.astype(np.int64).reshape(x.shape)
        return mixed if thresholds is None else pack(direction * mixed >= thresholds)

    return run
