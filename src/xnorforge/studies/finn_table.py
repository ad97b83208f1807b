"""BACKEND=finn on every shipped network: FINN's estimates beside ours, or the sentence that refuses it.

python -m xnorforge.studies.finn_table [--board pynq-z2] [--images 20] [FOLDER]   prints a table in Markdown

A network that lies in FOLDER, exported and lowered by an earlier run, is taken from there.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.finn import finn
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.sw import zoo

HEAD = "| network, method | integers compared | cycles: ours, FINN | LUT: ours, FINN | BRAM36: ours, FINN |"
RULE = "|---|---:|---:|---:|---:|"


def lowered_network(net: str, method: str, images: int, net_dir: Path) -> None:
    """Export and lower a shipped network with its first golden images, unless that is done."""
    if (net_dir / "lower.json").exists():
        return
    net_dir.mkdir(parents=True, exist_ok=True)
    module, known = zoo.load(net, method)
    pictures, labels, which = zoo.golden(net, images)
    export(module, pictures, labels, net_dir, {**known, "images": which})
    lower(net_dir / "model.onnx", net_dir / "golden.npz", net_dir)


def finn_rows(board: str, images: int, folder: Path) -> Iterator[str]:
    """A row of the table for every shipped network.

    Args:
        images: golden images that the network is exported and lowered with; the stage takes the first of
            them, and random ones.
        folder: where the networks go.

    Raises:
        MismatchError: FINN's graph gives other integers.
    """
    for net, method in zoo.shipped():
        net_dir = folder / f"{net}-{method}"
        lowered_network(net, method, images, net_dir)
        acc = net_dir / f"finn-{board}"
        try:
            fold(net_dir, board, acc)
            finn(net_dir, acc)
        except UserError as error:
            yield f"| {net}, {method} | refused: {error} | | | |"
            continue
        yield finn_row(f"{net}, {method}", artifacts.read_json(acc / "finn.json"))


def finn_row(name: str, record: dict) -> str:
    """The row of a record of the stage."""
    ours, theirs = record["ours"], record["estimate"]
    compared = sum(check["integers"] for check in record["checks"] if check["images"])
    found = {**theirs, "bram36": theirs["bram18"] / 2}
    cells = [f"{round(ours[key]):,}, {found[key]:,}" for key in ("cycles", "lut")]
    cells.append(f"{ours['bram36']:g}, {found['bram36']:g}")
    return f"| {name} | {compared:,} | {' | '.join(cells)} |"


def main() -> None:
    """The command."""
    given = argparse.ArgumentParser(prog="xnorforge.studies.finn_table", description=__doc__)
    given.add_argument("folder", nargs="?", type=Path)
    given.add_argument("--board", default="pynq-z2")
    given.add_argument("--images", type=int, default=20)
    asked = given.parse_args()
    with TemporaryDirectory(prefix="xnorforge-finn-table-") as inside:
        print(HEAD, RULE, sep="\n", flush=True)
        for row in finn_rows(asked.board, asked.images, asked.folder or Path(inside)):
            print(row, flush=True)


if __name__ == "__main__":
    main()
