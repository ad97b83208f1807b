"""Shared by studies of all shipped networks: the exported and lowered networks, and a command that prints a
table in Markdown.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from xnorforge.core.errors import unknown
from xnorforge.flows.export import export
from xnorforge.flows.lower import lower
from xnorforge.sw import zoo


def lowered_networks(images: int, folder: Path, nets: Sequence[str] = ()) -> Iterator[tuple[str, Path]]:
    """Name and folder of every shipped network with its first golden images, exported and lowered if
    necessary.

    Args:
        images: number of golden images.
        folder: parent of the networks' folders.
        nets: the requested networks, in this order, with all their methods; by default all.

    Raises:
        UserError: no such network.
    """
    there = zoo.shipped()
    for net in nets:
        if net not in dict(there):
            raise unknown("shipped", net, dict(there))
    for net, method in [pair for net in nets for pair in there if pair[0] == net] or there:
        net_dir = folder / f"{net}-{method}"
        if not (net_dir / "lower.json").exists():
            net_dir.mkdir(parents=True, exist_ok=True)
            module, known = zoo.load(net, method)
            pictures, labels, which = zoo.golden(net, images)
            export(module, pictures, labels, net_dir, {**known, "images": which})
            lower(net_dir / "model.onnx", net_dir / "golden.npz", net_dir)
        yield f"{net}, {method}", net_dir


def table_parser(prog: str, about: str | None, board: str) -> argparse.ArgumentParser:
    """The arguments of such a command: the folder of the networks, `--board` and `--nets`.

    Args:
        about: the text for `--help`.
        board: the default.
    """
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--board", default=board)
    parser.add_argument("--nets", type=lambda text: text.split(","), default=[], help="a,b: only these")
    return parser


def print_table(head: Iterable[str], rows: Callable[[Path], Iterable[str]], folder: Path | None) -> None:
    """Print a table, each row as soon as it is ready.

    Args:
        head: its first lines.
        rows: the other lines, for the networks in a folder.
        folder: that folder; None: a temporary one.
    """
    with TemporaryDirectory(prefix="xnorforge-table-") as inside:
        print(*head, sep="\n", flush=True)
        for row in rows(folder or Path(inside)):
            print(row, flush=True)
