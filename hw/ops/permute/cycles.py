"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work
from xnorforge.hw.ops.permute.op import Permute


def timing(op: Permute) -> Timing:
    """A beat is read as soon as it is there; a frame is left as a whole."""
    addresses = op.addresses()
    depth = len(addresses)
    works = [Work(needs=int(place) + 1) for place in addresses[:-1]]
    return Timing([*works, Work(needs=depth, frees=depth)], 1, Stop.READER, Buffer(depth, 2 * depth))
