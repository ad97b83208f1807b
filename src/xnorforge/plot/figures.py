"""Figures of matplotlib as SVG, with text as text and the colours of style.css in place of fixed ones."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from xnorforge.core.cache import cache_dir
from xnorforge.core.errors import one_line
from xnorforge.plot.svg import LETTER, colours, frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72  # per inch: one is a pixel of the picture
SMALL, LARGE, LINE = 10, 13, 14  # size of texts and headings, height of a line
BOLD = 1.2  # how much wider a heading's letters are


@contextmanager
def drawing(
    width: float, height: float, rows: int = 1, columns: int = 1, heading: str = "", caption: str = "",
    **more: Any,
) -> "Iterator[tuple[Figure, list[Axes]]]":  # fmt: skip
    """A figure of `rows` x `columns` axes with a heading above and a caption below; `more` goes to
    matplotlib's `subplots`. What is drawn within has the style of this project.

    Args:
        width, height: pixels, without heading and caption.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(cache_dir() / "matplotlib"))  # the list of fonts
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    foot, head = _lines(caption, width / SMALL), _lines(heading, width / LARGE / BOLD)
    below, above = LINE * len(foot), (LINE + 4) * len(head)
    whole = height + below + above
    with rc_context(_style()):
        figure = Figure((width / POINTS, whole / POINTS), layout="constrained")
        figure.get_layout_engine().set(rect=(0, below / whole, 1, height / whole))  # type: ignore[union-attr]
        figure.text(8 / width, 1 - 4 / whole, "\n".join(head), va="top", size=LARGE, weight="bold")
        figure.text(8 / width, below / whole, "\n".join(foot), va="top", color=colours()["soft"])
        yield figure, list(figure.subplots(rows, columns, squeeze=False, **more).flat)


def _lines(text: str, letters: float) -> list[str]:
    """Wrap the lines of a text at a width, which is given as a multiple of the font size."""
    return [part for line in text.split("\n") for part in wrap(one_line(line), int(letters / LETTER))]


def as_svg(figure: "Figure", about: str) -> str:
    """The picture for a page, described by `about`. Equal figures give equal bytes."""
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context(_style()):
        unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=True, metadata=unsaid)
    body = out.getvalue().partition("<svg ")[2].partition(">")[2].rpartition("</svg>")[0]
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL).replace("xlink:href", "href")
    body = body.replace("font-family: 'DejaVu Sans';", "")  # that of the page or file
    for name, value in colours().items():
        body = body.replace(f": {value}", f": var(--{name})")
    width, height = (POINTS * edge for edge in figure.get_size_inches())
    return frame(width, height, about, [body])


def _style() -> dict[str, Any]:
    """Settings of matplotlib."""
    ink, soft, edge = (colours()[name] for name in ("ink", "soft", "edge"))
    ticks = {f"{axis}tick.{part}color": soft if part else edge for axis in "xy" for part in ("", "label")}
    return ticks | {
        "svg.fonttype": "none", "svg.hashsalt": "xnorforge", "font.family": "DejaVu Sans", "font.size": SMALL,
        "text.color": ink, "axes.edgecolor": edge, "axes.labelcolor": soft, "axes.grid": True,
        "axes.axisbelow": True, "grid.color": edge, "axes.spines.top": False, "axes.spines.right": False,
        "axes.titlesize": 11, "axes.titlelocation": "left", "axes.titlecolor": soft, "axes.titlepad": 8,
        "legend.frameon": False,
    }  # fmt: skip
