"""Shapes and text of a chart, and the picture around them: part of a page, or a file of its own."""

from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import one_line

LETTER = 0.56  # average width of a letter, over its size
MARK = 0.8  # share of a part above which place and route becomes hard
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


def wide(words: str, size: float) -> float:
    """The width of a text, about."""
    return LETTER * size * len(words)


def label(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    size: float = 11,
    css: str = "",
    room: float = 0,
    turn: float = 0,
) -> str:
    """A text in one line.

    Args:
        room: width in pixels, beyond which the text is cut; 0: no limit.
        turn: degrees by which it is rotated.
    """
    words = one_line(words)
    if room:
        most = max(int(room / (LETTER * size)), 0)
        words = words if len(words) <= most else words[: most - 1] + "…" if most > 2 else ""
    kind = f' class="{css}"' if css else ""
    rotated = f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"{kind}{rotated}>'
        f"{escape(words)}</text>"
    )


def box(x: float, y: float, width: float, height: float, css: str, hint: str = "") -> str:
    """A rectangle; `hint` is shown where the pointer rests on it."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'class="{css}" rx="1.5">{titled(hint)}</rect>'
    )


def titled(hint: str) -> str:
    """A hint as a `<title>`; nothing for an empty one."""
    return f"<title>{escape(one_line(hint))}</title>" if hint else ""


def polyline(points: list[tuple[float, float]], css: str = "axis", hint: str = "") -> str:
    """A line through points (x, y)."""
    at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    if hint:
        return f'<polyline points="{at}" class="{css}">{titled(hint)}</polyline>'
    return f'<polyline points="{at}" class="{css}"/>'


def frame(width: float, height: float, title: str, parts: list[str], scale: float = 1) -> str:
    """The whole picture for a page, `scale` times as large as its coordinates."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{scale * width:g}" role="img" '
        f'aria-label="{escape(one_line(title))}" font-family="inherit">{"".join(parts)}</svg>'
    )


def percent_bar(fraction: float, width: int = 140, mark: bool = True) -> str:
    """One bar for a share, with a mark at 80 % where `mark`; red above 100 %."""
    css = "bar over" if fraction > 1 else "bar"
    parts = [box(0, 1, width, 9, "pale"), box(0, 1, width * min(fraction, 1), 9, css)]
    if mark:
        parts.append(polyline([(width * MARK, 0), (width * MARK, 11)], "mark"))
    return frame(width, 11, f"{100 * fraction:.1f} %", parts)


@cache
def style() -> str:
    """The colours and lines of all charts, for the `<style>` of a page."""
    return (files("xnorforge.plot") / "style.css").read_text()


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
