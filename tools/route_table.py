"""Place and route of every shipped network for one board: clocks of its seeds, sites, the slowest operators.

python tools/route_table.py [--board ulx3s] [--seeds 1,2,3] [--nets a,b] [FOLDER]   in Markdown

Results of an earlier run in FOLDER are reused, so an interrupted run resumes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import shipped

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.route import place_and_route
from xnorforge.flows.synth import synthesise
from xnorforge.pipeline import options

HEAD = "| network, method | cycles | MHz by seed | least, median | frames/s, median | sites | slowest path |"
RULE = "|---|---:|---|---|---:|---|---|"
IMAGES = 20  # golden images, which an export needs
SITES = 4  # number of site kinds that a row names, the most used ones


def route_rows(board: str, seeds: Sequence[int], folder: Path, nets: Sequence[str] = ()) -> Iterator[str]:
    """A row of the table for every shipped network.

    Args:
        seeds: of the placement, each a run.
        folder: the folder for the networks.
        nets: the requested networks; by default all.
    """
    for name, net_dir in shipped.lowered_networks(IMAGES, folder, nets):
        acc = net_dir / f"rtl-{board}"
        try:
            if not (acc / "synth.json").exists():
                fold(net_dir, board, acc)
                generate(acc / "folded.onnx", acc / "rtl")
                synthesise(acc, net_dir)
            record = place_and_route(acc, net_dir, seeds)
        except UserError as error:
            yield f"| {name} | refused: {error} | | | | | |"
            continue
        yield route_row(name, artifacts.read_json(acc / "fold.json")["interval_bound"], record)


def route_row(name: str, cycles: int, record: dict) -> str:
    """The row for a record of the stage.

    Args:
        cycles: between two results, by formula.
    """
    clock, slowest = record["clock"], record["critical_paths"][0]
    found = sorted(record["used"].items(), key=lambda item: -item[1]["used"])[:SITES]
    cells = [
        f"{cycles:,}",
        ", ".join(f"{one['mhz']:.1f}" for one in record["seeds"]),
        f"{clock['least']:.1f}, {clock['median']:.1f}",
        f"{round(clock['median'] * 1e6 / cycles):,}",
        ", ".join(f"{sites['used']:,} {kind}" for kind, sites in found),
        f"{slowest['ns']:.1f} ns: {' → '.join(slowest['operators'])}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """The command."""
    given = shipped.table_parser("tools/route_table.py", __doc__, "ulx3s")
    given.add_argument("--seeds", default="1,2,3")
    asked = given.parse_args()
    seeds = options.named("seeds").read(asked.seeds)
    shipped.print_table(
        (HEAD, RULE), lambda folder: route_rows(asked.board, seeds, folder, asked.nets), asked.folder
    )


if __name__ == "__main__":
    main()
