"""What is declared in the code and in no docstring, for the pages of docs/reference, which are templates: the
options, plug-ins and keys there are, as reStructuredText. Plug-ins of XNORFORGE_PLUGINS are included.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from onnx import helper

import xnorforge
import xnorforge.flows.lower
from xnorforge.cli import main
from xnorforge.core import accuracy, artifacts, networks, plugins
from xnorforge.flows import report
from xnorforge.flows.backends import base as backend_base
from xnorforge.flows.importing import layout
from xnorforge.hw import boards as hw_boards
from xnorforge.hw import families as hw_families
from xnorforge.hw import routing
from xnorforge.hw.lowering import registry as registry_of_rules
from xnorforge.hw.ops.base import DOMAIN
from xnorforge.pipeline import options, stages
from xnorforge.sw import networks as nets
from xnorforge.sw import zoo

KINDS = {"i": "integer", "f": "float", "s": "string", "ints": "integers", "floats": "floats"}
PACKAGE = Path(xnorforge.__file__).parent


def escaped(text: object) -> str:
    """Text that is shown unchanged; what is between backticks stays code."""
    parts = re.split(r"(`+[^`\n]*`+)", str(text))
    return "".join(part if i % 2 else re.sub(r"([\\*|_])", r"\\\1", part) for i, part in enumerate(parts))


def code(value: Any) -> str:
    """A value as code, the members of a collection separated by commas; "" for None and ""."""
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return ", ".join(map(code, value))
    return "" if value in (None, "") else f"``{value}``"


def first(doc: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(inspect.cleandoc(doc or "").split("\n\n")[0].split())


def heading(text: str) -> str:
    """A heading of the second level."""
    return f"{text}\n{'-' * len(text)}"


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """A table; `head` is "name | name". Cells are text with `code`, or `code()`; nothing without rows."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (rows := [head.split(" | "), *rows]):
        cells = [escaped(cell).replace("\n", " ") for cell in row]
        lines += [
            f"   {'-' if i else '* -'} {cell}".replace("   -", "     -", 1) for i, cell in enumerate(cells)
        ]
    return "\n".join(lines) if len(rows) > 1 else ""


def operators() -> Iterator[tuple[str, str, str, Iterable[tuple[str, ...]], str]]:
    """Name, path of the class, arrays, rows of attributes and header of the RTL, of every operator."""
    for name, place in plugins.places("hw.ops").items():
        op = plugins.load("hw.ops", name).Op
        files = [folder / f"{getattr(op, 'module', '')}.sv" for folder in (place, PACKAGE / "hw/rtl")]
        rtl = next(filter(Path.is_file, files), None)
        # The comment at its head, without the licence.
        head = re.match(r"(?://.*\n)+", rtl.read_text())[0].splitlines() if rtl else []
        lines = [line[3:] for line in head if "SPDX" not in line]
        shown = "\n".join(f"   {line}".rstrip() for line in lines)
        path = f"{op.__module__}.{op.__name__}"
        yield name, path, code(op.arrays), attributes(op), f"RTL, ``{rtl.name}``::\n\n{shown}" if rtl else ""


def attributes(op: Any) -> Iterator[tuple[str, ...]]:
    """Attribute, type, default and values, of an operator's node."""
    node = op(helper.make_node(op.__name__, [], [], name="node", domain=DOMAIN))
    for key, (kind, needed, default, *values) in node.get_nodeattr_types().items():
        usual = "required" if needed else code(default)
        yield code(key), KINDS.get(kind, kind), usual, code(sorted(*values)) if values else ""


def known(registry: str) -> Iterator[tuple[str, str]]:
    """ONNX nodes with what a registry of the lowering says of each."""
    for name, one in sorted(getattr(registry_of_rules, registry).items()):
        yield code(name), one if isinstance(one, str) else getattr(one, "name", None) or first(one.__doc__)


def boards() -> Iterator[tuple[object, ...]]:
    """The rows of all boards."""
    for board in map(hw_boards.load, plugins.names("hw.boards")):
        capacity = (f"{board.capacity[key]:,}" for key in hw_boards.NEEDED)
        shown = (
            code(board.name), board.title, code(board.part), code(board.family), f"{board.clock_mhz:g} MHz",
        )  # fmt: skip
        yield *shown, *capacity, board.shell_kind if board.shell else "none"


def sheets() -> Iterator[tuple[str, str]]:
    """The links of all boards."""
    for board in map(hw_boards.load, plugins.names("hw.boards")):
        yield code(board.name), ", ".join(f"`{key} <{url}>`__" for key, url in board.links.items())


def board_fields() -> Iterator[tuple[str, ...]]:
    """The rows of all fields of board.toml."""
    for key, (text, _) in hw_boards.FIELDS.items():
        yield code(key), text, "no" if key in hw_boards.OPTIONAL else "yes"


def families() -> Iterator[tuple[str, ...]]:
    """The rows of all part families."""
    for name in hw_families.names():
        one, router = hw_families.load(name), routing.load(name)
        routed = first(type(router).__doc__) if router else (one.vendor_tool or ("", "none"))[1]
        resources = ", ".join(f"`{key}` ({unit})" for key, (unit, _) in one.units.items())
        yield code(name), code(one.synth), "yes" if one.simulation else "no", routed, resources


def methods() -> Iterator[tuple[str, ...]]:
    """Name, recipes and hyper-parameters of every training method."""
    for name in plugins.names("sw.methods"):
        method = plugins.load("sw.methods", name).Method
        yield name, ", ".join(method.RECIPES), ", ".join(one.name for one in fields(method))


def tasks() -> Iterator[tuple[str, ...]]:
    """The rows of all tasks."""
    for name, place in plugins.places("sw.tasks").items():
        task, usual = plugins.load("sw.tasks", name).Task, networks.literal(place, "USUAL")
        shape, found = (
            getattr(task, "shape", None), [n for n in networks.names() if networks.task_name(n) == name],
        )  # fmt: skip
        shown = "x".join(map(str, shape)) if isinstance(shape, tuple) else ""
        yield (
            code(name), code(shown), code(task.main),
            code(sorted(found, key=lambda net: net != f"{name}-{usual}")),
        )  # fmt: skip


def trained() -> Iterator[tuple[object, ...]]:
    """Name, module, recipe, interval and the rows of the shipped weights, of every network."""
    cards = {
        pair: artifacts.read_json(PACKAGE / "sw/shipped" / "-".join(pair) / "card.json")
        for pair in zoo.shipped()
    }
    for net in networks.names():
        source = nets.load(net)
        recipe = ", ".join(f"{key}={value}" for key, value in source.RECIPE.stated().items())
        rows = [
            (code(method), accuracy.short(row), row["set"])
            for (of, method), card in cards.items() for row in card["accuracy"] if of == net
        ]  # fmt: skip
        yield net, net.replace("-", "_"), recipe, getattr(source, "INTERVAL", None), rows


def backends() -> Iterator[tuple[str, ...]]:
    """The rows of all back ends."""
    for name in backend_base.names():
        one = replace(backend_base.Backend(about=""), **stages.declaration(name))
        yield code(name), one.about, code(one.stages), code(one.needs), one.report


def declared_stages() -> Iterator[tuple[dict[str, Any], str]]:
    """Every stage, with what its function says of it."""
    for stage in stages.STAGES:
        source, _, name = stage.function().partition(":")
        about = first(getattr(import_module(source), name).__doc__)
        yield vars(stage) | {"options": options.read_by(stage)}, about


def report_keys() -> Iterator[tuple[str, ...]]:
    """Key, type, meaning and keys inside, of all keys of report.json."""
    schema = artifacts.read_json(Path(report.__file__).parent / "schema.json")
    for key, value in schema["properties"].items():
        inside = value.get("items", value)
        kind = value.get("enum") or value.get("const") or value.get("type", "object")
        kind = value["$ref"].rpartition("/")[2] if "$ref" in value else kind
        listed = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
        keys = inside.get("properties") or inside.get("required") or ()
        yield code(key), listed, value.get("description", ""), code(list(keys))


# What the templates use.
SHOWN = {
    "EXITS": {code(key): text for key, text in options.EXITS.items()},
    "EVERY": {code(f"--{name}"): text for name, text in {**main.EVERY, "help": "Show all options."}.items()},
    "verbs": [verb.name for verb in options.VERBS],
    "functions": [name for name in xnorforge.PUBLIC if not isinstance(getattr(xnorforge, name), type)],
    "layouts": {code(name): text for name, text in layout.LAYOUTS.items()},
    "names": plugins.names, "stages": declared_stages, "networks": trained,
    **{one.__name__: one for one in (
        code, heading, table, operators, known, boards, sheets, board_fields, families, methods, tasks,
        backends, report_keys,
    )},
}  # fmt: skip
