"""Cost of a matrix-vector unit in LUTs and block RAMs, as Yosys counts them; the figures behind docs/operators-mvu.md."""

from dataclasses import dataclass

BLOCK_STARTS = 256  # passes from which thresholds go to block RAM
LARGEST_LOGIC_ROM = 64  # LUTs up to which weights stay in logic


@dataclass(frozen=True)
class Dot:
    """One row's dot product: LUTs, cycles from input to sum, bits of the sum."""

    lut: int
    latency: int
    bits: int


def next_heights(heights: list[int]) -> tuple[list[int], int]:
    """One level of xf_compress (hw/rtl/xf_heap.svh): heights of the columns that are left, LUTs it takes."""

    def at(column):
        return heights[column] if 0 <= column < len(heights) else 0

    def sixes(column):
        return (at(column) + 1) // 6

    left, lut, below = [], 0, 0
    for column in range(len(heights) + 3):
        rest = 0 if at(column) % 6 == 5 else at(column) % 6
        height = sixes(column) + sixes(column - 1) + max(0, sixes(column - 2) - sixes(column)) + below + rest
        below = int(rest >= 3 and height > 3)  # a full adder takes three bits and leaves one here, one above
        left.append(height - 2 * below)
        lut += 2 * sixes(column) + below
    while not left[-1]:
        left.pop()
    return left, lut


def dot(simd: int, bits: int) -> Dot:
    """The dot product of `simd` elements of `bits` bits; bits = 1 is an XNOR-popcount."""
    extra = 0
    if bits == 1:
        heights, lut = [(simd + 2) // 3, (simd + 1) // 3], simd // 3 * 2 + simd % 3
    elif simd == 1:
        heights, lut = [1] * bits, bits
    else:
        heights, lut = [simd // 2] * (bits + 1), simd // 2 * bits
        if simd % 2:
            heights, lut, extra = [*heights, 1], lut + bits + 2, 1
    levels = 0
    while max(heights) > 3:
        heights, more = next_heights(heights)
        lut, levels = lut + more, levels + 1
    sum_bits = (simd * (2**bits - 1)).bit_length()
    high = [column for column, height in enumerate(heights) if height > 1]
    if high:
        lut += min(len(heights) + (max(heights) == 3), sum_bits) - high[0]
    return Dot(lut, levels // 2 + levels % 2 + 2 + extra, sum_bits)


def logic_rom(width: int, words: int) -> int:
    """LUTs of a memory in logic: one per bit and 64 words."""
    return width * -(-words // 64)


def unit(mw, mh, simd, pe, bits, start_bits, acc_bits, weight_block, start_block) -> dict:
    return {"lut": 0.0, "bram36": 0.0}
