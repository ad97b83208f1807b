"""Plug-ins are found by file name: there is no registry to keep in step.

A method is `sw/methods/<name>.py`, an operator `hw/ops/<name>/op.py`, a board `hw/boards/<name>/board.toml`;
names with a leading underscore and `base` are not plug-ins.
"""

from functools import cache
from importlib import import_module
from importlib.resources import files

from xnorforge.core.errors import unknown


def names(kind: str) -> list[str]:
    """Names of the plug-ins of a kind, for example `names("hw.ops")`, sorted."""
    found = set()
    for entry in files(f"xnorforge.{kind}").iterdir():
        stem = entry.name.removesuffix(".py")
        if (
            stem.startswith(("_", "."))
            or stem == "base"
            or (entry.is_file() and not entry.name.endswith(".py"))
        ):
            continue
        found.add(stem)
    return sorted(found)


@cache
def load(kind: str, name: str):
    """The module of one plug-in: `load("sw.methods", "ste")`; an operator's is its `op.py`.

    Raises:
        UserError: no such plug-in; the text names those that exist and the nearest.
    """
    if name not in names(kind):
        raise unknown(kind, name, names(kind))
    tail = ".op" if kind == "hw.ops" else ""
    return import_module(f"xnorforge.{kind}.{name}{tail}")
