"""What the operators that only move elements check and share."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import INT64_BITS, as_width, width_of


def divisors(number: int) -> list[int]:
    """All divisors, ascending.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    return [d for d in range(1, number + 1) if number % d == 0]


def check_divides(name: str, attribute: str, value: int, what: str, total: int) -> None:
    """Raise UserError unless `value` lanes divide `total` elements."""
    if value < 1 or total % value:
        raise UserError(
            f"{name}: {attribute}={value} does not divide {what}={total}; use one of {divisors(total)}."
        )


def value_range(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of an element.

    >>> value_range(8, True)
    (-128, 127)
    """
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def signed_bits(low: int, high: int) -> int:
    """Bits of two's complement that hold low .. high.

    >>> signed_bits(-128, 5), signed_bits(0, 5)
    (8, 4)
    """
    return max(int(high), -int(low) - 1, 0).bit_length() + 1


def wrapped(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    """Integers modulo 2**bits, as the elements of that width.

    >>> wrapped(np.array([127, 128, -129]), 8, True)
    array([ 127, -128,  127])
    """
    if width_of(values) >= INT64_BITS or bits > INT64_BITS:
        values = as_width(values, INT64_BITS + 1)
    low, _ = value_range(bits, signed)
    return as_width((values - low) % 2**bits + low, bits)


def packed(values, bits: int) -> tuple[int, int]:
    """Numbers of `bits` bits side by side, the first in the lowest bits, as a parameter: (bits in all,
    number).

    >>> packed([1, 2, -1], 4)
    (12, 3873)
    """
    values = [int(value) % 2**bits for value in values]
    return bits * len(values), sum(value << (bits * index) for index, value in enumerate(values))


def spare_cost(width: int) -> float:
    """LUTs of a spare output register of `width` bits (hw/rtl/xf_spare.sv): a choice per bit, and valid."""
    return width + 1.0


def memory_cost(depth: int, width: int, kind: str = "auto") -> dict[str, float]:
    """What a memory with one write and one read port takes on a 7-series part: {"lut", "bram36"}.

    Yosys weighs four LUTs (32 x 6 or 64 x 3 bits) as 8, half a block as 129, a whole one as 257 and a bit of
    a row beyond the first as a half, and takes the least; `kind` "lut" or "block" forces one. What joins LUT
    memories deeper than 64, and rows of blocks, is included.
    """
    fours = quads(depth, width)
    if kind != "lut":
        price, halves, rows = block_choice(depth, width)
        logic = min(8 * count + width * (high - 1) / 2 for high, count in lut_memories(depth, width))
        if kind == "block" or price < logic:
            return {"lut": width * (rows // 2), "bram36": halves / 2}
    blocks = -(-depth // 64)
    joined = blocks + width * (blocks - 1) / 2 if blocks > 1 else 0
    return {"lut": 4 * fours + joined, "bram36": 0.0}


def block_choice(depth: int, width: int, written: bool = True) -> tuple[float, int, int]:
    """How Yosys' memory_libmap puts a memory into block RAM: its price, halves of a block, and the rows of
    blocks among which a read chooses.

    The price is 257 per block, 129 per half and half of the bits that the choice discards. The rows of a
    memory that is never `written` share blocks, side by side.

    >>> block_choice(4096, 9), block_choice(3125, 32), block_choice(1500, 20, written=False)
    ((257.0, 2, 1), (999.0, 7, 7), (277.0, 2, 3))
    """
    choices: list[tuple[float, int, int]] = []
    for address, halves, price in ((14, 1, 129), (15, 2, 257)):
        for log, lanes in enumerate((1, 2, 4, 9, 18, 36, 72)[: address - 8]):
            rows = -(-depth >> (address - log))
            count = rows * -(-width // lanes) if written else -(-rows * width // lanes)
            choices.append((price * count + width * (rows - 1) / 2, halves * count, rows))
    return min(choices)


def quads(depth: int, width: int) -> int:
    """Fours of LUTs, each 32 x 6 or 64 x 3 bits."""
    return min(count for _, count in lut_memories(depth, width))


def lut_memories(depth: int, width: int) -> list[tuple[int, int]]:
    """Rows of a memory, and fours of LUTs in all, of 32 x 6 bits each or of 64 x 3."""
    rows = ((-(-depth // words), bits) for words, bits in ((32, 6), (64, 3)))
    return [(count, count * -(-width // bits)) for count, bits in rows]
