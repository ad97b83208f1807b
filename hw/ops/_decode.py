"""What words of memories mean to the modules that read them, written without a look at `HwOp.memories()`.

A decoder takes the bits of all words, (words, width) with the lowest bit first, the parameters of the module
and the operator. It returns the numbers found and those that the operator's arrays ask for.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import value_range

Decoder = Callable[[np.ndarray, Mapping[str, Any], HwOp], tuple[np.ndarray, np.ndarray]]


def numbers(bits: np.ndarray, width: int) -> np.ndarray:
    """Fields of `width` bits, as unsigned integers: (words, bits) to int64 (words, bits / width)."""
    fields: np.ndarray = bits.reshape(len(bits), -1, width).astype(np.int64)
    return (fields << np.arange(width)).sum(axis=-1)


def decode_weights(bits: np.ndarray, given: Mapping[str, Any], op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """Word by word, as the accumulators read them: pass after pass, beat after beat of the input; words that
    lie in one row of the memory are as many rows apart as the memory has. Of a word the weights of a row of
    the matrix lie side by side."""
    mw, mh, width = given["Mw"], given["Mh"], given.get("WBits", 1)
    simd, pe = given.get("Simd", mw), 1 if "Pixels" in given else given["Pe"]
    count, word = mw // simd * (mh // pe), simd * pe * width
    columns = bits.reshape(len(bits), -1, word).transpose(1, 0, 2).reshape(-1, word)
    lanes = numbers(columns[:count], width).reshape(mh // pe, mw // simd, pe, simd)
    found = lanes.transpose(1, 3, 0, 2).reshape(mw, mh)
    wanted = op.integers("weights")
    if width > 1:
        found = found - (found >> (width - 1) << width)
        if op.chain()[0] == 2:  # one multiplier has two rows; the second lends the first its sign
            found[:, 1::2] += found[:, ::2] < 0
    elif given.get("Dot") == "Scaled":
        wanted = (wanted > 0).astype(np.int64)
    spare = columns[count:].any(axis=1)
    return np.append(found, spare), np.append(wanted, 0 * spare)


def decode_taps(bits: np.ndarray, _given: Mapping[str, Any], op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """Of a depthwise layer: a word per tap and fold, with a bit per channel."""
    wanted = op.integers("weights")
    return bits.reshape(wanted.shape), wanted


def decode_scales(bits: np.ndarray, given: Mapping[str, Any], op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """Beat by beat, a magnitude for each run of elements, or part of one."""
    found = numbers(bits, given["ScaleW"]).repeat(min(given["Run"], given["Simd"]))
    return found, np.abs(op.integers("weights"))[:, 0]


def constants_of(given: Mapping[str, Any], weights: np.ndarray, op: HwOp) -> np.ndarray:
    """What the unit counts beyond the sum of x * weight, per row: the inverted sign bits of elements; the
    inverses that it adds for a negative weight, or for the highest plane of the weights; half the range of
    each chain of multipliers."""
    bits, planes, dot = given.get("Bits", 1), given.get("WBits", 1), given.get("Dot", "Signs")
    inverse, top = 2**bits - 1, 2 ** (planes - 1)
    if dot in ("Multipliers", "Planes"):
        simd, each = given["Simd"], given["Simd"] * top * inverse
        if dot == "Multipliers":
            _, chain = op.chain()
            largest = 2 ** (bits - 1) if given["Signed"] else inverse
            each = -(-simd // chain) * 2 ** (chain * top * largest).bit_length()
        elif bits > 1 and simd % 2 and planes % 2 == 0:  # the last element is inverted in two planes at once
            each += top // 2 * (2 ** (bits + 1) - 1) - top * inverse
        found = np.full(weights.shape[1], given["Mw"] // simd * each)
    else:
        found = -inverse * np.minimum(weights, 0).sum(axis=0)
    sign = 2 ** (bits - 1) if given.get("Signed") and dot != "Multipliers" else 0
    return found + sign * weights.sum(axis=0)


def decode_starts(bits: np.ndarray, given: Mapping[str, Any], op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """Accumulators answer with their highest bit: the smallest sum that makes it 1, where no sum in reach
    overflows. Without thresholds, what they add to a sum."""
    dot, pe = given.get("Dot", "Signs"), 1 if "Pixels" in given else given["Pe"]
    low, high = value_range(given.get("Bits", 1), bool(given.get("Signed")))
    width = bits.shape[1] // pe
    half, found = 2 ** (width - 1), numbers(bits, width).ravel()
    weights = op.integers("weights")
    if dot == "Signs":
        weights = 2 * weights - 1
    constant = offset = constants_of(given, weights, op)
    if given.get("Bits", 1) == 1 and (op.get_nodeattr("xnor") if "Taps" in given else dot == "Signs"):
        offset = 0 * constant  # results are numbers of equal bits, which is what the unit counts
    # A bipolar result is twice the sum at bits of 1, less the sum of all weights.
    scale = 1 + (dot == "Planes" and op.get_nodeattr("bipolar"))
    total = (scale - 1) * weights.sum(axis=0)
    if "thresholds" not in op.arrays_of:
        return found, -((offset << given.get("Shift", 0)) + total) % 2**width
    asked = op.integers("thresholds")
    products = np.sort([low * weights, high * weights], axis=0)
    least, most = products.sum(axis=1) + constant
    if dot in ("Signs", "Scaled"):  # beyond reach by one
        asked = np.clip(asked + offset, least, most + 1)
    else:  # beyond reach by the width of a result
        asked = np.clip(asked, -half * scale // 2, half * scale // 2)
        asked = offset - (-(asked + total) // scale)
    right = (least - asked >= -half) & (most - asked < half)
    return np.where(right, asked - (found + asked) % 2**width + half, asked - 1), asked
