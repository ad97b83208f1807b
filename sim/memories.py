"""The memory files of `rtl/` against folded.onnx, every bit of every word, without a simulation.

A file is read as `$readmemh` reads it, under the parameters that the module of its layer states. Weights of
matrices, starts of binary sums and thresholds are decoded from the words, as the module uses them, and
compared with the arrays of the graph. Other memories are compared, word by word, with a fresh
`HwOp.memories()` of these arrays.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core import artifacts
from xnorforge.hw.ops.base import HwOp

MOST_BITS = 52  # of elements whose thresholds are decoded, as float64 holds
Given = dict[str, Any]  # the parameters of a module: numbers, and names such as Signs of xf_pkg.sv


def check_memories(rtl: Path, ops: list[HwOp]) -> list[dict]:
    """The check of all memory files; none where no operator has one.

    Args:
        rtl: the folder, with `rtl.json`.
        ops: of folded.onnx, in its order.
    """
    wrong = bits = decoded = 0
    for layer, op in zip(artifacts.read_json(rtl / "rtl.json")["layers"], ops, strict=True):
        given, files = instantiated((rtl / layer["file"]).read_text())
        made = op.memories()
        wrong += sum(width * len(words) for name, (width, words) in made.items() if name not in files)
        for name, file in files.items():
            width, words = made.get(name, (0, []))
            found = words_of((rtl / file).read_text())
            count = width * max(len(words), len(found))
            bits += count
            short = given.get("InBits", 1) <= MOST_BITS
            decode = op.decoder(name, given)
            if decode and width and len(found) == len(words) and short:
                got, wanted = decode(bit_rows(found, width), given, op)
                unequal = int((got != wanted).sum()) if got.shape == wanted.shape else count
                unequal += sum(word >> width != 0 for word in found)
                decoded += count
            else:
                same = len(found) == len(words)
                unequal = sum((a ^ b).bit_count() for a, b in zip(found, words)) if same else count
            wrong += unequal
    what = f"bits of the memory files, {decoded:,} of them decoded to weights and thresholds"
    return [artifacts.check("memory files = folded.onnx", 0, wrong, bits, what)] if bits else []


def instantiated(text: str) -> tuple[Given, dict[str, str]]:
    """Parameters and files of an operator's module in the module of a layer."""
    (given,) = re.findall(r"^  \w+ #\((.*?)^  \) u_op", text, re.MULTILINE | re.DOTALL)
    found: Given = {name: int(value) for name, value in re.findall(r"\.(\w+)\((\d+)\)", given)}
    found |= re.findall(r"\.(\w+)\(xf_pkg::(\w+)\)", given)
    return found, dict(re.findall(r'\.(\w+)\("(.*?)"\)', given))


def words_of(text: str) -> list[int]:
    """The words of a `$readmemh` file, from address 0 on."""
    return [int(word, 16) for word in re.sub(r"//.*|_", "", text).split()]


def bit_rows(words: list[int], width: int) -> np.ndarray:
    """Bits of words, lowest first, uint8 (words, width)."""
    size = -(-width // 8)
    raw = b"".join((word & (1 << width) - 1).to_bytes(size, "little") for word in words)
    return np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, size), axis=1, bitorder="little")[:, :width]
