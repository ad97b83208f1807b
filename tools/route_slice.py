"""Place and route of some of a design's operators for a board that is too small for the whole design.

python tools/route_slice.py ACC FIRST LAST [--board ulx3s] [--seeds 1] FOLDER

ACC is the folder of the built accelerator; the operators FIRST to LAST, in stream order, keep their folding.
FOLDER gets the output of the stages, and the row of `route_table.py` is printed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import onnx
from route_table import HEAD, RULE, route_row

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError, unknown
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph, of_family
from xnorforge.flows.route import place_and_route
from xnorforge.flows.synth import synthesise
from xnorforge.hw import boards, graph
from xnorforge.pipeline import options


def route_slice(acc: Path, first: str, last: str, board: str, seeds: Sequence[int], folder: Path) -> str:
    """The row of the operators `first` to `last` of a folded network.

    Args:
        acc: folder with its `folded.onnx` and `fold.json`.
        board: target board for mapping, placement and routing.
        seeds: of the placement, each a run.
        folder: the output folder.

    Raises:
        UserError: no such operators; the slice is larger than the part, or not routed.
    """
    ops = graph.operators(acc / "folded.onnx")
    names = [op.name for op in ops]
    for name in (first, last):
        if name not in names:
            raise unknown("operator", name, names)
    chosen = ops[names.index(first) : names.index(last) + 1]
    if not chosen:
        raise UserError(f"{first}, {last}: the first comes after the last; give them in stream order.")
    target, kept = boards.load(board), {op.name for op in chosen}
    fold = artifacts.read_json(acc / "fold.json")
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(folded_graph(of_family(chosen, target), f"{first}-{last}"), folder / "folded.onnx")
    rows = [row for row in fold["operators"] if row["name"] in kept]
    artifacts.write_json(
        folder / "fold.json", fold | {"board": target.name, "part": target.part, "operators": rows}
    )
    generate(folder / "folded.onnx", folder / "rtl")
    synthesise(folder, acc.parent)
    record = place_and_route(folder, acc.parent, seeds)
    return route_row(f"{acc.parent.name}, {first} to {last}", max(op.cycles() for op in chosen), record)


def main() -> None:
    """The command."""
    given = argparse.ArgumentParser(prog="tools/route_slice.py", description=__doc__)
    given.add_argument("acc", type=Path)
    given.add_argument("first")
    given.add_argument("last")
    given.add_argument("--board", default="ulx3s")
    given.add_argument("--seeds", default="1")
    given.add_argument("folder", type=Path)
    asked = given.parse_args()
    row = route_slice(
        asked.acc,
        asked.first,
        asked.last,
        asked.board,
        options.named("seeds").read(asked.seeds),
        asked.folder,
    )
    print(HEAD, RULE, row, sep="\n")


if __name__ == "__main__":
    main()
