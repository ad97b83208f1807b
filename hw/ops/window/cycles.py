"""Row of the cycle model."""

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._timing import SKID, Buffer, Stop, Timing, Work


def timing(op) -> Timing:
    """Reader and writer of the ring wait for each other by whole rows; a register behind the ring, then the
    one at the output.

    Raises:
        UserError: it gives whole windows.
    """
    if op.whole:
        raise UserError(
            f"{op.name}: the cycle model has no row of Window with whole windows; simulate its RTL."
        )
    if op.passes_through():
        return SKID
    rows = op.rows()
    beats = rows.write * op.beats
    room = (1 << op.address_bits()) // beats * beats
    works = [
        Work(steps=rows.read * op.beats, needs=need * beats, frees=freed * beats)
        for need, freed in zip(rows.need, rows.freed)
    ]
    return Timing(works, 2, Stop.BEHIND, Buffer(rows.height * beats, room))
