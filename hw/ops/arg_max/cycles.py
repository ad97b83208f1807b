"""Row of the cycle model."""

import numpy as np

from xnorforge.hw.ops._timing import Timing, some_given
from xnorforge.hw.ops.arg_max.op import ArgMax


def timing(op: ArgMax) -> Timing:
    """With the last beat of a pixel; the keys and the tree's registers are in front."""
    return some_given(np.arange(op.folds) == op.folds - 1, 2 + len(op.register_levels()))
