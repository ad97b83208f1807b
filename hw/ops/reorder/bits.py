"""The operator on packed bits, for the bit simulator."""

from xnorforge.hw.ops.reorder.op import Reorder
from xnorforge.sim.bits.packed import Packed, Step, as_integers


def step(op: Reorder) -> Step:
    """Groups of whole segments moved, packed or not."""
    places, group, source = op.places(), op.get_nodeattr("group"), op.in_stream()
    shape = op.out_stream().shape

    def run(x):
        if isinstance(x, Packed) and group % x.bits == 0:
            moved = x.words.reshape(len(x), -1, group // x.bits * x.words.shape[-1])
            return Packed(moved[:, places].reshape(len(x), -1, x.words.shape[-1]), x.bits)
        groups = as_integers(x, source).reshape(len(x), -1, group)
        return groups[:, places].reshape(len(groups), *shape)

    return run
