"""The curve of a run as a picture: loss, accuracy on held-out images, and the share of flipped weight signs.

The lowest panel shows whether a training makes progress: a sign flips where a latent weight crosses zero, and
a layer whose line stays at 0 keeps the random signs it started with. Equal tables give equal bytes.
"""

import csv
from math import isfinite
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.plot.curves import curves
from xnorforge.plot.svg import write_svg

TABLE, PICTURE = "curve.csv", "curve.svg"
POINTS = "phase", "loss", "held_out_accuracy"
SUMMAND = ("loss ", "share ")


def read_curve(path: Path | str) -> list[Record]:
    """The rows of a curve.csv: `epoch`, `phase`, `loss`, `held_out_accuracy`, `flipped <layer>`, and for the
    terms of a loss `loss <name>` and `share <name> <layer>`, which are NaN in epochs without that term.

    Raises:
        UserError: the file is missing, or is not such a table.
    """
    try:
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row.update({key: float("nan" if value == "" and key.startswith(SUMMAND) else value)
                        for key, value in row.items() if key != "phase"})  # fmt: skip
        if not rows or not {"epoch", "phase", "loss", "held_out_accuracy"} <= set(rows[0]):
            raise ValueError("it needs a row and the columns epoch, phase, loss, held_out_accuracy")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path}: the training curve cannot be read ({error}); `make train` writes one."
        ) from error
    return rows


def points(rows: list[Record]) -> Record:
    """{column: a value per epoch}: phase, loss and held-out accuracy; None if not finite."""
    every = [(name, [row[name] for row in rows]) for name in POINTS]
    return {name: [x if isinstance(x, str) or isfinite(x) else None for x in given] for name, given in every}


def draw_run(rows: list[Record], card: Record, folder: Path) -> None:
    """Write the picture of a finished run."""
    write_svg(folder / PICTURE, curves(rows, title(card)))


def title(card: Record) -> str:
    """The heading of a run's picture."""
    return f"{card['net']}, {card['method']}, seed {card['seed']}"
