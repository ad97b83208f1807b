"""The logic around an accelerator in a bitstream, as selected by `[shell]` of its board's file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorforge.core import artifacts
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.loads import recorded_address_bits
from xnorforge.hw.routing import Router, TopPorts
from xnorforge.hw.shells import dma, uart
from xnorforge.hw.shells.forms import check_inside

TOP_FILE = f"{routing.TOP}.v"


@dataclass(frozen=True)
class RoutedShell:
    """A shell with its top, ready for Yosys.

    Attributes:
        sources: SystemVerilog of the library, in reading order.
        included: files that they include.
        texts: {file: text} of generated files, read after them; the top is last.
        instance: of `xf_top`: the first part of the names of the accelerator's cells.
        about: one line for the record.
    """

    sources: tuple[Path, ...]
    included: tuple[Path, ...]
    texts: Mapping[str, str]
    instance: str
    about: str


def shell_of(acc: Path, border: Mapping[str, Any], board: Board, router: Router) -> RoutedShell:
    """The shell of an accelerator on a board.

    Args:
        acc: folder of the accelerator.
        border: of `rtl.json`: bytes and beats of both streams.

    Raises:
        UserError: the family has no top for the board's shell.
    """
    sides = border["input"], border["output"]
    record = artifacts.read_json(acc / "rtl" / "rtl.json")
    bits = recorded_address_bits(record)
    if board.shell_kind == "dma":
        system = dma.recorded_system(record, dma.network_hash(acc))
        top = router.host_top(board, bits)
        return RoutedShell(
            sources=tuple(path for path in top.sources if not path.stem.startswith("xf_check")),
            included=tuple(uart.included()), texts={f"{dma.TOP}.sv": system, TOP_FILE: top.text},
            instance=top.instance, about=top.about,
        )  # fmt: skip
    check_inside(record, acc.parent.name)
    joined = TopPorts(sides[0]["bytes"], sides[0]["beats"], sides[1]["bytes"], bits)
    return RoutedShell(
        sources=tuple(uart.uart_sources()), included=tuple(uart.included()),
        texts={TOP_FILE: router.top(board, joined)}, instance=routing.ACCELERATOR,
        about=f"a serial line of {board.shell['baud']:,} baud, 8N1: requests in, answers out",
    )  # fmt: skip
