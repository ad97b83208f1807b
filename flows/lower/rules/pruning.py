"""Channels that decide nothing are not built.

Before:  matrix M -> operators per channel (thresholds, pools) -> matrix N -> thresholds t
After:   the same without the channels that N multiplies by 0 only, those that are one integer for every
         reachable input, and all but one of equal channels; t - c in place of t
Why:     N x is the sum over the other channels and a constant c, and n >= t is n - c >= t - c. Equal channels
         are one channel with the sum of their weights; they are merged where the sum needs no more bits.

A layer keeps a multiple of gcd(channels, `GRAIN`) channels: a prime number of them could not be folded.
"""

from math import gcd, prod

import numpy as np

from xnorforge.hw.any_width import whole_numbers, width_of
from xnorforge.hw.lowering.linear import MATRICES, range_of_sums
from xnorforge.hw.lowering.registry import PER_CHANNEL, tidying
from xnorforge.hw.lowering.values import Node
from xnorforge.hw.lowering.walk import Lowered

GRAIN = 4


@tidying(5)
def _unread_dropped(graph: Lowered) -> None:
    """Drop what nothing reads: sums whose terms have matrices of their own."""
    read = {graph.output.single[0]}
    for node in reversed(graph.nodes):
        if node.out in read:
            read.update(node.inputs)
        else:
            del graph.leaves[node.out]
    graph.nodes[:] = [node for node in graph.nodes if node.out in read]


@tidying(70)
def _pruned(graph: Lowered) -> None:
    """Last layers first: a channel that only a removed channel reads is removed, too."""
    for node in reversed([node for node in graph.nodes if _is_matrix(node)]):
        if path := _path(graph, node):
            _prune(graph, path, node)


def _is_matrix(node: Node) -> bool:
    """Whether all outputs read all channels, with weights that stay as they are."""
    return node.op in MATRICES and node.at.get("groups", 1) == 1 and not node.at.get("writable")


def _path(graph: Lowered, last: Node) -> list[Node]:
    """The matrix that makes the channels a matrix reads, and the operators between both; nothing if
    there is none, or if something else reads them."""
    makers, readers, found, leaf = graph.makers, graph.readers(), [], last.inputs[0]
    while (node := makers.get(leaf)) is not None and graph.only(readers[leaf], leaf):
        found.insert(0, node)
        if _is_matrix(node):
            return found
        flat = (prod(graph.leaves[node.inputs[0]].shape),)
        if node.op not in PER_CHANNEL and not (node.op == "Reshape" and graph.leaves[leaf].shape == flat):
            break
        leaf = node.inputs[0]
    return []


def _prune(graph: Lowered, path: list[Node], last: Node) -> None:
    """Take channels out of a path, and their share out of the matrix that reads them."""
    count, leaf = graph.leaves[path[0].out].channels, graph.leaves[last.inputs[0]]
    weights, after = last.at["weights"], graph.only(graph.readers()[last.out], last.out)
    taps = weights.reshape(-1, count, weights.shape[-1]).copy()  # (pixels, channels, outputs)
    values, highest = (end.reshape(-1, count) for end in (leaf.lo, leaf.hi))
    unused = ~taps.any((0, 2))
    fixed = (values == highest).all(0) & ~unused & (after is not None and "thresholds" in after.at)
    equal = {} if last.at["xnor"] else _equal(path, taps, np.flatnonzero(~unused & ~fixed))
    found, grain = [*np.flatnonzero(unused | fixed), *equal], gcd(count, GRAIN)
    gone = found[: min(len(found) // grain * grain, count - grain)]
    if not gone:
        return
    keep, same = np.delete(np.arange(count), gone), np.arange(count)
    if after is not None and (known := [channel for channel in gone if fixed[channel]]):
        _shift(graph, last, after, values[:, known, None], taps[:, known])
    for channel in gone:
        if channel in equal:
            taps[:, equal[channel]] += taps[:, channel]
            same[channel] = equal[channel]
    last.at = last.at | {"weights": taps[:, keep].reshape(*weights.shape[:-2], -1, weights.shape[-1])}
    path[0].at = path[0].at | {"weights": path[0].at["weights"][..., keep]}
    for node in path:
        node.at = node.at | {key: node.at[key][keep] for key in PER_CHANNEL.get(node.op, ())}
        own, (*shape, _) = graph.leaves[node.out], graph.leaves[node.out].shape
        every = np.arange(own.channels).reshape(-1, count)[:, keep].reshape(-1)
        graph.kept[node.out] = every
        own.lo, own.hi, own.shape, own.order = own.lo[every], own.hi[every], (*shape, len(every)), None
        if node.op == "Reshape":
            node.at = node.at | {"frame": list(own.shape)}
        else:
            graph.same[node.out] = same


def _equal(path: list[Node], taps: np.ndarray, channels: np.ndarray) -> dict[int, int]:
    """{channel: an earlier one that always equals it}, where their summed weights are as narrow as all."""
    rows = [path[0].at["weights"].reshape(-1, taps.shape[1]).T]
    rows += [node.at[key].reshape(taps.shape[1], -1) for node in path for key in PER_CHANNEL.get(node.op, ())]
    first: dict[tuple, int] = {}
    found, sums, bits = {}, taps.copy(), width_of(taps)
    binary = (abs(taps) == 1).all()
    for channel in map(int, channels):
        other = first.setdefault(tuple(tuple(row[channel].tolist()) for row in rows), channel)
        both = sums[:, other] + sums[:, channel]
        if other != channel and not binary and width_of(both) <= bits:
            found[channel], sums[:, other] = other, both
    return found


def _shift(graph: Lowered, last: Node, after: Node, values: np.ndarray, taps: np.ndarray) -> None:
    """Subtract what channels of known integers (pixels or 1, channels, 1) add to sums from thresholds."""
    share = (values * taps).sum((0, 1)) + (taps < 0).sum((0, 1)) * bool(last.at["xnor"])
    leaf, direction = graph.leaves[last.out], after.at["direction"]
    leaf.lo, leaf.hi = range_of_sums(leaf.lo - share, leaf.hi - share, last.at["xnor"])
    steps = after.at["thresholds"] - whole_numbers(share * direction)[:, None]
    after.at = after.at | {"thresholds": steps}
