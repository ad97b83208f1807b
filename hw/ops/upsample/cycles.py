"""Row of the cycle model."""

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work


def timing(op) -> Timing:
    """A row is read while it arrives and some times more, on the last time each beat makes room for one of
    the next row.

    Raises:
        UserError: pixels are repeated in both directions, where ready comes and goes.
    """
    pixels, beats, passes, copies = op.loops()
    depth = pixels * beats
    if depth == 1:
        return Timing([Work(passes * copies, needs=1, frees=1)], 1, Stop.SPARE, Buffer(1, 1, free=0))
    if copies > 1:
        raise UserError(
            f"{op.name}: the cycle model has no row of {type(op).__name__} with rows and columns repeated; "
            "simulate its RTL."
        )
    works = [
        Work(needs=beat, frees=beat if last else 0)
        for last in [False] * (passes - 1) + [True]
        for beat in range(1, depth + 1)
    ]
    return Timing(works, 1, Stop.READER, Buffer(depth, depth))
