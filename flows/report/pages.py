"""report.html and report.md: a frame, and in it the views (flows/report/views), each over the same record."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from xnorforge.core.errors import one_line, several
from xnorforge.core.types import Record
from xnorforge.flows.report import device, layers, links, reference, sections
from xnorforge.plot import curves, svg

OWN = files("xnorforge.flows.report")
CHARTS = {"curves": curves, "svg": svg}


def percent(fraction: float | None, digits: int = 1) -> str:
    """A share in per cent, without the sign, which is in the column head."""
    return "–" if fraction is None else f"{100 * fraction:.{digits}f}"


def signed(fraction: float | None) -> str:
    """An error in per cent with its sign, without the per cent."""
    return "–" if fraction is None else f"{100 * fraction:+.1f}"


def factor(value: float) -> str:
    """A scale or bias in as few digits as name it."""
    return f"{value:.9g}".replace("-", "−")


def input_meaning(given: Record) -> str:
    """How to fill an input frame, as text, and what its integers lose against the floats they represent."""
    words = f"{given['order']}; the network's input is {factor(given['scale'])} × element"
    if given["offset"]:
        words += f" {'−' if given['offset'] < 0 else '+'} {factor(abs(given['offset']))}"
    if lost := given["rounding"]:
        words += (
            f"; on the images this changes a number by at most {lost['max_error']:.3g} ({lost['cut']:,} of "
            f"{lost['numbers']:,} are clipped) and the class of {lost['classes_differ']:,} of "
            f"{lost['classes']:,} images"
        )
    return words


def output_meaning(output: Record) -> str:
    """How to read an output frame, as text."""
    (*cells, count), scale, bias = output["shape"], output["scale"], output["bias"]
    if cells == [1, 1] and output["scores"]:
        cells = []  # one pixel of scores is a vector of them
    if cells and output["indices"]:
        return f"{cells[0]} × {cells[1]} cells, row by row, each the index of its largest score"
    if not output["scores"] and output["indices"]:
        return "the index of the class with the largest score"
    if cells:
        meaning = f"{cells[0]} × {cells[1]} cells of {count} integers, row by row, one per channel"
    else:
        meaning = f"{output['scores']} integers, one per class"
    if output["indices"]:
        meaning += ", then the index of the largest, which is the class"
    if len(set(scale)) == len(set(bias)) == 1:
        meaning += f"; score = {factor(scale[0])} × integer"
        meaning += f" {'−' if bias[0] < 0 else '+'} {factor(abs(bias[0]))}" if bias[0] else ""
    else:
        meaning += f"; score = scale × integer + bias, per {'channel' if cells else 'class'} in report.json"
    return meaning if output["indices"] or cells else f"{meaning}; the class is the largest score"


def read_outside(outside: Record | None) -> str:
    """What weights from a memory outside the part need of it, as text; empty without any."""
    if outside is None:
        return ""
    ways = ", ".join(f"s_axis_weights{port} ({name})" for port, name in enumerate(outside["operators"]))
    return (
        f"{ways}: weights from a memory outside the part, {outside['needed_gb_per_s']} GB/s needed, "
        f"{outside['gb_per_s']:g} assumed. Simulated with such a memory, a frame takes "
        f"{outside['interval'] or 0:,} cycles; what binds is the {outside['binds']}."
    )


def loading(loads: Record | None) -> str:
    """How weights are loaded, as text; empty where they are constants."""
    if not loads:
        return ""
    first, *others = loads["operators"]
    return (
        f"s_axi_ctrl, AXI4-Lite, {loads['address_bits']} address bits: loads the weights of "
        f"{f'{len(others) + 1} operators' if others else first}, {loads['bits']:,} bits, between two frames: "
        f"{loads['words']:,} writes, {loads['cycles']:,} cycles in simulation. Top level with chain and "
        f"control: {loads['lut']:,} LUTs. Structure {loads['structure']}."
    )


def ends(interval: list[float] | None) -> str:
    """An interval as text."""
    return "–" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def tag(kind: str) -> Markup:
    """Where a figure comes from, as a coloured word."""
    return Markup(' <span class="tag {0}">{0}</span>').format(kind)


def element(port: Record) -> str:
    """One element of a port, as text."""
    kind = "two's complement" if port["signed"] else "unsigned"
    return f"{port['bits']} bit{'s' if port['bits'] > 1 else ''}, {kind}"


def in_html(value: Any) -> Any:
    """A value of the record for the page, a text in one line; Jinja escapes it after that."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def in_markdown(value: Any) -> Any:
    """A value of the record for the text: in one line; no name begins HTML, a link or a column."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    # Pairs of backquotes stay code.
    pattern = r"`[^`<|\\]*`|[<`|]|\](?=\()|\\(?=[!-/:-@\[-`{-~]|$)"
    return re.sub(pattern, lambda found: found[0] if found[0][1:] else f"\\{found[0]}", one_line(value))


def in_code(text: str) -> Markup:
    """A text as code in Markdown, between more backquotes than it has in a row."""
    text = one_line(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    room = " " if longest else ""
    return Markup("`" * (longest + 1) + room + text + room + "`" * (longest + 1))


@cache
def _environment(kind: str) -> Environment:
    env = Environment(
        finalize=in_html if kind == "html" else in_markdown,
        loader=FunctionLoader(lambda name: (OWN / name).read_text()), autoescape=kind == "html",
        undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    env.filters |= {
        "n": device.formatted, "several": several, "time": device.duration, "pct": percent,
        "signed": signed, "factor": factor, "code": in_code,
    }  # fmt: skip
    env.globals |= {"ends": ends, "tag": tag, "element": element, "device": device, **CHARTS}
    env.globals |= {"in_layers": layers.in_layers, "largest": layers.largest, "href": links.href}
    return env


@cache
def _template(kind: str, text: str) -> Template:
    return _environment(kind).from_string(text)


def page(record: Record, acc: Path, form: str, kind: str) -> str:
    """report.html ("html") or report.md ("md"): one file, nothing fetched; all of it is there without the
    page's script, which sorts, folds and filters its tables.

    Args:
        record: of report.json; read and never changed.
        acc: folder of the page, with the example pictures and the files it links.
        form: "design", "project" or "handover", see flows/backends/base.py.
        kind: "html" or "md".
    """
    env = _environment(kind)
    given: Record = {"r": record, "notes": reference.notes(record["reference"])}
    for name in ("mismatches", "integers"):
        given[name] = sum(row[name] for row in record["stages"])
    if "resources" in record:
        block, per = device.block_ram(record["resources"]["family"])
        sides = loading(record["loads"]), read_outside(record.get("outside"))
        given |= {
            "top": record["resources"], "block": block, "per": per,
            "taken": input_meaning(record["input"]), "meaning": output_meaning(record["output"]),
            "loading": " ".join(filter(None, sides)),
            "best_known": max(record["accuracy"], key=lambda row: row["images"], default=None),
        }  # fmt: skip
    if kind == "html":
        given["listed"] = links.listed_files(record, acc)
    parts: list[str] = []
    nav: list[tuple[str, str]] = []
    css, half = svg.style() + (OWN / "style.css").read_text(), ""
    for one in sections.views(form, kind):
        template = _template(kind, one.text)
        context = template.new_context(given)
        text = "".join(template.blocks[kind](context)).strip("\n")
        css += "".join(template.blocks["css"](context)) if "css" in template.blocks else ""
        if not text:
            continue
        if one.nav and (found := re.search(r'<section id="([\w-]+)"', text)):
            nav.append((found[1], one.nav))
        beside = one.half and kind == "html"
        if beside and half:
            parts[-1] = f'<div class="two">\n{half}\n\n{text}\n</div>'
        else:
            parts.append(text)
        half = text if beside and not half else ""
    script = (OWN / "script.js").read_text()
    given |= {"views": Markup("\n\n".join(parts)), "css": Markup(css), "nav": nav, "script": Markup(script)}
    return env.get_template(f"{form}.{kind}.j2").render(given)
