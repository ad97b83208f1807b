"""What a board's shell can do, by the `kind` in its file."""

from collections.abc import Mapping
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.hw.boards import Board
from xnorforge.hw.shells import dma, uart


def check_inside(record: Mapping[str, Any], net: str) -> None:
    """Check that all constants of a network lie in it (`rtl.json`), for a shell without a port to memory.

    Raises:
        UserError: some come from outside with every frame.
    """
    if names := [one["operator"] for one in record.get("outside", ())]:
        raise UserError(
            f"{net}: the weights of {names[0]} come from memory with every frame, but the board's shell has "
            'no port to one; set its "rom" to "block", or build for a board with [shell] kind = "dma".'
        )


def cycles_per_frame(board: Board, border: Mapping[str, Any]) -> int:
    """Least clock cycles between two frames behind a board's shell: a word per cycle on the bus, ten bits per
    byte on a serial line, in the direction that has more to move. 0 for a board without a shell.

    Args:
        border: `border` of rtl.json, both sides.
    """
    sides = border["input"], border["output"]
    if board.shell_kind == "dma":
        return max(dma.recorded_layout(side).stride for side in sides) // dma.WORD
    if "baud" not in board.shell:
        return 0
    taken, given = (bytes(side["bytes"] * side["beats"]) for side in sides)
    longest = max(len(uart.frame_request(taken)), len(uart.with_check(given)))
    return 10 * uart.clocks_per_bit(board) * longest
