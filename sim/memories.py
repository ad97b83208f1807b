"""The constants of `rtl/` and of the mapped netlist against folded.onnx, every bit, without a simulation.

A memory file is read as `$readmemh` reads it, under the parameters that the module of its layer states; a
memory of the netlist by `netlist_memories.py`. Weights and thresholds are decoded from the words as the
modules use them (`HwOp.decoder`), and compared with the arrays of the graph. Other memories are compared,
word by word, with a fresh `HwOp.memories()` of these arrays.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core import artifacts
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.words import binary
from xnorforge.hw.wrap import bare
from xnorforge.sim.alone import constants, element_bits, with_inner
from xnorforge.sim.netlist_memories import Netlist, UnreadError

Memory = tuple[int, list[int]]  # bits of a word, and words
UNDEFINED = 2  # in place of a bit of a netlist's memory that nothing defines
Given = dict[str, Any]  # the parameters of a module: numbers, and names such as Signs of xf_pkg.sv
Contents = dict[str, np.ndarray]  # of each memory file that could be read: bits, uint8 (words, width)
_FILE = re.compile(r"\.File\((\w+)\)(?:,\s*\.Load\((?:[^()]|\([^()]*\))*\))?\s*\)\s*(\w+)\s*\(")


def check_memories(rtl: Path, ops: list[HwOp], netlist: Path | None = None) -> tuple[list[dict], list[dict]]:
    """The check of all memories, or no check if none is to be read; and the bits read of each layer.

    Args:
        rtl: the folder, with `rtl.json`.
        ops: of folded.onnx, in its order.
        netlist: the folder of the mapped netlist, if its contents are to be read in place of the files.

    Returns:
        The check in a list, and a row for each layer with constants, or operator that it consists of:
        `layer`, `bits` of its weights and thresholds in all, and those of them that were `decoded`, or
        `compared` with a fresh file; `simulated` is for `alone.try_layers`.
    """
    instances = {name: file for path in rtl.glob("*.sv") for file, name in _FILE.findall(path.read_text())}
    rows, wrong = [], 0
    for layer, op in zip(artifacts.read_json(rtl / "rtl.json")["layers"], ops, strict=True):
        given, files = instantiated((rtl / layer["file"]).read_text())
        if op.inner:
            given |= instantiated_inside((rtl / layer["generated"][0]).read_text())
        made = op.memories()
        if netlist:
            mapped = Netlist((netlist / f"{layer['module']}.v").read_text())
            contents = mapped_contents(mapped, instances, made)
        else:
            texts = {name: (rtl / file).read_text() for name, file in files.items()}
            contents = {name: of_file(text, made.get(name, (0, []))[0]) for name, text in texts.items()}
        ways: dict[str, str] = {}
        for name, found in contents.items():
            ways[name], unequal = wrong_numbers(op, name, made.get(name, (0, [])), found, given, not netlist)
            wrong += unequal
        wrong += sum(width * len(words) for name, (width, words) in made.items() if name not in files)
        rows += _rows_of(op, {name: (ways[name], found.size) for name, found in contents.items()})
    decoded, compared = (sum(row[way] for row in rows) for way in ("decoded", "compared"))
    if not decoded + compared + wrong:
        return [], rows
    what = f"bits, {decoded:,} of them decoded to weights and thresholds"
    name = "memories of the netlist" if netlist else "memory files"
    found = [artifacts.check(f"{name} = folded.onnx", 0, wrong, decoded + compared, what)]
    return [*found, *([] if netlist else _texts(rtl, ops, rows))], rows


def _texts(rtl: Path, ops: list[HwOp], rows: list[dict]) -> list[dict]:
    """The check of modules that are generated around operators, whose other constants are in their texts."""
    texts = {name: text for op in ops if op.inner for name, text in op.generated().items()}
    units = [unit for op in ops if op.inner for unit in with_inner(op)]
    names = {name for name, one in units if one.inner or not one.memories()}
    wrong = sum(bare((rtl / name).read_text()) != bare(text) for name, text in texts.items())
    its = [row for row in rows if row["layer"] in names]
    for row in its:
        row["compared"] = 0 if wrong else row["bits"]
    what = "bits in the texts of modules"
    bits = sum(row["bits"] for row in its)
    return [artifacts.check("generated modules = folded.onnx", 0, wrong, bits, what)] if bits or wrong else []


def _rows_of(op: HwOp, found: dict[str, tuple[str, int]]) -> list[dict]:
    """A row for each of the operator and of those inside it, from how the bits of each file were reached."""
    unit = {f"M{k}{name}": k + 1 for k, one in enumerate(op.inner) for name in one.memories()}
    own: list[dict[str, int]] = [{"decoded": 0, "compared": 0, "simulated": 0} for _ in with_inner(op)]
    for name, (way, size) in found.items():
        own[unit.get(name, 0)][way] += size
    rows, kept = [], [0 for _ in own]
    for name, (width, words) in op.memories().items():
        kept[unit.get(name, 0)] += width * len(words)
    for row, bits, (name, one) in zip(own, kept, with_inner(op), strict=True):
        bits = bits or sum(x.size * element_bits(x) for x in constants(one).values())
        rows += [{"layer": name, "bits": bits, **row}] if bits else []
    return rows


def wrong_numbers(
    op: HwOp, name: str, made: Memory, found: np.ndarray, given: Given, whole: bool = False
) -> tuple[str, int]:
    """Whether a memory's contents were "decoded" or "compared" with a fresh one, and how many are
    wrong; of a `whole` memory also bits that no number has."""
    width, words = made
    decode = op.decoder(name, given)
    way = "decoded" if decode else "compared"
    if found.shape != (len(words), width) or (found == UNDEFINED).any():
        return way, max(1, width * len(words))
    fresh = binary(words, width)
    got, wanted = decode(found, given, op) if decode else (found, fresh)
    if got.shape != wanted.shape:
        return way, found.size
    return way, int((got != wanted).sum() or (whole and (found != fresh).sum()))


def of_file(text: str, width: int) -> np.ndarray:
    """The words of a `$readmemh` file, as `Contents` has them; none where a word is too wide."""
    words = [int(word, 16) for word in re.sub(r"//.*|_", "", text).split()]
    return binary([] if any(word >> width for word in words) else words, width)


def mapped_contents(netlist: Netlist, instances: dict[str, str], made: dict[str, Memory]) -> Contents:
    """The memories of a layer's netlist in the form of their files; those that cannot be read are left out.

    Args:
        netlist: the layer.
        instances: {name of an instance in the RTL: parameter that names its file}.
        made: the files, as `HwOp.memories` gives them; of a file that is wider than the memory's words,
            words as many addresses apart as it has rows lie in one row. Words that the netlist cannot ask
            for are taken from there.
    """
    found: Contents = {}
    for path, instance in netlist.memories.items():
        file = instances.get(instance, "")
        inside = [part.replace("u_", "M", 1) + file for part in path.split(".")]
        file = next((name for name in inside if name in made), file)
        width, words = made.get(file, (0, []))
        if not words:  # filled while it runs, as templates are
            continue
        try:
            columns, lanes = width // netlist.width(path), netlist.width(path)
            read, other = (netlist.words(path, columns * len(words), undefined) for undefined in (0, 1))
        except UnreadError:
            continue
        read[read != other] = UNDEFINED
        never = ~netlist.possible(path, len(read))
        fresh = binary(words, width).reshape(-1, columns, lanes).swapaxes(0, 1).reshape(-1, lanes)
        read[never] = fresh[never]
        found[file] = read.reshape(columns, len(words), lanes).swapaxes(0, 1).reshape(len(words), -1)
    return found


def instantiated(text: str) -> tuple[Given, dict[str, str]]:
    """Parameters and files of an operator's module in the module of a layer."""
    (given,) = re.findall(r"^  \w+(?: #\((.*?)^  \))? u_op", text, re.MULTILINE | re.DOTALL)
    found: Given = {name: int(value) for name, value in re.findall(r"\.(\w+)\((\d+)\)", given)}
    found |= re.findall(r"\.(\w+)\(xf_pkg::(\w+)\)", given)
    return found, dict(re.findall(r'\.(\w+)\("(.*?)"\)', given))


def instantiated_inside(text: str) -> Given:
    """Parameters of the operators in a module that is generated around them, M<number><name>."""
    found: Given = {}
    for given, number in re.findall(r"^ *\w+ #\((.*)\) u_(\d+) \($", text, re.MULTILINE):
        found |= {f"M{number}{name}": int(x) for name, x in re.findall(r"\.(\w+)\((\d+)\)", given)}
        found |= {f"M{number}{name}": x for name, x in re.findall(r"\.(\w+)\(xf_pkg::(\w+)\)", given)}
    return found
