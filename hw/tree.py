"""Sums of many bits by counters, planned once: the SystemVerilog of a tree and its cost follow from the plan.

A heap has `heights[c]` bits of weight 2**c. One level turns six bits of a column into three (xf_count6) and,
where that helps, three into two (xf_count3); levels go on until no column is higher than three, then one
adder ends it (xf_add3, or a plain one).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from xnorforge.hw.fabric import REFERENCE

EARLY = "xf_pkg::Early"


def positions(count: int) -> int:
    """CARRY4 of a chain of so many positions that is placed by hand (hw/rtl/xf_carry.sv)."""
    return -(-count // 4)


def _offsets(heights: tuple[int, ...]) -> list[int]:
    """Where each column begins in the vector of a heap, and where the last ends."""
    return list(accumulate(heights, initial=0))


@dataclass(frozen=True)
class Level:
    """What one level of counters makes of a heap.

    Attributes:
        heights, left: bits per column in front of it and behind it.
        groups: groups of six per column; those of one number in columns c, c + 2, c + 4, … are a carry chain.
        adders: full adders per column, 0 or 1. Both lists end with three columns of none, which are also
            those below the first.
        sevens: whether a chain takes a seventh bit where it begins.
    """

    heights: tuple[int, ...]
    left: tuple[int, ...]
    groups: tuple[int, ...]
    adders: tuple[int, ...]
    sevens: bool

    @classmethod
    def of(cls, heights: tuple[int, ...], sevens: bool) -> "Level":
        """The level of a heap.

        One bit less than six makes a group too. Groups leave two sums, here and in the next column, and where
        no group two columns above takes it in, a carry. Three bits outside the groups go through a full adder
        only if the column would stay higher than three."""
        groups, adders, left = [0, 0], [0], []
        for height in (*heights, 0, 0, 0):
            below2, below = groups[-2:]
            six = (height + 1) // 6
            if sevens and (six := min(six, below2)) == below2:
                six += max(0, height - 6 * six + 1) // 7
            rest = max(0, height - 6 * six - (max(0, six - below2) if sevens else 0))
            made = six + below + max(0, below2 - six) + adders[-1]
            groups.append(six)
            adders.append(int(rest >= 3 and made + rest > 3))
            left.append(made + rest - 2 * adders[-1])
        while not left[-1]:
            left.pop()
        return cls(heights, tuple(left), tuple(groups[2:]), tuple(adders[1:]), sevens)

    @cached_property
    def chains(self) -> list[tuple[int, int, int]]:
        """First column, number and length of each carry chain."""
        found = []
        for column in range(len(self.heights)):
            for number in range(self.groups[column - 2], self.groups[column]):
                length = 1
                while self.groups[column + 2 * length] > number:
                    length += 1
                found.append((column, number, length))
        return found

    @property
    def lut(self) -> int:
        """LUTs."""
        return 2 * sum(self.groups) + sum(self.adders)

    @property
    def carry(self) -> int:
        """Carry cells: a group takes two positions of its chain."""
        return sum(positions(2 * length) for _, _, length in self.chains)

    def _taken(self, column: int, groups: int) -> int:
        """Bits of a column in front of its group of that number."""
        return 6 * groups + (max(0, groups - self.groups[column - 2]) if self.sevens else 0)

    def _sums(self, column: int) -> int:
        """Bits that groups put into a column: their two sums, and carries that no group takes in."""
        own, below, below2 = (self.groups[column - k] for k in range(3))
        return own + below + max(0, below2 - own)

    def lines(self, level: int) -> list[str]:
        """The counters between the vectors level<level> and made<level + 1>."""
        here, there, found = _offsets(self.heights), _offsets(self.left), []
        bits, made = f"level{level}", f"made{level + 1}"
        for column, number, length in self.chains:
            six, sums = [], []
            for c in range(column, column + 2 * length, 2):
                own = here[c] + self._taken(c, number)
                whole = own + 6 <= here[c + 1]
                six += [span(bits, own, 6)] if whole else [span(bits, own, 5), "1'b0"]
                sums += [there[c] + number, there[c + 1] + self.groups[c + 1] + number]
            end, seventh = column + 2 * length, here[column] + self._taken(column, number) + 6
            sums.append(there[end] + self.groups[end - 1] + number)
            more = self.sevens and seventh < here[column + 1]
            six += [f"{bits}[{seventh}]"] * more
            parameters = f".Groups({length})" + ", .Seventh(1)" * more
            made_of = concatenation(f"{made}[{place}]" for place in sums)
            found += [
                f"xf_count6 #({parameters}) u_count{level}_{column}_{number} (",
                f"  .bits_i({concatenation(six)}), .sum_o({made_of})", ");",
            ]  # fmt: skip
        for column, height in enumerate(self.heights):
            full = self.adders[column]
            first = here[column] + min(height, self._taken(column, self.groups[column]))
            to = there[column] + self._sums(column)
            if full:
                above = there[column + 1] + self._sums(column + 1) + self.adders[column + 1]
                found.append(
                    f"xf_count3 u_full{level}_{column} (.bits_i({span(bits, first, 3)}), "
                    f".count_o({{{made}[{above}], {made}[{to}]}}));"
                )
            first, to = first + 3 * full, to + full + self.adders[column - 1]
            if more := here[column + 1] - first:
                found.append(f"assign {span(made, to, more)} = {span(bits, first, more)};")
        return found


@dataclass(frozen=True)
class Tree:
    """All levels and the last adder.

    Registers lie in front of every second level, in front of the adder and behind it. On 7-series they begin
    at the first level. Elsewhere a count of six takes several LUT4 one behind the other, and two such levels
    in a cycle are too many: the first level shares its cycle with the gates in front of it.

    Attributes:
        heights: of the heap.
        bits: of the sum.
        sevens: of its levels.
        registered: whether the bits of the heap are registers, so that there is one less.
    """

    heights: tuple[int, ...]
    bits: int
    sevens: bool = False
    registered: bool = False

    @cached_property
    def levels(self) -> list[Level]:
        """The levels."""
        found: list[Level] = []
        while max(left := found[-1].left if found else self.heights) > 3:
            found.append(Level.of(left, self.sevens))
        return found

    @property
    def last(self) -> tuple[int, ...]:
        """Bits per column in front of the adder."""
        return self.levels[-1].left if self.levels else self.heights

    @property
    def latency(self) -> int:
        """Cycles."""
        return (len(self.levels) + 1) // 2 + 2 - self.registered

    @cached_property
    def low(self) -> int:
        """Columns below the first with two bits, which are sums already."""
        return next((column for column, height in enumerate(self.last) if height > 1), self.bits)

    @property
    def added(self) -> int:
        """LUTs of the last adder."""
        return max(0, min(len(self.last) + (max(self.last) == 3), self.bits) - self.low)

    @cached_property
    def lut(self) -> int:
        """LUTs."""
        return sum(level.lut for level in self.levels) + self.added

    @cached_property
    def carry(self) -> int:
        """Carry cells."""
        last = positions(self.added) if max(self.last) == 3 else REFERENCE.carry(self.bits - self.low)
        return sum(level.carry for level in self.levels) + (last if self.added else 0)

    @cached_property
    def ff(self) -> int:
        """Flip-flops on 7-series."""
        before = self.levels[self.registered :: 2]
        adder = not self.registered or len(self.levels) % 2
        return sum(sum(level.heights) for level in before) + sum(self.last[: self.bits]) * adder + self.bits

    def _kept(self, place: int, late: bool) -> str:
        """Registers in front of a level, or of the adder, which follows the last one."""
        odd, end = place % 2, len(self.levels)
        if self.registered:
            return str(odd)
        if (place == end and (odd or not late)) or (place == end - 1 and not odd and not late):
            return "1"
        return f"1 - {EARLY}" if odd else EARLY

    def lines(self, heap: list[str], late: bool = False, wired: bool = False) -> list[str]:
        """Text that adds the bits of `heap`, pieces of it from the lowest on, to `sum_o`.

        Args:
            late: without XF_XC7 the gates in front of it follow registers, and it has one less.
            wired: it has no registers.
        """
        lines = [*self._vectors(0), f"assign made0 = {concatenation(heap)};"]
        for place in range(len(self.levels) + 1):
            size = sum(self.levels[place].heights if place < len(self.levels) else self.last)
            kept = "0" if wired else self._kept(place, late)
            lines.append(delay(size, kept, f"level{place}", f"made{place}"))
            if place < len(self.levels):
                lines += [*self._vectors(place + 1), *self.levels[place].lines(place)]
        return [*lines, *self._adder(), delay(self.bits, "01"[not wired], "sum_o", "sum")]

    def _vectors(self, place: int) -> list[str]:
        """Declarations of the bits in front of a level, or of the adder."""
        end = len(self.levels)
        heights = self.levels[place].heights if place < end else self.last
        weights = ", ".join(f"{many} of {1 << c}" for c, many in enumerate(heights) if many)
        bits = f"logic [{sum(heights) - 1}:0] made{place}, level{place};"
        lines = ["", f"// Bits by weight: {weights}.", bits]
        if place == end and len(heights) > self.bits:
            unused = "/* verilator lint_off UNUSEDSIGNAL */  // no sum is as large as the highest bits"
            lines.insert(1, unused)
            lines.append("/* verilator lint_on UNUSEDSIGNAL */")
        return lines

    def _adder(self) -> list[str]:
        """What adds the rows that are left to `sum`."""
        here, low = _offsets(self.last), self.low

        def row(number: int, first: int, end: int) -> str:
            columns = enumerate(self.last[first:end] + (0,) * (end - len(self.last)), first)
            return concatenation(
                f"level{len(self.levels)}[{here[c] + number}]" if height > number else "1'b0"
                for c, height in columns
            )

        lines = [f"logic [{self.bits - 1}:0] sum;"]
        if low:
            lines.append(f"assign sum[{low - 1}:0] = {row(0, 0, low)};")
        if low < self.bits and max(self.last) == 3:
            end = min(len(self.last), self.bits)
            wide = min(end - low + 2, self.bits - low)
            rows = [f"  .{'abc'[number]}_i({row(number, low, end)})," for number in range(3)]
            lines += [
                f"logic [{wide - 1}:0] top;", f"xf_add3 #(.Width({end - low}), .SumW({wide})) u_add (", *rows,
                "  .sum_o(top)", ");",
                f"assign sum[{self.bits - 1}:{low}] = {self.bits - low}'(top);",
            ]  # fmt: skip
        elif low < self.bits:
            both = " + ".join(row(number, low, self.bits) for number in range(2))
            lines.append(f"assign sum[{self.bits - 1}:{low}] = {both};")
        return lines


def span(name: str, first: int, many: int) -> str:
    """So many bits of a vector."""
    return f"{name}[{first}]" if many == 1 else f"{name}[{first + many - 1}:{first}]"


def concatenation(pieces: Iterable[str]) -> str:
    """A concatenation of pieces, of which the first has the lowest bits."""
    whole = ", ".join(reversed([*pieces]))
    return f"{{{whole}}}" if ", " in whole else whole


def delay(width: int, stages: str, to: str, given: str) -> str:
    """An instance of xf_delay that drives `to`."""
    parameters, name = f".Width({width}), .Stages({stages})", to.removesuffix("_o")
    return f"xf_delay #({parameters}) u_{name} (.clk_i, .en_i, .data_i({given}), .data_o({to}));"
