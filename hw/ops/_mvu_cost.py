"""Cost of a matrix-vector unit in LUTs and block RAMs, as Yosys counts them."""

from math import expm1, log1p

import numpy as np

from xnorforge.hw.fabric import address_bits, block_choice, memory_of
from xnorforge.hw.parts import Parts

BLOCK_STARTS = 256  # passes from which thresholds go to block RAM
LARGEST_LOGIC_ROM = 64  # LUTs up to which weights stay in logic …
SHALLOW = 32  # … and words up to which they do at any width: a block would be used to a sixteenth
FLAT = 256  # words up to which the LUTs of a table in logic meet in the multiplexers of a slice …
BEYOND = 1.4  # … and how many times as many there are with the multiplexers above


def different(pe: int, kinds: int) -> float:
    """How many kinds of gates `pe` rows need for a bit, on average; zero and the bit itself need none."""
    return -(kinds - 2) * expm1(pe * log1p(-1 / kinds))


def logic_rom(width: int, words: int) -> int:
    """LUTs of a memory in logic: one per bit and 64 words; of a few words there are few different columns."""
    per_bit = -(-words // 64)
    return min(width, 2**words) * per_bit if words > 1 else 0


def logic_memory(width: int, words: int) -> int:
    """LUTs of such a memory and of its output multiplexer; MUXF7 and MUXF8 join four LUTs of a bit."""
    return logic_rom(width, words) + width * ((-(-words // 64) - 1) // 4)


def table_lut(words: np.ndarray) -> float:
    """LUTs of a table in logic with these words (words, bits) of 0 and 1: of 64 words one per bit, but bits
    that never change, which take none, and equal ones, which share theirs."""
    if len(words) < 2:
        return 0
    full = np.concatenate([words, np.repeat(words[-1:], -len(words) % 64, 0)])
    bits = np.packbits(full.reshape(-1, 8, 8, words.shape[1]), axis=2)[:, :, 0]
    columns = np.sort(np.ascontiguousarray(bits.transpose(0, 2, 1)).view(np.uint64)[..., 0], axis=1)
    kinds = 1 + (columns[:, 1:] != columns[:, :-1]).sum(1)
    lut = int((kinds - (columns[:, 0] == 0) - (columns[:, -1] == ~np.uint64(0))).sum())
    return lut * (BEYOND if len(words) > FLAT else 1)


def deep_rows(width: int, words: int) -> int:
    """Words per column of a deep memory (xf_rom_weights): fewest LUTs at up to an eighth more blocks."""
    possible = [1 << log for log in range((words - 1).bit_length()) if 2 <= -(-words >> log) <= 16]
    costs = {}
    for rows in possible:  # of all columns, and what chooses among them
        columns = -(-words // rows)
        made = memory_of(rows, columns * width, "rom")
        costs[rows] = made.bram36, made.choice + width * column_choice(columns)
    most = min(costs.values())[0] * 9 / 8
    return min((lut, bram36, rows) for rows, (bram36, lut) in costs.items() if bram36 <= most)[-1]


def column_choice(columns: int) -> int:
    """LUTs per bit that choose among columns of a memory: one for up to four."""
    groups, rest = divmod(columns, 4)
    return groups + (rest > 1) + (columns > 4)


def weight_memory(width: int, words: int, registered: int, deep: int, load: int = 0) -> Parts:
    """Weights in block RAM.

    Args:
        registered: words per column of a memory with registers after its columns (xf_rom_weights), or 0.
        deep: words per column of one without (xf_rom_weights), or 0.
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
    pass. After them whether a pass ends, or begins."""
    return Parts().delay(1, latency).registers(latency + 2 + (beats > 1))


def result(width: int, beats: int) -> Parts:
    """The output register after a unit of so many beats per pass (xf_result)."""
    return Parts().registers(width + 2 if beats > 1 else 2 * width + 2)
