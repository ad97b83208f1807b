"""One page for all builds in a folder: accuracy over LUT, frames/s over LUT, and a table; every point links
to a report.

The page is one file that fetches nothing and can be read without scripts, which only filter.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import jinja2

from xnorforge.core.artifacts import read_json, whole
from xnorforge.core.errors import UserError, one_line
from xnorforge.core.types import Record
from xnorforge.history.entries import build_identity, main_accuracy
from xnorforge.plot import svg
from xnorforge.plot.chart import Chart, Point, inline, per_cent, swatch

KEYS = ("task", "network", "method", "board", "backend")
COLOURS = tuple(f"s{place}" for place in range(8))  # by method; by board: shapes
SHAPES = ("circle", "square", "up", "diamond", "down", "plus")
WIDTH, HEIGHT, RADIUS = 460, 280, 5  # of a chart, and of its markers, in pixels


@dataclass(frozen=True)
class Card:
    """One build on the page; what its report does not have is None."""

    like: dict[str, str | None]
    link: str
    verdict: str
    accuracy: Record | None
    lut: int | None
    ff: int | None
    bram36: float | None
    fps: float | None
    latency_us: float | None
    routed_mhz: float | None
    commit: str | None

    @property
    def name(self) -> str:
        """Network, method, board and back end in words."""
        return f"{self.like['network']}, {self.like['method']}, {self.like['board']}, {self.like['backend']}"


def cards_below(out: Path) -> tuple[list[Card], list[str]]:
    """The builds in a folder, by task, network, method and board; and the reports that cannot be read."""
    found, damaged = [], []
    for path in sorted(out.rglob("report.json")):
        if any(part.startswith(".") for part in path.relative_to(out).parts):
            continue
        try:
            found.append(_card(path, out))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            damaged.append(one_line(str(path.relative_to(out))))
    return sorted(found, key=lambda card: [card.like[key] or "" for key in KEYS] + [card.link]), damaged


def _card(path: Path, out: Path) -> Card:
    report = read_json(path)
    resources = report.get("resources") or {}
    page = (path.parent / "report.html").relative_to(out)
    return Card(
        build_identity(report, path.parent),
        quote(page.as_posix()),
        report["verdict"],
        main_accuracy(report),
        resources.get("lut"),
        resources.get("ff"),
        resources.get("bram36"),
        (report.get("fps") or {}).get("value"),
        (report.get("latency_us") or {}).get("value"),
        report["routed"]["clock_mhz"]["value"] if report.get("routed") else None,
        (report.get("run") or {}).get("commit"),
    )


def panels(cards: list[Card], css: dict[str, str], shapes: dict[str, str]) -> list[Record]:
    """Two charts per task and figure of accuracy; builds without LUT or accuracy are only in the table.

    Args:
        css, shapes: the colour of each method, the shape of each board.
    """
    kinds: dict[tuple[str, str], list[Card]] = {}
    for card in cards:
        if card.accuracy and card.lut and card.fps:
            kind = card.like["task"] or card.like["network"] or "", card.accuracy["name"]
            kinds.setdefault(kind, []).append(card)

    def chart(own: list[Card], title: str, value: Callable[[Card], float], **more) -> Chart:
        points = [
            Point(
                float(card.lut or 0),
                value(card),
                css[card.like["method"] or ""],
                shapes[card.like["board"] or ""],
                RADIUS,
                hint=_hint(card),
                link=card.link,
                data=f'data-of="{escape(values(card))}"',
            )
            for card in own
        ]
        return Chart(
            y_title=title, x_title="LUT", x_kind="log", width=WIDTH, height=HEIGHT, points=points, **more
        )

    found = []
    for (task, figure), own in sorted(kinds.items()):
        better = chart(own, figure, lambda card: (card.accuracy or {})["value"], y_text=per_cent)
        faster = chart(own, "frames/s", lambda card: float(card.fps or 0), y_kind="log")
        charts = {f"{one.y_title} over LUT": one for one in (better, faster)}
        found.append({"task": task, "charts": charts})
    return found


def values(card: Card) -> str:
    """What the filters of the page look at."""
    return json.dumps([card.like[key] or "" for key in KEYS])


def number(value: float | None) -> str:
    """A figure of the table."""
    return "—" if value is None else f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"


def _hint(card: Card) -> str:
    accuracy = card.accuracy or {}
    return (
        f"{card.name}: {accuracy['name']} {100 * accuracy['value']:.2f} %, {number(card.lut)} LUT, "
        f"{number(card.fps)} frames/s"
    )


def gallery_page(out: Path) -> str:
    """The page as HTML.

    Raises:
        UserError: `out` has no build.
    """
    cards, damaged = cards_below(out) if out.is_dir() else ([], [])
    if not cards:
        raise UserError(f"gallery: {out} has no build with a report; `make build` makes one.")
    choices = {key: sorted({card.like[key] or "" for card in cards}) for key in KEYS}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    css = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(choices["method"])}
    shapes = {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(choices["board"])}
    text = (files("xnorforge.history") / "gallery.html.j2").read_text()
    return environment.from_string(text).render(
        cards=cards,
        damaged=damaged,
        panels=panels(cards, css, shapes),
        choices=choices,
        keys=KEYS,
        css=css,
        shapes=shapes,
        style=svg.style(),
        swatch=swatch,
        inline=inline,
        number=number,
        values=values,
    )


def write_gallery(out: Path, path: Path) -> int:
    """Write the page of the builds in `out`; returns their number.

    Raises:
        UserError: `out` has no build, or `path` is not in it, so that the links would lead nowhere.
    """
    if path.resolve().parent != out.resolve():
        raise UserError(
            f"gallery: {path} is outside {out}, so its links would not work; give a file in {out}."
        )
    page = gallery_page(out)
    with whole(path) as aside:
        aside.write_text(page)
    return page.count("<tr data-of=")
