"""What all charts are drawn with: plain SVG, a few kilobytes, the same bytes for the same numbers.

Colours are classes of style.css, so that a chart follows the page into a dark scheme.
"""

from html import escape

from xnorforge.core.errors import one_line

LETTER = 0.56  # width of a letter, on average, over its size
MARK = 0.8  # share of a part from which place and route becomes hard


def label(
    x: float, y: float, words: str, anchor: str = "start", size: float = 11, css: str = "", room: float = 0
) -> str:
    """A text in one line; with `room`, its end is left out where it is longer than so many pixels."""
    words = one_line(words)
    if room:
        most = max(int(room / (LETTER * size)), 0)
        words = words if len(words) <= most else words[: most - 1] + "…" if most > 2 else ""
    kind = f' class="{css}"' if css else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"{kind}>'
        f"{escape(words)}</text>"
    )


def box(x: float, y: float, width: float, height: float, css: str, hint: str = "") -> str:
    """A rectangle; `hint` is shown where the pointer rests on it."""
    title = f"<title>{escape(one_line(hint))}</title>" if hint else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'class="{css}" rx="1.5">{title}</rect>'
    )


def polyline(points: list[tuple[float, float]], css: str = "axis") -> str:
    """A line through points (x, y)."""
    at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{at}" class="{css}"/>'


def frame(width: float, height: float, title: str, parts: list[str], scale: float = 1) -> str:
    """The whole picture, `scale` times as large as its coordinates."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{scale * width:g}" role="img" '
        f'aria-label="{escape(one_line(title))}" font-family="inherit">{"".join(parts)}</svg>'
    )


def percent_bar(fraction: float, width: int = 140, mark: bool = True) -> str:
    """One bar for a share, with a mark at 80 % where `mark`; red above one."""
    css = "bar over" if fraction > 1 else "bar"
    parts = [box(0, 1, width, 9, "pale"), box(0, 1, width * min(fraction, 1), 9, css)]
    if mark:
        parts.append(polyline([(width * MARK, 0), (width * MARK, 11)], "mark"))
    return frame(width, 11, f"{100 * fraction:.1f} %", parts)
