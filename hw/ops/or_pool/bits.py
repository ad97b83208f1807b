"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.sim.bits.packed import Packed


def step(op):
    """OR (AND) of whole words."""
    height, width, _ = op.get_nodeattr("ifm")
    (kh, kw), (sh, sw) = op.get_nodeattr("kernel"), op.get_nodeattr("stride")
    join = np.bitwise_and if op.get_nodeattr("all") else np.bitwise_or

    def run(x: Packed):
        image = x.words.reshape(len(x.words), height, width, -1)
        oh, ow = (height - kh) // sh + 1, (width - kw) // sw + 1
        taps = [
            image[:, y : y + sh * (oh - 1) + 1 : sh, c : c + sw * (ow - 1) + 1 : sw]
            for y in range(kh)
            for c in range(kw)
        ]
        out = taps[0].copy()
        for tap in taps[1:]:
            join(out, tap, out=out)
        return Packed(out.reshape(len(out), -1, x.words.shape[-1]), x.bits)

    return run
