"""Pages, tables, docstrings and Python classes as Markdown, for tools/reference.py."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

HEADS = ("Args", "Attributes", "Returns", "Yields", "Raises")  # of the sections of a docstring

PAGES: dict[str, Callable[[], str]] = {}


def page(title: str) -> Callable:
    """Enter a function that yields the parts of a page, under its name."""

    def enter(parts: Callable[[], Iterator[str]]) -> Callable:
        def text() -> str:
            found = (f"# {title}", inspect.cleandoc(parts.__doc__ or ""), *parts())
            return "\n\n".join(filter(None, found)) + "\n"

        PAGES[parts.__name__] = text
        return parts

    return enter


def write(folder: Path, names: Iterable[str] = PAGES) -> None:
    """Write these pages; a page that has not changed is left untouched, so that the site builds quickly."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path, text = folder / f"{name}.md", PAGES[name]()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def escaped(text: str) -> str:
    """Text as Markdown that shows it unchanged; what is between backticks stays code."""
    parts = re.split(r"(`[^`\n]*`)", text)
    return "".join(
        part if i % 2 else re.sub(r"([\\*_<\[\]#$])", r"\\\1", part) for i, part in enumerate(parts)
    )


def code(value: object) -> str:
    """A value as code, several with commas; nothing where there is none."""
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return ", ".join(map(code, value))
    return "" if value in (None, "") else f"`{value}`"


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table of Markdown cells; `head` is "name | name". Empty columns are left out, and a table
    without rows.
    """
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    columns = [(name, *column) for name, *column in zip(head.split(" | "), *cells) if any(column)]
    lines = [*zip(*((name, "---", *column) for name, *column in columns))]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def properties(**rows: object) -> str:
    """A table of properties and their values; those without a value are left out."""
    there = [(name.replace("_", " "), value) for name, value in rows.items() if value not in ("", None)]
    return table("property | value", there)


def first(doc: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return escaped(" ".join(inspect.cleandoc(doc or "").split("\n\n")[0].split()))


def prose(doc: str | None) -> str:
    """A docstring: its sections ("Args:", …) become lists, its indented blocks become code."""
    found, section = [], ""
    for block in re.split(r"\n\s*\n", inspect.cleandoc(doc or "")):
        lines = block.splitlines()
        while lines:
            if (head := lines[0].removesuffix(":")) in HEADS and head != lines[0]:
                section, size = head, 1
                found.append(f"**{head.replace('Args', 'Arguments')}**")
            elif section and lines[0].startswith("    "):
                size = len(lines)
                found.append(_listed([line[4:] for line in lines]))
            elif lines[0].startswith(("    ", ">>> ")):
                doctest = lines[0].startswith(">>> ")
                size = len(lines) if doctest else _until(lines, lambda line: not line.startswith(" "))
                found.append(f"```text\n{textwrap.dedent(chr(10).join(lines[:size]))}\n```")
            else:
                section, size = "", _until(lines, lambda line: line.startswith("    "))
                found.append(escaped("\n".join(lines[:size])))
            lines = lines[size:]
    return "\n\n".join(found)


def _until(lines: list[str], ends) -> int:
    return next((i for i, line in enumerate(lines) if i and ends(line)), len(lines))


def _entries(lines: list[str]) -> dict[str, str]:
    """{"names": text} of lines "name, name: text"; a line indented further belongs to the entry above."""
    found, last = dict[str, str](), ""
    for line in lines:
        if entry := re.match(r"(\w+(?:, \w+)*):(?: (.*))?$", line):
            last = entry[1]
            found[last] = entry[2] or ""
        elif last:
            found[last] += f" {line.strip()}"
    return found


def _listed(lines: list[str]) -> str:
    entries = _entries(lines)
    items = (f"- {code(names.split(', '))}: {escaped(text)}" for names, text in entries.items())
    return "\n".join(items) or escaped("\n".join(line.strip() for line in lines))


def meanings(cls: type) -> dict[str, str]:
    """{field of a class: what it means}, of the section "Attributes" of its docstring, else of the comment on
    the field's lines or directly above.
    """
    lines = textwrap.dedent(inspect.getsource(cls)).splitlines()
    found = {}
    for node in ast.parse("\n".join(lines)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign):
            said = [line.partition("# ")[2] for line in lines[node.lineno - 1 : node.end_lineno]]
            above = node.lineno - 1
            while not any(said[-1:]) and lines[above - 1].lstrip().startswith("#"):
                above -= 1
            said += [line.partition("# ")[2] for line in lines[above : node.lineno - 1]]
            found[ast.unparse(node.target)] = " ".join(" ".join(said).split())
    section = re.search(
        r"^Attributes:\n((?: {4}.*\n?|\n)+)", inspect.cleandoc(cls.__doc__ or ""), re.MULTILINE
    )
    entries = _entries(textwrap.dedent(section[1]).splitlines()) if section else {}
    return found | {name: text for names, text in entries.items() for name in names.split(", ")}


def rtl_header(path: Path) -> str:
    """The comment at the head of an RTL file, without its licence."""
    lines = path.read_text().splitlines()
    head = [line[2:].removeprefix(" ") for line in lines[: _until(lines, lambda line: line[:2] != "//")]]
    text = "\n".join(line for line in head if "SPDX" not in line).strip()
    return f"RTL: `{path.name}`\n\n```text\n{text}\n```" if text else ""


def signature(name: str, function: Any) -> str:
    """Name and parameters, as the directives of Sphinx take them."""
    try:
        shown = re.sub(r"['\"]|\b(?:collections\.abc|typing|pathlib)\.", "", str(inspect.signature(function)))
    except (TypeError, ValueError):
        shown = "()"
    return name + re.sub(r"^\((?:self|cls)(?:, )?", "(", shown)


def function(found: Any, prefix: str) -> str:
    """A function with its docstring."""
    return _directive("function", signature(f"{prefix}{found.__name__}", found), found.__doc__, 4)


def class_(cls: type, prefix: str) -> str:
    """A class with its public methods and properties."""
    members = []
    for name, member in vars(cls).items():
        plain, doc = getattr(member, "__func__", member), inspect.getdoc(getattr(cls, name))
        if name.startswith("_") or not doc or isinstance(member, type):
            continue
        if type(plain).__name__ in ("property", "cached_property"):
            members.append(_directive("property", name, doc, 4))
        elif callable(plain):
            members.append(_directive("method", signature(name, plain), doc, 4))
    name = f"{prefix}{cls.__name__}"
    head = signature(name, cls).removesuffix(" -> None") if is_dataclass(cls) else name
    kind = "exception" if issubclass(cls, Exception) else "class"
    return _directive(kind, head, cls.__doc__, 5, "".join(f"\n\n{member}" for member in members))


def _directive(kind: str, head: str, doc: str | None, ticks: int, more: str = "") -> str:
    fence = "`" * ticks
    return f"{fence}{{py:{kind}}} {head}\n{prose(doc)}{more}\n{fence}"


def schema_kind(value: dict) -> str:
    """The type of a property of a JSON schema, in a few words."""
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    if "enum" in value or "const" in value:
        return ", ".join(map(str, value.get("enum", [value.get("const")])))
    kind = value.get("type", "object")
    return " or ".join(kind) if isinstance(kind, list) else kind
