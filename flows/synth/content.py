"""The inputs of a layer's synthesis: texts, parameters and memory contents, but neither name nor position,
so that equal layers, also of two networks, share one result."""

import re
from collections.abc import Iterable
from pathlib import Path

from xnorforge.core.types import Record
from xnorforge.hw.wrap import bare, files_used

NAME = "xf_layer"  # module name of every layer during mapping and in the cache


def layer_files(folder: Path, rtl: Record, layer: Record) -> dict[str, str]:
    """The files that the synthesis of a layer reads, {name: text} in reading order, its module called `NAME`.

    Args:
        folder: `rtl/`.
        rtl: its record: `library`, `headers`.
        layer: an entry of `layers`: module, file, memories, generated.
    """
    texts = {name: bare((folder / name).read_text()) for name in layer["generated"]}
    texts[f"{NAME}.sv"] = module_renamed(bare((folder / layer["file"]).read_text()), layer["module"])
    texts = {**library_used(folder, rtl, texts.values()), **texts}
    memories = {name: (folder / name).read_text() for name in layer["memories"]}
    return texts | {name.replace(layer["module"], NAME, 1): text for name, text in memories.items()}


def top_files(folder: Path, rtl: Record) -> dict[str, str]:
    """The same for the top, with only the ports of its layers."""
    texts = {rtl["top"]: bare((folder / rtl["top"]).read_text())}
    files = (layer["file"] for layer in rtl["layers"])
    ports = {file: bare((folder / file).read_text()).partition(");")[0] for file in files}
    return library_used(folder, rtl, texts.values()) | texts | ports


def library_used(folder: Path, rtl: Record, texts: Iterable[str]) -> dict[str, str]:
    """The library files and headers that texts need, also indirectly: {file: text} in reading order."""
    known = {name: (folder / name).read_text() for name in [*rtl["headers"], *rtl["library"]]}
    return {name: known[name] for name in files_used(texts, known)}


def module_renamed(text: str, module: str, name: str = NAME) -> str:
    """A text in which `module` is renamed to `name`, including as prefix of a memory file's name."""
    return re.sub(rf"\b{re.escape(module)}(?=_[A-Za-z]\w*\.mem\b|\b)", name, text)
