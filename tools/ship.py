"""Ship a run, with the figures of other runs that differ from it only in the seed:

    python tools/ship.py out/compare/cifar10-cnv_half/60/ste-{0,1,2} -o sw/shipped

The first run's weights go into `<net>-<method>/`; card.json states all runs.
"""

import argparse
import json
import shutil
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.sw.training import curves, weights
from xnorforge.sw.training.summands import MOVE, MOVED

LEAST = 1e-3  # share of a method's own term in the task's gradient, in at least one layer
SAME = ("net", "method", "hyper", "recipe", "arithmetic", "threads", "init", "data", "tools")


def ship_run(runs: list[Path], shelf: Path) -> Path:
    """Write a shipped network; returns its folder.

    Args:
        runs: folders of training runs, the one whose weights are shipped first.
        shelf: the folder of shipped networks.

    Raises:
        UserError: a folder has no weights, two runs differ in more than the seed, or not in the seed, or a
            term of the method did nothing.
    """
    cards = [weights.read_weights(run)[0] for run in runs]
    for run, card in zip(runs, cards, strict=True):
        _see_that_it_acts(run, card["method"])
    for run, card in zip(runs[1:], cards[1:], strict=True):
        if other := [key for key in SAME if card.get(key) != cards[0].get(key)]:
            raise UserError(
                f"{run}: its {other[0]} is {json.dumps(card.get(other[0]))}, but that of {runs[0]} is "
                f"{json.dumps(cards[0].get(other[0]))}; give runs that differ only in the seed."
            )
    seeds = [card["seed"] for card in cards]
    if len(set(seeds)) < len(seeds):
        raise UserError(f"{shelf}: runs of the seeds {seeds} were given; give each seed once.")
    card = dict(cards[0])
    if len(cards) > 1:
        card["seeds"] = [{key: one[key] for key in ("seed", "accuracy")} for one in cards]
    folder = shelf / f"{card['net']}-{card['method']}"
    with artifacts.whole(folder) as aside:
        aside.mkdir(parents=True)
        shutil.copyfile(runs[0] / weights.FILE, aside / weights.FILE)
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
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        print(ship_run(given.runs, given.out))
    except UserError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
