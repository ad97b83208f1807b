"""The curve of a training: loss, the figure on held-out images, and the share of flipped weight signs."""

from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING

from xnorforge.core.types import Record
from xnorforge.plot.figures import as_svg, drawing
from xnorforge.plot.svg import colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLIPPED = "flipped "  # begins the names of the columns of layers
FLIPS = "weight signs flipped"
FEW = 6  # with more layers than this, the legend names the first, the middle and the last


def curves(rows: list[Record], heading: str = "", width: float = 640, height: float = 170) -> str:
    """The picture of a training: a panel for the loss, for the held-out figure and for the flipped signs.

    Args:
        rows: one per epoch: `epoch`, `phase`, `loss`, `held_out_accuracy`, and `flipped <layer>` of layers.
        height: of a panel, pixels.
    """
    layers = [key for key in rows[0] if key.startswith(FLIPPED)]
    panels = {"loss": ["loss"], "held-out accuracy": ["held_out_accuracy"], FLIPS: layers}
    finite = {name for row in rows for name in row if name != "phase" and isfinite(row[name])}
    panels = {title: names for title, names in panels.items() if finite & {*names}}
    with drawing(width, height * len(panels), len(panels), heading=heading, sharex=True) as (figure, axes):
        for axis, (title, names) in zip(axes, panels.items()):
            axis.set_title(title)
            _draw_lines(axis, rows, names, colours()["s1" if title == "loss" else "s0"])
            _shade_phases(axis, rows, axis is axes[0])
            if title != "held-out accuracy":
                axis.set_ylim(bottom=0)
            if title != "loss":
                axis.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.10g} %")
        if panels.get(FLIPS):
            _name_layers(axes[-1], layers)
        axes[-1].set_xlabel("epoch", loc="right")
        return as_svg(figure, "training curve")


def _draw_lines(axis: "Axes", rows: list[Record], names: list[str], colour: str) -> None:
    """A line per column, the later the paler."""
    from matplotlib.ticker import MaxNLocator

    for place, name in enumerate(names):
        shown = [(row["epoch"], row[name]) for row in rows if isfinite(row[name])]
        pale, marker = 1 - 0.8 * place / len(names), "." if len(shown) == 1 else ""
        axis.plot(*zip(*shown), color=colour, alpha=pale, gid=name, marker=marker)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlim(rows[0]["epoch"] - 0.5, rows[-1]["epoch"] + 0.5)


def _shade_phases(axis: "Axes", rows: list[Record], named: bool) -> None:
    """The phases, every second one shaded; a training of one phase has no marks."""
    phases = [(name, list(part)) for name, part in groupby(rows, key=lambda row: row["phase"])]
    words = {"rotation": 90 if len(phases) > FEW else 0, "color": colours()["soft"], "clip_on": True}
    for place, (name, part) in enumerate(phases if len(phases) > 1 else ()):
        low, high = part[0]["epoch"] - 0.5, part[-1]["epoch"] + 0.5
        axis.axvspan(low, high, color=colours()["shade"] if place % 2 else "none", zorder=0)
        if named:
            at = axis.get_xaxis_transform()
            axis.text((low + high) / 2, 0.97, name, transform=at, ha="center", va="top", **words)


def _name_layers(axis: "Axes", layers: list[str]) -> None:
    """A legend of all lines, or of the first, the middle and the last."""
    few = len(layers) <= FEW
    shown = range(len(layers)) if few else (0, len(layers) // 2, -1)
    words = [layers[at].removeprefix(FLIPPED) for at in shown]
    words[0] = words[0] if few else f"{len(layers)} layers: {words[0]}"
    lines = [axis.lines[at] for at in shown]
    axis.legend(lines, words, loc="lower right", bbox_to_anchor=(1, 1), ncols=FEW, borderpad=0)
