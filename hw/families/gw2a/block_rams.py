"""Contents of block RAMs of a GW2A: in a netlist and in a bitstream, compared by how many bits are set.

A bitstream (.fs) is lines of the digits 0 and 1: a head, the frames of the fabric, then, where a block RAM
is initialised, 256 lines for each of the three rows of block RAMs, and a tail. As Project Apicula found
(gowin_pack), line n of the 256, counted from the bottom, has the words 4 * n mod 256 … of every block: of
the parameters INIT_RAM_00 … 3F those whose number modulo 16 is n mod 64 / 4. Where in the line a bit lies is
Apicula's table, which is not repeated here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from xnorforge.core.errors import UserError

FABRIC, ROWS, LINES = 1342, 3, 256  # lines of the fabric; rows of block RAMs, and lines of each
WIDTH = 3376  # digits of a line before its checksum
TAIL = 64  # digits of checksum and end of a line
GROUPS = 16


def ones_of_netlist(cells: Iterable[Mapping[str, Any]]) -> list[int]:
    """Bits set in the block RAMs of a netlist (Yosys' JSON), by the number of their parameter modulo 16."""
    total = [0] * GROUPS
    for cell in cells:
        for name, bits in cell["parameters"].items():
            if name.startswith("INIT_RAM_"):
                total[int(name.removeprefix("INIT_RAM_"), 16) % GROUPS] += str(bits).count("1")
    return total


def ones_of_bitstream(data: bytes) -> list[int]:
    """The same of a bitstream.

    Raises:
        UserError: it is cut short.
    """
    lines = [line for line in data.split() if len(line) == WIDTH + TAIL]
    if len(lines) not in (FABRIC, FABRIC + ROWS * LINES):
        raise UserError(
            f"the bitstream has {len(lines):,} lines, but a GW2A-18 takes {FABRIC:,} or "
            f"{FABRIC + ROWS * LINES:,}; it is truncated."
        )
    total = [0] * GROUPS
    for number, line in enumerate(lines[FABRIC:]):
        from_bottom = LINES - 1 - number % LINES
        total[from_bottom % 64 // 4] += line[:WIDTH].count(b"1")
    return total
