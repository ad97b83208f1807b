"""The curve of a training: loss, the figure on held-out images, and the share of flipped weight signs."""

from itertools import groupby
from math import isfinite

from xnorforge.core.types import Record
from xnorforge.plot.figures import as_svg, drawing
from xnorforge.plot.svg import colours

FLIPPED = "flipped "  # begins the names of the columns of layers
FEW = 6  # with more layers than this, the legend names the first, the middle and the last


def curves(rows: list[Record], heading: str = "", width: float = 640, height: float = 170) -> str:
    """The picture of a training: a panel for the loss, for the held-out figure and for the flipped signs.

    Args:
        rows: one per epoch: `epoch`, `phase`, `loss`, `held_out_accuracy`, and `flipped <layer>` of layers.
        height: of a panel, pixels.
    """
    layers = [key for key in rows[0] if key.startswith(FLIPPED)]
    panels = {"loss": ["loss"], "held-out accuracy": ["held_out_accuracy"], "weight signs flipped": layers}
    finite = {name for row in rows for name in row if name != "phase" and isfinite(row[name])}
    panels = {title: names for title, names in panels.items() if finite & {*names}}
    phases = [(name, list(part)) for name, part in groupby(rows, key=lambda row: row["phase"])]
    with drawing(width, height * len(panels), len(panels), heading=heading, sharex=True) as (figure, axes):
        from matplotlib.ticker import MaxNLocator

        for at, (axis, (title, names)) in enumerate(zip(axes, panels.items())):
            for place, name in enumerate(names):
                colour = colours()["s1" if title == "loss" else "s0"]
                shown = [(row["epoch"], row[name]) for row in rows if isfinite(row[name])]
                axis.plot(
                    *zip(*shown),
                    color=colour,
                    alpha=1 - 0.8 * place / len(names),
                    gid=name,
                    marker="." if len(shown) == 1 else "",
                )
            axis.set_title(title)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axis.set_xlim(rows[0]["epoch"] - 0.5, rows[-1]["epoch"] + 0.5)
            if title != "held-out accuracy":
                axis.set_ylim(bottom=0)
            if title != "loss":
                axis.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.10g} %")
            for place, (name, part) in enumerate(phases if len(phases) > 1 else ()):
                low, high = part[0]["epoch"] - 0.5, part[-1]["epoch"] + 0.5
                axis.axvspan(low, high, color=colours()["shade"] if place % 2 else "none", zorder=0)
                if not at:
                    turn, colour = 90 if len(phases) > FEW else 0, colours()["soft"]
                    words = {"rotation": turn, "ha": "center", "va": "top", "color": colour, "clip_on": True}
                    axis.text((low + high) / 2, 0.97, name, transform=axis.get_xaxis_transform(), **words)
        if len(axes[-1].lines) == len(layers):
            lines = (
                axes[-1].lines
                if len(layers) <= FEW
                else [axes[-1].lines[at] for at in (0, len(layers) // 2, -1)]
            )
            words = [str(line.get_gid()).removeprefix(FLIPPED) for line in lines]
            words[0] = words[0] if len(layers) <= FEW else f"{len(layers)} layers: {words[0]}"
            axes[-1].legend(lines, words, loc="lower right", bbox_to_anchor=(1, 1), ncols=FEW, borderpad=0)
        axes[-1].set_xlabel("epoch", loc="right")
        return as_svg(figure, "training curve")
