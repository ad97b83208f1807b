"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.sim.bits.packed import Packed, pack


def step(op):
    """OR (AND) of whole words."""
    height, width, channels, kh, kw = op.pixels()
    join = np.bitwise_and if op.get_nodeattr("all") else np.bitwise_or

    def run(x: Packed):
        if x.bits != channels:  # windows in one segment each
            x = pack(x.unpack().reshape(len(x.words), height * width, channels))
        image = x.words.reshape(len(x.words), height, width, -1)
        rows, columns = height // kh * kh, width // kw * kw
        taps = [image[:, y:rows:kh, c:columns:kw] for y in range(kh) for c in range(kw)]
        out = taps[0].copy()
        for tap in taps[1:]:
            join(out, tap, out=out)
        return Packed(out.reshape(len(out), -1, x.words.shape[-1]), x.bits)

    return run
