"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.depthwise.op import Depthwise
from xnorforge.sim.bits.packed import Packed, Step, pack


def step(op: Depthwise) -> Step:
    """Tap by tap."""
    signs = 2 * np.asarray(op.arrays_of["weights"]).astype(np.int32) - 1
    thresholds, shape = op.arrays_of.get("thresholds"), op.out_stream().shape
    equal = (signs < 0).sum(axis=0) if op.get_nodeattr("xnor") else 0

    def run(x):
        rows = x.unpack() if isinstance(x, Packed) else x
        taps = rows.reshape(-1, *signs.shape)
        result = np.asarray(sum(taps[:, k] * signs[k] for k in range(len(signs))) + equal)
        result = result.reshape(len(rows), *shape)
        return result.astype(np.int64) if thresholds is None else pack(result >= np.asarray(thresholds))

    return run
