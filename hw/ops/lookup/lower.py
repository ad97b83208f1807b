"""A table that is read at a sum of bits times constants.

Before:  bits b -> Dense n = sum w b -> Gather from a constant table at A n + B
After:   bits b -> Lookup, whose address has the bits that a neuron reads themselves
Why:     few bits have few sums, and each of them is known
"""

from math import prod

import numpy as np

from xnorforge.hw.lowering.registry import MEANINGS, example, maker, meaning, tidying
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.values import Leaf, exact
from xnorforge.hw.lowering.walk import refuse

from .op import MOST, looked_up

FORM = (
    f"export a dense layer of bits with weights 2**i, of which at most {MOST} of a neuron are not 0, and its "
    "bias in front of the table"
)


@meaning("Lookup")
def _looked_up(x, at):
    return looked_up(x, at["places"], at["tables"])


@maker("looked up")
def looked_up_at(walk, node, table: np.ndarray, axis: int):
    """The value of a Gather of an activation's numbers from a constant vector."""
    if axis or table.size != len(table):
        why = f"its table has the shape {list(table.shape)} and is read along axis {axis}"
        raise refuse(node, why, "use the entries of all tables in a row, along axis 0")
    table = table.reshape(-1)
    value = one_leaf(walk, walk.value(node, 1), node)
    name, scale = value.single
    dense = walk.makers.get(name)
    if dense is None or dense.op != "Dense":
        raise refuse(node, "its indices are not sums of bits", FORM)
    leaf, weights = walk.leaves[dense.inputs[0]], dense.at["weights"]
    if leaf.range[0] < 0 or leaf.range[1] > 1:
        raise refuse(node, "its indices are sums of numbers other than bits", FORM)
    counts = np.count_nonzero(weights, axis=0)
    bits = int(max(1, counts.max()))
    if bits > MOST:
        raise refuse(node, f"neuron {counts.argmax()} reads {bits} bits", FORM)
    places = np.argsort(weights == 0, axis=0, kind="stable")[:bits].T  # the bits that are read come first
    places = np.pad(places, ((0, 0), (0, bits - places.shape[1])))
    address = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    entries = []
    for n, read in enumerate(places):
        frames = np.zeros((len(address), leaf.channels), np.int64)
        frames[:, read[: counts[n]]] = address[:, : counts[n]]
        sums = MEANINGS["Dense"](frames, dense.at | {"weights": weights[:, n : n + 1]})[:, 0]
        entries.append([scale[n] * int(total) + value.offset[n] for total in sums])
    at = np.array(entries, object)
    if any(one.denominator != 1 for one in at.flat) or at.min() < -len(table) or at.max() >= len(table):
        ends = f"{float(at.min()):g} .. {float(at.max()):g}"
        why = f"its indices are {ends}, but its table has {len(table)} entries"
        raise refuse(node, why, "use indices within the table")
    answers = table[at.astype(np.int64)]
    low, *others = np.unique(answers)
    if len(others) > 1:
        raise refuse(node, f"its table has {1 + len(others)} different numbers", "use two, such as -1 and +1")
    high = others[0] if others else low + 1
    tables = (answers == high).astype(np.int64)
    source = walk.makers.get(leaf.name)
    if source is not None and source.op == "Reshape":  # a frame of any shape is read
        leaf = walk.leaves[source.inputs[0]]
    out = walk.emit(
        "Lookup", [leaf], (len(tables),), tables.min(1), tables.max(1), f"lookup{walk.counts['Lookup']}",
        places=places, tables=tables,
    )  # fmt: skip
    first, second = exact(np.array([low, high]))
    return walk.levels_of(out, second - first, first)


@tidying(5)
def _unread(graph) -> None:
    """The sums that addresses took the place of are not built."""
    readers = graph.readers()
    for node in reversed([*graph.nodes]):
        if not readers[node.out] and node.out != graph.output.single[0]:
            graph.nodes.remove(node)
            for leaf in node.inputs:
                readers[leaf] = [one for one in readers[leaf] if one is not node]
            del graph.leaves[node.out]


@example("Lookup")
def _tables(rng):
    neurons, bits, inputs = (int(n) for n in rng.integers(1, (9, MOST + 1, 30)))
    shape = (inputs,) if rng.random() < 0.5 else (inputs, 2, 1)
    places = rng.integers(prod(shape), size=(neurons, bits))
    tables = rng.integers(2, size=(neurons, 1 << bits))
    at = {"places": places, "tables": tables}
    return [Leaf("x", shape, np.zeros(shape[-1], int), np.ones(shape[-1], int))], [("Lookup", at)]
