"""Row of the cycle model."""

import numpy as np

from xnorforge.hw.ops._timing import Timing, some_given
from xnorforge.hw.ops.or_pool.op import OrPool


def timing(op: OrPool) -> Timing:
    """The last beats of every whole window leave."""
    given = np.zeros(op.in_stream().beats, bool)
    given[op.needs() - 1] = True
    return some_given(given, 1)
