"""The curve of a training: loss, the figure on held-out images, and the share of flipped weight signs."""

from itertools import groupby
from math import isfinite

from xnorforge.core.types import Record
from xnorforge.plot.chart import Chart, Line, Span, compose, per_cent
from xnorforge.plot.svg import wide

FLIPPED = "flipped "  # begins the names of the columns of layers
NAMED = 8  # with more layers than this, the legend names the first, the middle and the last
RAMP = 5  # colours


def curves(rows: list[Record], heading: str = "", width: float = 640, height: float = 170) -> str:
    """The picture of a training: a panel for the loss, for the held-out figure and for the flipped signs.

    Args:
        rows: one per epoch: `epoch`, `phase`, `loss`, `held_out_accuracy`, and `flipped <layer>` of layers.
    """
    spans, x = _spans(rows), [row["epoch"] for row in rows]
    ends = (x[0] - 0.5, x[-1] + 0.5) if spans else (x[0], x[-1])

    def panel(title: str, columns: dict[str, str], **more) -> Chart:
        lines = [
            Line([(row["epoch"], row[name]) for row in rows if isfinite(row[name])], f"line {css}", name=name)
            for name, css in columns.items()
        ]
        lines = [line for line in lines if line.at]
        return Chart(y_title=title, tight=True, width=width, height=height, lines=lines, x_more=ends, **more)

    layers = [key for key in rows[0] if key.startswith(FLIPPED)]
    charts = [
        panel("loss", {"loss": "s1"}, y_more=(0,)),
        panel("held-out accuracy", {"held_out_accuracy": "s0"}, y_text=per_cent),
    ]
    if layers:
        colours = {name: f"q{RAMP * place // len(layers)}" for place, name in enumerate(layers)}
        flipped = panel("weight signs flipped", colours, y_more=(0,), y_text=per_cent)
        flipped.legend = _legend(colours, width)
        charts.append(flipped)
    charts = [chart for chart in charts if chart.lines]
    for place, chart in enumerate(charts):
        chart.spans = [Span(one.low, one.high, "" if place else one.name, one.shaded) for one in spans]
        chart.right += 30 * chart.slanted
        chart.height += chart.above() - 24  # panels equally high, whatever is above them
    charts[-1].x_title = "epoch"
    charts[-1].height += 16
    return compose(charts, "training curve", heading)


def _legend(colours: dict[str, str], width: float) -> list[tuple[str, str, str]]:
    names = list(colours)
    few = len(names) <= NAMED and sum(wide(name, 10) + 28 for name in names) < width
    shown = names if few else [names[0], names[len(names) // 2], names[-1]]
    texts = {name: name.removeprefix(FLIPPED) for name in shown}
    texts[shown[0]] = texts[shown[0]] if few else f"{len(names)} layers: {texts[shown[0]]}"
    return [(text, colours[name], "line") for name, text in texts.items()]


def _spans(rows: list[Record]) -> list[Span]:
    """The phases, every second one shaded; a training of one phase has no marks."""
    phases = [(name, list(part)) for name, part in groupby(rows, key=lambda row: row["phase"])]
    if len(phases) == 1:
        return []
    return [
        Span(part[0]["epoch"] - 0.5, part[-1]["epoch"] + 0.5, name, bool(place % 2))
        for place, (name, part) in enumerate(phases)
    ]
