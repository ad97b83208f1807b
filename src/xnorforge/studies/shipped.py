"""What studies of all shipped networks share: the networks, exported and lowered, and a command that prints a
table in Markdown.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from xnorforge.flows.export import export
from xnorforge.flows.lower import lower
from xnorforge.sw import zoo


def lowered_networks(images: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of every shipped network with its first golden images, exported and lowered unless that
    is done.

    Args:
        images: how many golden images.
        folder: where the networks go, a folder each.
    """
    for net, method in zoo.shipped():
        net_dir = folder / f"{net}-{method}"
        if not (net_dir / "lower.json").exists():
            net_dir.mkdir(parents=True, exist_ok=True)
            module, known = zoo.load(net, method)
            pictures, labels, which = zoo.golden(net, images)
            export(module, pictures, labels, net_dir, {**known, "images": which})
            lower(net_dir / "model.onnx", net_dir / "golden.npz", net_dir)
        yield f"{net}, {method}", net_dir


def table_parser(prog: str, about: str | None, board: str) -> argparse.ArgumentParser:
    """The arguments of such a command: the folder of the networks and `--board`.

    Args:
        about: what `--help` says.
        board: where none is given.
    """
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--board", default=board)
    return parser


def print_table(head: Iterable[str], rows: Callable[[Path], Iterable[str]], folder: Path | None) -> None:
    """Print a table, each row as it is there.

    Args:
        head: its first lines.
        rows: the others, of the networks in a folder.
        folder: that folder; None: one that is removed afterwards.
    """
    with TemporaryDirectory(prefix="xnorforge-table-") as inside:
        print(*head, sep="\n", flush=True)
        for row in rows(folder or Path(inside)):
            print(row, flush=True)
