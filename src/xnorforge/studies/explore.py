"""The Pareto front of a network on a board, from the fastest to the smallest folding, by the cost models.

out/<net>/explore-<board>/point_<nn>.json    the folding of each point, for FOLDING=
out/<net>/explore-<board>/front.md
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import several
from xnorforge.core.types import Record
from xnorforge.flows.fold import of_family
from xnorforge.flows.fold.aims import Search, amounts_of, check_storable
from xnorforge.flows.fold.bodies import with_bodies
from xnorforge.flows.fold.fifo_sizing import frame_latency, with_fifos
from xnorforge.flows.fold.options import RESOURCES
from xnorforge.flows.fold.quicker import quicker
from xnorforge.flows.fold.search import Price, cheapest, excess
from xnorforge.flows.report.device import formatted
from xnorforge.hw import boards
from xnorforge.hw.bind import bind_folder, name_of_network
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.parts import estimates_of

FIFO_BEATS = 20_000_000  # moved to size the FIFOs of a point
STEP = 2**0.5  # between the intervals that are looked at
STEPS = 12
DOUBLINGS = 32  # of a loop's cycles per frame
WORTH = (2, 6, 14, 30, 60, 150, 400)  # LUTs that one block RAM is valued at; a point for each value
FOLDED = ("simd", "pe", "pixels")


@dataclass
class Point:
    """A folding of the front.

    Attributes:
        name: of its file.
        figures: by the cost models: interval and latency in cycles, fps, lut, bram36, dsp.
        folding: {operator: {"simd", "pe", "rom", "starts"}, as far as it has them, or {"structure"}}.
    """

    name: str
    figures: dict[str, float]
    folding: dict[str, Record]


def points_of(
    searches: Iterable[Search], asked: dict[str, str] | None = None, extra: int | None = None
) -> list[Point]:
    """The front over frames per second, LUT, BRAM36 and latency.

    Args:
        searches: the graph on its board, and with loops.
        asked: limits as `Search.limits` takes them; foldings are made faster to keep a limit of the latency.
        extra: an interval to include; the others range from the fastest to 64 times as long.

    Returns:
        The points by rising interval, then LUT; each keeps the limits, and none is dominated by another.
    """
    found: list[Point] = []
    for search in searches:
        limits = search.limits(asked or {})
        found += [one for one in _points_of(search, limits, extra) if not excess(one.figures, limits)]
    kept = [one for one in found if not any(_beats(other, one) for other in found)]
    kept.sort(key=lambda one: (one.figures["interval"], one.figures["lut"]))
    for index, one in enumerate(kept):
        one.name = f"point_{index:02}"
    return kept


def _points_of(search: Search, limits: dict[str, float], extra: int | None) -> list[Point]:
    known, loops = search.intervals(), {one.name: one for one in search.options if one.fixed}
    wanted = {search.fastest * STEP**step for step in range(STEPS + 1)} | ({extra} if extra else set())
    if loops:
        wanted = {max(one.fastest for one in loops.values())}
    intervals = sorted({max(one for one in known if one <= most) for most in wanted if most >= known[0]})
    found: dict[str, Point] = {}
    for interval in intervals:
        for worth in WORTH:
            weights = [{"lut": 1.0, "bram36": worth}.get(name, 0.0) for name in RESOURCES]
            price = Price(np.array([weights]), np.zeros(1))
            choice = cheapest(search.options, interval, price, limits)
            if choice is None:
                break
            best, _ = quicker(choice, search.options, limits, lambda one, its=price: its.of(one.amounts))
            folding = {option.op.name: _folding(option.op) for option in best.options}
            folding |= {name: one.fixed for name, one in loops.items()}
            key = json.dumps(folding)
            if key not in found:
                ops = search.finish(best.operators())
                found[key] = Point("", _figures(ops, search.board.clock_mhz), folding)
    return [*found.values()]


def _folding(op: HwOp) -> Record:
    if op.structure == "adders":
        return {"structure": op.structure}
    has = op.declared
    return {name: op.get_nodeattr(name) for name in (*FOLDED, *op.styles) if name in has}


def _figures(ops: list[HwOp], clock_mhz: float) -> dict[str, float]:
    interval = max(op.cycles() for op in ops)
    taken = {name: round(amount, 1) for name, amount in amounts_of(ops).items()}
    fps = round(clock_mhz * 1e6 / interval)
    return {"fps": fps, "interval": interval, "latency": frame_latency(ops), **taken}


def _beats(one: Point, other: Point) -> bool:
    """Whether a point dominates another: as good in everything, better in something."""
    names = ("interval", "latency", *RESOURCES)
    pairs = [(one.figures[name], other.figures[name]) for name in names]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def searches_of(
    net_dir: Path, board: str, output: str = "scores", clock: str | None = None, stream: int | None = None,
) -> Iterator[Search]:  # fmt: skip
    """The search over foldings of a lowered network, at a clock as `fold` takes it; with loops, one more
    for each of their bodies, from the fastest one to that which more cycles do not make smaller."""
    bounds, target = bind_folder(net_dir, output), boards.at_clock(boards.load(board), clock)
    check_storable(bounds, target)

    def finish(ops: list[HwOp], most: int = FIFO_BEATS) -> list[HwOp]:
        return with_fifos(of_family(ops, target), {}, most)

    search = Search(bounds, target, finish=finish, adders=True, stream=stream)
    yield search
    bounds, last = bind_folder(net_dir, output, loops=True), None
    loops = [one.name for one in bounds if one.body]
    for doublings in range(DOUBLINGS if loops else 0):
        interval = 2**doublings
        found = with_bodies(bounds, interval, search.part, finish)
        taken = found and [one.attributes for one in found]
        if found and taken == last:
            break
        if found:
            fixed = {name: {"interval": interval} for name in loops}
            yield Search(found, target, fixed, finish, adders=True, stream=stream)
        last = taken


@dataclass(frozen=True)
class Wanted:
    """What is explored.

    Attributes:
        net_dir: folder of the network, with `lowered.onnx` and `lowered.npz`.
        board: name of a board of hw/boards.
        output: "scores" or "labels", as in `fold`.
        limits: {"lut", "bram", "latency"}, as in `fold`.
        interval: an interval to include; None: the default for the network on the board.
        clock, stream: as in `fold`.
    """

    net_dir: Path
    board: str
    output: str = "scores"
    limits: dict[str, str] = field(default_factory=dict)
    interval: int | None = None
    clock: str | None = None
    stream: int | None = None

    @property
    def out(self) -> Path:
        """Where table and foldings go."""
        return self.net_dir / f"explore-{self.board}"

    def accelerator(self, point: Point) -> Path:
        """The folder in which a point is built."""
        return self.net_dir / f"{point.name}-{self.board}"


def explore(wanted: Wanted, command: str) -> list[Point]:
    """Write the Pareto front of a lowered network.

    Args:
        wanted: network, board, limits.
        command: of make, without FOLDING=.
    """
    out = wanted.out
    asked = wanted.interval or boards.load(wanted.board).interval_for(name_of_network(wanted.net_dir))
    searches = searches_of(wanted.net_dir, wanted.board, wanted.output, wanted.clock, wanted.stream)
    with estimates_of(boards.load(wanted.board).family):
        points = points_of(searches, wanted.limits, asked)
    out.mkdir(parents=True, exist_ok=True)
    for point in points:
        with whole(out / f"{point.name}.json") as aside:
            aside.write_text(json.dumps(point.folding, indent=1) + "\n")
    with whole(out / "front.md") as aside:
        aside.write_text(front_as_markdown(points, wanted, command))
    return points


HEADS = ("frames/s", "cycles", "latency", "LUT", "BRAM36", "DSP")
FIGURES = ("fps", "interval", "latency", "lut", "bram36", "dsp")
NOTE = "Frames per second at the board's clock. Cycles, latency, LUT, BRAM36 and DSP by the cost models."


def front_as_table(points: list[Point], most: int | None = None) -> str:
    """The table: all points, or the fastest, and how many more there are."""
    rows = [[one.name, *(formatted(one.figures[key]) for key in FIGURES)] for one in points[:most]]
    rows += [[f"{len(points) - most} more", *[""] * len(HEADS)]] if most and len(points) > most else []
    head = [f"| point | {' | '.join(HEADS)} |", "|---|---:|---:|---:|---:|---:|---:|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def front_as_markdown(points: list[Point], wanted: Wanted, command: str) -> str:
    """The table, and the command of each point."""
    front = f"the {several(len(points), 'folding')} of the Pareto front"
    lines = [f"# {wanted.net_dir.name} on {wanted.board}: {front}", "", NOTE, "", front_as_table(points)]
    lines += ["", "The command that builds each point:", "", "```sh"]
    given = (shlex.quote(str(wanted.out / point.name)) for point in points)
    return "\n".join([*lines, *(f"{command} FOLDING={folding}.json" for folding in given), "```", ""])
