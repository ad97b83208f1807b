"""Borders around images, and windows of several dilations.

Branches that see the same bits at several dilations become one convolution of all their taps.

Before:  x -> Pad(r) -> Conv, dilation r -> matches p_r,  for several r;  Join: m * sum of all p_r;  Threshold
    t
After:   x -> RatesConv: kernels of all r around one pixel, matches p = sum of all p_r;  Threshold t / m
    same bits
Why:     m p >= t  is  p >= t / m, rounded up, for m > 0; a negative m turns the comparison. m comes from the
    batch norm.
Leaves:  branches that count differently (one m each), other kernels or strides, a rate twice, what others
         read too; sums without a threshold, unless m = 1

One XNOR-popcount of rates * kh * kw * C bits and one threshold take the place of a fork, as many units and an
adder.
"""

from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from xnorforge.core.types import Ints, Record
from xnorforge.hw.any_width import INT64_BITS, width_of
from xnorforge.hw.lowering import integers
from xnorforge.hw.lowering.examples import random_conv, random_image, random_leaf, random_pads, random_windows
from xnorforge.hw.lowering.geometry import with_ends
from xnorforge.hw.lowering.registry import MAKERS, NEGATABLE, example, maker, meaning, rule, tidying
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.values import Leaf, Node, exact, of_leaf, reach_of
from xnorforge.hw.lowering.views import MOST_BITS, bits_again, seen, view_of
from xnorforge.hw.lowering.walk import Lowered, Walk, refuse
from xnorforge.hw.ops.border.lower import everywhere
from xnorforge.hw.ops.surround.op import surrounded

MOVING = ["edge", "reflect", "wrap"]  # modes of Pad that repeat elements


@meaning("Pad", "Surround")
def pad(x: np.ndarray, at: Record) -> np.ndarray:
    """A border of one integer, or of one per channel."""
    return surrounded(x, at["pads"], at["values"] if "values" in at else at["value"])


def concentric(x: np.ndarray, at: Record, kernel: Ints):
    """(rate, image) for kernels of several dilations around the same pixels; `pads` are the largest's."""
    x = pad(x, at)
    for rate in at["rates"]:
        rows, columns = ((k - 1) * (max(at["rates"]) - rate) // 2 for k in kernel)
        yield rate, x[:, rows : x.shape[1] - rows, columns : x.shape[2] - columns]


@meaning("RatesConv")
def rates_conv(x: np.ndarray, at: Record):
    """Sum of convolutions of several dilations, weights (rates, kh, kw, C, O)."""
    images = concentric(x, at, at["weights"].shape[1:3])
    return sum(
        integers.conv(image, at | {"weights": w, "dilation": (rate, rate), "groups": 1})
        for w, (rate, image) in zip(at["weights"], images)
    )


@rule("Pad")
def _pad(walk, node, at):
    """Elements left out or repeated, or constant padding of images or channels."""
    value = walk.value(node, arrange=False)
    ends = np.array(at["pads"] if "pads" in at else walk.constant(node, 1), np.int64).reshape(2, -1).T
    view, mode = view_of(value), at.get("mode", b"constant").decode()
    if len(ends) != view.ndim + 1 or ends[0].any() or mode not in (["constant"] * (view.ndim > 1) + MOVING):
        why = f"it pads the batch or a vector, or with mode={mode}"
        raise refuse(node, why, "pad channels, rows and columns, by a constant or with mode edge or reflect")
    if mode != "constant":
        return seen(value, with_ends(view, ends[1:], mode))
    cut = ends.min() < 0 and seen(value, with_ends(view, np.minimum(ends[1:], 0)))
    value = one_leaf(walk, MAKERS["arranged"](walk, node, cut) if cut else walk.value(node), node)
    ends = np.insert(ends, 2, 0, 0) if len(ends) == 3 else ends  # of a single row
    (before, after), *sides = np.maximum(ends[1:], 0).tolist()
    pads = [side[end] for end in (0, 1) for side in sides]
    given = walk.constant(node, 2)
    border = exact([at.get("value", 0.0) if given is None else np.asarray(given).reshape(-1)[0]])[0]
    return _with_border(walk, node, value, pads, before, after, border)


def _with_border(walk, node, value, pads, before: int, after: int, border: Fraction):
    """Constant padding. A border that is not an integer of its input is left to the convolutions that read
    it, if only these do; otherwise all integers are multiplied so that it becomes one."""
    name, a = value.single
    if not any(pads):
        return _more_channels(walk, node, value, before, after, border)
    if any(border != b for x, b in zip(a, value.offset) if not x):
        why = f"a channel of scale 0 differs from the padding value {float(border):g}"
        raise refuse(node, why, "remove the channel")
    wanted = np.array([(border - b) / x if x else Fraction(0) for x, b in zip(a, value.offset)], object)
    times = lcm(*{share.denominator for share in wanted})
    if times > 1 and not before + after and _left_to_convolutions(walk, node, border):
        walk.borders[node.output[0]] = pads, border
        return value
    leaf, layer = walk.leaves[name], f"conv{walk.layers}"
    if times > 1:
        leaf = MAKERS["by place"](walk, leaf, *everywhere(leaf, times))
    out = bordered(walk, leaf, _storable(node, wanted * times), pads, layer)
    found = of_leaf(out, a / times, value.offset, reach_of(value))
    return _more_channels(walk, node, found, before, after, border)


def _storable(node, values: np.ndarray) -> np.ndarray:
    """Whole numbers as the values of a border."""
    if (bits := width_of(values)) > INT64_BITS:
        why = f"its padding value needs exact integers of {bits} bits, and at most {INT64_BITS} are possible"
        raise refuse(node, why, "quantise its input with a power-of-two scale, or remove the padding")
    return values.astype(np.int64)


def _more_channels(walk, node, value, before: int, after: int, border: Fraction):
    """Channels that are `border` everywhere, in front of those of an image and behind them: a kernel of one
    pixel with a single 1 per channel that is there, and integers 0 in the others."""
    if not before + after:
        return value
    name, a = value.single
    leaf, many = walk.leaves[name], value.channels
    if leaf.bits > MOST_BITS:
        why = f"its input has integers of {leaf.bits} bits, but adding channels works up to {MOST_BITS} bits"
        raise refuse(node, why, "put a quantiser before it")

    def beside(numbers, constant):
        return np.array([*[constant] * before, *numbers, *[constant] * after])

    low, high = beside(leaf.lo, 0), beside(leaf.hi, 0)
    out = walk.emit(
        "Conv", [leaf], (*leaf.shape[:2], before + many + after), low, high, f"{leaf.layer}_channels",
        leaf.layer, weights=np.pad(np.eye(many, dtype=np.int64), ((0, 0), (before, after)))[None, None],
        xnor=False, top=max(map(abs, leaf.range)), stride=[1, 1], dilation=[1, 1], groups=1,
    )  # fmt: skip
    reach = beside(reach_of(value), abs(float(border)))
    out = bits_again(walk, leaf, out)
    return of_leaf(out, beside(a, a[0]), beside(value.offset, border), reach)


def _left_to_convolutions(walk, node, border) -> bool:
    """Whether only convolutions read a Pad, and add no border of another value or by the image's size."""
    readers = walk.model.find_consumers(node.output[0])
    attributes = [a for reader in readers for a in reader.attribute]
    if any(a.name == "auto_pad" and a.s.startswith(b"SAME") for a in attributes):
        return False
    padded = any(a.name == "pads" and any(a.ints) for a in attributes)
    if node.output[0] == walk.model.graph.output[0].name:
        return False
    return bool(readers) and all(r.op_type == "Conv" for r in readers) and not (border and padded)


@maker("border")
def bordered(walk: Walk, leaf: Leaf, values: np.ndarray, pads: Ints, layer: str):
    """Emit a border of integers, `values` (C,), around a leaf; `pads` are top, left, bottom, right."""
    top, left, bottom, right = pads
    h, w, c = leaf.shape
    low, high = np.minimum(leaf.lo, values), np.maximum(leaf.hi, values)
    shape, name, same = (h + top + bottom, w + left + right, c), f"{layer}_pad", len(set(values)) == 1
    if same:
        at = {"pads": list(pads), "value": int(values[0])}
        return walk.emit("Pad", [leaf], shape, low, high, name, leaf.layer, **at)
    return walk.emit("Surround", [leaf], shape, low, high, name, leaf.layer, pads=list(pads), values=values)


NEGATABLE["RatesConv"] = "weights"


@tidying(30)
def _rates(graph: Lowered) -> None:
    """Branches of several dilations in front of a sum."""
    made, readers = graph.makers, graph.readers()
    for node in [n for n in graph.nodes if n.op == "Join"]:
        if fused(graph, node, made, readers):
            made, readers = graph.makers, graph.readers()


def fused(graph: Lowered, join: Node, made: dict[str, Node], readers: dict[str, list[Node]]) -> bool:
    """Put a RatesConv in place of a Join and its branches, if they are such; whether they were.

    Args:
        made, readers: the operators that give and read each leaf of the graph.
    """
    convs = [made[leaf] for leaf in join.inputs if leaf in made]
    factor, after = join.at["multipliers"][0], graph.only(readers[join.out], join.out)
    compared = after is not None and after.op == "Threshold"
    if len(convs) < len(join.inputs) or not all(c.op == "Conv" and c.at["xnor"] for c in convs):
        return False
    if (join.at["multipliers"] != factor).any() or not (compared or (factor == 1).all()):
        return False
    pads = [made[conv.inputs[0]] for conv in convs if conv.inputs[0] in made]
    branches = [*convs, *pads]
    if len(pads) < len(convs):
        return False
    alone = all(graph.only(readers[node.out], node.out) for node in branches)
    if not alone or any(pad.op != "Pad" for pad in pads):
        return False
    by_rate = {conv.at["dilation"][0]: (pad, conv) for pad, conv in zip(pads, convs)}
    if len(by_rate) < len(convs) or not _concentric(by_rate):
        return False
    rates = sorted(by_rate)
    pad, conv = by_rate[rates[-1]]
    at = {
        "weights": np.stack([by_rate[rate][1].at["weights"] for rate in rates]), "rates": rates,
        "stride": conv.at["stride"], "pads": pad.at["pads"], "value": pad.at["value"], "xnor": True,
        "top": sum(one.at["top"] for one in convs),
    }  # fmt: skip
    name, leaf = convs[0].name, graph.leaves[join.out]
    leaf.lo[:], leaf.hi[:] = 0, at["weights"][..., 0].size
    if after is not None and compared:
        _divide(after, factor, leaf.hi)
        after.name = after.name.replace(join.name, name)
    graph.nodes[graph.nodes.index(join)] = Node(name, "RatesConv", pad.inputs, join.out, at)
    for node in branches:
        graph.nodes.remove(node)
        del graph.leaves[node.out]
    return True


def _divide(threshold: Node, factor: np.ndarray, most: np.ndarray) -> None:
    """Compare p, 0 .. most, instead of factor * p."""
    steps, none = threshold.at["thresholds"], (factor == 0)[:, None]
    always_or_never = np.where(steps <= 0, 0, most[:, None] + 1)
    at, steps = threshold.at, -(-steps // np.maximum(abs(factor), 1)[:, None])
    at["thresholds"] = np.where(none, always_or_never, steps)
    at["direction"] = np.where(none[:, 0], 1, at["direction"] * np.where(factor < 0, -1, 1))


def _concentric(by_rate: dict[int, tuple[Node, Node]]) -> bool:
    """Whether borders and convolutions differ by their rate only, and are all around the same pixels."""
    largest = max(by_rate)
    wide, last = by_rate[largest]
    for rate, (pad, conv) in by_rate.items():
        kernel = conv.at["weights"].shape[:2]
        inner = [(k - 1) * (largest - rate) / 2 for k in kernel] * 2
        same = (
            pad.inputs == wide.inputs
            and pad.at["value"] == wide.at["value"]
            and kernel == last.at["weights"].shape[:2]
        )
        same &= conv.at["stride"] == last.at["stride"] and conv.at["dilation"] == [rate, rate]
        if not same or [a - b for a, b in zip(wide.at["pads"], inner)] != pad.at["pads"]:
            return False
    return True


@example("Pad")
def _bordered(rng):
    """In front of a convolution whose kernel reaches over it."""
    windows = random_windows(rng, least=2)
    sizes = windows["kernel"], windows["dilation"]
    pads = random_pads(rng, *sizes)
    leaf = random_image(rng, *sizes, pads)
    value = int(rng.choice([0, *leaf.range]))
    at = random_conv(rng, leaf, windows)
    return [leaf], [("Pad", {"pads": pads, "value": value}), ("Conv", at)]


@example("RatesConv")
def _matches_of_rates(rng):
    leaf, at = _random_rates(rng, bits=1)
    weights = rng.choice([-1, 1], (len(at["rates"]), *at["kernel"], leaf.channels, int(rng.integers(1, 7))))
    return [leaf], [("RatesConv", at | {"weights": weights, "xnor": True, "top": weights[..., 0].size})]


def _random_rates(rng, bits: int = 0) -> tuple[Any, Record]:
    """An image, and windows of two or three dilations around the same pixels of it and its border."""
    rates = sorted(map(int, rng.choice([1, 2, 3, 4], int(rng.integers(2, 4)), replace=False)))
    kernel, largest = [int(k) for k in rng.choice([1, 3], 2)], [rates[-1]] * 2
    pads = random_pads(rng, kernel, largest)
    leaf = random_image(rng, kernel, largest, pads, bits)
    at = {"kernel": kernel, "stride": [int(s) for s in rng.integers(1, 3, 2)], "rates": rates, "pads": pads}
    return leaf, at | {"value": int(rng.choice(leaf.range))}


@example("Surround")
def _framed(rng):
    leaf, pads = random_leaf(rng), rng.integers(0, 3, 4)
    pads[rng.integers(4)] += 1
    values = rng.integers(leaf.range[0] - 2, leaf.range[1] + 3, leaf.channels)
    return [leaf], [("Surround", {"pads": pads.tolist(), "values": values})]
