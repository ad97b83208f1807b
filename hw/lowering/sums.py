"""Where integer tensors meet: sums of several leaves, and the affine form of ReLU and clipping before them.

A sum of branches only adds coefficients: sum_k A_k n_k + B. The adding operator is created where one integer
tensor is needed, by the maker of the task "sum"; ReLU and clipping before a sum become integer operators
through the task "rectified".
"""

from dataclasses import replace

import numpy as np
from onnx import NodeProto

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints

from .registry import MAKERS, rule
from .values import LINEAR, MOST_BITS, Value, append, exact, of_leaf, reach_of
from .walk import Walk, refuse


def affine(walk: Walk, value: Value, node: NodeProto) -> Value:
    """The value with its terms known: ReLU and clipping in its chain become integer operators."""
    if value.terms is None and all(op in LINEAR for op, *_ in value.chain):
        raise _too_long(node)
    return value if value.terms is not None else _resolve(walk, value, node)


def single(walk: Walk, value: Value, node: NodeProto) -> Value:
    """The value with a base: several leaves are added up, a chain over one leaf stays unchanged."""
    if value.base is None and value.terms is None:
        raise _too_long(node)
    return value if value.base else replace(MAKERS["sum"](walk, value), view=value.view)


def _too_long(node) -> UserError:
    """The error for consecutive factors whose product has too many digits."""
    why = f"with the factors before it, exact numbers need more than {MOST_BITS:,} bits"
    return refuse(node, why, "put a quantiser between them, or merge them into one factor")


def one_leaf(walk: Walk, value: Value, node: NodeProto) -> Value:
    """The value over one leaf with its terms known."""
    return single(walk, affine(walk, value, node), node)


def same_order(node: NodeProto, values) -> None:
    """Refuse values whose shapes or element orders differ."""
    first = values[0].leaf
    for other in (v.leaf for v in values[1:]):
        if other.shape != first.shape:
            why = f"it joins the shapes {first.shape} and {other.shape}"
            raise refuse(node, why, "join tensors of equal shape")
        if not np.array_equal(other.order, first.order):
            raise refuse(node, "it joins a flattened image and a plain vector", "join before flattening")


def sum_of_branches(walk: Walk, node: NodeProto, sign: int) -> Value:
    """Sum (sign +1) of the node's activations, or the first less the others."""
    values = [walk.value(node, k, arrange=False) for k in range(len(node.input))]
    return added_up(walk, node, values, (1, *[sign] * (len(values) - 1)))


@rule("Sum")
def _sum(walk, node, _at):
    """The sum of several activations, on a common grid."""
    return sum_of_branches(walk, node, 1)


def aligned(walk: Walk, node: NodeProto, values: list[Value]) -> list[Value]:
    """Values of one shape, view and order, with their terms known; others are refused."""
    if any(not _same_view(values[0], value) for value in values):
        values = [MAKERS["arranged"](walk, node, value) for value in values]
    same_order(node, values)
    return [affine(walk, value, node) for value in values]


def added_up(walk: Walk, node: NodeProto, values: list[Value], factors: Ints) -> Value:
    """Values, each times a factor, added leaf by leaf; no operator is created yet."""
    values = aligned(walk, node, values)
    view = values[0].view
    terms: dict[str, np.ndarray] = {}
    none = np.zeros(values[0].channels)
    offset, reach = exact(none), none
    for value, factor in zip(values, factors):
        offset, reach = offset + value.offset * factor, reach + reach_of(value)
        for leaf, a in value.coefficients.items():
            terms[leaf] = terms.get(leaf, 0) + a * factor
    if len(terms) == 1:
        ((leaf, a),) = terms.items()
        return replace(walk.value_of(walk.leaves[leaf], a, offset, reach), view=view)
    return Value(values[0].leaf, terms, offset, reach=reach, view=view)


def _same_view(one: Value, other: Value) -> bool:
    if one.view is None or other.view is None:
        return one.view is other.view
    return np.array_equal(one.view, other.view)


def _resolve(walk, value: Value, node) -> Value:
    """A chain with ReLU or Clip as an exact affine form over clipped leaves; step functions in it,
    and all before them, become levels."""
    rectified = MAKERS["rectified"]
    name, a, b = value.start
    done, chain = of_leaf(walk.leaves[name], a, b, value.reach), value.chain
    if any(callable(op) for op, *_ in chain):
        done, chain = MAKERS["steps"](walk, value, node)
    for op, *given in chain:
        if op in LINEAR:
            done = append(done, op, *given)
            continue
        done = one_leaf(walk, done, node)
        (leaf, a), reach = done.single, reach_of(done)
        if op == "prelu":  # max(y, 0) (1 - s) + s y
            slope = exact(given[0])
            terms, offset = rectified(walk, leaf, a, done.offset)
            terms = {key: x * (1 - slope) for key, x in terms.items()}
            offset = offset * (1 - slope) + done.offset * slope
            if any(slope):
                terms[leaf] = terms.get(leaf, 0) + a * slope
        else:  # clip: max(y - low, 0) - max(y - high, 0) + low
            terms, offset = {leaf: a}, done.offset
            if np.isfinite(given[0]).all():
                low = exact(given[0])
                terms, offset = rectified(walk, leaf, a, done.offset - low)
                offset = offset + low
            if np.isfinite(given[1]).all():
                above, rest = rectified(walk, leaf, a, done.offset - exact(given[1]))
                for key, x in above.items():
                    terms[key] = terms.get(key, 0) - x
                offset = offset - rest
        done = Value(done.leaf, terms, offset, reach=reach)
        if len(terms) == 1:
            done = walk.value_of(walk.leaves[next(iter(terms))], *terms.values(), offset, reach)
    done = replace(done, view=value.view)
    _remember(walk, value, done)
    return done


def _remember(walk, value: Value, resolved: Value) -> None:
    """Give the resolved value to every reader of the tensor, so that its operators are made once;
    levels of step functions are compared with the reference like those of a quantiser."""
    stepped = len(resolved.coefficients) == 1 and any(callable(op) for op, *_ in value.chain)
    for name in [name for name, given in walk.values.items() if given is value]:
        walk.values[name] = resolved
        if stepped:
            walk.activations[name] = resolved
