"""Ship a run: its weights and its card go into `<net>-<method>/`.

python tools/ship.py out/compare/cifar10-cnv_half/60/ste-0 -o sw/shipped
"""

import argparse
import shutil
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.sw.training import curves, weights
from xnorforge.sw.training.summands import MOVE, MOVED

LEAST = 1e-3  # share of a method's own term in the task's gradient, in at least one layer


def ship_run(run: Path, shelf: Path) -> Path:
    """Write a shipped network; returns its folder.

    Args:
        run: folder of the training.
        shelf: the folder of shipped networks.

    Raises:
        UserError: the folder has no weights, or a term of the method did nothing.
    """
    card = weights.read_weights(run)[0]
    _see_that_it_acts(run, card["method"])
    folder = shelf / f"{card['net']}-{card['method']}"
    with artifacts.whole(folder) as aside:
        aside.mkdir(parents=True)
        shutil.copyfile(run / weights.FILE, aside / weights.FILE)
        artifacts.write_json(aside / "card.json", card)
    return folder


def _see_that_it_acts(run: Path, method: str) -> None:
    """Refuse a run in which a term of the method's own loss stays below `LEAST` of the task's gradient in
    every layer, or in which a method that changes sums changes none.
    """
    for term, (value, layer) in largest_terms(run).items():
        if term == MOVE:
            continue
        if term == MOVED and not value:
            raise UserError(
                f"{run}: no edge of {method} changes a sum in any layer; mine more, or with a smaller dead "
                "zone."
            )
        if term != MOVED and value < LEAST:
            raise UserError(
                f"{run}: the term {term} of {method} is at most {value:.2g} of the task's gradient, in "
                f"{layer}; below {LEAST:g} it does nothing, so give it a larger weight and train again."
            )


def largest_terms(run: Path) -> dict[str, tuple[float, str]]:
    """Return, for each term of the method's own loss in a run's curve, its largest share of the task's
    gradient and the layer that has it; likewise `moved` and `move` of a method that changes sums.
    """
    largest: dict[str, tuple[float, str]] = {}
    for row in curves.read_curve(run / curves.TABLE):
        for key, value in row.items():
            kind, _, place = key.partition(" ")
            term, _, layer = place.partition(" ") if kind == "share" else (kind, "", place)
            if kind in ("share", MOVED, MOVE) and value == value:
                largest[term] = max(largest.get(term, (-1.0, "")), (value, layer))
    return largest


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="tools/ship.py", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        print(ship_run(given.run, given.out))
    except UserError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
