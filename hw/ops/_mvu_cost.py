"""Cost of a matrix-vector unit in LUTs and block RAMs, as Yosys counts them."""

from dataclasses import dataclass, replace
from functools import cache
from math import expm1, log1p

import numpy as np

from xnorforge.hw.ops._sites import (
    address_bits,
    chain,
    counters,
    delay_sites,
    memory_sites,
    positions,
    site_count,
)
from xnorforge.hw.ops._streams import block_choice

BLOCK_STARTS = 256  # passes from which thresholds go to block RAM
LARGEST_LOGIC_ROM = 64  # LUTs up to which weights stay in logic …
SHALLOW = 32  # … and words up to which they do at any width: a block would be used to a sixteenth
FLAT = 256  # words up to which the LUTs of a table in logic meet in the multiplexers of a slice …
BEYOND = 1.4  # … and how many times as many there are with the multiplexers above
CONTROL = 28  # LUTs of counters, handshake and addresses


@dataclass(frozen=True)
class Dot:
    """One row's dot product: LUTs, cycles from input to sum, bits of the sum, flip-flops, carry cells."""

    lut: int
    latency: int
    bits: int
    ff: int
    carry: int


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
        carry += positions(width) if max(heights) == 3 else chain(sum_bits - high[0])
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


def rom_cost(width: int, words: int, in_block: bool) -> tuple[float, int]:
    """BRAM36 and LUTs of a memory in block RAM or in logic."""
    return block_cost(width, words) if in_block else (0.0, logic_rom(width, words) + logic_mux(width, words))


def block_cost(width: int, words: int) -> tuple[float, int]:
    """BRAM36 and LUTs of a memory in block RAM: what chooses among rows of blocks takes a LUT per three more
    of them, above eight rows one per two and what tells the rows apart.
    """
    _, halves, rows = block_choice(words, width, written=False)
    if rows <= 8:
        return halves / 2, width * -(-(rows - 1) // 3)
    return halves / 2, width * (rows // 2) + min(22, 5 * width // 2)


def block_registers(width: int, words: int) -> int:
    """Flip-flops of a memory in block RAM: the address bits that pick among rows of blocks."""
    return (block_choice(words, width, written=False)[-1] - 1).bit_length()


def deep_rows(width: int, words: int) -> int:
    """Words per column of a deep memory (xf_rom_deep): with the fewest LUTs of those that take at most an
    eighth more blocks than the fewest.
    """
    possible = [1 << log for log in range((words - 1).bit_length()) if 2 <= -(-words >> log) <= 16]
    costs = {rows: deep_cost(width, words, rows) for rows in possible}
    most = min(costs.values())[0] * 9 / 8
    return min((lut, bram36, rows) for rows, (bram36, lut) in costs.items() if bram36 <= most)[-1]


def deep_cost(width: int, words: int, rows: int) -> tuple[float, int]:
    """BRAM36 and LUTs of a deep memory: `rows` rows of all its columns, and what chooses among them."""
    columns = -(-words // rows)
    groups, rest = divmod(columns, 4)
    bram36, lut = block_cost(columns * width, rows)
    return bram36, lut + width * (groups + (rest > 1) + (columns > 4))


def replay_cost(width: int, beats: int) -> tuple[float, int]:
    """BRAM36 and LUT sites of the buffer of two vectors: four sites hold 6 bits x 32 or 3 bits x 64 words."""
    words = 2 << address_bits(beats)
    if words > 128:
        return block_cost(width, words)
    return 0.0, 4 * -(-width // 6) if words <= 32 else 4 * -(-width // 3) * words // 64 + width * (words > 64)


def registered_sites(width: int, words: int, rows: int) -> dict[str, int]:
    """Of weights in columns of a memory with registers behind them (xf_rom_columns)."""
    count = -(-words // rows)
    if count == 1:
        return site_count(ff=width + block_registers(width, words))
    chosen = address_bits(words) - address_bits(rows)
    ff = 2 * count * width + block_registers(count * width, rows)
    return site_count(delay_sites(chosen, 3), ff=ff)


def deep_sites(width: int, words: int, rows: int) -> dict[str, int]:
    """Of a deep memory (xf_rom_deep)."""
    count = -(-words // rows)
    return site_count(ff=address_bits(words) - address_bits(rows) + block_registers(count * width, rows))


def replay_sites(width: int, beats: int, passes: int) -> dict[str, int]:
    """Of the buffer of two vectors (xf_replay): its data, addresses, halves and vectors that are full."""
    beat, words = address_bits(beats), 2 << address_bits(beats)
    own = beats > 1 and passes > 1 and beats & (beats - 1) > 0  # beats are counted beside all reads
    if words > 128:
        memory = site_count(ff=block_registers(width, words))
    else:
        memory = memory_sites(words, width, "lut")
    return site_count(memory, counters(beat * (beats > 1), address_bits(beats * passes), beat * own), ff=4)


def line_sites(latency: int, beats: int) -> dict[str, int]:
    """Of what goes along with the stages of a dot product (xf_mvu, xf_correlate): which has a beat, which
    ends a pass; the latter a shift register from three stages on. Behind them whether a pass ends, or begins.
    """
    return site_count(delay_sites(1, latency), ff=latency + 2 + (beats > 1))


def result_sites(width: int, beats: int) -> dict[str, int]:
    """Of the output register behind a unit of so many beats per pass (xf_result)."""
    return site_count(ff=width + 2 if beats > 1 else 2 * width + 2)


@dataclass(frozen=True)
class Unit:
    """What the cost of a unit depends on: rows per beat, beats per vector, passes, dot product, widths,
    memories.
    """

    pe: int
    beats: int
    passes: int
    dot: Dot
    in_width: int
    weight_width: int
    acc_bits: int
    starts: bool
    equal_starts: bool
    weight_block: bool
    start_block: bool
    deep: int
    tables: tuple[float | None, float | None] = (None, None)  # LUTs of weights and starts; None: by shape

    def cost(self) -> dict[str, float]:
        """Model of the LUT sites (LUT RAM and shift registers among them) and BRAM36 of the Yosys netlist."""
        accumulator = self.acc_bits if self.starts or self.beats > 1 else 0
        lut: float = CONTROL + self.pe * (self.dot.lut + accumulator)
        bram36, more = replay_cost(self.in_width, self.beats)
        lut += more
        word = self.weight_width, self.beats * self.passes
        weights = deep_cost(*word, self.deep) if self.deep else rom_cost(*word, self.weight_block)
        starts = (0.0, 0)
        if self.starts and not self.equal_starts:
            starts = rom_cost(self.pe * self.acc_bits, self.passes, self.start_block)
        for (blocks, more), counted in zip((weights, starts), self.tables, strict=True):
            bram36, lut = bram36 + blocks, lut + (more if counted is None else counted)
        return {"lut": float(lut), "bram36": float(bram36)}

    def sites(self, weights: dict[str, int], late: int, out_bits: int, shift: int) -> dict[str, int]:
        """Sites of the Yosys netlist, of xf_mvu and what it is made of.

        Args:
            weights: of their memory.
            late: cycles that it takes longer.
            out_bits: of a result.
            shift: low bits of the sums that are zero.
        """
        words = self.passes if self.starts and not self.equal_starts else 0
        ff = self.pe * self.dot.ff + late * self.in_width
        carry = self.pe * self.dot.carry
        if self.beats > 1:
            ff += self.pe * self.acc_bits
        if self.beats > 1 or self.starts:
            carry += self.pe * chain(self.acc_bits - shift)
        if words and self.start_block:
            ff += block_registers(self.pe * self.acc_bits, self.passes)
        return site_count(
            weights,
            replay_sites(self.in_width, self.beats, self.passes),
            line_sites(self.dot.latency + late, self.beats),
            result_sites(self.pe * out_bits, self.beats),
            counters(address_bits(self.passes) if words > 1 else 0),
            ff=ff,
            carry=carry,
        )
