"""Quantisers become integer thresholds, found by searching the reference's own float32 arithmetic.

Before:  leaf n -> chain of float32 operations -> quantiser
After:   leaf n -> Threshold, value = scale * (level + low)
Why:     the chain is monotone in float32, so the first n that reaches a level is found by bisection over the
         reachable integers. Thresholds lie in lo .. hi + 1: "always" and "never" stay exact.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from xnorforge.core.types import Record
from xnorforge.hw.lowering import quantisers, registry
from xnorforge.hw.lowering.evaluation import evaluate
from xnorforge.hw.lowering.examples import random_leaf, random_shape, random_steps
from xnorforge.hw.lowering.levels import check_order, steps_of, thresholds
from xnorforge.hw.lowering.sums import single
from xnorforge.hw.lowering.values import F32, Leaf, Levels, Node, Value, exact
from xnorforge.hw.lowering.walk import Lowered, Walk, refuse

registry.PER_CHANNEL["Threshold"] = "thresholds", "direction"


@registry.meaning("Threshold")
def level(x: np.ndarray, at: Record) -> np.ndarray:
    """Number of thresholds t of the channel with direction * x >= t."""
    x, steps = x * at["direction"], at["thresholds"]
    if steps.shape[1] == 1:
        return (x >= steps[:, 0]).astype(np.int64)
    counts = [np.searchsorted(t, x[..., c], side="right") for c, t in enumerate(steps)]
    return np.stack(counts, -1).astype(np.int64)


@registry.maker("levels")
def levelled(walk: Walk, leaf: Leaf, thresholds: np.ndarray, direction: np.ndarray, name: str) -> Leaf:
    """The levels that a leaf reaches: thresholds (channels, steps), direction (channels,)."""
    at = {"thresholds": thresholds, "direction": direction}
    low, high = _reached(leaf, at)
    at["thresholds"] = thresholds[:, : max(1, high.max())]
    return walk.emit("Threshold", [leaf], leaf.shape, low, high, name, leaf.layer, leaf.order, **at)


def _reached(leaf: Leaf, at: Record) -> np.ndarray:
    """Least and greatest level (2, channels) of the integers of a leaf."""
    return np.sort([level(end[None], at)[0] for end in (leaf.lo, leaf.hi)], 0)


def quantised(
    walk: Walk, node: NodeProto, level: Callable[[np.ndarray], np.ndarray], steps: int, scale, low
) -> Value:
    """Emit the Threshold of a quantiser node whose output is scale * (level + low)."""
    if steps >= 2**16:
        why = f"{steps.bit_length()} bits need {steps} thresholds per channel"
        raise refuse(node, why, "quantise to 16 bits or fewer")
    value = single(walk, walk.value(node, arrange=False), node)
    walk.activations[node.output[0]] = found = _levels_of(walk, node, value, level, steps, scale, low)
    return found


def _levels_of(walk, node, value: Value, level, steps: int, scale, low) -> Value:
    """The same for a value over one leaf."""
    leaf = walk.leaves[value.start[0]]
    ends = evaluate(value, np.stack([leaf.lo, leaf.hi], 1))
    if np.isnan(ends).any():  # infinity times zero: float32 is not monotone here
        raise refuse(node, "float32 overflows before it", "train and export the network again")
    found, direction = thresholds(value, leaf, level, steps)
    check_order(node, value, leaf, level, found, direction)
    if _is_identity(found, direction, leaf):
        return replace(walk.levels_of(leaf, scale, scale * (low - leaf.range[0])), view=value.view)
    name = f"{leaf.layer}_threshold"
    out = registry.MAKERS["bent levels"](walk, value, leaf, found, direction, scale, low, name)
    if out is None:
        out = levelled(walk, leaf, found, direction, name)
    walk.makers[out.name].quantises = Levels(value, level, found, direction)
    return replace(walk.levels_of(out, scale, scale * low), view=value.view)


@registry.maker("steps")
def _steps(walk, value: Value, node) -> tuple[Value, list]:
    """A chain with step functions as levels, and the operations that are left behind them."""
    part, least, grid, steps = steps_of(walk, value, node)

    def level(x):
        return np.rint((x.astype(np.float64) - float(least)) / float(grid)).astype(np.int64)

    return _levels_of(walk, node, part, level, steps, grid, least / grid), value.chain[len(part.chain) :]


def _is_identity(found, direction, leaf) -> bool:
    """Whether level = n - lo for every reachable n: an 8-bit quantiser on the pixels it was made for."""
    low, high = leaf.range
    if not 1 < high - low <= found.shape[1]:
        return False
    steps = np.arange(low + 1, high + 1)
    inside = found[:, : len(steps)]
    return bool(
        (leaf.lo == low).all()
        and (direction > 0).all()
        and (inside == steps).all()
        and (found[:, len(steps) :] > high).all()
    )


@registry.rule("BipolarQuant")
def _bipolar(walk, node, at):
    """The sign of an activation, as one threshold; or binary weights."""
    if node.input[0] in walk.constants:
        return quantisers.constant_quantiser(walk, node, at)
    scale = quantisers.checked_scale(node, quantisers.scalar(walk, node, 1))
    step = 2 * exact([scale])[0]
    return quantised(walk, node, lambda x: quantisers.sign(x / F32(scale)), 1, step, Fraction(-1, 2))


@registry.rule("Quant")
def _quant(walk, node, at):
    """Quantisation of an activation, as thresholds on the integer before it; or integer weights."""
    if node.input[0] in walk.constants:
        return quantisers.constant_quantiser(walk, node, at)
    value = walk.value(node, arrange=False)
    zero = walk.per_channel(node, walk.constant(node, 2).astype(F32), value)
    level, steps, step, low = quantisers.levels(walk, node, at, zero[:, None])
    low = low.reshape(-1)
    scale = walk.per_channel(node, quantisers.checked_scale(node, walk.constant(node, 1).astype(F32)), value)
    return quantised(walk, node, lambda x: level(x / scale[:, None]), steps, step * exact(scale), low)


@registry.rule("Trunc")
def _trunc(walk, node, at):
    """Truncation of low bits in both versions of qonnx; version 2 gives the scale and clips."""
    scale, zero = quantisers.scalar(walk, node, 1), quantisers.scalar(walk, node, 2)
    nearest = quantisers.rounding(node, at, "FLOOR")
    second = len(node.input) == 6
    out_scale = quantisers.scalar(walk, node, 4) if second else scale
    quantisers.checked_scale(node, [scale, out_scale])
    bits = quantisers.width(walk, node, 5 if second else 4)
    left_out = np.round(np.log2(out_scale / scale)) if second else quantisers.width(walk, node, 3) - bits
    shift = 2.0**left_out

    def shifted(x):
        return np.round(x / F32(scale) + F32(zero)) / F32(shift)

    if second:
        low, high = quantisers.bounds(bits, at.get("signed", 1), at.get("narrow", 0))
    else:
        value = walk.values[node.input[0]] = single(walk, walk.value(node, arrange=False), node)
        leaf = walk.leaves[value.start[0]]
        reached = nearest(shifted(evaluate(value, np.stack([leaf.lo, leaf.hi], 1))))
        low, high = int(reached.min()), int(reached.max())

    def level(x):
        return (nearest(np.clip(shifted(x), low, high)) - low).astype(np.int64)

    out_zero = Fraction(zero) / Fraction(float(shift)) if second else Fraction(zero)
    return quantised(walk, node, level, high - low, exact([out_scale])[0], low - out_zero)


@registry.rule("MultiThreshold")
def _multi_threshold(walk, node, at):
    """The number of thresholds that an activation reaches, per channel or for all channels."""
    value = walk.values[node.input[0]] = walk.value(node)
    steps = walk.constant(node, 1).astype(F32)
    if steps.ndim != 2 or len(steps) not in (1, value.channels):
        why = f"its thresholds have shape {list(steps.shape)}"
        raise refuse(node, why, f"give them as [{value.channels}, levels], or [1, levels]")
    if (np.diff(steps, axis=1) < 0).any():
        raise refuse(node, "its thresholds do not ascend", "sort the thresholds of every channel")
    steps = np.repeat(steps, value.channels, 0) if len(steps) == 1 else steps
    steps = steps if value.leaf.order is None else steps[value.leaf.order]
    scale, bias = Fraction(at.get("out_scale", 1.0)), Fraction(at.get("out_bias", 0.0))
    if not scale:
        raise refuse(node, "its out_scale is 0", "use a scale other than 0")

    def level(x):
        return np.stack([np.searchsorted(t, row, side="right") for t, row in zip(steps, x)])

    return quantised(walk, node, level, steps.shape[1], scale, bias / scale)


@registry.tidying(10)
def _levels_before_moves(graph: Lowered) -> None:
    """What is cheap comes first: levels have fewer bits than the sums that a move would carry."""
    readers, places = graph.readers(), {node.name: place for place, node in enumerate(graph.nodes)}
    for op, adapt in registry.SWAPS.items():
        for node in [n for n in graph.nodes if n.op == op]:
            _threshold_first(graph, node, adapt, readers, places)


def _threshold_first(graph, move: Node, adapt, readers, places) -> None:
    """a -> move -> threshold -> c becomes a -> threshold -> move -> c, if `adapt` can rewrite both."""
    threshold = graph.only(readers[move.out], move.out)
    if threshold is None or threshold.op != "Threshold" or not adapt(graph, move, threshold):
        return
    a, b, c = move.inputs[0], move.out, threshold.out
    graph.leaves[b].shape, graph.leaves[b].order = graph.leaves[a].shape, graph.leaves[a].order
    graph.leaves[b].lo, graph.leaves[b].hi = _reached(graph.leaves[a], threshold.at)
    threshold.inputs, threshold.out, move.inputs, move.out = [a], b, [b], c
    readers[a] = [threshold if node is move else node for node in readers[a]]
    readers[b] = [move]
    first, second = places[move.name], places[threshold.name]
    graph.nodes[first], graph.nodes[second] = threshold, move
    places[move.name], places[threshold.name] = second, first


@registry.tidying(40)
def _rising(graph: Lowered) -> None:
    """Falling comparisons become rising ones where the threshold is the only reader of what it compares."""
    makers, readers = graph.makers, graph.readers()
    for node in graph.nodes:
        if node.op == "Threshold":
            _fold_direction(graph, node, makers.get(node.inputs[0]), readers)


def _fold_direction(graph, threshold, source: Node | None, readers) -> None:
    """Negate the weights of falling channels; K - p matches stand for p."""
    down = threshold.at["direction"] < 0
    if not down.any() or source is None or source.op not in registry.NEGATABLE:
        return
    if graph.only(readers[source.out], source.out) is not threshold:
        return
    leaf, key = graph.leaves[source.out], registry.NEGATABLE[source.op]
    source.at[key] = np.where(down, -source.at[key], source.at[key])
    steps = threshold.at["thresholds"].copy()
    all_match = source.at[key][..., 0].size if source.at.get("xnor") else 0
    steps[down] += all_match
    leaf.lo[down], leaf.hi[down] = all_match - leaf.hi[down], all_match - leaf.lo[down]
    threshold.at = {"thresholds": steps, "direction": np.ones_like(threshold.at["direction"])}


def one_threshold(rng: np.random.Generator, lo: int, hi: int, channels: int) -> list[tuple[str, Record]]:
    """A comparison of sums lo .. hi, which a matrix has inside; half of the time none."""
    low, high = (np.full(channels, end, np.int64) for end in (lo, hi))
    return [("Threshold", random_steps(rng, low, high, 1))] if rng.random() < 0.5 else []


@registry.example("Threshold")
def _levels(rng):
    """Any thresholds, or those of rounding x / 2**shift half to even; behind a matrix one."""
    if rng.random() < 0.3:
        inputs, [(op, at)] = registry.EXAMPLES[rng.choice(["Conv", "Dense"])](rng)
        at = {name: value for name, value in at.items() if name != "writable"}
        length, outputs = np.prod(at["weights"].shape[:-1]), at["weights"].shape[-1]
        low, high = (0, int(length)) if at["xnor"] else (-at["top"] // 2, at["top"] // 2)
        return inputs, [(op, at), *one_threshold(rng, low, high, outputs)]
    leaf, steps = random_leaf(rng, random_shape(rng)), int(rng.choice([1, 2, 3, 7, 15]))
    at = random_steps(rng, leaf.lo, leaf.hi, steps)
    if rng.random() < 0.4:
        level, shift = np.arange(1, steps + 1), int(rng.integers(1, 5))
        half_to_even = (level << shift) - (1 << shift - 1) + level % 2
        at["thresholds"] = at["thresholds"][:, :1] + half_to_even
    return [leaf], [("Threshold", at)]
