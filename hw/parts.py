"""What an operator is made of, and what that takes on a part family.

`HwOp.parts` lists registers, counters, sums, comparisons, choices and memories. Flip-flops, carry cells, LUTs
as memory and block RAMs follow from that list and the family's `Fabric`. LUTs are the sum of the amounts of
the list times factors that are fitted to syntheses of the family, per operator (`hw/families/*/luts.json`,
written by tests/hw/mapped.py).
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import numpy as np

from xnorforge.hw import families
from xnorforge.hw.fabric import REFERENCE, SHIFT, Fabric, address_bits, memory_of
from xnorforge.hw.words import different_columns

ANY = "any"  # factors of operators without their own
LOAD_DECODE = 4  # LUTs that know the number of a memory that can be written
WIDE = 200  # bits of a beat
LUTS_PER_BLOCK = 350  # that a block RAM has to save: about what 7-series parts have of both
_FAMILY = ContextVar("family", default=families.REFERENCE)


class Parts:
    """Amounts of one instance; every method adds some and returns the list.

    Attributes:
        ff: flip-flops, except those of memories, tables and delays.
        dsp: DSP blocks.
        logic: what LUTs are fitted to, {amount: size}.
    """

    def __init__(self, dsp: float = 0.0, **logic: float):
        self.ff: int = 0
        self.dsp: float = dsp
        self.logic: dict[str, float] = defaultdict(float)
        self.carries: dict[int, int] = defaultdict(int)  # {bits of a chain: how many}
        self.compared: dict[tuple[int, bool], int] = defaultdict(int)  # {(bits, with a constant): how many}
        self.rams: list[tuple[int, int, str, int | None]] = []  # words, bits, kind, registers behind it
        self.delays: list[tuple[int, int]] = []  # bits, registers in a row
        self.tables: list[np.ndarray] = []  # words (words, bits), read into registers
        self.deep: dict[int, float] = defaultdict(float)  # {words of tables in logic: LUTs of six inputs}
        self.own_carry: int = 0
        self.gates(**logic)

    def add(self, *others: "Parts", count: int = 1) -> "Parts":
        """The parts of others, so many times."""
        for other in others:
            self.ff, self.dsp = self.ff + count * other.ff, self.dsp + count * other.dsp
            for name, size in other.logic.items():
                self.logic[name] += count * size
            for bits, many in other.carries.items():
                self.carries[bits] += count * many
            for words, luts in other.deep.items():
                self.deep[words] += count * luts
            for comparison, many in other.compared.items():
                self.compared[comparison] += count * many
            self.own_carry += count * other.own_carry
            self.rams += count * other.rams
            self.delays += count * other.delays
            self.tables += count * other.tables
        return self

    def gates(self, **amounts: float) -> "Parts":
        """Logic, by names of amounts."""
        for name, amount in amounts.items():
            self.logic[name.replace("_", " ")] += amount
        return self

    def registers(self, bits: int) -> "Parts":
        """Registers that LUTs do not feed, or whose LUTs are other parts."""
        self.ff += int(bits)
        return self

    def chains(self, *bits: int, count: int = 1) -> "Parts":
        """Carry chains of sums and differences; their LUTs are other parts."""
        for one in bits:
            self.carries[int(one)] += count
        return self

    def placed(self, cells: int) -> "Parts":
        """Carry cells of the reference family that the RTL places itself (xf_carry)."""
        self.own_carry += int(cells)
        return self

    def adders(self, *bits: int, count: int = 1) -> "Parts":
        """Sums and differences of so many bits each."""
        return self.chains(*bits, count=count).gates(adder_bits=count * sum(bits))

    def comparators(self, bits: int, count: int = 1, constant: bool = False) -> "Parts":
        """Comparisons by size of two numbers of so many bits, or of one with a constant."""
        self.compared[int(bits), constant] += count
        return self.gates(compared_bits=count * bits)

    def counters(self, *sizes: int) -> "Parts":
        """Counters over so many values each, which count up or down by one."""
        return self.counters_of(*((size - 1).bit_length() for size in sizes))

    def counters_of(self, *bits: int) -> "Parts":
        """Counters of so many bits each."""
        return self.registers(sum(bits)).chains(*bits).gates(counter_bits=sum(bits))

    def wrapped(self, *sizes: int) -> "Parts":
        """Logic that returns counters over so many values to 0; powers of two need none."""
        return self.gates(wrapped_bits=sum((n - 1).bit_length() for n in sizes if n & (n - 1)))

    def walk(self, bits: int, beats: int) -> "Parts":
        """The sums of an address that goes on by one, and back to the first beat of a pixel: that takes a
        chain of its own where beats are no power of two, of bits from that of the lowest 1 on."""
        self.chains(bits)
        if beats & (beats - 1):
            self.chains(bits + 1 - (beats - 1 & 1 - beats).bit_length())
        return self

    def choices(self, bits: int, ways: int) -> "Parts":
        """Multiplexers of so many ways, one per bit; Yosys maps those of wide beats otherwise."""
        name = f"wide choice of {ways}" if bits >= WIDE else f"choice of {ways}"
        return self.gates(**{name: bits}) if ways > 1 else self

    def spare(self, width: int) -> "Parts":
        """The spare output register (xf_spare), without the register in front of it."""
        return self.registers(width + 1).gates(spare_bits=width + 1)

    def skid(self, width: int) -> "Parts":
        """A skid buffer (xf_skid): two registers, each with its valid."""
        return self.registers(2 * width + 2).gates(skid=1, skid_bits=width)

    def fifo(self, depth: int, width: int, kind: str, in_block: int = 0) -> "Parts":
        """A FIFO (xf_fifo) of `kind` "lut" or "block": two addresses and a count; after a block RAM follows
        one more register. With `in_block` only so many beats lie in block RAM, and the others in LUTs."""
        at = address_bits(depth)
        self.counters_of(at, at, depth.bit_length()).registers(3 + (kind == "block") * (width + 1))
        self.memory(in_block or depth, width, kind)
        if 0 < in_block < depth:
            self.memory(depth - in_block, width, "lut").registers(1).gates(rest=1).choices(width, 2)
        elif kind == "block" and depth < 1 << at:  # addresses return to 0 by themselves from powers of two
            self.gates(wrap=at + 3)
        return self

    def memory(self, depth: int, width: int, kind: str = "auto", registers: int | None = None) -> "Parts":
        """A memory whose words are read into a register, or with so many `registers` of its own.

        Args:
            kind: "lut", "block", "auto" for what is cheaper, or "near" (`memory_of`).
        """
        self.rams.append((depth, width, kind, registers))
        return self

    def rom(self, depth: int, width: int, registers: int | None = None) -> "Parts":
        """A block RAM that is never written, with its register, or with so many `registers` of its own."""
        return self.memory(depth, width, "rom", registers)

    def loadable(
        self, depth: int, width: int, block: bool, load: int, registers: int | None = None,
        ultra: bool = False,
    ) -> "Parts":  # fmt: skip
        """A memory with `load` (xf_rom), with its register, or with so many `registers` of its own. A host
        writes 32 bits at a time, each with a write enable; a column of block RAM, 36 bits wide, holds 32 of
        them. `ultra` puts the memory into UltraRAM. A single word is registers. Pages only make it deeper."""
        pieces = -(-width // 32)
        if pages := load >> 10:
            if depth & (depth - 1) or depth == 1:
                self.counters_of(address_bits(depth * pages))
            if block:
                return self.rom(depth * pages, width, registers)
            words = -(-depth * pages // 64)
            self.gates(table=width * (1.4 * words if words > 4 else words))
            return self.registers(width if registers is None else registers)
        self.gates(table=LOAD_DECODE + pieces)
        if depth == 1:
            return self.registers(2 * width if registers is None else width + registers)
        if ultra:
            return self.memory(depth, width, "ultra", registers)
        if block:
            over = width - 32 * (pieces - 1)
            return self.memory(depth, 36 * (pieces - 1) + over, "block", registers)
        for piece in range(pieces):
            self.memory(depth, min(32, width - 32 * piece), "lut", 0)
        return self.registers(width if registers is None else registers)

    def table(self, words: np.ndarray, luts: float, registers: bool = True) -> "Parts":
        """A table in logic with words (words, bits) in so many LUT6, registers of bits that differ."""
        self.tables += [words] if registers else []
        self.deep[len(words)] += luts
        return self

    def delay(self, bits: int, stages: int) -> "Parts":
        """Registers in a row, of which the last alone is read."""
        self.delays.append((bits, stages))
        return self

    def carry(self, fabric: Fabric) -> int:
        """Carry cells."""
        found = self.own_carry * REFERENCE.carry_bits // fabric.carry_bits
        for bits, count in self.carries.items():
            found += count * fabric.carry(bits)
        for (bits, constant), count in self.compared.items():
            found += count * fabric.carry(-(-bits // fabric.compared[constant]))
        return int(found)

    def cells(self, fabric: Fabric) -> dict[str, int | float]:
        """Carry cells, LUTs as memory, BRAM36, DSP blocks and UltraRAM."""
        shifts = [one for one in self.delays if 0 < fabric.shift_from <= one[1]]
        rams = [memory_of(*ram[:3], fabric) for ram in self.rams]
        luts = sum(bits * -(-stages // SHIFT) for bits, stages in shifts) + sum(one.luts for one in rams)
        found = {"carry": self.carry(fabric), "lut_ram": int(luts)}
        return found | {
            "bram36": float(sum(one.bram36 for one in rams)), "dsp": float(self.dsp),
            "uram": float(sum(one.uram for one in rams)),
        }  # fmt: skip

    def flip_flops(self, fabric: Fabric) -> int:
        """Flip-flops."""
        found = self.ff + sum(map(different_columns, self.tables))
        for bits, stages in self.delays:
            found += 0 if 0 < fabric.shift_from <= stages else bits * stages
        for depth, width, kind, registers in self.rams:
            one = memory_of(depth, width, kind, fabric)
            # A block RAM has the register of its words, and the bits that choose among its rows are kept.
            own = (one.rows - 1).bit_length() if one.block else width
            found += one.guards + (own if registers is None else registers)
        return int(found)

    def amounts(self, fabric: Fabric) -> dict[str, float]:
        """What LUTs besides those of memories are fitted to: `logic`, one of everything, and what chooses
        among rows of memories."""
        found = {"instance": 1.0, "carry cells": self.carry(fabric), **self.logic}
        for words, luts in self.deep.items():
            found["table"] = found.get("table", 0) + luts * fabric.for_words(words)
        for depth, width, kind, _ in self.rams:
            one = memory_of(depth, width, kind, fabric)
            name = "choice of blocks" if one.block else "choice of LUT RAMs"
            found[name] = found.get(name, 0) + one.choice
            if one.guards:
                found["guards"] = found.get("guards", 0) + one.guards
        return found


@contextmanager
def estimates_of(family: str) -> Iterator[None]:
    """Let estimates that name no family be of this one."""
    token = _FAMILY.set(family)
    try:
        yield
    finally:
        _FAMILY.reset(token)


def family_in_use() -> str:
    """The family of estimates that name none."""
    return _FAMILY.get()


def cost_of(kind: str, parts: Parts, family: str | None = None, registers: bool = True) -> dict[str, float]:
    """What the parts of an operator of this kind take: {"lut", "ff", "carry", "lut_ram", "bram36", "dsp",
    "uram"}; "ff", which takes the longest, only with `registers`."""
    family = family or _FAMILY.get()
    fabric = _fabric(family)
    found = parts.cells(fabric)
    factors = factors_of(kind, family)
    lut = sum(factors[name] * amount for name, amount in parts.amounts(fabric).items())
    more = {"ff": parts.flip_flops(fabric)} if registers else {}
    return {"lut": float(found["lut_ram"] + lut), **more, **found}


def has_ultra_ram() -> bool:
    """Whether the family of estimates that name none has UltraRAM."""
    return _fabric(_FAMILY.get()).ultra_ram is not None


@cache
def _fabric(family: str) -> Fabric:
    return families.load(family).fabric


class Factors(dict[str, float]):
    """LUTs per size of an amount; of choices that were not counted, between those that were."""

    def __missing__(self, name: str) -> float:
        kind, _, ways = name.rpartition(" ")
        self[name] = self._between(kind, int(ways)) if ways.isdigit() else 0.0
        return self[name]

    def _between(self, kind: str, ways: int) -> float:
        split = ((*key.rpartition(" "), each) for key, each in self.items())
        known = sorted((int(many), each) for of, _, many, each in split if of == kind and many.isdigit())
        if known:
            counted, luts = zip(*known)
            return float(np.interp(ways, counted, luts)) * max(1.0, ways / counted[-1])
        return self[f"choice of {ways}"] if kind == "wide choice of" else (ways - 1) / 2


@cache
def factors_of(kind: str, family: str) -> Factors:
    """Those of a kind of operator. Of one that the family has not counted the reference family's, times the
    ratio of all others; of one that nobody has counted those of any operator."""
    own, reference = families.luts(family), families.luts(families.REFERENCE)
    if kind not in own and kind in reference:
        return Factors({name: own[families.RATIO][""] * each for name, each in reference[kind].items()})
    return Factors(own.get(kind, own[ANY]))
