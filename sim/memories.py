"""The memory files of `rtl/` against folded.onnx, every bit of every word, without a simulation.

A file is read as `$readmemh` reads it, under the parameters that the module of its layer states. Weights of
matrices, starts of binary sums and thresholds are decoded from the words, as the module uses them, and
compared with the arrays of the graph. Other memories are compared, word by word, with a fresh
`HwOp.memories()` of these arrays.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core import artifacts
from xnorforge.hw.ops.base import HwOp

DOTS = "Signs", "Scaled", "Planes", "Ternary", "Multipliers"
MOST_BITS = 52  # of elements whose thresholds are decoded, as float64 holds
Given = dict[str, Any]  # the parameters of a module: numbers, and names such as Signs of xf_pkg.sv
Reader = Callable[[np.ndarray, Given, HwOp], tuple[np.ndarray, np.ndarray]]


def check_memories(rtl: Path, ops: list[HwOp]) -> list[dict]:
    """The check of all memory files; none where no operator has one.

    Args:
        rtl: the folder, with `rtl.json`.
        ops: of folded.onnx, in its order.
    """
    wrong = bits = decoded = 0
    for layer, op in zip(artifacts.read_json(rtl / "rtl.json")["layers"], ops, strict=True):
        module, given, files = instantiated((rtl / layer["file"]).read_text())
        made = op.memories()
        wrong += sum(width * len(words) for name, (width, words) in made.items() if name not in files)
        for name, file in files.items():
            width, words = made.get(name, (0, []))
            found = words_of((rtl / file).read_text())
            count = width * max(len(words), len(found))
            bits += count
            short = given.get("InBits", 1) <= MOST_BITS
            reader = READERS.get((module, name, given.get("Dot", "")))
            if reader and width and len(found) == len(words) and short:
                got, wanted = reader(bit_rows(found, width), given, op)
                unequal = int((got != wanted).sum()) if got.shape == wanted.shape else count
                unequal += sum(word >> width != 0 for word in found)
                decoded += count
            else:
                same = len(found) == len(words)
                unequal = sum((a ^ b).bit_count() for a, b in zip(found, words)) if same else count
            wrong += unequal
    what = f"bits of the memory files, {decoded:,} of them decoded to weights and thresholds"
    return [artifacts.check("memory files = folded.onnx", 0, wrong, bits, what)] if bits else []


def instantiated(text: str) -> tuple[str, Given, dict[str, str]]:
    """The module of an operator that a layer's module instantiates: name, parameters and files."""
    module, given = re.search(r"^  (\w+) #\((.*?)^  \) u_op", text, re.MULTILINE | re.DOTALL).groups()  # type: ignore[union-attr]
    found: Given = {name: int(value) for name, value in re.findall(r"\.(\w+)\((\d+)\)", given)}
    found |= re.findall(r"\.(\w+)\(xf_pkg::(\w+)\)", given)
    return module, found, dict(re.findall(r'\.(\w+)\("(.*?)"\)', given))


def words_of(text: str) -> list[int]:
    """The words of a `$readmemh` file, from address 0 on."""
    return [int(word, 16) for word in re.sub(r"//.*|_", "", text).split()]


def bit_rows(words: list[int], width: int) -> np.ndarray:
    """Bits of words, lowest first, uint8 (words, width)."""
    size = -(-width // 8)
    raw = b"".join((word & (1 << width) - 1).to_bytes(size, "little") for word in words)
    return np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, size), axis=1, bitorder="little")[:, :width]


def numbers(bits: np.ndarray, width: int) -> np.ndarray:
    """Fields of `width` bits, as unsigned integers: (words, bits) to int64 (words, bits / width)."""
    fields: np.ndarray = bits.reshape(len(bits), -1, width).astype(np.int64)
    return (fields << np.arange(width)).sum(axis=-1)


def decode_weights(bits: np.ndarray, given: Given, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
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


def decode_starts(bits: np.ndarray, given: Given, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
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


def decode_thresholds(bits: np.ndarray, given: Given, op: HwOp) -> tuple[np.ndarray, np.ndarray]:
    """The binary search of a channel: word 0 flips the input, word n splits what is left, and words 2n and
    2n + 1 the halves below and above it. Spare lanes and folds are nobody's.
    """
    lanes, folds, steps = given["Pe"], given["Folds"], 2 ** given["Bits"]
    fold_span = 1 << max(1, (folds - 1).bit_length())
    table = numbers(bits, bits.shape[1]).reshape(-1, fold_span, steps)[:lanes, :folds]
    table = table.transpose(1, 0, 2).reshape(-1, steps)
    asked = np.asarray(op.arrays_of["thresholds"]).astype(np.float64)
    channels = len(asked)
    direction = np.asarray(op.arrays_of.get("direction", np.ones(channels))).astype(np.int64)

    def ascending(node: int) -> list[int]:
        return [] if node >= steps else [*ascending(2 * node), node, *ascending(2 * node + 1)]

    size = 2 ** given["InBits"]
    low = -(size // 2) if given["Signed"] else 0
    first = np.where(direction > 0, low, -(low + size - 1))  # of the numbers compared: x, or -x
    never = np.full((channels, steps - 1 - asked.shape[1]), size)
    wanted = np.hstack([(direction < 0)[:, None], np.clip(asked - first[:, None], 0, size), never])
    found = table[:, [0, *ascending(1)]]
    return found, np.tile(wanted, (len(found) // channels, 1))


READERS: dict[tuple[str, str, str], Reader] = {  # by module, file and Dot
    **{("xf_mvu", "WeightFile", dot): decode_weights for dot in DOTS},
    ("xf_mvu", "StartFile", "Signs"): decode_starts,
    ("xf_xnor_mvu_pixels", "WeightFile", ""): decode_weights,
    ("xf_xnor_mvu_pixels", "StartFile", ""): decode_starts,
    ("xf_threshold", "ThresholdFile", ""): decode_thresholds,
}
