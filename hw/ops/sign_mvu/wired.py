"""A binary matrix whose weights are wired: a vector per cycle, and counts that four rows share.

Of four rows the bits of a vector are sorted by which of rows 1 to 3 has another weight than row 0: eight
groups. Of each the bits that equal row 0's weight are counted once. Row 0 matches at all counts together; row
k at those of the groups in which it agrees, and elsewhere at what is left of the group:

    matches[k] = matches[0] - 2 * (counts of the groups in which row k differs) + their bits

The constant goes into the threshold.

With `levels` of 2 or more registers stand only behind every so many levels of logic: a level of a count, a
sum, the difference, the comparison.
"""

from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from xnorforge.hw import families
from xnorforge.hw.ir.verilog import head_of
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops._compare import above, comparison_lut
from xnorforge.hw.ops._generated import generated_module
from xnorforge.hw.ops._mvu import Folded, Mvu
from xnorforge.hw.ops.base import HwOp, Memories, Rtl
from xnorforge.hw.parts import Parts, cost_of
from xnorforge.hw.timing import Timing, beat_for_beat
from xnorforge.hw.words import unread

ROWS = 4  # that share counts
GROUPS = 2 ** (ROWS - 1)
WIRED_FROM = 128  # weights: fewer share next to nothing
BEHIND = 5  # levels behind the counts: three levels of sums, the difference, the comparison

WHAT = (
    "A binary matrix with wired weights, generated: vectors of {} bits, {} rows with thresholds. Four rows "
    "share counts: s<r>_g<p> counts the bits of group p that equal the weight of row r."
)


class Wired(Folded):
    """The unit of weights (mw, mh), 0 and 1, and thresholds (mh,): matches >= threshold.

    With `levels` of 2 or more, which are no fewer than those of a count, counts have no registers."""

    loads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, op: Mvu):
        super().__init__(op)
        self.weights, self.thresholds = op.integers("weights"), op.integers("thresholds")
        self.levels: int = op.get_nodeattr("levels")

    @classmethod
    def of(cls, op: Mvu) -> Self | None:
        """For a whole matrix of bits per cycle, with thresholds, where this is smaller than folded."""
        mw, mh, simd, pe = op.folding()
        fixed = op.in_bits == 1 and not (op.raw or op.replaced) and "weights" in op.arrays_of
        if not fixed or (simd, pe) != (mw, mh) or mw * mh < WIRED_FROM:
            return None
        both = unit, _ = cls(op), Folded(op)
        wired, folded = (cost_of(op.priced_as, one.parts(), families.REFERENCE, False)["lut"] for one in both)
        return unit if wired < folded else None

    def timing(self) -> Timing:
        """A vector passes the registers of the longest path."""
        return beat_for_beat(self.stages)

    def rtl(self) -> Rtl:
        return self.module[0], {}

    def generated(self) -> dict[str, str]:
        """The module, and what counts in it."""
        ours = (self._count(one) for groups in self.groups for one in groups if len(one))
        name, text = self.module
        return {f"{name}.sv": text} | {file: words for one in ours for file, words in one.files.items()}

    def beside(self, _suffix: str, /) -> tuple[dict[str, str], list[str]]:
        return {}, []

    def memories(self) -> Memories:
        return {}

    def sooner(self, levels: int) -> list[HwOp]:
        """With fewer registers."""
        op, steps = self.op, range(max(2, self.counting), levels + 1)
        given = {name: op.get_nodeattr(name) for name in op.declared}
        return op.falling(op.make(op.name, op.arrays_of, **given | {"levels": n}) for n in steps)

    @cached_property
    def groups(self) -> list[list[np.ndarray]]:
        """Per four rows the elements of each of the eight groups; a row that is missing equals the first."""
        found = []
        for row in range(0, self.weights.shape[1], ROWS):
            own = self.weights[:, row : row + ROWS]
            other = own != own[:, :1]
            number = other @ (1 << np.arange(other.shape[1])) >> 1
            found.append([np.flatnonzero(number == group) for group in range(GROUPS)])
        return found

    @cached_property
    def counting(self) -> int:
        """Cycles of the slowest count, or its levels where it has no registers."""
        return max(self._count(one).latency for groups in self.groups for one in groups if len(one))

    def _count(self, elements: np.ndarray) -> _dots.Dot:
        """What counts a group."""
        return _dots.ones(len(elements), self.levels > 1)

    @cached_property
    def kept(self) -> list[bool]:
        """Whether registers stand behind the counts, and behind each of the levels that follow."""
        last = self.counting + BEHIND
        return [level % self.levels == 0 or level == last for level in range(self.counting, last + 1)]

    @property
    def stages(self) -> int:
        """Registers between input and output."""
        return self.counting + BEHIND if self.levels == 1 else sum(self.kept)

    def parts(self) -> Parts:
        """Inverters, counts and what waits for the slowest, their sums, differences and comparisons."""
        mw, mh = self.weights.shape
        bits = mw.bit_length()
        found = Parts(wired=1).gates(inverters=(self.weights[:, ::ROWS] == 0).any(1).sum())
        found.gates(spare_bits=mh + 1).registers(self.stages + 2 * mh + 1)
        for row, groups in zip(range(0, mh, ROWS), self.groups):
            widths, rows = [len(one).bit_length() for one in groups], min(ROWS, mh - row)
            for one, width in zip(groups, widths):
                if len(one):
                    count = self._count(one)
                    found.placed(count.carry).gates(counts=count.lut)
                    if self.levels == 1:
                        found.registers(count.ff).delay(width, self.counting - count.latency)
                    elif self.kept[0]:
                        found.registers(width)
            found.gates(wired_sums=(rows - 1) * (bits - 1), comparisons=rows * comparison_lut(bits + 1))
            first, *others = (_needed(self._cut(row, k, groups), bits + 1) for k in range(rows))
            first = max(0, first - 1)  # it has no sign
            if rows == 1:  # its one count only waits, for sums with nothing
                found.delay(first, sum(self.kept[1:-1])).gates(lone_row=1)
                continue
            of_sums = {f"c{group}": width for group, width in enumerate(widths)}
            for name, terms, level in _sums(rows):
                least, *more = sorted(of_sums[term] for term in terms)
                width = of_sums[name] = min(bits, more[0] + (least > 0)) if more else least
                found.registers(width * self.kept[level])
                if more:
                    found.gates(wired_sums=least).chains(width if least else 0)
            found.chains(bits, count=rows - 1)
            differences = first + sum(min(bits, width) for width in others)  # one lowest bit
            found.registers(differences * self.kept[4])
        return found

    @cached_property
    def module(self) -> tuple[str, str]:
        """Name and text; equal names mean equal texts."""
        mw, mh = self.weights.shape
        lines = [f"wire [{mw - 1}:0] x = s_data_i;", f"wire [{mw - 1}:0] xn = ~s_data_i;"]
        moves = []
        for number, groups in enumerate(self.groups):
            more, moved = self._four_rows(ROWS * number, groups)
            lines += more
            moves += moved
        head = head_of(WHAT.format(mw, mh), self.stages, "op.py, SignMvu.execute_node")
        return generated_module("xf_xnor_constant", head, (mw, 1), lines, moves, mh, self.stages)

    def _cut(self, row: int, k: int, groups: list[np.ndarray]) -> int:
        """What the difference of row + k lies above where the row answers 1, its sign as highest bit."""
        different = sum(len(one) for group, one in enumerate(groups) if k and group >> (k - 1) & 1)
        return int(self.thresholds[row + k]) - different - 1 + (1 << len(self.weights).bit_length())

    def _four_rows(self, row: int, groups: list[np.ndarray]) -> tuple[list[str], list[str]]:
        """Declarations and register transfers of the rows from `row` on."""
        width = len(self.weights).bit_length()
        lines, moves, counts = [], [], []
        for group, elements in enumerate(groups):
            name = f"s{row}_g{group}"
            if not len(elements):
                counts.append(f"{width}'d0")
                continue
            own, count = len(elements).bit_length(), self._count(elements)
            late = int(self.kept[0]) if count.wired else self.counting - count.latency
            picked = ", ".join(f"{'x' if self.weights[k, row] else 'xn'}[{k}]" for k in elements[::-1])
            lines += [
                f"wire [{own - 1}:0] {name}_0;", f"{count.module} u_{name} (",
                f"  .clk_i, .en_i(go), .w_i({{{picked}}}), .sum_o({name}_0)", ");",
            ]  # fmt: skip
            for delay in range(late):
                lines.append(f"logic [{own - 1}:0] {name}_{delay + 1};")
                moves.append(f"{name}_{delay + 1} <= {name}_{delay};")
            counts.append(f"{width}'({name}_{late})")
        rows = min(ROWS, self.weights.shape[1] - row)
        texts = {f"c{group}": count for group, count in enumerate(counts)}

        def put(name: str, width: int, value: str, level: int) -> None:
            kept = self.kept[level]
            lines.append(
                f"logic [{width - 1}:0] {name};" if kept else f"wire [{width - 1}:0] {name} = {value};"
            )
            moves.extend([f"{name} <= {value};"] * kept)

        for name, terms, level in _sums(rows):
            texts[name] = f"s{row}_{name}"
            put(texts[name], width, " + ".join(texts[term] for term in terms), level)
        for k in range(rows):
            value = f"{{1'b0, s{row}_all}}" + (f" - {{s{row}_d{k}_2, 1'b0}}" if k else "")
            put(f"s{row}_m{k}", width + 1, value, 4)
            cut = self._cut(row, k, groups)
            lines.append(f"wire y{row + k} = {_reached(f's{row}_m{k}', width + 1, cut)};")
        return lines, moves


def _sums(rows: int) -> list[tuple[str, tuple[str, ...], int]]:
    """Sums, what they add, and their level behind the counts c0 … c7: `all` of all groups, d<k>_2 of those in
    which row k differs, both of level 3; a sum of one term waits."""
    found: list[tuple[str, tuple[str, ...], int]]
    found = [(f"a{k}", (f"c{2 * k}", f"c{2 * k + 1}"), 1) for k in range(4)]
    found += [("lo", ("a0", "a1"), 2), ("hi", ("a2", "a3"), 2), ("all", ("lo", "hi"), 3)]
    if rows > 1:  # row 1 differs in the odd groups
        found += [(f"o{k}", (f"c{4 * k + 1}", f"c{4 * k + 3}"), 1) for k in range(2)]
        found.append(("d1_1", ("o0", "o1"), 2))
    if rows > 2:
        found.append(("d2_1", ("a1", "a3"), 2))
    return found + [(f"d{k}_2", (("d1_1", "d2_1", "hi")[k - 1],), 3) for k in range(1, rows)]


def _needed(cut: int, width: int) -> int:
    """Bits of a difference that decide whether it is more than `cut`, its sign as highest bit."""
    return width - unread(cut) if 0 <= cut < (1 << width) - 1 else 0


def _reached(name: str, width: int, cut: int) -> str:
    """A signed number > cut, of which the sign counts as highest bit."""
    if cut < 0:
        return "1'b1"
    return above(name, width, cut, True) if cut < (1 << width) - 1 else "1'b0"
