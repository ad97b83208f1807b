"""Several integer tensors become one: a Join with integer multipliers.

The rational grid common to the coefficients A_k of all tensors gives integer multipliers A_k / grid, and
sum_k A_k n_k = grid * sum_k (A_k / grid) n_k  exactly. A shared quantiser gives multipliers 1, 1, which cost
nothing; scales on a power-of-two grid give shifts. Arbitrary float scales give sums of more bits than can be
carried: these are refused, or rounded where that was asked for (`Walk.sum_bits`).
"""

from fractions import Fraction
from math import ceil, log2

import numpy as np

from xnorforge.flows.lower.emit import type_of
from xnorforge.flows.lower.integers import TOP
from xnorforge.flows.lower.registry import NEGATABLE, emission, maker, meaning
from xnorforge.flows.lower.values import Value, common_grid
from xnorforge.flows.lower.walk import MOST_BITS, TooWide, refuse


@meaning("Join")
def join(*given):
    """Sum of the inputs, each times its integers per channel."""
    *inputs, at = given
    return sum(x * at["multipliers"][k] for k, x in enumerate(inputs))


@maker("sum")
def _add_up(walk, value: Value, node) -> Value:
    """Several leaves become one: a Join with integer multipliers on the coarsest common grid."""
    leaves = [walk.leaves[name] for name in value.coefficients]
    rows = np.array([*value.coefficients.values()], dtype=object)
    columns = list(zip(*rows))
    grids = [common_grid(a for column in columns for a in column) or Fraction(1)] * len(columns)
    if _widest(columns, grids) >= 2**16:  # one grid per channel needs fewer bits
        grids = [common_grid(column) or Fraction(1) for column in columns]
    grid, offset = np.array(grids, object), value.offset
    multipliers = np.array([[int(a) for a in row / grid] for row in rows], object)
    low, high = _reach(multipliers, leaves)
    top = max(map(abs, (*low, *high)))
    out = f"join{sum(n.op == 'Join' for n in walk.nodes)}"
    if walk.sum_bits and top > 2**walk.sum_bits:
        grid, multipliers, offset = _rounded(walk, rows, leaves, offset)
        low, high = _reach(multipliers, leaves)
        walk.approximate[out] = node.name
    elif top >= TOP:
        raise refuse(
            node,
            f"an exact sum of its branches needs {int(top).bit_length() + 1} bits",
            "put the batch-norm constants and scales of the branches on a binary grid, as the export of this "
            "project does",
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


@emission("Join")
def _emit(emission, node, inputs, out) -> None:
    """Products with constants, then additions two by two; a multiplier of one everywhere is left out."""
    shape, terms = emission.shapes[out], []
    for k, (x, leaf) in enumerate(zip(inputs, node.inputs)):
        multiplier, given = node.at["multipliers"][k], emission.graph.leaves[leaf]
        if (multiplier == 1).all():
            terms.append((x, given.lo, given.hi))
            continue
        ends = multiplier * given.lo, multiplier * given.hi
        low, high = np.minimum(*ends), np.maximum(*ends)
        y = emission.tensor(f"{node.name}_scale_{k}_out", shape, type_of(low, high))
        c = emission.constant(f"{node.name}_scale_{k}_multipliers", multiplier)
        emission.elementwise("ElementwiseMul", f"{node.name}_scale_{k}", x, c, y, rhs_style="const")
        terms.append((y, low, high))
    total, low, high = terms[0]
    for k, (y, more_low, more_high) in enumerate(terms[1:], 1):
        low, high = low + more_low, high + more_high
        last = k == len(terms) - 1
        name = node.name if last else f"{node.name}_part_{k}"
        sum_ = out if last else emission.tensor(f"{name}_out", shape, type_of(low, high))
        emission.elementwise("ElementwiseAdd", name, total, y, sum_)
        total = sum_


NEGATABLE["Join"] = "multipliers"
