"""Contents of block RAMs of 7-series parts: in a netlist, in FASM, in a bitstream, to be compared as blocks.

A block is one RAMB18: 16,384 bits of data and 2,048 of parity. A RAMB36 is two of them, its even bits in
the lower one and its odd bits in the upper (Xilinx UG473; Project X-Ray, segbits_bram_l.block_ram.db).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints

DATA, PARITY = 16384, 2048  # bits
Block = tuple[int, int]  # data, parity; the bit of address 0 is the lowest
WORDS = 101  # of 32 bits in a frame; word 50 belongs to the clock
FRAMES = 128  # of a column of block RAMs
TILES = 10  # block RAM tiles in a column of a clock region, each two blocks
PADS = 2  # empty frames behind each row of a bus
SYNC = bytes.fromhex("aa995566")
FDRI = 2  # the register that takes frames
LINE = re.compile(r"^(\w+)\.RAMB18_Y([01])\.INIT(P?)_([0-9A-F]{2})\[255:0\] = 256'b([01]+)$", re.MULTILINE)


def counted(blocks: Iterable[Block]) -> Counter[Block]:
    """How often each content occurs; empty blocks are left out, as an unused one looks the same."""
    return Counter(block for block in blocks if any(block))


def of_netlist(cells: Iterable[Mapping[str, Any]]) -> Counter[Block]:
    """Blocks of the cells of a netlist (Yosys' JSON); bits that nobody set (x) are 0."""
    found: list[Block] = []
    for cell in cells:
        if cell["type"] == "RAMB18E1":
            found.append((_joined(cell, "INIT_", 64), _joined(cell, "INITP_", 8)))
        elif cell["type"] == "RAMB36E1":
            data, parity = _joined(cell, "INIT_", 128), _joined(cell, "INITP_", 16)
            found += [(_every_other(data, side), _every_other(parity, side)) for side in (0, 1)]
    return counted(found)


def _joined(cell: Mapping[str, Any], name: str, count: int) -> int:
    """The parameters `name`00, 01, … side by side, the first lowest."""
    total = 0
    for index in range(count):
        bits = cell["parameters"].get(f"{name}{index:02X}", "0")
        total |= int(re.sub("[^01]", "0", bits), 2) << (256 * index)
    return total


def _every_other(bits: int, first: int) -> int:
    """Bits first, first + 2, first + 4, … as a number."""
    return int(f"{bits >> first:b}"[::-1][::2][::-1], 2)


def of_fasm(text: str) -> Counter[Block]:
    """Blocks that FASM asks for."""
    found: dict[tuple[str, str], list[int]] = {}
    for tile, side, parity, index, bits in LINE.findall(text):
        block = found.setdefault((tile, side), [0, 0])
        block[bool(parity)] |= int(bits, 2) << (256 * int(index, 16))
    return counted((data, parity) for data, parity in found.values())


def of_bitstream(data: bytes, part: Mapping[str, Any]) -> Counter[Block]:
    """Blocks in a `.bit` file.

    Args:
        data: the file.
        part: `part.json` of Project X-Ray, which says how many frames each column has.

    Raises:
        UserError: it is not a bitstream, is for another part, or is truncated.
    """
    frames, blocks = frames_of(data), []
    where = {(bus, half, row): frames[begin:end] for bus, half, row, begin, end in _rows(part)}
    expected = max(end for *_, end in _rows(part)) + PADS
    if len(frames) != expected:
        raise UserError(
            f"the bitstream has {len(frames):,} frames, but its part has {expected:,}; "
            "it is for another part, or truncated."
        )
    for (bus, _, _), row in where.items():
        if bus == "BLOCK_RAM":
            for column in range(0, len(row), FRAMES):
                blocks += _column(row[column : column + FRAMES])
    return counted(blocks)


def _rows(part: Mapping[str, Any]) -> list[tuple[str, str, int, int, int]]:
    """(bus, half, row, first frame, frame behind the last) in the order in which frames are written."""
    found, at = [], 0
    for bus in ("CLB_IO_CLK", "BLOCK_RAM"):
        for half in ("top", "bottom"):
            rows = part["global_clock_regions"].get(half, {}).get("rows", {})
            for row in sorted(rows, key=int):
                columns = rows[row]["configuration_buses"].get(bus, {}).get("configuration_columns", {})
                size = sum(column["frame_count"] for column in columns.values())
                if size:
                    found.append((bus, half, int(row), at, at + size))
                    at += size + PADS
    return found


def frames_of(data: bytes) -> list[bytes]:
    """The frames of a `.bit` file in the order in which they are written, 404 bytes each.

    Raises:
        UserError: it is not a 7-series bitstream, or is truncated.
    """
    begin = data.find(SYNC)
    if begin < 0:
        raise UserError(
            "the bitstream has no sync word (AA995566); it is not a 7-series bitstream, or truncated."
        )
    at, register, frames = begin + 4, -1, []
    while at + 4 <= len(data):
        head = int.from_bytes(data[at : at + 4], "big")
        at += 4
        kind = head >> 29
        if kind == 1:
            register, size = head >> 13 & 0x1F, head & 0x7FF
        elif kind == 2:
            size = head & 0x7FFFFFF
        else:
            raise UserError(f"the bitstream has a packet of unknown kind at byte {at - 4:,}; it is damaged.")
        payload = data[at : at + 4 * size]
        if len(payload) < 4 * size:
            raise UserError(
                f"the bitstream ends after {len(data):,} bytes, in the middle of a packet; it is truncated."
            )
        if register == FDRI:
            frames += [payload[k : k + 4 * WORDS] for k in range(0, len(payload), 4 * WORDS)]
        at += 4 * size
    return frames


def _column(frames: Sequence[bytes]) -> list[Block]:
    """The 20 blocks of a column of a clock region, lowest first."""
    # Bit i of a frame is bit i % 32 of its word i // 32.
    words = range(4 * WORDS - 4, -1, -4)
    numbers = [int.from_bytes(b"".join(frame[k : k + 4] for k in words), "big") for frame in frames]
    found = []
    for tile in range(TILES):
        first = 32 * (10 * tile + (tile >= TILES // 2))
        slices = [number >> first for number in numbers]
        found += [_block([one >> (176 * side) for one in slices]) for side in (0, 1)]
    return found


def _block(frames: Ints) -> Block:
    """One block out of its 128 frames, bit 0 of each its own first."""
    data = parity = 0
    if not any(frame & (1 << 144) - 1 for frame in frames):
        return 0, 0
    for address in range(8 * FRAMES):
        frame, step = frames[address // 8], address % 8
        start = 4 * (step & 1) + (step >> 1 & 1) + 2 * (step >> 2)
        for bit in range(16):
            column = 16 * (bit % 8) + (16 if bit % 8 >= 4 else 0)
            data |= (frame >> (start + column + 8 * (bit // 8)) & 1) << (16 * address + bit)
        for bit in range(2):
            parity |= (frame >> (start + 64 + 8 * bit) & 1) << (2 * address + bit)
    return data, parity
