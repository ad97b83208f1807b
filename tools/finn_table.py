"""BACKEND=finn on every shipped network: FINN's estimates next to ours, or the reason for a refusal.

python tools/finn_table.py [--board pynq-z2] [--images 20] [FOLDER]   prints a table in Markdown

A network in FOLDER that an earlier run exported and lowered is reused.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import shipped

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.finn import finn
from xnorforge.flows.fold import fold

HEAD = "| network, method | integers compared | cycles: ours, FINN | LUT: ours, FINN | BRAM36: ours, FINN |"
RULE = "|---|---:|---:|---:|---:|"


def finn_rows(board: str, images: int, folder: Path, nets: Sequence[str] = ()) -> Iterator[str]:
    """A row of the table for every shipped network.

    Args:
        images: golden images that the network is exported and lowered with; the stage uses the first of them,
            and random ones.
        folder: the folder for the networks.
        nets: the requested networks; by default all.

    Raises:
        MismatchError: FINN's graph computes other integers.
    """
    for name, net_dir in shipped.lowered_networks(images, folder, nets):
        acc = net_dir / f"finn-{board}"
        try:
            fold(net_dir, board, acc)
            finn(net_dir, acc)
        except UserError as error:
            yield f"| {name} | refused: {error} | | | |"
            continue
        yield finn_row(name, artifacts.read_json(acc / "finn.json"))


def finn_row(name: str, record: dict) -> str:
    """The row for a record of the stage."""
    ours, theirs = record["ours"], record["estimate"]
    compared = sum(check["integers"] for check in record["checks"] if check["images"])
    found = {**theirs, "bram36": theirs["bram18"] / 2}
    cells = [f"{round(ours[key]):,}, {found[key]:,}" for key in ("cycles", "lut")]
    cells.append(f"{ours['bram36']:g}, {found['bram36']:g}")
    return f"| {name} | {compared:,} | {' | '.join(cells)} |"


def main() -> None:
    """The command."""
    given = shipped.table_parser("tools/finn_table.py", __doc__, "pynq-z2")
    given.add_argument("--images", type=int, default=20)
    asked = given.parse_args()
    shipped.print_table(
        (HEAD, RULE), lambda folder: finn_rows(asked.board, asked.images, folder, asked.nets), asked.folder
    )


if __name__ == "__main__":
    main()
