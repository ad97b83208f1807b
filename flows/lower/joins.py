"""Where integer tensors meet: sums of several leaves, and the affine form of ReLU and clipping in front of
them.

A sum needs only the A of each leaf. The rational grid common to all of them gives integer multipliers A /
grid, and
sum_k A_k n_k = grid * sum_k (A_k / grid) n_k  exactly. A shared quantiser gives multipliers 1, 1, which cost
nothing; scales on a power-of-two grid give shifts. Arbitrary float scales give sums of more bits than can be
carried: these are refused, or rounded where that was asked for (`Walk.sum_bits`).
"""

from fractions import Fraction
from math import ceil, lcm, log2

import numpy as np

from . import integers
from .values import LINEAR, Value, append, common_grid, exact, of_leaf, signs
from .walk import MOST_BITS, TooWide, refuse, rule


def affine(walk, value: Value, node) -> Value:
    """The value with its terms known: ReLU and clipping in its chain become integer operators."""
    return value if value.terms is not None else _resolve(walk, value, node)


def single(walk, value: Value, node) -> Value:
    """The value with a base: several leaves are added up, a chain over one leaf stays as it is."""
    return value if value.base else _add_up(walk, value, node)


def one_leaf(walk, value: Value, node) -> Value:
    """The value over one leaf with its terms known."""
    return single(walk, affine(walk, value, node), node)


def _same_order(walk, node, values):
    """Refuse values whose shapes or element orders differ."""
    first = values[0].leaf
    for other in (v.leaf for v in values[1:]):
        if other.shape != first.shape:
            raise refuse(node, f"it joins {first.shape} with {other.shape}", "join tensors of one shape")
        if not np.array_equal(other.order, first.order):
            raise refuse(node, "it joins a flattened image with a plain vector", "join before flattening")


def add(walk, node, sign: int) -> Value:
    """Sum (sign +1) or difference of the node's two activations."""
    return _total(walk, node, [walk.value(node, k) for k in (0, 1)], (1, sign))


@rule("Sum")
def _sum(walk, node, at):
    values = [walk.value(node, k) for k in range(len(node.input))]
    return _total(walk, node, values, (1,) * len(values))


def _total(walk, node, values, factors) -> Value:
    """Coefficients added leaf by leaf; no operator is made yet."""
    _same_order(walk, node, values)
    terms, offset = {}, 0
    for value, factor in zip(values, factors):
        value = affine(walk, value, node)
        offset = offset + value.offset * factor
        for leaf, a in value.terms.items():
            terms[leaf] = terms.get(leaf, 0) + a * factor
    if len(terms) == 1:
        ((leaf, a),) = terms.items()
        return walk.value_of(walk.leaves[leaf], a, offset)
    return Value(values[0].leaf, terms, offset)


def _add_up(walk, value: Value, node) -> Value:
    """Several leaves become one: a Join with integer multipliers on the coarsest common grid."""
    leaves = [walk.leaves[name] for name in value.terms]
    rows = np.array(list(value.terms.values()), object)
    columns = list(zip(*rows))
    grid = [common_grid(a for column in columns for a in column) or Fraction(1)] * len(columns)
    if _widest(columns, grid) >= 2**16:  # one grid per channel needs fewer bits
        grid = [common_grid(column) or Fraction(1) for column in columns]
    grid, offset = np.array(grid, object), value.offset
    multipliers = np.array([[int(a) for a in row / grid] for row in rows], object)
    low, high = _reach(multipliers, leaves)
    top = max(map(abs, (*low, *high)))
    out = f"join{sum(n.op == 'Join' for n in walk.nodes)}"
    if walk.sum_bits and top > 2**walk.sum_bits:
        grid, multipliers, offset = _rounded(walk, rows, leaves, offset)
        low, high = _reach(multipliers, leaves)
        walk.approximate[out] = node.name
    elif top >= integers.TOP:
        raise refuse(
            node,
            f"an exact sum of its branches needs {int(top).bit_length() + 1} bits",
            "put the batch-norm constants and scales of the branches on a binary grid, as the export of this project does",
            TooWide,
        )
    leaf = walk.emit(
        "Join",
        leaves,
        value.shape,
        low,
        high,
        out,
        order=value.leaf.order,
        multipliers=multipliers.astype(np.int64),
    )
    return walk.value_of(leaf, grid, offset)


def _reach(multipliers, leaves) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest sum per channel."""
    ends = [(m * leaf.lo.astype(object), m * leaf.hi.astype(object)) for m, leaf in zip(multipliers, leaves)]
    return sum(np.minimum(*pair) for pair in ends), sum(np.maximum(*pair) for pair in ends)


def _rounded(walk, rows, leaves, offset):
    """Grid, multipliers and offset of a sum that is not exact: A_k n_k becomes grid * m_k * n_k.

    The grid is the finest power of two on which the sum stays within `sum_bits`; up to the most that
    lowered.onnx carries if that keeps a sum of before, which is on such a grid itself, exact. What A_k - grid
    * m_k leaves out is set right at the integer for which the leaf's own value is zero, so that zeros of a
        branch stay zeros.
    """
    reach = sum(abs(row) * np.maximum(abs(leaf.lo), abs(leaf.hi)) for row, leaf in zip(rows, leaves))
    before = [row for row, leaf in zip(rows, leaves) if leaf.name in walk.approximate]
    for bits in range(walk.sum_bits, MOST_BITS + 1):
        # One bit less than `bits`, for rounding a multiplier makes it larger by no more than itself.
        grid = np.array(
            [Fraction(2) ** (ceil(log2(top)) + 1 - bits) if top else Fraction(1) for top in reach], object
        )
        if not any(a % g for row in before for a, g in zip(row, grid)):
            break
    multipliers = np.array([[round(a) for a in row / grid] for row in rows], object)
    for row, m, leaf in zip(rows, multipliers, leaves):
        if leaf.name in walk.own:
            zero = np.array([-b / a if a else 0 for a, b in zip(*walk.own[leaf.name])], object)
            offset = offset + (row - grid * m) * zero
    return grid, multipliers, offset


def _widest(columns, grid) -> int:
    return max(abs(int(a / g)) for column, g in zip(columns, grid) for a in column)


def _resolve(walk, value: Value, node) -> Value:
    """A chain with ReLU or Clip in it as an exact affine form over clipped leaves."""
    name, a, b = value.base
    done = of_leaf(walk.leaves[name], a, b)
    for op, *given in value.chain:
        if op in LINEAR:
            done = append(done, op, *given)
            continue
        done = one_leaf(walk, done, node)
        leaf, a = done.single
        if op == "prelu":  # max(y, 0) (1 - s) + s y
            slope = exact(given[0])
            terms, offset = _rectified(walk, node, leaf, a, done.offset)
            terms = {key: x * (1 - slope) for key, x in terms.items()}
            offset = offset * (1 - slope) + done.offset * slope
            if any(slope):
                terms[leaf] = terms.get(leaf, 0) + a * slope
        else:  # clip: max(y - low, 0) - max(y - high, 0) + low
            low, high = exact(given[0]), exact(given[1])
            terms, offset = _rectified(walk, node, leaf, a, done.offset - low)
            above, rest = _rectified(walk, node, leaf, a, done.offset - high)
            for key, x in above.items():
                terms[key] = terms.get(key, 0) - x
            offset = offset - rest + low
        done = Value(done.leaf, terms, offset)
        if len(terms) == 1:
            done = walk.value_of(walk.leaves[next(iter(terms))], *terms.values(), offset)
    return done


def _rectified(walk, node, leaf: str, a, b):
    """max(A n + B, 0) as {leaf: A}, B over clipped integers, exact for every n.

    Where the kink -B/A lies on the integer or half-integer grid, one clipped leaf is enough. Elsewhere n is
    clipped at the first integer beyond the kink, and one more bit tells whether it is reached.
    """
    source = walk.leaves[leaf]
    if not all(a):
        raise refuse(node, "a channel in front of it has scale 0", "remove the channel")
    kink = [-y / x for x, y in zip(a, b)]
    rising = signs(a)
    common = lcm(*{k.denominator for k in kink})

    def clipped(mul, at):
        ends = (
            np.where(rising > 0, np.maximum(e * mul, at), np.minimum(e * mul, at))
            for e in (source.lo, source.hi)
        )
        name = f"{source.layer}_clip"
        out = walk.emit(
            "Clip",
            [source],
            source.shape,
            *ends,
            name,
            source.layer,
            source.order,
            mul=mul,
            at=at,
            direction=rising,
        )
        return out.name

    if common <= 2:
        at = np.array([int(k * common) for k in kink])
        return {clipped(common, at): a / common}, b
    at = np.array(
        [
            -(-k.numerator // k.denominator) if up > 0 else k.numerator // k.denominator
            for k, up in zip(kink, rising)
        ]
    )
    steps = (at * rising)[:, None]
    bit = walk.emit(
        "Threshold", [source], source.shape, 0, 1, f"{source.layer}_reached", source.layer, source.order,
        thresholds=steps, direction=rising,
    )  # fmt: skip
    jump = np.array([x * int(k) + y for x, k, y in zip(a, at, b)], object)
    return {clipped(1, at): a, bit.name: jump}, b - jump
