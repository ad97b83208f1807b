"""A constant matrix as a graph of additions: found by alkaid, kept as rows of integers, read back as what it
computes.

A row (a, i, b, j, sign) of an array (n, 5) is the sum a 2^i + sign b 2^j of two numbers. Numbers below the
matrix' height are the inputs x, the others the sums in order; a sum reads earlier numbers only.
"""

from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.hw.fabric import REFERENCE
from xnorforge.hw.parts import Parts

End: TypeAlias = tuple[int, int, int] | None  # (number, power, sign): sign number 2^power; None: 0
LEVELS = 3  # additions and comparisons between two registers, where nothing else is asked for


def solve(weights: ArrayLike, low: int, high: int, quick: bool = False, slack: int = -1) -> np.ndarray:
    """Sums that make x @ weights of integers x in low .. high, up to sign and powers of two; int64 (n, 5).

    A matrix of +-1 is also tried as 2 (x @ positive) - sum of x, where `positive` is 1 at +1 and 0 at -1:
    half as many terms and one subtraction more per column. The cheaper of the two graphs is used. `quick`
    looks at one graph, in a twentieth of the time for large matrices; it takes up to 1.4 times as much.
    `slack`: how many more sums in a row it may have than a tree of all terms; -1: any number."""
    weights = np.asarray(weights).astype(np.int64)
    graphs = []
    signs = weights.size and (abs(weights) == 1).all()
    if not (quick and signs):
        graphs.append(_Graph(len(weights)))
        graphs[0].multiply(weights, low, high, slack, quick)
    if signs:
        graphs.append(_Graph(len(weights)))
        ones = np.ones((len(weights), 1), np.int64)
        both = np.hstack([weights > 0, ones])
        *halves, total = graphs[-1].multiply(both, low, high, 4 if slack < 0 else slack, quick)
        for half in halves:
            graphs[-1].add(half, total, -1, -1)
    found = [Adders(graph.array(), len(weights), low, high) for graph in graphs]
    return min(found, key=lambda one: one.lut([one.find(column) for column in weights.T])).rows


class _Graph:
    """Sums so far. What a sum gives is kept as (number, power of two, sign), None for zero."""

    def __init__(self, inputs: int):
        self.inputs = inputs
        self.rows: dict[tuple[int, ...], int] = {}

    def array(self) -> np.ndarray:
        """The rows."""
        return np.array(list(self.rows), np.int64).reshape(-1, 5)

    def multiply(self, weights: np.ndarray, low: int, high: int, slack: int, quick: bool) -> list:
        """The columns of x @ weights, by alkaid; `slack` levels of sums beyond the least number are allowed,
        -1: any; `quick`: only the first of the ways in which it splits a matrix."""
        from alkaid.cmvm import cmvm_solve  # here, for the stages behind the folding do without it

        ends: list = [(number, 0, 1) for number in range(self.inputs)]
        if not weights.size:
            return []
        found = cmvm_solve(
            np.ascontiguousarray(weights, np.float32),  # read by rows whatever its strides say
            method0="mc",  # the most common pair first; by the pairs' weights it takes 1 % more LUTs
            hard_dc=slack,
            qintervals=[(float(low), float(high), 1.0)] * self.inputs,
            latencies=[0.0] * self.inputs,
            **({"decompose_dc": -1, "search_all_decompose_dc": False} if quick else {}),
        )
        for part in found:
            values = []
            for op in part.ops:
                datum = op.data[0]
                if op.opcode == -1:
                    values.append(_scaled(ends[datum], part.inp_shifts[datum], False))
                else:
                    first, second = (values[at] for at in op.addr)
                    values.append(self.add(first, second, datum, -1 if op.opcode else 1))
            ends = [
                None if at < 0 else _scaled(values[at], shift, negative)
                for at, shift, negative in zip(part.out_idxs, part.out_shifts, part.out_negs)
            ]
        return ends

    def add(self, first, second, power: int, sign: int):
        """first + sign second 2^power; what is there already is used again."""
        second = _scaled(second, power, sign < 0)
        if first is None or second is None:
            return first or second
        # The positive one first: -a + b is b - a, and -a - b is -(a + b).
        (a, i, negative), (b, j, other) = sorted([first, second], key=lambda end: (-end[2], end))
        both = min(i, j)
        if (a, negative) == (b, -other) and abs(i - j) == 1:  # 2 a - a
            return a, both, negative if i > j else other
        row = a, i - both, b, j - both, negative * other
        return self.rows.setdefault(row, self.inputs + len(self.rows)), both, negative


def _scaled(end, power, negative):
    """An end times 2^power, negative if negative."""
    return end and (end[0], end[1] + int(power), -end[2] if negative else end[2])


class Adders:
    """What the numbers of a graph are.

    Attributes:
        rows: as `solve` gives them.
        inputs: how many numbers are inputs.
        weights: int64 (numbers, inputs): number k is weights[k] @ x.
        low, high: int64 (numbers,), the range of each, exact.
        level: sums between the inputs and a number.
        levels: additions and comparisons between two registers.
    """

    def __init__(self, rows: ArrayLike, inputs: int, low: int, high: int, levels: int = LEVELS):
        self.levels = levels
        self.rows, self.inputs = np.asarray(rows).astype(np.int64), inputs
        self.weights = np.zeros((inputs + len(self.rows), inputs), np.int64)
        self.weights[:inputs] = np.eye(inputs)
        self.level: list[int] = [0] * inputs
        for number, (a, i, b, j, sign) in enumerate(self.rows.tolist(), inputs):
            self.weights[number] = (self.weights[a] << i) + sign * (self.weights[b] << j)
            self.level.append(max(self.level[a], self.level[b]) + 1)
        ends = low * self.weights, high * self.weights
        self.low, self.high = np.minimum(*ends).sum(axis=1), np.maximum(*ends).sum(axis=1)

    @cached_property
    def _by_weights(self) -> dict[bytes, tuple[int, int, int]]:
        found: dict[bytes, tuple[int, int, int]] = {}
        for number, weights in enumerate(self.weights):
            if weights.any():
                key, power, sign = _normal(weights)
                found.setdefault(key, (number, power, sign))
        return found

    def find(self, column: np.ndarray) -> tuple[int, int, int] | None:
        """(number, power, sign) with column @ x = sign number 2^power; None for a column of zeros.

        Raises:
            ValueError: no number is that; the graph belongs to other weights.
        """
        if not column.any():
            return None
        key, power, sign = _normal(column)
        if key not in self._by_weights:
            raise ValueError("the adders do not compute these weights")
        number, own, negative = self._by_weights[key]
        return number, power - own, sign * negative

    def signed(self, number: int) -> bool:
        """Whether a number is two's complement."""
        return bool(self.low[number] < 0)

    def width(self, number: int) -> int:
        """Bits of a number."""
        low, high = int(self.low[number]), int(self.high[number])
        return max((-low - 1).bit_length() + 1 if low < 0 else 0, high.bit_length() + (low < 0), 1)

    def stage(self, number: int, more: int = 0) -> int:
        """Registers between the inputs and where a number is computed, or what is `more` levels behind it."""
        return max(self.level[number] + more - 1, 0) // self.levels

    def stages(self, ends: list[End], last: int) -> int:
        """Registers from inputs to outputs; `last` levels follow behind the ends."""
        return 1 + max((self.stage(end[0], last) for end in ends if end), default=0)

    def waits(self, ends: list[End], stages: int) -> dict[int, int]:
        """{number: registers in a row behind it}, of all numbers that the ends need."""
        found: dict[int, int] = {}
        for end in filter(None, ends):
            found[end[0]] = max(found.get(end[0], 0), stages - 1 - self.stage(end[0]))
        for number in range(self.inputs + len(self.rows) - 1, self.inputs - 1, -1):
            if number in found:
                for read in self.rows[number - self.inputs][[0, 2]].tolist():
                    found[read] = max(found.get(read, 0), self.stage(number) - self.stage(read))
        return found

    def parts(self, ends: list[End], stages: int, unread: list[int], added: set[int]) -> Parts:
        """The sums, a LUT per bit in which both terms have one, and the registers between them.

        Args:
            ends: as everywhere.
            stages: registers between inputs and outputs.
            unread: low bits of an end that nobody needs.
            added: numbers that become a result of as many bits by one more sum.
        """
        reads = self._reads(ends, stages, unread)
        longest = {number: max(place for place, *_ in places) for number, places in reads.items()}
        found = Parts(summed_bits=sum(self._luts(number) for number in reads if number >= self.inputs))
        for number, places in reads.items():
            same, read = self._copied(number)  # low bits share the registers of what they are copied from
            before = 0
            for place in sorted({place for place, *_ in places}):
                low = min(low for there, low, _ in places if there >= place)
                if same and self.stage(number) - self.stage(read) + place <= longest[read]:
                    low = max(low, same)
                found.delay(self.width(number) - low, place - before)
                before = place
        chains = self._chains(reads)
        gone = {number for number in added if reads[number] == [(0, 0, 1)]}
        return found.chains(*(chains[number] for number in chains.keys() - gone))

    def _reads(self, ends, stages: int, unread: list[int]) -> dict[int, list[tuple[int, int, int]]]:
        """{number: where it is read}, as registers behind it, low bits that are not needed, and the power."""
        reads: dict[int, list[tuple[int, int, int]]] = {number: [] for number in self.waits(ends, stages)}
        for end, low in zip(ends, unread):
            if end:  # as if by another power: what follows is none of these sums
                reads[end[0]].append((stages - 1 - self.stage(end[0]), low, 1))
        for number in reads:
            if number >= self.inputs:
                a, i, b, j, _ = self.rows[number - self.inputs].tolist()
                for read, power in ((a, i), (b, j)):
                    reads[read].append((self.stage(number) - self.stage(read), 0, power))
        return reads

    def _copied(self, number: int) -> tuple[int, int]:
        """How many low bits of a number are those of another one, and of which: below a power of two."""
        if number < self.inputs:
            return 0, number
        a, i, b, j, sign = self.rows[number - self.inputs].tolist()
        return (i, b) if sign > 0 and i else (j, a)

    def _chains(self, reads) -> dict[int, int]:
        """{number: bits of its carry chain} of the sums. What goes into one other sum alone, and cannot lose
        a bit as far as Yosys sees, has none: the other one adds all terms at once, behind full adders."""
        terms: dict[int, list[int]] = {}  # bits of what a sum adds up
        chains: dict[int, int] = {}
        for number in sorted(number for number in reads if number >= self.inputs):
            a, i, b, j, sign = self.rows[number - self.inputs].tolist()
            width, signed = self.width(number), self.signed(a) or self.signed(b)
            chains[number], terms[number] = width - (max(i, j) if sign > 0 else j), []
            for read, power in ((a, i), (b, j)):
                alone = read in chains and reads[read] == [(0, 0, 0)]
                if alone and self._goes_into(read, width, signed, terms[read]):
                    del chains[read]
                    chains[number] = width
                    terms[number] += terms[read]
                else:
                    terms[number].append(self.width(read) + power + (signed and not self.signed(read)))
        return chains

    def _goes_into(self, number: int, width: int, signed: bool, terms: list[int]) -> bool:
        """Whether Yosys puts the terms of a sum in place of it into a sum of `width` bits, of signed terms or
        not. It counts in powers of two what terms of so many bits can make; what else it asks for is fitted.
        """
        a, _, b, _, sign = self.rows[number - self.inputs].tolist()
        missing = width - self.width(number)
        if not missing:
            return True
        negative = self.signed(a) or self.signed(b)
        fits = signed if negative else sign > 0 and (not signed or missing == 1)
        if not fits or (missing > 1 and len(terms) > 2):
            return False
        count, bits = 0, 0
        for size in sorted(terms):
            count, bits = -(-count >> size - bits) + 1, size
        return bits + (count - 1).bit_length() <= self.width(number)

    def lut(self, ends: list[End], last: int = 1) -> int:
        """LUTs of the sums and of shift registers between them."""
        waits, least = self.waits(ends, self.stages(ends, last)), REFERENCE.shift_from
        kept = sum(self.width(number) for number, registers in waits.items() if registers >= least)
        return kept + sum(self._luts(number) for number in waits if number >= self.inputs)

    def _luts(self, number: int) -> int:
        """LUTs of a sum."""
        a, i, b, j, sign = self.rows[number - self.inputs].tolist()
        width = self.width(number)
        top, other = (width if self.signed(n) else min(self.width(n) + k, width) for n, k in ((a, i), (b, j)))
        return min(top, other) - max(i, j) if sign > 0 else max(top, other) - j


def _normal(weights) -> tuple[bytes, int, int]:
    """Weights without their sign and common power of two, and these two: weights = sign 2^power key."""
    power = int(np.bitwise_or.reduce(weights) & -np.bitwise_or.reduce(weights)).bit_length() - 1
    sign = 1 if weights[np.flatnonzero(weights)[0]] > 0 else -1
    return (sign * weights >> power).tobytes(), power, sign
