"""Ship the best of all runs of a network and method since the last shipping, by held-out pictures: its
weights and its card, which lists them all, go into `<net>-<method>/`. Test pictures have no say.

python tools/ship.py out/compare/cifar10-cnv_half/60/ste-* -o sw/shipped
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.sw.training import curves, weights
from xnorforge.sw.training.summands import LEAST, MOVE, MOVED, largest_terms


def ship_run(runs: Sequence[Path], shelf: Path) -> Path:
    """Write a shipped network; returns its folder.

    Args:
        runs: folders of trainings of one network by one method; of equal ones the first is taken.
        shelf: the folder of shipped networks.

    Raises:
        UserError: a folder has no weights or is of another network, or a term of the method did nothing.
    """
    cards = [weights.read_weights(run)[0] for run in runs]
    if strange := [
        one for one in cards if (one["net"], one["method"]) != (cards[0]["net"], cards[0]["method"])
    ]:
        raise UserError(
            f"{runs[cards.index(strange[0])]}: a run of {strange[0]['net']} with {strange[0]['method']}, but "
            f"{runs[0]} is one of {cards[0]['net']} with {cards[0]['method']}; give runs of one of them."
        )
    told = ("seed", "recipe", "held_out_accuracy")
    rows = [{"run": run.name} | {key: one[key] for key in told} for run, one in zip(runs, cards)]
    run, card = max(zip(runs, cards), key=lambda pair: pair[1]["held_out_accuracy"])
    card["candidates"] = rows
    _see_that_it_acts(run, card["method"])
    folder = shelf / f"{card['net']}-{card['method']}"
    with artifacts.whole(folder) as aside:
        aside.mkdir(parents=True)
        shutil.copyfile(run / weights.FILE, aside / weights.FILE)
        artifacts.write_json(aside / "card.json", card)
    return folder


def _see_that_it_acts(run: Path, method: str) -> None:
    """Refuse a run in which a term of the method's own loss stays below `LEAST` of the task's gradient in
    every layer, or in which a method that changes sums changes none."""
    for term, (value, layer) in largest_terms(curves.read_curve(run / curves.TABLE)).items():
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


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="tools/ship.py", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        print(ship_run(given.runs, given.out))
    except UserError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
