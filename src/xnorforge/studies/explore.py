"""The front of a network on a board: what there is between the fastest and the smallest folding, by the cost
models; and of some points what synthesis counts.

    out/<net>/explore-<board>/point_<nn>.json    the folding of each point, for FOLDING=
    out/<net>/explore-<board>/front.csv, .md, .svg, .png
    out/<net>/point_<nn>-<board>/                the points that were built: simulated, synthesised
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import whole, write_csv
from xnorforge.flows.bind import bind
from xnorforge.flows.fold import with_fifos
from xnorforge.flows.fold.aims import Search, amounts_of
from xnorforge.flows.fold.fronts import RESOURCES, Choice
from xnorforge.flows.fold.latency import frame_latency
from xnorforge.flows.fold.quicker import quicker
from xnorforge.hw import boards
from xnorforge.hw.ops.base import HwOp
from xnorforge.sw.training.curves import INK, SAME_BYTES, save_figure

STEP = 2**0.5  # from one interval asked for to the next
STEPS = 12
WORTH = (2, 6, 14, 30, 60, 150, 400)  # LUTs that a block RAM is taken to be worth: a point for each
FOLDED = ("simd", "pe", "pixels")
STAGES = ("generate", "sim", "synth")  # of a point in a queue, behind fold


@dataclass
class Point:
    """A folding of the front.

    Attributes:
        name: of its file.
        figures: by the cost models: interval and latency in cycles, fps, lut, bram36, dsp.
        folding: {operator: {"simd", "pe", "rom", "starts"}, of those that have them, or {"structure"}}.
        counted: of a point that was built, lut and bram36 as Yosys counts them.
    """

    name: str
    figures: dict[str, float]
    folding: dict[str, dict]
    counted: dict[str, float] = field(default_factory=dict)


def points_of(search: Search, asked: dict[str, str] | None = None, extra: int | None = None) -> list[Point]:
    """The front over frames per second, LUT, BRAM36 and latency.

    Args:
        search: the graph on its board.
        asked: limits as `Search.limits` takes them; of the latency, foldings that keep it are looked for.
        extra: an interval that is looked at beside those on the way from the fastest to 64 times as long.

    Returns:
        The points by rising interval, then LUT; each within the limits, none as good as another in all four.
    """
    limits = search.limits(asked or {})
    known = search.intervals()
    wanted = {search.fastest * STEP**step for step in range(STEPS + 1)} | ({extra} if extra else set())
    intervals = sorted({max(one for one in known if one <= most) for most in wanted if most >= known[0]})
    found: dict[str, Point] = {}
    for interval in intervals:
        choices = search.front(interval, limits)
        for worth in WORTH if choices else ():

            def price(one: Choice, worth: float = worth) -> float:
                return one.amounts["lut"] + worth * one.amounts["bram36"]

            best, _ = quicker(min(choices, key=price), search.options, limits, price, search.given)
            folding = {option.op.name: _folding(option.op) for option in best.options}
            key = json.dumps(folding)
            if key not in found:
                ops = search.finish(best.operators())
                found[key] = Point("", _figures(ops, search.board.clock_mhz), folding)
    fit = [
        one
        for one in found.values()
        if all(one.figures[name] <= limits[name] + 1e-6 for name in ("latency", *RESOURCES))
    ]
    kept = [one for one in fit if not any(_beats(other, one) for other in fit)]
    kept.sort(key=lambda one: (one.figures["interval"], one.figures["lut"]))
    for index, one in enumerate(kept):
        one.name = f"point_{index:02}"
    return kept


def _folding(op: HwOp) -> dict:
    if op.structure == "adders":
        return {"structure": op.structure}
    has = op.get_nodeattr_types()
    return {name: op.get_nodeattr(name) for name in (*FOLDED, *op.styles) if name in has}


def _figures(ops: list[HwOp], clock_mhz: float) -> dict[str, float]:
    interval = max(op.cycles() for op in ops)
    taken = {name: round(amount, 1) for name, amount in amounts_of(ops).items()}
    fps = round(clock_mhz * 1e6 / interval)
    return {"fps": fps, "interval": interval, "latency": frame_latency(ops), **taken}


def _beats(one: Point, other: Point) -> bool:
    """Whether a point is as good in everything and better in something."""
    names = ("interval", "latency", *RESOURCES)
    pairs = [(one.figures[name], other.figures[name]) for name in names]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def search_of(net_dir: Path, board: str, output: str = "scores") -> Search:
    """The search in a lowered network."""
    lowered = np.load(net_dir / "lowered.npz")
    bounds = bind(ModelWrapper(str(net_dir / "lowered.onnx")), lowered["scale"], lowered["bias"], output)
    return Search(bounds, boards.load(board), finish=lambda ops: with_fifos(ops, {}), adders=True)


@dataclass(frozen=True)
class Wanted:
    """What is explored.

    Attributes:
        net_dir: folder of the network, with `lowered.onnx` and `lowered.npz`.
        board: name of a board of hw/boards.
        output: "scores" or "labels", as in `fold`.
        limits: {"lut", "bram", "latency"}, as in `fold`.
        interval: one that is looked at in any case; None: the network's or the board's.
    """

    net_dir: Path
    board: str
    output: str = "scores"
    limits: dict[str, str] = field(default_factory=dict)
    interval: int | None = None

    @property
    def out(self) -> Path:
        """Where table, plot and foldings go."""
        return self.net_dir / f"explore-{self.board}"

    def accelerator(self, point: Point) -> Path:
        """Where a point is built, beside the accelerators of other builds."""
        return self.net_dir / f"{point.name}-{self.board}"


def explore(wanted: Wanted, command: str, built: int, build: Callable[[Path, Path], dict]) -> list[Point]:
    """Write the front of a lowered network, and build some of its points.

    Args:
        wanted: network, board, limits.
        command: of `make`, to which FOLDING= is added.
        built: how many points `build` builds, spread over the front.
        build: makes and proves an accelerator: (folding file, its folder) to the record of its synthesis.
    """
    out = wanted.out
    asked = wanted.interval or boards.load(wanted.board).interval_for(wanted.net_dir.name)
    points = points_of(search_of(wanted.net_dir, wanted.board, wanted.output), wanted.limits, asked)
    out.mkdir(parents=True, exist_ok=True)
    for point in points:
        with whole(out / f"{point.name}.json") as aside:
            aside.write_text(json.dumps(point.folding, indent=1) + "\n")
    write_front(points, wanted, command)
    some = sorted({round(at) for at in np.linspace(0, len(points) - 1, built)}) if points else []
    for index in some:
        point = points[index]
        counted = build(out / f"{point.name}.json", wanted.accelerator(point))["total"]
        point.counted = {name: counted[name] for name in ("lut", "bram36")}
        write_front(points, wanted, command)
    return points


def job_line(wanted: Wanted, point: Point, python: str) -> str:
    """A line of the shell that folds a point, writes its RTL, proves and synthesises it in a folder of its
    own.
    """
    acc, program = shlex.quote(str(wanted.accelerator(point))), f"{shlex.quote(python)} -m xnorforge"
    folding, net = (shlex.quote(str(path)) for path in (wanted.out / f"{point.name}.json", wanted.net_dir))
    fold = f"fold {net} --board {wanted.board} --output {wanted.output} --folding {folding} -o {acc}"
    return " && ".join(f"{program} {words}" for words in (fold, *(f"{s} {acc}" for s in STAGES)))


def rebuilt(command: str, point: Point, out: Path) -> str:
    """The command that builds a point."""
    return f"{command} FOLDING={shlex.quote(str(out / point.name))}.json"


def write_front(points: list[Point], wanted: Wanted, command: str) -> None:
    """Table, CSV and plot."""
    out = wanted.out
    rows = [
        {
            "point": point.name,
            **point.figures,
            "lut_counted": point.counted.get("lut", ""),
            "bram36_counted": point.counted.get("bram36", ""),
            "command": rebuilt(command, point, out),
        }
        for point in points
    ]
    if rows:
        write_csv(out / "front.csv", rows)
        draw(points, wanted)
    with whole(out / "front.md") as aside:
        aside.write_text(front_as_markdown(points, wanted, command))


def front_as_markdown(points: list[Point], wanted: Wanted, command: str) -> str:
    """The table, and the command of each point."""
    lines = [
        f"# {wanted.net_dir.name} on {wanted.board}: {len(points)} foldings of which none beats another",
        "",
        "Frames per second at the board's clock; all else by the cost models, counts by Yosys.",
        "",
        "| point | frames/s | cycles | latency | LUT | BRAM36 | DSP | LUT counted | BRAM36 counted |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for point in points:
        f, counted = point.figures, point.counted
        cells = [f"{f[name]:,}" for name in ("fps", "interval", "latency", "lut", "bram36", "dsp")]
        cells += [f"{counted[name]:,}" if counted else "" for name in ("lut", "bram36")]
        lines.append(f"| {point.name} | {' | '.join(cells)} |")
    lines += ["", "Each is built by its command:", "", "```sh"]
    return "\n".join([*lines, *(rebuilt(command, point, wanted.out) for point in points), "```", ""])


def draw(points: list[Point], wanted: Wanted) -> None:
    """LUT over frames per second, the colour is BRAM36."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SAME_BYTES):
        figure = Figure(figsize=(7.2, 4.4), layout="constrained")
        axes = figure.subplots()
        x = [point.figures["fps"] for point in points]
        lut, bram = ([point.figures[name] for point in points] for name in ("lut", "bram36"))
        shades = axes.scatter(x, lut, c=bram, s=18, cmap="viridis")
        counted = [point for point in points if point.counted]
        if counted:
            spots = [point.figures["fps"] for point in counted]
            axes.scatter(
                spots, [p.counted["lut"] for p in counted], marker="x", color=INK, label="counted by Yosys"
            )
            axes.legend(frameon=False)
        figure.colorbar(shades, label="BRAM36")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("frames per second")
        axes.set_ylabel("LUT by the cost models")
        axes.grid(color="#dddddd", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{wanted.net_dir.name} on {wanted.board}", fontsize=9)
        for kind in ("svg", "png"):
            save_figure(figure, wanted.out / f"front.{kind}")
