"""Plug-ins are found by file name; there is no registry to maintain.

A method is `sw/methods/<name>.py`, an operator the folder `hw/ops/<name>/` with `op.py`, a board the folder
`hw/boards/<name>/` with `board.toml`; names with a leading underscore and `base` are not plug-ins.

The same layout is searched outside the package: in each folder of the variable XNORFORGE_PLUGINS (several are
separated by `:`) and in each package with an entry point of the group `xnorforge.plugins`, such as
`mine = "my_package"`. So `<folder>/hw/ops/<name>/op.py` is an operator like any built-in one: its folder
joins the search path of the package `xnorforge.hw.ops`, and its module is called
`xnorforge.hw.ops.<name>.op`.
"""

import ast
import os
import sys
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from xnorforge.core.errors import UserError, unknown

GROUP = "xnorforge.plugins"
# What can be added with one file or folder, and where it belongs.
KINDS = {
    "task": "sw.tasks", "dataset": "sw.datasets", "method": "sw.methods", "board": "hw.boards",
    "family": "hw.families", "operator": "hw.ops", "backend": "flows.backends",
    "view": "flows.report.views",
}  # fmt: skip
ENDINGS = {"flows.report.views": ".j2"}  # file suffixes; .py for all other kinds
# Folders of which modules have moved: until version 0.4, plug-ins may import them where they were.
MOVED = {".lower": ".lowering", ".bind": ".bind", ".backends.hls4ml": ".hls"}  # {in flows: in hw}
PARSER = Lock()


class Moved(MetaPathFinder, Loader):
    """Finds modules of `MOVED` by their former names, as the same modules."""

    def find_spec(self, fullname: str, *_search: Any) -> ModuleSpec | None:
        """How to load one, None for any other module."""
        folder, _, name = fullname.removeprefix("xnorforge.flows").rpartition(".")
        new = f"xnorforge.hw{MOVED[folder]}.{name}" if folder in MOVED else ""
        new = "xnorforge.hw.bind" if fullname == "xnorforge.flows.bind" else new  # all of it has moved
        return ModuleSpec(fullname, self, origin=new) if new and find_spec(new) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module where it is now."""
        return import_module(str(spec.origin))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: it is loaded."""


sys.meta_path.insert(0, Moved())


def plural(kind: str) -> str:
    """The plural of a key of `KINDS`.

    >>> plural("net"), plural("family")
    ('nets', 'families')
    """
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file, from any thread.

    Two threads of Python 3.11 that parse at a time may get a SystemError (python/cpython issue 106905).

    Raises:
        SyntaxError: not valid Python.
    """
    with PARSER:
        return ast.parse(path.read_text())


@cache
def roots() -> tuple[Path, ...]:
    """Folders of plug-ins outside the package, XNORFORGE_PLUGINS first; all exist or UserError."""
    found = []
    for given in filter(None, os.environ.get("XNORFORGE_PLUGINS", "").split(os.pathsep)):
        if not os.path.isdir(given):  # pathlib raises an error for names that are too long
            raise UserError(
                f"XNORFORGE_PLUGINS: '{given}' is not a folder; "
                "give folders with the package's layout (hw/ops/<name>/)."
            )
        found.append(Path(given).absolute())
    for entry in entry_points(group=GROUP):
        spec = find_spec(entry.value)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                f"entry point {entry.name} of {GROUP}: package '{entry.value}' does not exist; reinstall it."
            )
        found += map(Path, spec.submodule_search_locations)
    return tuple(found)


@cache
def folders(kind: str) -> tuple[Path, ...]:
    """The folders of a kind's plug-ins, for example `folders("hw.ops")`; the package's own folder first."""
    package = import_module(f"xnorforge.{kind}")
    for folder in filter(Path.is_dir, [root.joinpath(*kind.split(".")) for root in roots()]):
        if str(folder) not in package.__path__:
            package.__path__.append(str(folder))
    return tuple(map(Path, package.__path__))


@cache
def places(kind: str) -> dict[str, Path]:
    """File or folder of all plug-ins of a kind by name, sorted; UserError if two have one name."""
    found: dict[str, Path] = {}
    ending = ENDINGS.get(kind, ".py")
    for entry in sorted(entry for folder in folders(kind) for entry in folder.iterdir()):
        stem = entry.name.removesuffix(ending)
        if stem.startswith(("_", ".")) or stem == "base" or (entry.is_file() and entry.suffix != ending):
            continue
        if entry.is_dir() and {one.name for one in entry.iterdir()} == {"__pycache__"}:
            continue  # what git leaves of a plug-in that is gone
        if stem in found:
            raise UserError(f"{kind}: {found[stem]} and {entry} have the same name; rename one of them.")
        found[stem] = entry
    return dict(sorted(found.items()))


def names(kind: str) -> list[str]:
    """Names of the plug-ins of a kind, for example `names("hw.ops")`, sorted."""
    return list(places(kind))


def place(kind: str, name: str) -> Path:
    """File or folder of one plug-in; UserError, listing all and the nearest, if there is none."""
    if name not in places(kind):
        raise unknown(kind, name, names(kind))
    return places(kind)[name]


@cache
def load(kind: str, name: str, part: str = "") -> ModuleType:
    """The module of one plug-in: `load("sw.methods", "ste")`; for a folder, one of its files:
    `load("hw.ops", "join", "bits")`.

    For an operator, the default file is `op.py`.

    Raises:
        UserError: no such plug-in (the text lists the existing ones and the nearest match), or a file outside
            the package fails when it is executed.
    """
    at = place(kind, name)
    part = part or ("op" if kind == "hw.ops" else "")
    try:
        return import_module(f"xnorforge.{kind}.{name}{'.' if part else ''}{part}")
    except Exception as error:
        if isinstance(error, UserError) or at.parent == folders(kind)[0]:
            raise
        raise UserError(
            f"{at}: loading it raised {type(error).__name__} ({error}); correct it, or remove it from the "
            "folders of XNORFORGE_PLUGINS."
        ) from error


def parts(kind: str, part: str) -> dict[str, ModuleType]:
    """The modules `<part>.py` of all plug-ins of a kind that have one: `parts("hw.ops", "lower")`."""
    return {
        name: load(kind, name, part) for name, at in places(kind).items() if (at / f"{part}.py").is_file()
    }
