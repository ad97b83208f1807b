"""Rearrangements of the integer graph that keep every integer: what is cheap comes first, comparisons point
upwards.

Flatten -> Threshold   becomes  Threshold -> Flatten    where all pixels of a channel share their thresholds
MaxPool -> Threshold   becomes  Threshold -> MaxPool    T(max n) = max T(n), and min T(n) where T falls: a
gate per bit
Pads, Convs -> Join    become   one RatesConv           where the branches are kernels of several dilations
(`rates.py`)
falling comparisons    become   rising ones             on negated weights, where the threshold is their only
reader
"""

from math import prod

import numpy as np

from .rates import fused
from .values import Node
from .walk import Lowered


def tidied(graph: Lowered) -> Lowered:
    """Apply all of them, in place."""
    for node in [n for n in graph.nodes if n.op == "Flatten"]:
        _threshold_first(graph, node, _unflatten)
    for node in [n for n in graph.nodes if n.op == "MaxPool"]:
        _threshold_first(graph, node, _unpool)
    for node in [n for n in graph.nodes if n.op == "Join"]:
        fused(graph, node)
    for node in graph.nodes:
        if node.op == "Threshold":
            _fold_direction(graph, node)
    return graph


def _threshold_first(graph, move: Node, adapt) -> None:
    """a -> move -> b -> threshold -> c   becomes   a -> threshold -> b -> move -> c, if `adapt` can rewrite
    both.
    """
    threshold = graph.only_reader(move.out)
    if threshold is None or threshold.op != "Threshold" or not adapt(graph, move, threshold):
        return
    a, b, c = move.inputs[0], move.out, threshold.out
    graph.leaves[b].shape, graph.leaves[b].order = graph.leaves[a].shape, graph.leaves[a].order
    levels = threshold.at["thresholds"].shape
    graph.leaves[b].lo, graph.leaves[b].hi = np.zeros(levels[0], np.int64), np.full(levels[0], levels[1])
    threshold.inputs, threshold.out, move.inputs, move.out = [a], b, [b], c
    first, second = graph.nodes.index(move), graph.nodes.index(threshold)
    graph.nodes[first], graph.nodes[second] = threshold, move


def _unflatten(graph, flatten, threshold) -> bool:
    channels = graph.leaves[flatten.inputs[0]].channels
    pixels = prod(graph.leaves[flatten.out].shape) // channels
    per_pixel = {key: threshold.at[key].reshape(pixels, channels, -1) for key in ("thresholds", "direction")}
    if any((x != x[:1]).any() for x in per_pixel.values()):
        return False
    threshold.at = {"thresholds": per_pixel["thresholds"][0], "direction": per_pixel["direction"][0, :, 0]}
    return True


def _unpool(graph, pool, threshold) -> bool:
    pool.at["direction"] = pool.at["direction"] * threshold.at["direction"]
    return True


def _fold_direction(graph, threshold) -> None:
    """Negate the weights of falling channels; K - p matches stand for p."""
    down = threshold.at["direction"] < 0
    source = next((n for n in graph.nodes if n.out == threshold.inputs[0]), None)
    if (
        not down.any()
        or source is None
        or source.op not in ("Conv", "SignedConv", "RatesConv", "Dense", "Join")
    ):
        return
    if graph.only_reader(source.out) is not threshold:
        return
    leaf, key = graph.leaves[source.out], "multipliers" if source.op == "Join" else "weights"
    source.at[key] = np.where(down, -source.at[key], source.at[key])
    steps = threshold.at["thresholds"].copy()
    if source.at.get("xnor"):
        steps[down] += leaf.hi[down, None]
    else:
        leaf.lo[down], leaf.hi[down] = -leaf.hi[down], -leaf.lo[down]
    threshold.at = {"thresholds": steps, "direction": np.ones_like(threshold.at["direction"])}
