"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.any_width import as_width
from xnorforge.hw.ops.arg_max.op import ArgMax
from xnorforge.sim.bits.packed import Step, as_integers


def step(op: ArgMax) -> Step:
    """The largest key is the last of those sorted by key, then from last to first channel."""
    offset, shift, stream = op.offset(), op.get_nodeattr("shift"), op.in_stream()
    width = op.key_bits + len(offset).bit_length()

    def run(x):
        keys = as_width(as_integers(x, stream), width)
        keys = (keys * 2**shift + offset) * len(offset) - np.arange(len(offset))
        return keys.argsort(-1)[..., -1:]

    return run
