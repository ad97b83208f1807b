"""What the lowering knows about a tensor: an exact affine form over integers, and how float32 computes it.

Every tensor of the network is  value[c] = sum_k A_k[c] * n_k + B[c]  with integer tensors n_k (`Leaf`) and
exact rational A_k, B. A value of one leaf also keeps its chain: the per-channel float32 operations between
leaf and value. Correctly rounded +, *, / by a constant, ReLU and clipping are monotone, so every chain is
monotone in float32 as well, and the threshold of the quantiser after it can be searched on the numbers that
the reference really computes (`hw/ops/threshold/lower.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from math import gcd, isfinite, lcm
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.types import Record
from xnorforge.hw.any_width import width_of

from .registry import MEANINGS

F32 = np.float32
Number: TypeAlias = np.ndarray | Fraction | float  # one, or one per channel
MOST_BITS = 2048  # of an exact number: some 80 consecutive float32 factors
LINEAR = {"bn", "mul", "div", "add", "rsub"}


@dataclass(frozen=True, eq=False)
class Function:
    """An operation of a chain.

    Attributes:
        name: of the ONNX operator.
        compute: (x, constants…) -> float32; x (channels, any), constants (channels, 1). The last constant of
            the chain, which is not passed, is +1 or -1, the function's direction.
        spread: by how much another run of the reference may differ, (x, y) -> float32 like y; None for step
            functions, which give the same result on every machine.
        whole: all its results are whole numbers.
    """

    name: str
    compute: Callable[..., np.ndarray]
    spread: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    whole: bool = False

    def __call__(self, x: np.ndarray, *constants: np.ndarray) -> np.ndarray:
        return self.compute(x, *constants[:-1]).astype(F32, copy=False)


@dataclass
class Leaf:
    """One integer tensor: shape of a frame, channels last, (H, W, C) or (F,), and the range per channel.

    `order`: element i of a flattened frame is element order[i] in the network's own (channels-first) order;
        None where both agree. `layer` is the name from which the names of later operators derive.
    """

    name: str
    shape: tuple[int, ...]
    lo: np.ndarray
    hi: np.ndarray
    layer: str = ""
    order: np.ndarray | None = None

    @property
    def channels(self) -> int:
        """Length of the last axis."""
        return self.shape[-1]

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest integer over all channels."""
        return int(self.lo.min()), int(self.hi.max())

    @property
    def bits(self) -> int:
        """Bits of two's complement that hold the range; not limited to a machine word."""
        return max(width_of(self.lo), width_of(self.hi))


@dataclass
class Node:
    """One operator of the integer graph; `op` has a meaning in `registry.py`, `out` is its leaf,
    `quantises` what it stands for if that is a quantiser."""

    name: str
    op: str
    inputs: list[str]
    out: str
    at: Record
    quantises: "Levels | None" = None


class Graph(Protocol):
    """Operators in order, every integer tensor by name, and the names of those at its ends."""

    nodes: list[Node]
    leaves: dict[str, Leaf]

    @property
    def inputs(self) -> list[str]: ...

    @property
    def outputs(self) -> list[str]: ...


@dataclass
class IntegerGraph:
    """An integer graph alone, as a file or a loop's body has it; attributes as of `Graph`."""

    nodes: list[Node]
    leaves: dict[str, Leaf]
    inputs: list[str]
    outputs: list[str]

    def run(self, *given: np.ndarray) -> list[np.ndarray]:
        """The outputs (N, …) for inputs."""
        tensors = dict(zip(self.inputs, given))
        for node in self.nodes:
            tensors[node.out] = MEANINGS[node.op](*(tensors[name] for name in node.inputs), node.at)
        return [tensors[name] for name in self.outputs]


@dataclass
class Levels:
    """A quantiser: `level` maps float32 (channels, any) at the end of the value's chain to its
    levels, which rise at `thresholds`, integers (channels, steps) of direction * n."""

    value: "Value"
    level: Callable[[np.ndarray], np.ndarray]
    thresholds: np.ndarray
    direction: np.ndarray


class Chain(Sequence[Any]):
    """Consecutive operations; chains that extend the same chain share its beginning."""

    def __init__(self, items: list[Any] | None = None, count: int = 0):
        self._items, self._count = [] if items is None else items, count

    def behind(self, operation: tuple[Any, ...]) -> "Chain":
        """The chain with one more operation."""
        items = self._items if len(self._items) == self._count else self._items[: self._count]
        items.append(operation)
        return Chain(items, self._count + 1)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        return self._items[: self._count][place]

    def __iter__(self) -> Iterator[Any]:
        return islice(self._items, self._count)


@dataclass
class Value:
    """The exact affine form of one tensor of the network.

    Attributes:
        terms: {leaf name: A per channel}, None while a nonlinear chain is between leaf and value, or
            where exact numbers need more than `MOST_BITS`.
        offset: B per channel.
        base: (leaf name, A, B) where the chain starts, None for several leaves.
        chain: [(operation, constants…)] applied to the base value in float32; an operation is a name of
            `append` or a `Function`.
        rising: +1, 0, -1 per channel, the direction from the base leaf to the value.
        reach: the largest magnitude that the reference computes on the way to the base, partial sums
            included, float64 per channel; for a value of several leaves, to the value.
        leaf: any of the leaves; shape and order are common to all of them.
        view: positions of the network's elements in the frame (`views.py`), None for the usual positions.
    """

    leaf: Leaf
    terms: dict[str, np.ndarray] | None
    offset: np.ndarray
    base: tuple[str, np.ndarray, np.ndarray] | None = None
    chain: Chain = field(default_factory=Chain)
    rising: np.ndarray | None = None
    reach: np.ndarray | None = None
    view: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels-last shape of a frame."""
        return self.leaf.shape

    @property
    def channels(self) -> int:
        """Length of the last axis."""
        return self.leaf.channels

    @property
    def coefficients(self) -> dict[str, np.ndarray]:
        """The terms; only where no nonlinear chain is between leaf and value."""
        assert self.terms is not None
        return self.terms

    @property
    def single(self) -> tuple[str, np.ndarray]:
        """The one leaf and its A; only for values of one leaf."""
        ((leaf, scale),) = self.coefficients.items()
        return leaf, scale

    @property
    def start(self) -> tuple[str, np.ndarray, np.ndarray]:
        """The base; only for values that have one."""
        assert self.base is not None
        return self.base

    @property
    def direction(self) -> np.ndarray:
        """-1 per channel where the value falls as its base leaf rises, else +1; needs a base."""
        assert self.rising is not None
        return np.where(self.rising < 0, -1, 1)


def of_leaf(leaf: Leaf, scale: Number, offset: Number, reach: np.ndarray | None = None) -> Value:
    """A n + B over one leaf, with an empty chain; exact without `reach`, up to which the reference adds."""
    a = np.broadcast_to(np.asarray(scale, object), (leaf.channels,))
    b = np.broadcast_to(np.asarray(offset, object), (leaf.channels,))
    if reach is None:
        lo, hi = leaf.lo.astype(np.float64), leaf.hi.astype(np.float64)
        most = hi - lo + np.maximum(abs(lo), abs(hi))
        reach = abs(a.astype(np.float64)) * most + abs(b.astype(np.float64))
    return Value(leaf, {leaf.name: a}, b, (leaf.name, a, b), Chain(), signs_of(a), reach)


def reach_of(value: Value) -> np.ndarray:
    """The reach of a value, its chain included."""
    reach = value.reach
    assert reach is not None
    for op, *given in value.chain:
        reach = _behind(reach, op, given)
    return reach


def _behind(
    reach: np.ndarray, op: str | Callable[..., np.ndarray], given: Sequence[np.ndarray]
) -> np.ndarray:
    """The reach after one more operation of a chain; no function more than doubles a number and adds 2."""
    if callable(op):
        return 2 * reach + 2
    first = abs(np.asarray(given[0], np.float64))
    times = {"bn": first, "mul": first, "div": 1 / first if op == "div" else 1}.get(op, 1.0)
    times = np.maximum(first, 1) if op == "prelu" else times
    plus = {"bn": abs(np.asarray(given[-1], np.float64)), "add": first, "rsub": first}.get(op, 0.0)
    return reach * times + plus


def append(value: Value, op: str | Callable[..., np.ndarray], *given: np.ndarray) -> Value:
    """The value after one more per-channel operation; `given` holds its constants per channel.

    bn x * p + q, mul, div, add, rsub p - x, prelu (slope), clip (low, high), or a `Function`
    (`functions.py`) whose last constant is its direction; the last three only on values with a base."""
    chain = value.chain.behind((op, *given)) if value.base else Chain()
    reach = value.reach
    if not value.base:
        assert reach is not None
        reach = _behind(reach, op, given)
    if op not in LINEAR:
        rising = value.rising if isinstance(op, str) or value.rising is None else value.rising * given[-1]
        return replace(value, terms=None, chain=chain, reach=reach, rising=rising)
    numbers, one = exact(given[0]), exact(np.ones(value.channels))
    if op in ("bn", "mul", "div"):
        times = one / numbers if op == "div" else numbers
        plus = exact(given[1]) if op == "bn" else one * 0
    else:
        times, plus = (-one if op == "rsub" else one), numbers
    terms = value.terms and {leaf: a * times for leaf, a in value.terms.items()}
    offset = value.offset * times + plus if value.terms else value.offset
    if terms and any(_bits(row) > MOST_BITS for row in (offset, *terms.values())):
        terms = None
    rising = None if value.rising is None else value.rising * signs_of(times)
    return replace(value, terms=terms, offset=offset, chain=chain, rising=rising, reach=reach)


def _bits(numbers) -> int:
    """Bits of the longest exact number."""
    return max(max(x.numerator.bit_length(), x.denominator.bit_length()) for x in numbers)


def replay(value: Value, leaf: Leaf) -> Value:
    """The same chain over another leaf."""
    moved = of_leaf(leaf, *value.start[1:], value.reach)
    for op, *given in value.chain:
        moved = append(moved, op, *given)
    return moved


def signs_of(numbers: Iterable[Fraction]) -> np.ndarray:
    """+1, 0, -1 per entry of an object array."""
    return np.array([(x > 0) - (x < 0) for x in numbers], np.int64)


def exact(numbers: ArrayLike) -> np.ndarray:
    """Float constants as exact Fractions, flat."""
    return np.array([Fraction(float(x)) for x in np.asarray(numbers, np.float64).ravel()], dtype=object)


def common_grid(numbers: Iterable[Fraction]) -> Fraction:
    """The largest rational that divides all numbers; 0 when all are 0."""
    numbers = [x for x in numbers if x]
    if not numbers:
        return Fraction(0)
    below = lcm(*{x.denominator for x in numbers})
    return Fraction(gcd(*{abs(x.numerator) * (below // x.denominator) for x in numbers}), below)


def fits_float32(a: np.ndarray, b: np.ndarray, reach: np.ndarray) -> bool:
    """Whether float32 represents A n + B and all numbers on the way exactly; `reach`: (channels,)."""
    grid = common_grid([*a, *b])
    if not grid:
        return True
    if grid.denominator & (grid.denominator - 1):
        return False
    odd = grid.numerator // (grid.numerator & -grid.numerator)
    most = float(np.max(reach))
    return isfinite(most) and Fraction(most) / grid * odd <= 2**24


def batch_norm(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Multiplier and addend of a batch norm as onnxruntime computes them in float32 before the data."""
    gamma, beta, mean, var = (np.asarray(x, F32) for x in (gamma, beta, mean, var))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # the rule refuses non-finite results
        scale = gamma * (F32(1) / np.sqrt(var + F32(eps)))
        return scale, beta - mean * scale
