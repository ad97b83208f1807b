"""Branches that see the same bits at several dilations become one convolution of all their taps.

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

import numpy as np

from .values import Node
from .walk import Lowered


def fused(graph: Lowered, join: Node) -> None:
    """Put a RatesConv in place of a Join and its branches, if they are such."""
    made = {node.out: node for node in graph.nodes}
    convs = [made.get(leaf) for leaf in join.inputs]
    factor, after = join.at["multipliers"][0], graph.only_reader(join.out)
    compared = after is not None and after.op == "Threshold"
    if not all(conv and conv.op == "Conv" and conv.at["xnor"] for conv in convs):
        return
    if (join.at["multipliers"] != factor).any() or not (compared or (factor == 1).all()):
        return
    pads = [made.get(conv.inputs[0]) for conv in convs]
    branches = [*convs, *pads]
    if not all(node and graph.only_reader(node.out) for node in branches) or any(
        pad.op != "Pad" for pad in pads
    ):
        return
    by_rate = {conv.at["dilation"][0]: (pad, conv) for pad, conv in zip(pads, convs)}
    if len(by_rate) < len(convs) or not _concentric(by_rate):
        return
    rates = sorted(by_rate)
    pad, conv = by_rate[rates[-1]]
    at = {
        "weights": np.stack([by_rate[rate][1].at["weights"] for rate in rates]), "rates": rates,
        "stride": conv.at["stride"], "pads": pad.at["pads"], "value": pad.at["value"], "xnor": True,
        "top": sum(one.at["top"] for one in convs),
    }  # fmt: skip
    name, leaf = convs[0].name, graph.leaves[join.out]
    leaf.lo[:], leaf.hi[:] = 0, at["weights"][..., 0].size
    if compared:
        _divide(after, factor, leaf.hi)
        after.name = after.name.replace(join.name, name)
    graph.nodes[graph.nodes.index(join)] = Node(name, "RatesConv", pad.inputs, join.out, at)
    for node in branches:
        graph.nodes.remove(node)
        del graph.leaves[node.out]


def _divide(threshold: Node, factor: np.ndarray, most: np.ndarray) -> None:
    """Compare p, 0 .. most, instead of factor * p."""
    steps, none = threshold.at["thresholds"], (factor == 0)[:, None]
    always_or_never = np.where(steps <= 0, 0, most[:, None] + 1)
    threshold.at["thresholds"] = np.where(
        none, always_or_never, -(-steps // np.maximum(abs(factor), 1)[:, None])
    )
    threshold.at["direction"] = np.where(
        none[:, 0], 1, threshold.at["direction"] * np.where(factor < 0, -1, 1)
    )


def _concentric(by_rate: dict) -> bool:
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
