"""Integers with known ranges, from which an operator's expression is made.

A `Value` is an operation, its arguments and the range of its results; its width follows from the range.
Nothing wraps but `wrap`. A value of the range 0 .. 1 is a bit, every other one is two's complement of at
least two bits. A `cut` is a register of the pipeline; the stage of a value is the number of cuts before it.

The rules that make hardware smaller are stated here, once: a value with one possible result is a number, a
product with a bit a choice; comparisons that ranges decide and bounds that nothing reaches take no hardware.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

Number: TypeAlias = "Value | int"
COMPARES = (">=", ">", "==")
LOGIC = ("&", "|", "^")


@dataclass(frozen=True, eq=False)
class Value:
    """One value of an expression; `values.py` has the functions that make one.

    Attributes:
        op: the operation.
        args: the values that it takes.
        lo, hi: least and greatest result.
        name: in generated text; "" for one that is written where it is used.
        data: what else the operation knows: an input's number, a number, entries (C,) of a table, (C, n) of
            an `entry`, the places of a shift, the bits of `low` and `wrap`.
    """

    op: str
    args: "tuple[Value, ...]"
    lo: int
    hi: int
    name: str = ""
    data: Any = None

    @property
    def is_bit(self) -> bool:
        """Whether it is 0 or 1, without a sign."""
        return self.lo >= 0 and self.hi <= 1

    @property
    def bits(self) -> int:
        """Its width: 1, or that of two's complement, at least 2."""
        return 1 if self.is_bit else max(2, bits_to_hold(self.lo, self.hi))

    @property
    def number(self) -> int | None:
        """The only result that it has, if it has one only."""
        return self.lo if self.lo == self.hi else None

    @cached_property
    def stage(self) -> int:
        """Registers between the inputs and it."""
        return max((one.stage for one in self.args), default=0) + (self.op == "cut")

    def named(self, name: str) -> "Value":
        """The same value under a name, which generated text shows; inputs, numbers and tables have theirs."""
        return self if self.op in ("input", "number", "table", "entry") else replace(self, name=name)

    def __add__(self, other: Number) -> "Value":
        return _sum("+", self, as_value(other))

    def __radd__(self, other: Number) -> "Value":
        return as_value(other) + self

    def __sub__(self, other: Number) -> "Value":
        return _sum("-", self, as_value(other))

    def __rsub__(self, other: Number) -> "Value":
        return as_value(other) - self

    def __mul__(self, other: Number) -> "Value":
        return _product(self, as_value(other))

    def __rmul__(self, other: Number) -> "Value":
        return as_value(other) * self

    def __lshift__(self, places: int) -> "Value":
        """Times 2**places."""
        return _known(Value("<<", (self,), self.lo << places, self.hi << places, data=places), self, places)

    def __rshift__(self, places: int) -> "Value":
        """Divided by 2**places, rounded down."""
        return _known(Value(">>", (self,), self.lo >> places, self.hi >> places, data=places), self, places)

    def __invert__(self) -> "Value":
        """-1 - x."""
        return _known(Value("~", (self,), ~self.hi, ~self.lo), self)

    def flip(self) -> "Value":
        """Of a bit the other one."""
        return _known(Value("!", (self,), 1 - self.hi, 1 - self.lo), self)

    def __ge__(self, other: Number) -> "Value":
        other = as_value(other)
        return _compared(">=", self, other, self.lo >= other.hi, self.hi < other.lo)

    def __gt__(self, other: Number) -> "Value":
        other = as_value(other)
        return _compared(">", self, other, self.lo > other.hi, self.hi <= other.lo)

    def equals(self, other: Number) -> "Value":
        """Whether two values are equal, a bit."""
        other = as_value(other)
        always = self.number is not None and self.number == other.number
        return _compared("==", self, other, always, self.hi < other.lo or self.lo > other.hi)

    def __and__(self, other: Number) -> "Value":
        return _logic("&", self, as_value(other), 0)

    def __or__(self, other: Number) -> "Value":
        return _logic("|", self, as_value(other), 1)

    def __xor__(self, other: Number) -> "Value":
        one, other = self, as_value(other)
        if other.op != "number":
            one, other = other, one
        if other.number is not None:
            return one.flip() if other.number else one
        return Value("^", (one, other), 0, 1)

    def low(self, bits: int) -> "Value":
        """Its lowest bits, 0 .. 2**bits - 1."""
        if self.number is not None or (self.lo >= 0 and self.hi < 1 << bits):
            return self if self.number is None else as_value(self.number % (1 << bits))
        return Value("low", (self,), 0, (1 << bits) - 1, data=bits)

    def wrap(self, bits: int, signed: bool) -> "Value":
        """Modulo 2**bits, as a number of that width."""
        lo, hi = _range(bits, signed)
        if lo <= self.lo and self.hi <= hi:
            return self
        if self.number is not None:
            return as_value((self.number - lo) % (1 << bits) + lo)
        return Value("wrap", (self,), lo, hi, data=(bits, signed))

    def within(self, lo: int, hi: int) -> "Value":
        """The same, known to lie in lo .. hi; that is checked wherever it is computed with numpy."""
        lo, hi = max(lo, self.lo), min(hi, self.hi)
        return self if (lo, hi) == (self.lo, self.hi) else Value("within", (self,), lo, hi)

    def cut(self) -> "Value":
        """The value a stage later."""
        if self.number is not None:
            return self
        return Value("cut", (self,), self.lo, self.hi, self.name and f"{self.name}_q")


def bits_to_hold(lo: int, hi: int) -> int:
    """Bits of two's complement that hold lo .. hi.

    >>> bits_to_hold(-128, 5), bits_to_hold(0, 5)
    (8, 4)
    """
    return max(hi, -lo - 1, 0).bit_length() + 1


def as_value(number: Number) -> Value:
    """A number as a value; a value as it is."""
    if isinstance(number, Value):
        return number
    return Value("number", (), int(number), int(number), data=int(number))


def stream_element(name: str, place: int, bits: int, signed: bool) -> Value:
    """An element of input stream number `place`."""
    return Value("input", (), *_range(bits, signed), name, place)


def table(name: str, entries: Any, among: tuple[int, int] | None = None) -> Value:
    """A constant per channel.

    Args:
        entries: integers (C,).
        among: the range of what may stand there at run time, where a host or a loop replaces the entries;
            then it stays a table even if all entries are equal.
    """
    entries = np.asarray(entries).astype(object)
    lo, hi = among or (int(entries.min()), int(entries.max()))
    return as_value(lo) if lo == hi else Value("table", (), lo, hi, name, entries)


def pick(name: str, entries: Any, index: Value | None = None, among: tuple[int, int] | None = None) -> Value:
    """One of n constants of the channel, which an index chooses.

    Args:
        entries: integers (C, n).
        index: 0 .. n - 1; None: 0.
        among: as of `table`.
    """
    entries = np.asarray(entries).astype(object)
    ways = entries.shape[1]
    entries = np.pad(entries, ((0, 0), (0, (1 << (ways - 1).bit_length()) - ways)), mode="edge")
    if index is not None and index.number is not None:
        entries, index = entries[:, [index.number]], None
    lo, hi = among or (int(entries.min()), int(entries.max()))
    return Value("entry", () if index is None else (index,), lo, hi, name, entries)


def choose(condition: Number, one: Number, other: Number) -> Value:
    """`one` where the condition, a bit, is 1, else `other`."""
    condition, one, other = map(as_value, (condition, one, other))
    if condition.number is not None:
        return one if condition.number else other
    if one is other or (one.number is not None and one.number == other.number):
        return one
    if (one.number, other.number) == (1, 0):
        return condition
    return Value("choose", (condition, one, other), min(one.lo, other.lo), max(one.hi, other.hi))


def beyond(x: Value, bound: Number) -> Value:
    """Whether x is more than a bound, or maybe equal to it: for a choice between the two. Of x >= n the low
    bits do not matter in which n has zeros."""
    at = as_value(bound).number
    return x >= bound if at is not None and at % 2 == 0 else x > bound


def clamp(x: Value, lo: int, hi: int) -> Value:
    """x, but not below lo nor above hi."""
    if x.lo < lo:
        x = replace(choose(beyond(x, lo), x, lo), lo=lo) if x.hi > lo else as_value(lo)
    if x.hi > hi:
        x = replace(choose(beyond(x, hi), hi, x), hi=hi) if x.lo < hi else as_value(hi)
    return x


def sum_of(terms: Sequence[Value]) -> Value:
    """The sum of values, at least one."""
    found, *others = terms
    for one in others:
        found = found + one
    return found


def with_numbers(value: Value, lane: int) -> Value:
    """A value whose tables are their entries of a channel, simplified by what is then known."""
    made: dict[int, Value] = {}
    for one in flat(value):
        args = [made[id(each)] for each in one.args]
        if one.op == "table":
            found = as_value(one.data[lane])
        elif one.op == "entry":
            found = replace(one, args=tuple(args), data=one.data[[lane]])
        elif one.op == "choose":
            found = choose(*args)
        elif one.op in REMADE:
            given = args if one.data is None else [*args, one.data]
            found = REMADE[one.op](*given)
        else:
            found = one
        made[id(one)] = found.named(one.name) if one.name and one.op != "table" else found
    return made[id(value)]


def flat(value: Value) -> list[Value]:
    """A value and all that it is made of, each once, arguments first."""
    found: dict[int, Value] = {}

    def visit(one: Value) -> None:
        if id(one) not in found:
            for each in one.args:
                visit(each)
            found[id(one)] = one

    visit(value)
    return list(found.values())


def tables(value: Value) -> list[Value]:
    """The tables that a value reads, in the order in which they are named."""
    return [one for one in flat(value) if one.op == "table"]


def _range(bits: int, signed: bool) -> tuple[int, int]:
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def _known(made: Value, x: Value, places: int = 1) -> Value:
    """A value, or its number, or x if it is not shifted at all."""
    if made.number is not None:
        return as_value(made.number)
    return made if places else x


def _sum(op: str, one: Value, other: Value) -> Value:
    if other.number == 0:
        return one
    if op == "+":
        lo, hi = one.lo + other.lo, one.hi + other.hi
        if one.number == 0:
            return other
    else:
        lo, hi = one.lo - other.hi, one.hi - other.lo
        if one.number == -1:
            return ~other
    return as_value(lo) if lo == hi else Value(op, (one, other), lo, hi)


def _product(one: Value, other: Value) -> Value:
    if one.number is not None:
        one, other = other, one
    if (factor := other.number) is not None:
        if one.number is not None:
            return as_value(one.number * factor)
        if factor == 0:
            return as_value(0)
        places = abs(factor).bit_length() - 1
        if abs(factor) == 1 << places:
            return one << places if factor > 0 else 0 - (one << places)
    for bit, value in ((other, one), (one, other)):
        if bit.is_bit:
            return choose(bit, value, 0)
    ends = [a * b for a in (one.lo, one.hi) for b in (other.lo, other.hi)]
    return Value("*", (one, other), min(ends), max(ends))


def _compared(op: str, one: Value, other: Value, always: bool, never: bool) -> Value:
    return as_value(int(always)) if always or never else Value(op, (one, other), 0, 1)


def _logic(op: str, one: Value, other: Value, wins: int) -> Value:
    for known, free in ((one, other), (other, one)):
        if known.number is not None:
            return known if known.number == wins else free
    return Value(op, (one, other), 0, 1)


REMADE: dict[str, Callable[..., Value]] = {
    "+": Value.__add__, "-": Value.__sub__, "*": Value.__mul__, "<<": Value.__lshift__,
    ">>": Value.__rshift__, "~": Value.__invert__, "!": Value.flip, ">=": Value.__ge__, ">": Value.__gt__,
    "==": Value.equals, "&": Value.__and__, "|": Value.__or__, "^": Value.__xor__, "low": Value.low,
    "wrap": lambda x, kind: x.wrap(*kind), "within": lambda x: x, "cut": Value.cut,
}  # fmt: skip
