"""The picture around a chart: part of a page, or a file of its own; and bars for shares."""

import re
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import one_line

LETTER = 0.56  # average width of a letter, over its size
MARK = 0.8  # share of a part above which place and route becomes hard
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


def box(x: float, y: float, width: float, height: float, css: str) -> str:
    """A rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'class="{css}" rx="1.5"/>'
    )


def frame(width: float, height: float, title: str, parts: list[str]) -> str:
    """The whole picture for a page."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" '
        f'aria-label="{escape(one_line(title))}" font-family="inherit">{"".join(parts)}</svg>'
    )


def percent_bar(fraction: float, width: int = 140, mark: bool = True) -> str:
    """One bar for a share, with a mark at 80 % where `mark`; red above 100 %."""
    css = "bar over" if fraction > 1 else "bar"
    parts = [box(0, 1, width, 9, "pale"), box(0, 1, width * min(fraction, 1), 9, css)]
    if mark:
        parts.append(f'<path d="M{width * MARK:.1f} 0v11" class="mark"/>')
    return frame(width, 11, f"{100 * fraction:.1f} %", parts)


@cache
def style() -> str:
    """The colours and lines of all charts, for the `<style>` of a page."""
    return (files("xnorforge.plot") / "style.css").read_text()


@cache
def colours() -> dict[str, str]:
    """The colours of the light scheme by name, #rrggbb."""
    return dict(re.findall(r"--(\w+): (#\w+);", style().partition("@media")[0]))


def write_svg(path: Path, picture: str) -> None:
    """Write a picture of `frame` as a file of its own."""
    with whole(path) as aside:
        aside.write_text(alone(picture))


def alone(picture: str) -> str:
    """A picture of `frame` as a document of its own, with style and background."""
    head, _, rest = picture.partition(">")
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    head = head.replace('font-family="inherit"', f'font-family="{FONT}"')
    back = '<rect width="100%" height="100%" class="back"/>'
    return f"{head}><style>\n{style()}</style>{back}{rest}\n"
