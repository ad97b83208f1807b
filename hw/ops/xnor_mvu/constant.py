"""A binary matrix whose weights are wired: a vector per cycle, and counts that four rows share.

Of four rows the bits of a vector are sorted by which of rows 1 to 3 has another weight than row 0: eight
groups. Of each the bits that equal row 0's weight are counted once. Row 0 matches at all counts together; row
k at those of the groups in which it agrees, and elsewhere at what is left of the group:

    matches[k] = matches[0] - 2 * (counts of the groups in which row k differs) + their bits

The constant goes into the threshold.

With `levels` of 2 or more registers stand only behind every so many levels of logic: a level of a count, a
sum, the difference, the comparison.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xnorforge.hw.ops import _dots
from xnorforge.hw.ops._compare import above, comparison_lut
from xnorforge.hw.ops._generated import generated_module
from xnorforge.hw.parts import Parts
from xnorforge.hw.words import unread

ROWS = 4  # that share counts
GROUPS = 2 ** (ROWS - 1)
BEHIND = 5  # levels behind the counts: three levels of sums, the difference, the comparison
LEVEL_OF_ADDER = (1, 1, 1, 1, 2, 2, 3, 1, 1, 2, 2)  # of those of `_adders`, in order

HEAD = """// SPDX-License-Identifier: Apache-2.0
//
// A binary matrix with wired weights, generated: vectors of {mw} bits, {mh} rows with thresholds.
// Four rows share counts: s<r>_g<p> counts the bits of group p that equal the weight of row r.
//
// Rate       one vector per cycle
// Latency    {stages} cycles: one enable, a register, moves all stages
// Reset      synchronous, control state only; data registers keep what they had
// Bit model  op.py, XnorMvu.execute_node
"""


@dataclass(frozen=True)
class Constant:
    """The unit of weights (mw, mh), 0 and 1, and thresholds (mh,): matches >= threshold.

    With `levels` of 2 or more, which are no fewer than those of a count, counts have no registers.
    """

    weights: np.ndarray
    thresholds: np.ndarray
    levels: int = 1

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

    @property
    def counters(self) -> dict[str, str]:
        """The modules of the counts, {file: text}."""
        ours = (self._count(one) for groups in self.groups for one in groups if len(one))
        return {name: text for one in ours for name, text in one.files.items()}

    @cached_property
    def kept(self) -> list[bool]:
        """Whether registers stand behind the counts, and behind each of the levels that follow."""
        last = self.counting + BEHIND
        return [level % self.levels == 0 or level == last for level in range(self.counting, last + 1)]

    @property
    def stages(self) -> int:
        """Registers between input and output."""
        return self.counting + BEHIND if self.levels == 1 else sum(self.kept)

    @cached_property
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
            adders, waits = _adders(widths, rows, bits)
            luts = sum(map(min, adders)) + (rows - 1) * (bits - 1)
            found.gates(wired_sums=luts, comparisons=rows * comparison_lut(bits + 1))
            first, *others = (_needed(self._cut(row, k, groups), bits + 1) for k in range(rows))
            first = max(0, first - 1)  # it has no sign
            if rows == 1:  # its one count only waits, for sums with nothing
                found.delay(first, sum(self.kept[1:-1])).gates(lone_row=1)
                continue
            for level, pair in zip(LEVEL_OF_ADDER, adders):
                width = _sum_width(*pair, bits)
                found.registers(width * self.kept[level]).chains(width if all(pair) else 0)
            found.registers(sum(waits) * self.kept[3]).chains(bits, count=rows - 1)
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
        head = HEAD.format(mw=mw, mh=mh, stages=self.stages)
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
                f"wire [{own - 1}:0] {name}_0;",
                f"{count.module} u_{name} (",
                f"  .clk_i, .en_i(go), .w_i({{{picked}}}), .sum_o({name}_0)",
                ");",
            ]
            for delay in range(late):
                lines.append(f"logic [{own - 1}:0] {name}_{delay + 1};")
                moves.append(f"{name}_{delay + 1} <= {name}_{delay};")
            counts.append(f"{width}'({name}_{late})")
        rows = min(ROWS, self.weights.shape[1] - row)
        sums = _sums(f"s{row}", counts, rows)

        def put(name: str, width: int, value: str, level: int) -> None:
            kept = self.kept[level]
            lines.append(
                f"logic [{width - 1}:0] {name};" if kept else f"wire [{width - 1}:0] {name} = {value};"
            )
            moves.extend([f"{name} <= {value};"] * kept)

        for name, value, level in sums:
            put(name, width, value, level)
        for k in range(rows):
            value = f"{{1'b0, s{row}_all}}" + (f" - {{s{row}_d{k}_2, 1'b0}}" if k else "")
            put(f"s{row}_m{k}", width + 1, value, 4)
            cut = self._cut(row, k, groups)
            lines.append(f"wire y{row + k} = {_reached(f's{row}_m{k}', width + 1, cut)};")
        return lines, moves


def _sums(name: str, counts: list[str], rows: int) -> list[tuple[str, str, int]]:
    """Sums, what they add, and their level behind the counts: `_all` of all groups, `_d<k>_2` of those in
    which row k differs, both of level 3.
    """
    pairs = [(f"{name}_a{k}", f"{counts[2 * k]} + {counts[2 * k + 1]}", 1) for k in range(4)]
    found = [*pairs, (f"{name}_lo", f"{name}_a0 + {name}_a1", 2), (f"{name}_hi", f"{name}_a2 + {name}_a3", 2)]
    found.append((f"{name}_all", f"{name}_lo + {name}_hi", 3))
    if rows > 1:  # row 1 differs in the odd groups
        found += [(f"{name}_o{k}", f"{counts[4 * k + 1]} + {counts[4 * k + 3]}", 1) for k in range(2)]
        found.append((f"{name}_d1_1", f"{name}_o0 + {name}_o1", 2))
    if rows > 2:
        found.append((f"{name}_d2_1", f"{name}_a1 + {name}_a3", 2))
    waiting = {1: "d1_1", 2: "d2_1", 3: "hi"}
    return found + [(f"{name}_d{k}_2", f"{name}_{waiting[k]}", 3) for k in range(1, rows)]


def _sum_width(one: int, other: int, bits: int) -> int:
    """Of two numbers of so many bits, a sum of at most `bits`; a number of none is left out."""
    return min(bits, max(one, other) + 1) if one and other else one or other


def _adders(widths: list[int], rows: int, bits: int) -> tuple[list[tuple[int, int]], list[int]]:
    """The widths of what each adder of `_sums` adds, and those of the sums that wait a level."""
    found = []

    def added(one: int, other: int) -> int:
        found.append((one, other))
        return _sum_width(one, other, bits)

    pairs = [added(widths[2 * k], widths[2 * k + 1]) for k in range(4)]
    low, high = added(*pairs[:2]), added(*pairs[2:])
    added(low, high)
    waits = []
    if rows > 1:
        odd = added(widths[1], widths[3]), added(widths[5], widths[7])
        waits.append(added(*odd))
    if rows > 2:
        waits.append(added(pairs[1], pairs[3]))
    if rows > 3:
        waits.append(high)
    return found, waits


def _needed(cut: int, width: int) -> int:
    """Bits of a difference that decide whether it is more than `cut`, its sign as highest bit."""
    return width - unread(cut) if 0 <= cut < (1 << width) - 1 else 0


def _reached(name: str, width: int, cut: int) -> str:
    """A signed number > cut, of which the sign counts as highest bit."""
    if cut < 0:
        return "1'b1"
    return above(name, width, cut, True) if cut < (1 << width) - 1 else "1'b0"
