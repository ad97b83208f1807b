"""One page over all builds below a folder: accuracy over LUT, frames/s over LUT, a table; every dot a link.

The page is one file that fetches nothing and can be read without script; script only filters.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from xnorforge.core.artifacts import read_json, whole
from xnorforge.core.errors import UserError, one_line
from xnorforge.history.axes import Axis, linear_axis, log_axis
from xnorforge.history.entries import build_identity, main_accuracy

KEYS = ("task", "network", "method", "board", "backend")
# By method: colours that a colour vision deficiency leaves apart (Okabe and Ito 2008); by board: shapes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d46", "#777777")
SHAPES = (
    "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z",
    "M-4.5,-4.5h9v9h-9z",
    "M0,-6l5.5,9.5h-11z",
    "M0,-6.5l5,6.5l-5,6.5l-5,-6.5z",
    "M-5.5,-4h11l-5.5,9.5z",
    "M-2,-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
)
WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 460, 280, 64, 32, 44  # of a chart, in pixels of its own


@dataclass(frozen=True)
class Card:
    """One build on the page; what its report does not have is None."""

    like: dict[str, str | None]
    link: str
    verdict: str
    accuracy: dict[str, Any] | None
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
    """The builds below a folder, by task, network, method and board; and the reports that cannot be read."""
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


def _chart(
    title: str, about: str, dots: list[tuple[float, float, Card]], y_axis: Axis, y_text: Callable
) -> dict:
    """What the template draws: x is LUT, by powers of ten."""
    x_axis = log_axis([x for x, _, _ in dots])
    inner, high = WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM - 14

    def x_of(value: float) -> float:
        return round(LEFT + inner * x_axis.at(value), 1)

    def y_of(value: float) -> float:
        return round(14 + high * (1 - y_axis.at(value)), 1)

    return {
        "title": title,
        "about": about,
        "dots": [{"x": x_of(x), "y": y_of(y), "card": card} for x, y, card in dots],
        "x_ticks": [(x_of(tick), f"{tick:,g}") for tick in x_axis.ticks],
        "y_ticks": [(y_of(tick), y_text(tick)) for tick in y_axis.ticks],
    }


def panels(cards: list[Card]) -> list[dict[str, Any]]:
    """Per task and figure of accuracy two charts; builds without LUT or accuracy are in the table alone."""
    kinds: dict[tuple[str, str], list[Card]] = {}
    for card in cards:
        if card.accuracy and card.lut and card.fps:
            kind = card.like["task"] or card.like["network"] or "", card.accuracy["name"]
            kinds.setdefault(kind, []).append(card)
    found = []
    for (task, figure), own in sorted(kinds.items()):
        better = [(float(card.lut or 0), card.accuracy["value"], card) for card in own if card.accuracy]
        faster = [(float(card.lut or 0), float(card.fps or 0), card) for card in own]
        percent = _chart(
            f"{figure} over LUT",
            f"{figure} of {task} over LUT",
            better,
            linear_axis([y for _, y, _ in better]),
            lambda tick: f"{100 * tick:g} %",
        )
        speed = _chart(
            "frames/s over LUT",
            f"frames/s of {task} over LUT",
            faster,
            log_axis([y for _, y, _ in faster]),
            lambda tick: f"{tick:,g}",
        )
        found.append({"task": task, "charts": [percent, speed]})
    return found


def gallery_page(out: Path) -> str:
    """The page as HTML.

    Raises:
        UserError: there is no build below `out`.
    """
    cards, damaged = cards_below(out) if out.is_dir() else ([], [])
    if not cards:
        raise UserError(f"gallery: no build with a report below {out}; `make build` makes one.")
    choices = {key: sorted({card.like[key] or "" for card in cards}) for key in KEYS}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(choices["method"])}
    shapes = {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(choices["board"])}
    text = (files(__package__) / "gallery.html.j2").read_text()
    return environment.from_string(text).render(
        cards=cards,
        damaged=damaged,
        panels=panels(cards),
        choices=choices,
        keys=KEYS,
        colours=colours,
        shapes=shapes,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=RIGHT,
        bottom=BOTTOM,
        number=lambda value: "—" if value is None else f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}",
        values=lambda card: json.dumps([card.like[key] or "" for key in KEYS]),
    )


def write_gallery(out: Path, path: Path) -> int:
    """Write the page of the builds below `out`; returns how many they are.

    Raises:
        UserError: there is none, or `path` lies elsewhere, where the links would lead nowhere.
    """
    if path.resolve().parent != out.resolve():
        raise UserError(f"gallery: the links of the page start at {out}; give a file in that folder.")
    page = gallery_page(out)
    with whole(path) as aside:
        aside.write_text(page)
    return page.count("<tr data-of=")
