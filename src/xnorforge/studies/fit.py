"""On which boards a network fits, how fast, and what it takes of them, by the search and the cost models."""

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import names
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows.fold import of_family
from xnorforge.flows.fold.aims import Aim, Search, amounts_of, check_storable, interval_of
from xnorforge.flows.fold.fifo_sizing import with_fifos
from xnorforge.flows.fold.search import Part
from xnorforge.flows.report.device import formatted
from xnorforge.hw import boards, families
from xnorforge.hw.bind import Bound, bind_folder, name_of_network
from xnorforge.hw.boards import Board
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.parts import estimates_of

BEATS = 2_000_000  # moved to size the FIFOs of a folding
HEADS = ("board", "part", "fits", "frames/s", "LUT", "block RAM", "remark")


def fits_of(net_dir: Path, interval: int | None = None, fps: str | None = None) -> list[Record]:
    """A lowered network on every board, by rising LUTs of the part; without loops and weights from a memory.
    Boards of the same part, clock and interval share one search, and parts of a family its foldings.

    Args:
        net_dir: folder of the network, with `lowered.onnx` and `lowered.npz`.
        interval: cycles per frame to reach; None: the default for the network on each board.
        fps: frames per second to reach instead.

    Returns:
        Rows {"board", "part", "lut_of", "bram36_of": of the part, "why": in words, or ""}, and where a
        folding fits, maybe a slower one, {"fps", "interval", "lut", "bram36"}.
    """
    bounds, rows, net = bind_folder(net_dir, "scores"), list[Record](), name_of_network(net_dir)
    found, searches = dict[tuple, Record](), dict[str, Search]()
    every = map(boards.load, names("hw.boards"))
    for board in sorted(every, key=lambda one: (one.capacity["lut"], one.name)):
        wanted = interval_of(fps, board.clock_mhz) if fps else interval or board.interval_for(net)
        key = board.family, str(board.capacity), board.clock_mhz, wanted
        if key not in found:
            now_at(f"looking at {board.part}")
            with estimates_of(board.family):
                found[key] = _fit(bounds, board, wanted, searches)
        of = {f"{name}_of": board.capacity[name] for name in ("lut", "bram36")}
        rows.append({"board": board.name, "part": board.part, **of, **found[key]})
    return rows


def _fit(bounds: list[Bound], board: Board, wanted: int, searches: dict[str, Search]) -> Record:
    try:
        check_storable(bounds, board)
    except UserError:
        return {"why": "the weights are more than its memory and LUTs can store"}
    if board.family not in searches:
        searches[board.family] = Search(bounds, board, finish=partial(_finished, board), adders=True)
    search = copy.copy(searches[board.family])
    search.board, search.part = board, Part.of(board.capacity)
    for interval in _slower(search, wanted):
        if ops := search.meeting(Aim(interval)):
            bound, amounts = max(op.cycles() for op in ops), amounts_of(ops)
            return {
                "why": f"not in {wanted:,} cycles per frame" if bound > wanted else "",
                "fps": round(board.clock_mhz * 1e6 / bound), "interval": bound,
                **{name: round(amounts[name], 1) for name in ("lut", "bram36")},
            }  # fmt: skip
    return {"why": search.binding(search.intervals()[-1], search.limits({}))}


def _slower(search: Search, wanted: int) -> Iterator[int]:
    """The interval asked for, and, if any folding fits, twice as long ones until one does."""
    yield wanted
    last = search.intervals()[-1]
    if search.cheapest(last, search.limits({})):
        while (wanted := max(2 * wanted, search.fastest)) < last:
            yield wanted
        yield last


def _finished(board: Board, ops: list[HwOp], most_beats: int = BEATS) -> list[HwOp]:
    return with_fifos(of_family(ops, board), {}, min(most_beats, BEATS))


def fit_table(rows: list[Record]) -> str:
    """The rows as a table in Markdown, block RAMs in the units of each family."""
    lines = [HEADS, ["---"] * 3 + ["---:"] * 3 + ["---"]]
    for row in rows:
        units, taken = families.load(boards.load(row["board"]).family).units, [formatted(row.get("fps"))]
        for name, (unit, per) in ((name, units[name]) for name in ("lut", "bram36")):
            has = formatted(row[f"{name}_of"] * per)
            taken.append(f"{formatted(row[name] * per)} of {has} {unit}" if name in row else "–")
        lines.append([row["board"], row["part"], "yes" if "fps" in row else "no", *taken, row["why"]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
