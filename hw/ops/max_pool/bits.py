"""The operator on integers and on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.max_pool.op import MaxPool
from xnorforge.sim.bits.elements import Pooling, pool_step
from xnorforge.sim.bits.kernels import pool_words
from xnorforge.sim.bits.packed import Packed, Step, pack
from xnorforge.sim.bits.plans import noted


def step(op: MaxPool) -> Step:
    """Of bits an OR (AND) of whole words, where all channels take the same."""
    if not op.of_bits:
        return pool_step(op)
    height, width, channels, kh, kw = op.pixels()
    every = bool(op.minima()[0])

    def run(x: Packed):
        if x.bits != channels:  # windows in one segment each
            x = pack(x.unpack().reshape(len(x.words), height * width, channels))
        image = np.ascontiguousarray(x.words).reshape(len(x.words), height, width, -1)
        out = pool_words(image, kh, kw, every)
        return Packed(out.reshape(len(out), -1, out.shape[3]), x.bits)

    if every or op.in_windows:
        return run
    return noted(run, pool=Pooling((height, width), (kh, kw), run))  # for who compares what it pools
