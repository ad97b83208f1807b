"""A design that exceeds its part: what is over, and a folding or a board for which that is not so."""

import tempfile
from collections.abc import Iterator, Mapping
from math import floor
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import names
from xnorforge.core.types import Record
from xnorforge.flows.fold import fold
from xnorforge.flows.synth import cells
from xnorforge.hw import boards, families
from xnorforge.hw.boards import Board

LIMITED = {"lut": "lut", "bram36": "bram"}  # {resource: the limit of it that `fold` takes}


class TooLarge(UserError):
    """A design does not fit its part.

    Attributes:
        retry: arguments of `fold` for a folding that fits by the counts so far; empty if none was found.
    """

    def __init__(self, text: str, retry: Mapping[str, Any]):
        super().__init__(text)
        self.retry: dict[str, Any] = dict(retry)


def too_large(net_dir: Path, board: Board, record: Mapping[str, Any], total: Mapping[str, float]) -> TooLarge:
    """The refusal of a design: each resource that is over, with both figures, and a change that helps.

    A resource may be more than the cost model said, so its limit is lowered by that ratio and the network is
    folded again, at the same interval and then at any.

    Args:
        net_dir: folder of the network, as for `fold`.
        record: of `fold`.
        total: counted resources.
    """
    over, units = cells.exceeded(total, board.capacity), families.load(board.family).units
    takes = " and ".join(_in_units(cells.used(total, name), *units[name]) for name in over)
    has = " and ".join(_in_units(board.capacity[name], "", units[name][1]).rstrip() for name in over)
    text = f"{board.name}: the design needs {takes}, but the part has {has}"
    if set(over) <= LIMITED.keys():
        ratios = {name: record["estimate"][name] / cells.used(total, name) for name in over}  # to the count
        most = {name: board.capacity[name] * min(1.0, ratios[name]) * units[name][1] for name in over}
        limits = {LIMITED[name]: str(floor(amount)) for name, amount in most.items()}
        words = " ".join(f"{word.upper()}={limit}" for word, limit in limits.items())
        for retry in ({"interval": record["interval"]}, {"fps": "max"}):
            found = _folded(net_dir, board, record, limits=limits, **retry)
            if found:
                cycles = max(found["interval_bound"], record["interval"])
                more = "" if cycles == record["interval"] else f"INTERVAL={cycles} "
                why = "the cost model was that much too low"
                return TooLarge(f"{text}; use {more}{words} ({why}).", {"interval": cycles, "limits": limits})
    other = next(_larger(net_dir, board, record, total), None)
    advice = f"use BOARD={other}" if other else "use a smaller network: no board here has room"
    return TooLarge(f"{text}, and no folding was found that fits; {advice}.", {})


def _larger(
    net_dir: Path, board: Board, record: Mapping[str, Any], total: Mapping[str, float]
) -> Iterator[str]:
    """Boards with more LUTs, smallest first, that hold the counted cells or, of another family, a folding."""
    found = sorted(map(boards.load, names("hw.boards")), key=lambda one: (one.capacity["lut"], one.name))
    for one in (one for one in found if one.capacity["lut"] > board.capacity["lut"]):
        if one.family == board.family:
            if not cells.exceeded(total, one.capacity):
                yield one.name
        elif _folded(net_dir, one, record, interval=record["interval"]):
            yield one.name


def _folded(net_dir: Path, board: Board, record: Mapping[str, Any], **aim: Any) -> Record | None:
    """The record of folding for a board in a temporary folder; None if it is refused."""
    with tempfile.TemporaryDirectory() as out_dir:
        given = {name: record[name] for name in ("backend", "output", "loadable")}
        given |= {name: record["aim"][name] for name in ("stream", "like", "loops", "gb_per_s")}
        own, mhz = boards.load(record["board"]).clock_mhz, record["clock_mhz"]["value"]
        given["clock"] = None if mhz == own else f"{mhz}MHz"
        try:
            return fold(net_dir, board.name, Path(out_dir), **given, **aim)
        except UserError:
            return None


def _in_units(amount: float, name: str, per: int) -> str:
    return f"{amount * per:,.1f}".removesuffix(".0") + f" {name}"
