"""The operator on packed bits, for the bit simulator."""

from xnorforge.hw.ops.upsample.op import Upsample
from xnorforge.sim.bits.packed import Packed, Step


def step(op: Upsample) -> Step:
    """Pixels and rows repeated, packed or not."""
    height, width, _ = op.get_nodeattr("ifm")
    fy, fx = op.get_nodeattr("factor")

    def run(x):
        image = x.words if isinstance(x, Packed) else x
        grown = image.reshape(len(image), height, width, -1).repeat(fy, axis=1).repeat(fx, axis=2)
        if isinstance(x, Packed):
            return Packed(grown.reshape(len(grown), -1, x.words.shape[-1]), x.bits)
        return grown

    return run
