"""The curve of a run as a picture: loss, accuracy on held-out images, and the share of weight signs that have
flipped.

A training that stands still shows in the lowest panel: signs flip where latents reach zero, and a layer whose
line stays at 0 keeps the random signs it started with. Equal tables give equal bytes.
"""

import csv
import json
from itertools import groupby
from pathlib import Path

from xnorforge.core import extras
from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError
from xnorforge.core.progress import say

TABLE, PICTURE = "curve.csv", "curve.svg"
FLIPPED = "flipped "
SUMMAND = ("loss ", "share ")
INK, SHADE = "#1f4e79", "#f1f1f1"
NAMED = 12  # with more layers than this, a legend would be longer than the picture
# Without these, identifiers and text of an SVG differ from run to run, or from one font on disk to another.
SAME_BYTES = {
    "svg.hashsalt": "xnorforge",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
}
NO_DATE = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def read_curve(path) -> list[dict]:
    """The rows of a curve.csv: `epoch`, `phase`, `loss`, `held_out_accuracy`, `flipped <layer>`, and of the
    summands of a loss `loss <name>`, `share <name> <layer>`, no number in epochs that had no such summand.

    Raises:
        UserError: there is none, or it is not such a table.
    """
    try:
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row.update({key: _number(key, value) for key, value in row.items() if key != "phase"})
        if not rows or not {"epoch", "phase", "loss", "held_out_accuracy"} <= set(rows[0]):
            raise ValueError("it has no row, or not these columns: epoch, phase, loss, held_out_accuracy")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path}: no training curve can be read ({error}); `make train` writes one."
        ) from error
    return rows


def _number(key: str, text: str) -> float:
    """A cell; only of summands some are empty."""
    return float("nan" if text == "" and key.startswith(SUMMAND) else text)


def draw_curves(rows: list[dict], heading: str, path) -> None:
    """Write the picture of a curve; the kind (.svg or .png) is that of `path`."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    epochs = [row["epoch"] for row in rows]
    layers = [key for key in rows[0] if key.startswith(FLIPPED)]
    with matplotlib.rc_context(SAME_BYTES):
        figure = Figure(figsize=(8, 7), layout="constrained")
        loss, accuracy, flipped = figure.subplots(3, sharex=True)
        point = "." if len(rows) < 60 else None
        loss.plot(epochs, [row["loss"] for row in rows], color=INK, marker=point)
        accuracy.plot(epochs, [row["held_out_accuracy"] for row in rows], color=INK, marker=point)
        for at, layer in enumerate(layers):
            # Viridis ends in a yellow that white swallows; the colours of the layers stop before it.
            colour = matplotlib.colormaps["viridis"](0.88 * at / max(1, len(layers) - 1))
            flipped.plot(
                epochs, [row[layer] for row in rows], color=colour, label=layer.removeprefix(FLIPPED)
            )
        loss.set_ylabel("loss")
        accuracy.set_ylabel("held-out accuracy")
        flipped.set_ylabel("weight signs flipped")
        flipped.set_ylim(bottom=0)
        flipped.set_xlabel("epoch")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1))
        flipped.yaxis.set_major_formatter(PercentFormatter(1))
        flipped.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in (loss, accuracy, flipped):
            axes.grid(color="#dddddd", linewidth=0.5)
            axes.spines[["top", "right"]].set_visible(False)
        if layers:
            lines = flipped.get_lines()
            shown = lines if len(lines) <= NAMED else [lines[0], lines[len(lines) // 2], lines[-1]]
            flipped.legend(
                handles=shown, title="layer" if shown == lines else f"{len(lines)} layers", loc="center left",
                bbox_to_anchor=(1, 0.5), frameon=False,
            )  # fmt: skip
        _mark_phases((loss, accuracy, flipped), rows)
        figure.suptitle(heading, x=0.01, ha="left", fontsize=11)
        save_figure(figure, path)


def draw_run(rows: list[dict], card: dict, folder: Path) -> None:
    """Write the picture of a finished run, or say what it lacks: no training is lost for a picture."""
    if extras.is_installed("matplotlib"):
        draw_curves(rows, title(card), folder / PICTURE)
    else:
        say(str(extras.package_missing("matplotlib", PICTURE)))


def save_figure(figure, path) -> None:
    """Write a figure whole, without date and version; inside `rc_context(SAME_BYTES)`."""
    kind = Path(path).suffix[1:]
    with whole(path) as aside:
        figure.savefig(aside, format=kind, dpi=150, metadata=NO_DATE[kind])


def picture(folder, out=None) -> Path:
    """Draw the curve.csv of a run folder into `out`, else into the curve.svg beside it; returns the picture's
    path.

    Raises:
        UserError: there is no curve, or `out` is neither .svg nor .png.
    """
    folder = Path(folder)
    out = Path(out or folder / PICTURE)
    if out.suffix[1:] not in NO_DATE:
        raise UserError(f"{out}: a curve is drawn as .svg or .png; name such a file.")
    extras.require("matplotlib", "a picture")
    card = folder / "card.json"
    draw_curves(
        read_curve(folder / TABLE),
        title(json.loads(card.read_text())) if card.is_file() else folder.resolve().name,
        out,
    )
    return out


def title(card: dict) -> str:
    """What a run's picture is called."""
    return f"{card['net']}, {card['method']}, seed {card['seed']}"


def _mark_phases(panels, rows: list[dict]) -> None:
    """Every second phase shaded, the name of each above it; a training of one phase is left plain."""
    spans = [(name, list(part)) for name, part in groupby(rows, key=lambda row: row["phase"])]
    if len(spans) == 1:
        return
    # Side by side, the names of many short phases would run into each other.
    slant = {"rotation": 40, "ha": "left"} if len(spans) > 6 else {"ha": "center"}
    for at, (name, part) in enumerate(spans):
        first, last = part[0]["epoch"] - 0.5, part[-1]["epoch"] + 0.5
        for axes in panels:
            axes.set_xlim(rows[0]["epoch"] - 0.5, rows[-1]["epoch"] + 0.5)
            if at % 2:
                axes.axvspan(first, last, color=SHADE, zorder=0)
        panels[0].annotate(
            name, ((first + last) / 2, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", va="bottom", fontsize=8, color="#555555", **slant,
        )  # fmt: skip
