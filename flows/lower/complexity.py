"""What a network computes and stores, counted on its integer graph: the same figures for trained and imported
networks, and for every folding.

    operation     one multiply-accumulate of a weight with an activation, for one image, borders included
    binary        both operands have one bit; every other operation is multi-bit (8 bits in our networks),
                  also where one operand alone is wider, as pixels are
    operations    binary / 64 + multi_bit: a 64-bit word holds 64 products of bits (Liu et al., "Bi-Real
                  Net", ECCV 2018, and the papers after it)
    stored bits   weights and all other constants of the operators, each at the width of its integers: 1 bit
                  for -1 and +1, 8 for an 8-bit weight; thresholds, or a factor and an addend where these are
                  at even distances; multipliers, slopes; edges of ci_bcnn as the whole matrix of a group

Signs times a factor that all outputs share (rbcn's C per kernel position) are binary weights; each factor is
stored, and multiplies once per output. As in the papers, sums of branches, thresholds, pools and factors per
channel are not counted as operations.
"""

from math import prod

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.bind.network import Bound
from xnorforge.hw.bind.nodes import shared_sizes
from xnorforge.hw.lowering.values import Graph, Node
from xnorforge.hw.streams import kind_of, signed_bits

BITS_PER_WORD = 64
SUMS = ("binary", "multi_bit", "weight_bits", "stored_bits")


def complexity(graph: Graph, bound: list[Bound]) -> Record:
    """Count an integer graph and the operators it is bound to.

    Returns:
        `binary`, `multi_bit`, `operations`, `weight_bits` and `stored_bits`, and the same per layer in
        `layers`, with `layer`, `a_bits` and `w_bits` of its operands (None if it has no weights).
    """
    layers: dict[str, dict] = {}
    for node in graph.nodes:
        row = _row_of(node.name, layers)
        if "weights" in node.at:
            a_bits, _ = kind_of(*graph.leaves[node.inputs[0]].range)
            pixels = prod(graph.leaves[node.out].shape[:-1])
            _add_products(row, _by_output(node), a_bits, pixels)
    for one in bound:
        line = one.attributes.get("even") and one.make().line  # of thresholds: factors and addends
        constants = line[1:] if line else (array for name, array in one.arrays.items() if name != "weights")
        _row_of(one.name, layers)["stored_bits"] += sum(map(_bits, constants))
    rows = [row | {"operations": _operations(row)} for row in layers.values() if row["stored_bits"]]
    whole = {name: sum(row[name] for row in rows) for name in SUMS}
    return whole | {"operations": _operations(whole), "layers": rows}


def _row_of(operator: str, layers: dict[str, Record]) -> Record:
    """The row of an operator's layer, conv1 of conv1_threshold."""
    layer = operator.partition("_")[0]
    empty = {"layer": layer, "a_bits": None, "w_bits": None, **dict.fromkeys(SUMS, 0)}
    return layers.setdefault(layer, empty)


def _by_output(node: Node) -> np.ndarray:
    """The weights of a node, outputs last, without taps that are zero for all inputs: lowering adds them."""
    weights, groups = node.at["weights"], node.at.get("groups", 1)
    alone = groups > 1 and groups == weights.shape[-1] and weights.shape[-2] == 1
    if node.op == "RatesConv" or (node.op == "Conv" and (groups == 1 or alone)):
        return weights.reshape(-1, weights.shape[-1])
    if weights.ndim == 4 and weights.shape[2] > 1:  # (kh, kw, inputs, outputs)
        taps = weights.any(axis=2)
        if not taps.all():
            return np.moveaxis(weights, 2, -1)[taps]
    return weights


def _add_products(row: Record, weights: np.ndarray, a_bits: int, pixels: int) -> None:
    """Add weights that are each used once per pixel."""
    w_bits, stored = _width(weights), weights.size * _width(weights)
    if a_bits == 1 < w_bits and weights.ndim == 2 and (factors := shared_sizes(weights)) is not None:
        w_bits, stored = 1, weights.size + _bits(factors)
        row["multi_bit"] += factors.size * weights.shape[1] * pixels
    row["binary" if a_bits == w_bits == 1 else "multi_bit"] += weights.size * pixels
    row["weight_bits"] += stored
    row["stored_bits"] += stored
    row["a_bits"], row["w_bits"] = a_bits, w_bits


def _operations(row: Record) -> int:
    return round(row["binary"] / BITS_PER_WORD + row["multi_bit"])


def _bits(constants) -> int:
    """Bits of an array of integers, all as wide as the widest."""
    return np.size(constants) * _width(np.asarray(constants))


def _width(constants: np.ndarray) -> int:
    if not constants.size or (abs(constants) == 1).all():
        return int(constants.size > 0)
    low, high = int(constants.min()), int(constants.max())
    return max(signed_bits(low, high) - (low >= 0), 1)
