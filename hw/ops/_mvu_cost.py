"""Cost of a matrix-vector unit in LUTs and block RAMs, as Yosys counts them."""

from dataclasses import dataclass, replace
from functools import cache
from math import expm1, log1p

import numpy as np

from xnorforge.hw.fabric import REFERENCE, address_bits, block_choice, memory_of
from xnorforge.hw.parts import Parts

BLOCK_STARTS = 256  # passes from which thresholds go to block RAM
LARGEST_LOGIC_ROM = 64  # LUTs up to which weights stay in logic …
SHALLOW = 32  # … and words up to which they do at any width: a block would be used to a sixteenth
FLAT = 256  # words up to which the LUTs of a table in logic meet in the multiplexers of a slice …
BEYOND = 1.4  # … and how many times as many there are with the multiplexers above


@dataclass(frozen=True)
class Dot:
    """One row's dot product: LUTs, cycles from input to sum, bits of the sum, flip-flops, carry cells."""

    lut: int
    latency: int
    bits: int
    ff: int
    carry: int


def positions(count: int) -> int:
    """CARRY4 of a chain of so many positions that is placed by hand (hw/rtl/xf_carry.sv)."""
    return -(-count // 4)


def next_heights(heights: list[int], sevens: bool = False) -> tuple[list[int], int, int]:
    """One level of xf_compress (hw/rtl/xf_heap.svh): heights of the columns that are left, LUTs and carry
    cells it takes. `sevens`: a chain takes a seventh bit where it begins.
    """
    groups: list[int] = []
    rests: list[int] = []
    for column, height in enumerate(heights):
        above = groups[column - 2] if column > 1 else 0
        count = (height + 1) // 6
        taken = 6 * count
        if sevens:
            count = min(count, above)
            more = max(0, height - 6 * count + 1) // 7 if count == above else 0
            count, taken = count + more, 6 * count + 7 * more
        groups.append(count)
        rests.append(max(0, height - taken))

    def sixes(column):
        return groups[column] if 0 <= column < len(heights) else 0

    # A group takes two positions of its chain: every second one, from where the chain begins, a carry cell.
    begun: list[list[bool]] = [[], []]
    for count in groups:
        below_it = begun[-2]
        begun.append([k >= len(below_it) or not below_it[k] for k in range(count)])

    left, lut, below = [], 0, 0
    for column in range(len(heights) + 3):
        rest = rests[column] if column < len(heights) else 0
        height = sixes(column) + sixes(column - 1) + max(0, sixes(column - 2) - sixes(column)) + below + rest
        below = int(rest >= 3 and height > 3)  # a full adder takes three bits and leaves one here, one above
        left.append(height - 2 * below)
        lut += 2 * sixes(column) + below
    while not left[-1]:
        left.pop()
    return left, lut, sum(map(sum, begun))


def heap(
    heights: list[int],
    lut: int,
    sum_bits: int,
    wait: int = 0,
    sevens: bool = False,
    registered: bool = False,
    ff: int = 0,
    carry: int = 0,
) -> Dot:
    """A dot product whose first gates take so many LUTs, cycles, flip-flops and carry cells and leave a heap
    of these heights. `registered`: its bits come from registers (Hold of xf_compress).
    """
    levels = 0
    while max(heights) > 3:
        if levels % 2 == registered:
            ff += sum(heights)
        heights, more, chains = next_heights(heights, sevens)
        lut, carry, levels = lut + more, carry + chains, levels + 1
    if not registered or levels % 2:
        ff += sum(heights[:sum_bits])
    ff += sum_bits
    high = [column for column, height in enumerate(heights) if height > 1]
    if high:
        width = min(len(heights) + (max(heights) == 3), sum_bits) - high[0]
        lut += width
        carry += positions(width) if max(heights) == 3 else REFERENCE.carry(sum_bits - high[0])
    return Dot(lut, levels // 2 + levels % 2 + 2 + wait, sum_bits, ff, carry)


@cache
def dot(simd: int, bits: int) -> Dot:
    """The dot product of `simd` elements of `bits` bits and +-1 weights; bits = 1 is an XNOR-popcount."""
    extra = ff = carry = 0
    if bits == 1:
        heights, lut = [(simd + 2) // 3, (simd + 1) // 3], simd // 3 * 2 + simd % 3
    elif simd == 1:
        heights, lut = [1] * bits, bits
    else:
        heights, lut, carry = [simd // 2] * (bits + 1), simd // 2 * bits, simd // 2 * positions(bits)
        if simd % 2:
            ff, carry = sum(heights) + bits + 1, carry + positions(bits)
            heights, lut, extra = [*heights, 1], lut + bits + 2, 1
    return heap(heights, lut, (simd * (2**bits - 1)).bit_length(), extra, bits == 1, ff=ff, carry=carry)


@cache
def planes(simd: int, bits: int, weight: int) -> Dot:
    """The dot product of `simd` elements of `bits` bits and weights of `weight` bits, by planes
    (xf_plane_sum).
    """
    heights, lut, carry = [0] * (bits + weight + 1), 0, 0

    def add(first, *more):
        for column, count in enumerate(more, first):
            heights[column] += count

    for plane in range(weight):
        if bits == 1:
            add(plane, (simd + 2) // 3, (simd + 1) // 3)
            lut += simd // 3 * 2 + simd % 3
        else:
            add(plane, *[simd // 2] * (bits + 1))
            lut, carry = lut + simd // 2 * bits, carry + simd // 2 * positions(bits)
    if bits > 1 and simd % 2:
        for plane in range(0, weight, 2):
            both = plane + 1 < weight
            add(plane, *[1] * (bits + 2 * both))
            lut, carry = lut + bits + both, carry + both * positions(bits + 1)
    while not heights[-1]:
        heights.pop()
    top = plane_offset(simd, bits, weight) + simd * (2**bits - 1) * (2 ** (weight - 1) - 1)
    return heap(heights, lut, top.bit_length(), carry=carry)


@cache
def ternary(simd: int, bits: int, gate: int) -> Dot:
    """The dot product of `simd` elements of `bits` bits and weights of -1, 0, 1, whose gates take `gate` LUTs
    each (xf_ternary_sum).
    """
    return heap([simd] * bits, simd * gate, (simd * (2**bits - 1)).bit_length(), sevens=True)


@cache
def scaled(lanes: int, parts: int, planes: int) -> Dot:
    """The sum of `parts` counts of `lanes` equal bits each, times constants of `planes` bits
    (xf_scaled_count).
    """
    count, heights, lut, carry = dot(lanes, 1), [0] * (lanes.bit_length() + planes + 1), 0, 0
    for plane in range(0, planes, 2):
        both = plane + 1 < planes
        for column in range(count.bits + 2 * both):
            heights[plane + column] += parts
        lut += parts * (count.bits + both)
        carry += both * parts * positions(count.bits + 1)
    while not heights[-1]:
        heights.pop()
    sum_bits = (parts * lanes * (2**planes - 1)).bit_length()
    products = heap(heights, lut + parts * count.lut, sum_bits, count.latency, carry=carry)
    return replace(products, ff=products.ff + parts * count.ff, carry=products.carry + parts * count.carry)


def different(pe: int, kinds: int) -> float:
    """How many of `pe` rows want other gates of a bit, on average: of all kinds, zero and the bit itself are
    none.
    """
    return -(kinds - 2) * expm1(pe * log1p(-1 / kinds))


def plane_offset(simd: int, bits: int, weight: int) -> int:
    """What the inverses of the highest plane add to a sum: int_offset of hw/rtl/xf_heap.svh."""
    sign = 2 ** (weight - 1)
    if bits > 1 and simd % 2 and weight % 2 == 0:
        return (simd - 1) * sign * (2**bits - 1) + sign // 2 * (2 ** (bits + 1) - 1)
    return simd * sign * (2**bits - 1)


@cache
def multipliers(simd: int, chain: int, field: int) -> Dot:
    """One row's dot product behind chains of `chain` multipliers whose sums have `field` bits
    (xf_dsp_sum).
    """
    groups = -(-simd // chain)
    return heap([groups] * field, 0, (groups * (2**field - 1)).bit_length(), chain + 1)


def logic_rom(width: int, words: int) -> int:
    """LUTs of a memory in logic: one per bit and 64 words; of a few words there are few different columns."""
    per_bit = -(-words // 64)
    return min(width, 2**words) * per_bit if words > 1 else 0


def logic_mux(width: int, words: int) -> int:
    """LUTs that pick among the LUTs of a bit of such a memory: MUXF7 and MUXF8 join four without one."""
    return width * ((-(-words // 64) - 1) // 4)


def logic_memory(width: int, words: int) -> int:
    """LUTs of such a memory, and of what picks among them."""
    return logic_rom(width, words) + logic_mux(width, words)


def table_lut(words: np.ndarray) -> float:
    """LUTs of a table in logic with these words (words, bits) of 0 and 1: of 64 words one per bit, but bits
    that never change, which take none, and equal ones, which share theirs.
    """
    if len(words) < 2:
        return 0
    full = np.concatenate([words, np.repeat(words[-1:], -len(words) % 64, 0)])
    bits = np.packbits(full.reshape(-1, 8, 8, words.shape[1]), axis=2)[:, :, 0]
    columns = np.sort(np.ascontiguousarray(bits.transpose(0, 2, 1)).view(np.uint64)[..., 0], axis=1)
    kinds = 1 + (columns[:, 1:] != columns[:, :-1]).sum(1)
    lut = int((kinds - (columns[:, 0] == 0) - (columns[:, -1] == ~np.uint64(0))).sum())
    return lut * (BEYOND if len(words) > FLAT else 1)


def deep_rows(width: int, words: int) -> int:
    """Words per column of a deep memory (xf_rom_deep): with the fewest LUTs of those that take at most an
    eighth more blocks than the fewest.
    """
    possible = [1 << log for log in range((words - 1).bit_length()) if 2 <= -(-words >> log) <= 16]
    costs = {rows: deep_cost(width, words, rows) for rows in possible}
    most = min(costs.values())[0] * 9 / 8
    return min((lut, bram36, rows) for rows, (bram36, lut) in costs.items() if bram36 <= most)[-1]


def deep_cost(width: int, words: int, rows: int) -> tuple[float, float]:
    """BRAM36 and LUTs of a deep memory: `rows` rows of all its columns, and what chooses among them."""
    columns = -(-words // rows)
    made = memory_of(rows, columns * width, "rom")
    return made.bram36, made.choice + width * column_choice(columns)


def column_choice(columns: int) -> int:
    """LUTs per bit that choose among columns of a memory: one for up to four."""
    groups, rest = divmod(columns, 4)
    return groups + (rest > 1) + (columns > 4)


def weight_memory(width: int, words: int, registered: int, deep: int, load: int = 0) -> Parts:
    """Weights in block RAM.

    Args:
        registered: words per column of a memory with registers after its columns (xf_rom_columns), or 0.
        deep: words per column of one without (xf_rom_deep), or 0.
        load: of xf_rom.
    """

    def block(depth: int, bits: int, registers: int | None = None) -> Parts:
        made = Parts()
        return made.loadable(depth, bits, True, load, registers) if load else made.rom(depth, bits, registers)

    rows = registered or deep or words
    count, address = -(-words // rows), address_bits(words) - address_bits(rows)
    if deep:
        return block(rows, count * width).registers(address).gates(columns=width * column_choice(count))
    if not registered:
        return block(words, width)
    kept = (block_choice(rows, count * width, written=False)[-1] - 1).bit_length()
    if count == 1:
        return block(words, width, width + kept)
    return block(words, width, 2 * count * width + kept).delay(address, 3)


def replay_buffer(width: int, beats: int, passes: int) -> Parts:
    """The buffer of two vectors (xf_replay): its data, addresses, halves and vectors that are full."""
    beat, words = address_bits(beats), 2 << address_bits(beats)
    own = beats > 1 and passes > 1 and beats & (beats - 1) > 0  # beats are counted beside all reads
    found = Parts().memory(words, width, "block" if words > 128 else "lut").registers(4)
    if words == 128:  # in front of this register a choice between two rows takes a whole LUT per bit
        found.gates(choice_of_LUT_RAMs=width / 2 - 2)
    return found.counters_of(beat * (beats > 1), address_bits(beats * passes), beat * own)


def delay_line(latency: int, beats: int) -> Parts:
    """What goes along with the stages of a dot product (xf_mvu): which has a beat, which ends a
    pass. After them whether a pass ends, or begins.
    """
    return Parts().delay(1, latency).registers(latency + 2 + (beats > 1))


def result(width: int, beats: int) -> Parts:
    """The output register after a unit of so many beats per pass (xf_result)."""
    return Parts().registers(width + 2 if beats > 1 else 2 * width + 2)
