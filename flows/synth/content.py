"""The inputs of a layer's synthesis: texts, parameters and memory contents, but neither its name nor its
position in the network. Equal layers of one or two networks share one result.
"""

import hashlib
import json
import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

NAME = "xf_layer"  # module name of every layer during mapping and in the cache
_DEFINED = re.compile(r"^\s*(?:module|package|interface)\s+(?:automatic\s+)?(\w+)", re.MULTILINE)
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def layer_files(folder: Path, rtl: dict, layer: dict) -> dict[str, str]:
    """The files that the synthesis of a layer reads, {name: text} in reading order, its module called `NAME`.

    Args:
        folder: `rtl/`.
        rtl: its record: `library`, `headers`.
        layer: an entry of `layers`: module, file, memories, generated.
    """
    texts = {name: (folder / name).read_text() for name in layer["generated"]}
    texts[f"{NAME}.sv"] = module_renamed(bare((folder / layer["file"]).read_text()), layer["module"])
    texts = {**library_used(folder, rtl, texts.values()), **texts}
    memories = {name: (folder / name).read_text() for name in layer["memories"]}
    return texts | {name.replace(layer["module"], NAME, 1): text for name, text in memories.items()}


def top_files(folder: Path, rtl: dict) -> dict[str, str]:
    """The same for the top, with only the ports of its layers."""
    texts = {rtl["top"]: bare((folder / rtl["top"]).read_text())}
    ports = {
        layer["file"]: bare((folder / layer["file"]).read_text()).partition(");")[0]
        for layer in rtl["layers"]
    }
    return library_used(folder, rtl, texts.values()) | texts | ports


def library_used(folder: Path, rtl: dict, texts) -> dict[str, str]:
    """The library files, headers included, that texts refer to directly or indirectly: {file: text}, in
    reading order.
    """
    known = {name: (folder / name).read_text() for name in [*rtl["headers"], *rtl["library"]]}
    uses = _uses(tuple(known.items()))
    place = {word: name for name, (defined, _) in uses.items() for word in defined}
    place |= {Path(name).stem: name for name in known}
    found: set[str] = set()
    waiting = [set(_WORD.findall(text)) for text in texts]
    while waiting:
        named = {place[word] for word in waiting.pop() if word in place} - found
        found |= named
        waiting += [uses[name][1] for name in named]
    return {name: text for name, text in known.items() if name in found}


@lru_cache(1)
def _uses(files: tuple[tuple[str, str], ...]) -> dict[str, tuple[list[str], set[str]]]:
    """For each file, what it defines and all its words; computed once per layer of a design."""
    plain = {name: bare(text) for name, text in files}
    return {name: (_DEFINED.findall(text), set(_WORD.findall(text))) for name, text in plain.items()}


def bare(text: str) -> str:
    """SystemVerilog without comments and empty lines."""
    lines = (line.rstrip() for line in _COMMENT.sub("", text).splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def module_renamed(text: str, module: str, name: str = NAME) -> str:
    """A text in which `module` is renamed to `name`, including as prefix of a memory file's name."""
    return re.sub(rf"\b{re.escape(module)}(?=_[A-Za-z]+\.mem\b|\b)", name, text)


def key(files: dict[str, str], commands: list[str]) -> str:
    """The cache key of a result: files in order, commands and version of Yosys."""
    stated = json.dumps([commands, version("pyosys"), list(files.items())])
    return hashlib.sha256(stated.encode()).hexdigest()[:32]
