"""Ship the best of all runs of a network and method since the last shipping, by held-out pictures: its
weights and its card, which lists them all, go into `<net>-<method>/`. Test pictures have no say. Where runs
of its settings held out parts of the training pictures (RECIPE=ours,fold=1), the mean of these decides.

python tools/ship.py out/compare/cifar10-cnv_half/60/ste-* -o sw/shipped
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.sw.training import curves, weights
from xnorforge.sw.training.summands import LEAST, MOVE, MOVED, largest_terms


def ship_run(runs: Sequence[Path], shelf: Path) -> Path:
    """Write a shipped network; returns its folder.

    Args:
        runs: folders of trainings of one network by one method; of equal ones the first is taken. Those with
            a fold speak for a run of the same settings without one, and are not shipped.
        shelf: the folder of shipped networks.

    Raises:
        UserError: a folder has no weights or is of another network, all have folds, or a term did nothing.
    """
    cards = [weights.read_weights(run)[0] for run in runs]
    of = [f"{one['net']} with {one['method']}" for one in cards]
    if strange := [at for at, words in enumerate(of) if words != of[0]]:
        raise UserError(
            f"{runs[strange[0]]}: a run of {of[strange[0]]}, but {runs[0]} is one of {of[0]}; give runs of "
            "one of them."
        )
    told = ("seed", "recipe", "held_out_accuracy")
    rows = [{"run": run.name} | {key: one[key] for key in told} for run, one in zip(runs, cards)]
    whole = [pair for pair in zip(runs, cards) if not pair[1]["recipe"].get("fold")]
    if not whole:
        raise UserError(f"{runs[0]}: all runs hold out a fold; give one of all training pictures as well.")
    run, card = max(whole, key=lambda pair: _held_out(pair[1], cards))
    card["candidates"] = rows
    _see_that_it_acts(run, card["method"])
    folder = shelf / f"{card['net']}-{card['method']}"
    with artifacts.whole(folder) as aside:
        aside.mkdir(parents=True)
        shutil.copyfile(run / weights.FILE, aside / weights.FILE)
        artifacts.write_json(aside / "card.json", card)
    return folder


def _held_out(card: Record, cards: Sequence[Record]) -> float:
    """The figure of a run on held-out pictures; of folds of its settings, if there are any, the mean."""
    same = [one for one in cards if one["hyper"] == card["hyper"] and one["recipe"].get("fold")]
    folds = [one for one in same if one["recipe"] | {"fold": 0} == card["recipe"] | {"fold": 0}]
    return fmean(one["held_out_accuracy"] for one in folds or [card])


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
