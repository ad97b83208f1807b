"""What words of memories mean to the modules that read them, written without a look at `HwOp.memories()`.

A decoder takes the bits of all words, (words, width) with the lowest bit first, the parameters of the module
and the operator. It returns the numbers found and those that the operator's arrays ask for.
"""

from collections.abc import Callable, Mapping

import numpy as np

from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops.base import HwOp

Decoder = Callable[[np.ndarray, Mapping, HwOp], tuple[np.ndarray, np.ndarray]]


def numbers(bits: np.ndarray, width: int) -> np.ndarray:
    """Fields of `width` bits, as unsigned integers: (words, bits) to int64 (words, bits / width)."""
    fields: np.ndarray = bits.reshape(len(bits), -1, width).astype(np.int64)
    return (fields << np.arange(width)).sum(axis=-1)


def decode_weights(bits: np.ndarray, given: Mapping, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """Word by word, as the accumulators read them: pass after pass, beat after beat of the input; words that
    lie in one row of the memory are as many rows apart as the memory has. Of a word the weights of a row of
    the matrix lie side by side.
    """
    mw, mh, width = given["Mw"], given["Mh"], given.get("WBits", 1)
    simd, pe = given.get("Simd", mw), 1 if "Pixels" in given else given["Pe"]
    count, word = mw // simd * (mh // pe), simd * pe * width
    columns = bits.reshape(len(bits), -1, word).transpose(1, 0, 2).reshape(-1, word)
    lanes = numbers(columns[:count], width).reshape(mh // pe, mw // simd, pe, simd)
    found = lanes.transpose(1, 3, 0, 2).reshape(mw, mh)
    wanted = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    if width > 1:
        found = found - (found >> (width - 1) << width)
        if given.get("Rows") == 2:  # one multiplier has two rows; the second lends the first its sign
            found[:, 1::2] += found[:, ::2] < 0
    elif given.get("Dot") == "Scaled":
        wanted = (wanted > 0).astype(np.int64)
    spare = columns[count:].any(axis=1)
    return np.append(found, spare), np.append(wanted, 0 * spare)


def decode_starts(bits: np.ndarray, given: Mapping, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """Of binary weights: a row adds its elements u, unsigned, where the weight is 1, else their inverses, and
    answers with the highest bit. So u adds sign * x and a constant to the start.
    """
    bits_in = given.get("Bits", 1)
    shift = 2 ** (bits_in - 1) if given.get("Signed") else 0
    binary = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    ones = binary.sum(axis=0)
    constant = shift * ones + (2**bits_in - 1 - shift) * (given["Mw"] - ones)
    if bits_in == 1:  # the sum of bits is the number of equal ones itself
        constant = 0 * ones
    pe = 1 if "Pixels" in given else given["Pe"]
    width, top = bits.shape[1] // pe, given["Mw"] * (2**bits_in - 1)
    found = numbers(bits, width).ravel()
    if given.get("OutW", 1) > 1:  # the sum itself
        return found, -constant % 2**width
    asked = np.asarray(op.arrays_of["thresholds"]).astype(np.int64) + constant
    least = 2 ** (width - 1) - found  # the smallest sum that answers 1
    return np.where(found + top < 2**width, least, -1), np.clip(asked, 0, top + 1)


def asked_levels(given: Mapping, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """(C, thresholds) counted from the lowest number that is compared, x or -x, and (C, 1) whether it is
    -x.
    """
    asked = np.asarray(op.arrays_of["thresholds"]).astype(np.float64)
    flipped = np.asarray(op.arrays_of.get("direction", np.ones(len(asked)))).reshape(-1, 1) < 0
    size = 2 ** given["InBits"]
    low = -(size // 2) if given["Signed"] else 0
    return np.clip(asked - np.where(flipped, -(low + size - 1), low), 0, size), flipped


def decode_thresholds(bits: np.ndarray, given: Mapping, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """The binary search of a channel: word 0 flips the input, word n splits what is left, and words 2n and
    2n + 1 the halves below and above it. Spare lanes and folds are nobody's.
    """
    lanes, folds, steps = given["Pe"], given["Folds"], 2 ** given["Bits"]
    fold_span = 1 << address_bits(folds)
    table = numbers(bits, bits.shape[1]).reshape(-1, fold_span, steps)[:lanes, :folds]
    table = table.transpose(1, 0, 2).reshape(-1, steps)
    asked, flipped = asked_levels(given, op)

    def ascending(node: int) -> list[int]:
        return [] if node >= steps else [*ascending(2 * node), node, *ascending(2 * node + 1)]

    never = np.full((len(asked), steps - 1 - asked.shape[1]), 2 ** given["InBits"])
    found = table[:, [0, *ascending(1)]]
    return found, np.tile(np.hstack([flipped, asked, never]), (len(found) // len(asked), 1))


def decode_ahead(bits: np.ndarray, given: Mapping, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """A word per beat: of each channel the middle threshold, those that split what is below and above it, and
    whether it is flipped.
    """
    steps, width, half = given["Steps"], given["InBits"] + 1, 2 ** (given["Bits"] - 2)
    own = bits.reshape(-1, steps * width + 1)
    found = np.hstack([numbers(own[:, :-1], width), own[:, -1:]])
    _, flipped = asked_levels(given, op)
    wanted = np.hstack([_asked_at([2 * half, half, 3 * half][:steps], given, op), flipped])
    return found, np.tile(wanted, (len(found) // len(wanted), 1))


def decode_step(bits: np.ndarray, given: Mapping, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """A later stage of the same search: of each channel the thresholds that split what is left."""
    parts = len(bits) // given["Folds"]
    span = 2 ** given["Bits"] // parts
    found = numbers(bits, bits.shape[1]).reshape(-1, parts)
    return found, _asked_at([part * span + span // 2 for part in range(parts)], given, op)


def _asked_at(places: list[int], given: Mapping, op: HwOp) -> np.ndarray:
    """Those of `asked_levels` at these places, from 1; the greatest number and 1 beyond the last."""
    asked, _ = asked_levels(given, op)
    never = np.full((len(asked), 2 ** given["Bits"]), 2 ** given["InBits"])
    return np.hstack([asked, never])[:, np.array(places) - 1]
