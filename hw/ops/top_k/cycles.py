"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Stop, Timing, Work


def timing(op) -> Timing:
    """The scores go through, then the indices leave."""
    return Timing([Work(steps=op.get_nodeattr("n"), takes=(0,)), Work(steps=op.indices)], 1, Stop.SPARE)
