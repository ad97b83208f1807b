"""Channels of several tensors side by side."""

from dataclasses import replace
from math import prod

import numpy as np

from xnorforge.hw.lowering.exact import on_one_unit
from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.narrowing import FEWEST
from xnorforge.hw.lowering.registry import MAKERS, arithmetic, example, meaning, rule, tidying
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.values import F32, Leaf, Levels, Node, append, of_leaf, reach_of
from xnorforge.hw.lowering.views import has_channels_last, is_list, seen, usual_view, view_of
from xnorforge.hw.lowering.walk import refuse


@meaning("Concat")
def concat(*given: np.ndarray) -> np.ndarray:
    """One after the other along the channels."""
    *inputs, _at = given
    return np.concatenate(inputs, -1)


@rule("Concat")
def _concat(walk, node, at):
    """Concatenation of the channels of images of equal size, or of anything along another axis."""
    given = [walk.value(node, k, arrange=False) for k in range(len(node.input))]
    rank = view_of(given[0]).ndim + 1
    axis, lists = at["axis"] % rank, rank == 3 and any(map(is_list, given))
    if axis == 0:
        raise refuse(node, "it concatenates along axis 0, the batch axis", "concatenate channels or pixels")
    last = axis == rank - 1 > 1 and (all if lists else any)(map(has_channels_last, given))
    if (lists or axis > 1) and not last:
        return _listed(walk, node, given, axis - 1)
    given = [seen(value, np.moveaxis(view_of(value), -1, 0)) if last else value for value in given]
    values = [one_leaf(walk, MAKERS["arranged"](walk, node, value), node) for value in given]
    value = _side_by_side(walk, values)
    usual = usual_view(value.leaf).reshape(value.channels, *value.shape[4 - rank : -1])
    return seen(value, np.moveaxis(usual, 0, -1)) if last else value


def _listed(walk, node, values, axis: int):
    """Tensors behind each other along an axis: a view of the one whose parts they are, else of a vector."""
    views = [view_of(value) for value in values]
    if len({(id(v.terms), id(v.offset), id(v.base), id(v.chain)) for v in values}) == 1:
        return seen(values[0], np.concatenate(views, axis))
    shapes, arranged = [view.shape for view in views], MAKERS["arranged"]
    vectors = [arranged(walk, node, seen(value, view.reshape(-1))) for value, view in zip(values, views)]
    value = _side_by_side(walk, [one_leaf(walk, vector, node) for vector in vectors])
    parts = np.split(view_of(value), np.cumsum([prod(shape) for shape in shapes[:-1]]))
    return seen(value, np.concatenate([x.reshape(shape) for x, shape in zip(parts, shapes)], axis))


def _side_by_side(walk, values):
    """Channels of images of one size, or vectors, of one leaf each."""
    leaves = [walk.leaves[v.single[0]] for v in values]
    lo, hi = (np.concatenate([getattr(leaf, end) for leaf in leaves]) for end in ("lo", "hi"))
    name = f"concat{walk.counts['Concat']}"
    out = walk.emit("Concat", leaves, (*values[0].shape[:-1], len(lo)), lo, hi, name, order=_order(leaves))
    scale, offset = (np.concatenate(x) for x in zip(*((v.single[1], v.offset) for v in values)))
    return walk.value_of(out, scale, offset, np.concatenate([reach_of(value) for value in values]))


@tidying(20)
def _levels_first(graph) -> None:
    """Wide a, b -> Concat -> Threshold becomes a -> Threshold, b -> Threshold -> Concat."""
    readers = graph.readers()
    for node in [n for n in graph.nodes if n.op == "Concat"]:
        levels = graph.only(readers[node.out], node.out)
        if levels is None or levels.op != "Threshold" or graph.leaves[node.out].bits <= FEWEST:
            continue
        if len({*node.inputs}) < len(node.inputs):
            continue
        place, begin, parts = graph.nodes.index(node), 0, []
        for name in node.inputs:
            leaf = graph.leaves[name]
            of = slice(begin, begin + leaf.channels)
            at = {key: levels.at[key][of] for key in ("thresholds", "direction")}
            most = np.full(leaf.channels, at["thresholds"].shape[1])
            out = Leaf(f"{levels.name}_of_{name}", leaf.shape, 0 * most, most, leaf.layer, leaf.order)
            stands_for = levels.quantises and _of_channels(levels.quantises, leaf, of)
            parts.append(Node(out.name, "Threshold", [name], out.name, at, stands_for))
            graph.leaves[out.name], begin = out, of.stop
        del graph.leaves[node.out]
        node.inputs, node.out = [part.out for part in parts], levels.out
        graph.nodes[place:place] = parts
        graph.nodes.remove(levels)


def _of_channels(levels: Levels, leaf: Leaf, of: slice) -> Levels:
    """The quantiser of some channels, which are a leaf of their own."""
    whole, (_, a, b) = levels.value, levels.value.start
    value = of_leaf(leaf, a[of], b[of], reach_of(whole)[of])
    for op, *given in whole.chain:
        value = append(value, op, *(np.asarray(row)[of] for row in given))

    def level(x):
        every = np.zeros((whole.channels, x.shape[1]), F32)
        every[of] = x
        return levels.level(every)[of]

    return Levels(value, level, levels.thresholds[of], levels.direction[of])


def _order(leaves) -> np.ndarray | None:
    """The order of the concatenation, None where no part has one."""
    if all(leaf.order is None for leaf in leaves):
        return None
    begins = np.cumsum([0, *(leaf.channels for leaf in leaves[:-1])])
    orders = [np.arange(leaf.channels) if leaf.order is None else leaf.order for leaf in leaves]
    return np.concatenate([order + begin for order, begin in zip(orders, begins)])


@arithmetic("Concat")
def _joined(net, node, at):
    given = [net.read(node, k) for k in range(len(node.input))]
    numbers, unit = on_one_unit(*given)
    found = np.concatenate(numbers, at["axis"])
    return replace(given[0], numbers=found, unit=unit, rounding=max(x.rounding for x in given))


@example("Concat")
def _channels(rng):
    *image, _ = random_shape(rng)
    counts = rng.integers(1, 5, int(rng.integers(2, 4)))
    return [random_leaf(rng, (*image, int(channels))) for channels in counts], [("Concat", {})]
