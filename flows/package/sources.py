"""The SystemVerilog of an accelerator with unique module names, so that one project can contain several."""

import re
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.hw.wrap import files_used, library

PREFIX = re.compile(r"[a-z][a-z0-9_]*")
LONGEST = 60  # characters: tools cut or refuse long names of modules
DEFINED = re.compile(r"^\s*(?:module|package|interface)\s+(\w+)", re.MULTILINE)
MACRO = re.compile(r"^`define\s+(\w+)", re.MULTILINE)
SWITCH = re.compile(r"`ifdef XF_(?!CHECK|SIM|PAUSE|ASSERT)\w+")


@dataclass(frozen=True)
class Renamed:
    """Files of an accelerator under their new names.

    Attributes:
        texts: every file except the header `<prefix>_config.svh`, {name: text}.
        headers: the included files, with that header.
        sources: SystemVerilog in reading order.
        memories: files for `$readmemh`.
    """

    texts: dict[str, str]
    headers: list[str]
    sources: list[str]
    memories: list[str]


def prefix_of(net: str) -> str:
    """A prefix from the name of a network: `mnist_cnn` of mnist-cnn.

    >>> prefix_of("3-Layers+")
    'net_3_layers'
    """
    name = re.sub(r"[^a-z0-9]+", "_", net.lower()).strip("_")[: LONGEST - 4].strip("_")
    return name if PREFIX.fullmatch(name) else f"net_{name}".strip("_")


def checked_prefix(given: str) -> str:
    """A prefix given by the user.

    Raises:
        UserError: it cannot begin the name of a module.
    """
    if not PREFIX.fullmatch(given) or len(given) > LONGEST:
        raise UserError(
            f"PREFIX: module names cannot begin with '{given}'; use a letter followed by lower-case letters, "
            f"digits and _, at most {LONGEST} characters, such as PREFIX=digits."
        )
    return given


def renamed(rtl: Path, tops: list[str], prefix: str) -> Renamed:
    """The modules that `tops` need, from the folder `rtl/` of a build and else from the library, each named
    `<prefix>_<its name>`.

    Headers, their macros and memory files are renamed with them; XF_CHECK, XF_SIM, XF_PAUSE and the switches
    of part families keep their names, because they apply to the whole project."""
    order = [line for line in (rtl / "rtl.f").read_text().split() if line.endswith(".sv")]
    texts = {path.name: path.read_text() for path in library([]) if path.name not in order}
    texts |= {name: (rtl / name).read_text() for name in order}
    needed = files_used(tops, texts)
    home = {module for name in needed for module in DEFINED.findall(texts[name])}
    headers = {path.name: path.read_text() for path in sorted(rtl.glob("*.svh"))}
    memories = {path.name: path.read_text() for path in sorted(rtl.glob("*.mem"))}

    macros = {name for text in headers.values() for name in MACRO.findall(text)}
    names = {module: f"{prefix}_{module}" for module in home}
    names |= {macro: f"{prefix.upper()}_{macro}" for macro in macros}
    word = re.compile(rf"\b({'|'.join(sorted(names, key=len, reverse=True))})\b")

    def under_new_names(text: str) -> str:
        text = re.sub(r'`include "(\w+\.svh)"', rf'`include "{prefix}_\1"', text)
        text, count = re.subn(r'"(\w+\.mem)"', _memory(prefix, memories), text)
        text = word.sub(lambda found: names[found[0]], text)
        if count or SWITCH.search(text):
            text = _including(text, f"{prefix}_config.svh")
        return text

    new = {name: f"{prefix}_{_stem(name, texts)}.sv" for name in needed}
    files = {new[name]: under_new_names(texts[name]) for name in new}
    files |= {f"{prefix}_{name}": under_new_names(text) for name, text in headers.items()}
    kept = {f"{prefix}_{name}": text for name, text in memories.items()}
    return Renamed(
        files | kept, [f"{prefix}_config.svh", *(f"{prefix}_{name}" for name in headers)],
        list(new.values()), list(kept),
    )  # fmt: skip


def _stem(file: str, texts: dict[str, str]) -> str:
    """The name of a file: that of its only module, since top.sv contains xf_top."""
    modules = DEFINED.findall(texts[file])
    return modules[0] if len(modules) == 1 else Path(file).stem


def _memory(prefix: str, memories: dict[str, str]):
    """Replaces a memory file's name with its new name, preceded by the folder that a user may define."""

    def replaced(found: re.Match) -> str:
        if found[1] not in memories:
            raise UserError(f"package: a module reads {found[1]}, which is not in rtl/; build it again.")
        return f'`{prefix.upper()}_FILE("{prefix}_{found[1]}")'

    return replaced


def _including(text: str, header: str) -> str:
    """The text with one more header, included after the comment at its top."""
    lines = text.splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if not line.startswith("//"))
    return "".join([*lines[:at], f'\n`include "{header}"\n', *lines[at:]])
