"""Several integer tensors become one: a Join with integer multipliers.

The rational grid common to the coefficients A_k of all tensors gives integer multipliers A_k / grid, and
sum_k A_k n_k = grid * sum_k (A_k / grid) n_k  exactly. A shared quantiser gives multipliers 1, 1, which cost
nothing; scales on a power-of-two grid give shifts. Arbitrary float scales give sums of 30 to 80 bits. What
reads them are mostly comparisons, so that a shortcut is brought to the grid of the last sum that it reaches:
there and on the way it is added as it is.
"""

from fractions import Fraction

import numpy as np

from xnorforge.hw.any_width import weighted_sum, whole_numbers, width_of
from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.narrowing import FEWEST, Narrowed, narrowed
from xnorforge.hw.lowering.registry import NEGATABLE, example, maker, meaning, tidying
from xnorforge.hw.lowering.values import Value, common_grid, reach_of


@meaning("Join")
def join(*given: np.ndarray) -> np.ndarray:
    """Sum of the inputs, each times its integers per channel."""
    *inputs, at = given
    return weighted_sum(inputs, at["multipliers"])


@maker("sum")
def _add_up(walk, value: Value, one_grid: bool = False) -> Value:
    """Leaves become a Join with integer multipliers on a common grid, of all channels or of each."""
    leaves = [walk.leaves[name] for name in value.coefficients]
    rows = np.array([*value.coefficients.values()], dtype=object)
    columns = list(zip(*rows))
    grids = [common_grid(a for column in columns for a in column) or Fraction(1)] * len(columns)
    if not one_grid and any(abs(a / g) >= 2**16 for column, g in zip(columns, grids) for a in column):
        grids = [common_grid(column) or Fraction(1) for column in columns]
    grid = np.array(grids, object)
    multipliers = whole_numbers(np.array([[int(a) for a in row / grid] for row in rows], object))
    name, order = f"join{walk.counts['Join']}", value.leaf.order
    at = {"order": order, "multipliers": multipliers}
    leaf = walk.emit("Join", leaves, value.shape, *_reach(multipliers, leaves), name, **at)
    return walk.value_of(leaf, grid, value.offset, reach_of(value))


def _reach(multipliers, leaves) -> np.ndarray:
    """Least and greatest sum, (2, channels)."""
    ends = [(m * leaf.lo.astype(object), m * leaf.hi.astype(object)) for m, leaf in zip(multipliers, leaves)]
    return np.array([sum(np.minimum(*pair) for pair in ends), sum(np.maximum(*pair) for pair in ends)])


NEGATABLE["Join"] = "multipliers"


@tidying(50)
def _shortcuts_unscaled(graph) -> None:
    """A shortcut that a later sum takes times m (positive) is made m times as large where it comes from, if
    all else that reads it are comparisons: n >= t is m n >= m t. Last sums first, to reach the first."""
    makers, readers = graph.makers, graph.readers()
    for node in reversed([n for n in graph.nodes if n.op == "Join"]):
        for index, name in enumerate(node.inputs):
            factor = node.at["multipliers"][index]
            source = makers.get(name)
            others = [n for n in readers[name] if n is not node]
            if (factor == 1).all() or (factor <= 0).any() or node.inputs.count(name) > 1:
                continue
            if source is None or source.op != "Join" or name == graph.output.single[0]:
                continue
            if all("thresholds" in n.at for n in others):
                _enlarge(graph, source, others, factor)
                rows = node.at["multipliers"].astype(object)
                rows[index] = 1
                node.at = node.at | {"multipliers": whole_numbers(rows)}


def _enlarge(graph, source, comparisons, factor) -> None:
    """A sum times a positive factor per channel, and its comparisons with it."""
    factor, leaf = factor.astype(object), graph.leaves[source.out]
    source.at = source.at | {"multipliers": whole_numbers(source.at["multipliers"] * factor)}
    leaf.lo, leaf.hi = whole_numbers(leaf.lo * factor), whole_numbers(leaf.hi * factor)
    for node in comparisons:
        steps = whole_numbers(node.at["thresholds"] * factor[:, None])
        node.at = node.at | {"thresholds": steps}


@tidying(60)
def _narrowed(graph) -> None:
    """A wide sum that is only compared gets smaller multipliers (`narrowing.py`)."""
    readers = graph.readers()
    for node in [n for n in graph.nodes if n.op == "Join"]:
        leaf, comparisons = graph.leaves[node.out], readers[node.out]
        if leaf.bits <= FEWEST or not _only_compared(graph, node, comparisons):
            continue
        # Where -n is compared: -n >= t is not n >= 1 - t.
        rising = [n.at["direction"][:, None] > 0 for n in comparisons]
        levels = [n.at["thresholds"] for n in comparisons]
        steps = [np.where(up, level, 1 - level) for up, level in zip(rising, levels)]
        inputs = [graph.leaves[name] for name in node.inputs]
        ranges = np.array([[one.lo, one.hi] for one in inputs], object).transpose(1, 0, 2)
        found = narrowed(node.at["multipliers"], *ranges, np.concatenate(steps, 1))
        if found is None:
            continue
        reach = _reach(found[0].astype(object), inputs)
        if width_of(reach) >= leaf.bits:
            continue
        graph.narrowed[node.out] = Narrowed(leaf.bits, width_of(reach), found[1].size)
        node.at = node.at | {"multipliers": found[0]}
        leaf.lo, leaf.hi = map(whole_numbers, reach)
        ends = np.cumsum([one.shape[1] for one in steps])[:-1]
        for one, up, own in zip(comparisons, rising, np.split(found[1], ends, axis=1)):
            one.at = one.at | {"thresholds": whole_numbers(np.where(up, own, 1 - own))}


def _only_compared(graph, node, comparisons) -> bool:
    """Whether thresholds alone read a sum, which is that of the walk, of different leaves."""
    before = graph.walked.makers.get(node.out)
    if before is None or before.inputs != node.inputs or len({*node.inputs}) < len(node.inputs):
        return False
    quantisers = [n.quantises for n in comparisons if n.quantises is not None]
    channels = graph.leaves[node.out].channels
    return (
        node.out != graph.output.single[0]
        and len(comparisons) > 0
        and all("thresholds" in n.at for n in comparisons)
        and all(len(one.thresholds) == channels for one in quantisers)
    )


@example("Join")
def _sums(rng):
    """Ones, one constant per tensor, or one per channel."""
    shape, count = random_shape(rng), int(rng.integers(1, 5))
    most = int(rng.choice([1, 9, 300]))
    factors = rng.integers(-most, most + 1, (count, int(rng.choice([1, shape[-1]]))))
    ones = count > 1 and rng.random() < 0.3
    multipliers = np.broadcast_to(1 if ones else factors, (count, shape[-1]))
    return [random_leaf(rng, shape) for _ in range(count)], [("Join", {"multipliers": multipliers})]
