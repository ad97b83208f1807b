"""The packed form for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.surround.op import Surround
from xnorforge.sim.bits.packed import Packed, Step, as_integers, pack


def step(op: Surround) -> Step:
    """The image copied into one that is all border; bits that stay bits are not unpacked."""
    (height, width, _), (top, left, *_) = op.in_stream().shape, op.pads()
    shape, values = op.out_stream().shape, op.values()

    def surrounded(x, border):
        """x (N, H, W, any) and border (any,)."""
        y = np.empty((len(x), *shape[:2], x.shape[-1]), x.dtype)
        y[:] = border
        y[:, top : top + height, left : left + width] = x
        return y

    def run(x):
        bits, signed = op.result()
        if isinstance(x, Packed) and bits == 1 and not signed:
            image = x.words.reshape(len(x.words), height, width, -1)
            words = surrounded(image, pack(values[None]).words[0, 0])
            return Packed(words.reshape(len(words), -1, x.words.shape[-1]), x.bits)
        plain = as_integers(x, op.in_stream())
        return surrounded(plain.reshape(-1, height, width, shape[-1]), values)

    return run
