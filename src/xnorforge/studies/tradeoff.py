"""The trade-off between accuracy and FPGA resources with layer-wise priority: an accelerator for each
prefix of one training run.

    out/tradeoff/<run>/prefix_<layers>/, polished/    a network each, with its build in rtl-<board>/
    out/tradeoff/<run>/<board>.csv, .md, .svg         a row and a point per prefix

All are folded for the same board and the same initiation interval. Finished builds are not repeated.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from xnorforge.core import accuracy, plugins
from xnorforge.core.artifacts import read_json, whole, write_csv
from xnorforge.core.errors import MismatchError, UserError, unknown
from xnorforge.hw import boards
from xnorforge.plot import chart as plot
from xnorforge.plot.svg import write_svg
from xnorforge.studies import builds

POLISHED = "polished"


@dataclass
class Point:
    """One network of the run.

    Attributes:
        name: of its folder; step: its row of the run's tradeoff.csv.
        accuracy: of the exported network: as `xnorforge.core.accuracy` has it.
        figures: what `builds.build_figures` found; why: without an accelerator, the reason in one sentence.
    """

    name: str
    step: dict
    weights: Path
    accuracy: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    why: str = ""


def tradeoff(
    run: Path,
    board: str,
    interval: int | None,
    out: Path,
    jobs: int = 1,
    say=print,
    images=builds.IMAGES,
    stalled=builds.STALLED,
) -> list[Point]:
    """Export and build what is missing, and write table and plot after every point.

    Args:
        run: folder of a training by `layer_priority`.
        interval: initiation interval to reach, in cycles per frame; None takes the board's for the network.
        out: folder of the builds, the table and the plot.
        images, stalled: through the RTL of each.

    Raises:
        UserError: the folder is not such a run, or some points could not be built; the others are in the
            table.
        MismatchError: a check failed.
    """
    if board not in plugins.names("hw.boards"):
        raise unknown("BOARD", board, plugins.names("hw.boards"))
    points, card = found(run)
    net, method = card["net"], card["method"]
    failed = {}
    for point in points:
        build = builds.Build(out / point.name, net, board, interval, images, stalled, method, point.weights)
        try:
            exported = builds.export_run(build)
            point.accuracy = next(row for row in exported["accuracy"] if row["stage"] == "exported")
            point.figures = builds.make(build, jobs)
            say(f"tradeoff  {point.name} on {builds.line(build, point.figures)}")
        except (UserError, MismatchError) as error:
            point.why = str(error)
            failed[point.name] = error
            say(f"tradeoff  {point.name}: {error}")
        write_tradeoff(points, net, board, build.interval, out)
    if failed:
        wrong = any(isinstance(error, MismatchError) for error in failed.values())
        first = next(iter(failed.values()))
        raise (MismatchError if wrong else UserError)(
            f"tradeoff: {len(failed)} of {len(points)} builds failed ({', '.join(failed)}), the first with: "
            f"{first}"
        )
    return points


def found(run: Path) -> tuple[list[Point], dict]:
    """The prefixes of a run and its last network, by the number of binary layers; and the run's card.

    Raises:
        UserError: the folder is not a finished run of `layer_priority`, or has no prefixes.
    """
    try:
        with (run / "tradeoff.csv").open(newline="") as file:
            steps = list(csv.DictReader(file))
        card = read_json(run / "card.json")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{run}: this is not the folder of a finished layer_priority run ({error}); give the folder that "
            "`make train METHOD=layer_priority` wrote."
        ) from error
    points = []
    for step in steps:
        last = step["phase"] == "polish"
        name = POLISHED if last else f"prefix_{int(step['layers']):02}"
        weights = run if last else run / name
        if (weights / "weights.safetensors").exists():
            points.append(Point(name, step, weights))
    if not points:
        raise UserError(
            f"{run}: the run has no prefixes, because a network with shortcuts writes them only for its last "
            "layer; train a network without shortcuts, such as mnist-tfc."
        )
    return points, card


def rows(points: list[Point], board: str) -> list[dict]:
    """A row per point, empty cells where there is no build."""
    names = next((list(point.figures) for point in points if point.figures), [])
    return [
        {
            "prefix": point.name, "binary_layers": point.step["layers"], "layers": point.step["names"],
            "board": board,
            "ratio_fp32": point.step["ratio_fp32"], "ratio_deployed": point.step["ratio_deployed"],
            "bits": point.step["bits"],
            "set": point.accuracy.get("set"), "images": point.accuracy.get("images"),
            "measure": accuracy.main(point.accuracy)[0] if point.accuracy else None,
            "per_cent": accuracy.main(point.accuracy)[1] if point.accuracy else None,
            **{name: point.figures.get(name) for name in names}, "why": point.why,
        }
        for point in points
    ]  # fmt: skip


def write_tradeoff(points: list[Point], net: str, board: str, interval: int, out: Path) -> None:
    """<board>.csv and <board>.md of all points; <board>.svg of those that are built."""
    write_csv(out / f"{board}.csv", rows(points, board))
    with whole(out / f"{board}.md") as aside:
        aside.write_text(tradeoff_as_markdown(points, net, board, interval))
    if any(point.figures for point in points):
        plot_tradeoff([point for point in points if point.figures], net, board, out)


def tradeoff_as_markdown(points: list[Point], net: str, board: str, interval: int) -> str:
    """The table for people."""
    target = boards.load(board)
    head = ["binary layers", "ratio to 32 bits", "deployed ratio", "accuracy", "LUT", "FF", "BRAM36", "DSP"]
    table = [[*head, "cycles per frame", "frames/s", "RTL"], ["---", *["---:"] * 9, "---"]]
    for point in points:
        name = point.step["layers"] + (", polished" if point.name == POLISHED else "")
        cells = [name, *(f"{float(point.step[key]):.2f}" for key in ("ratio_fp32", "ratio_deployed"))]
        cells.append(accuracy.short(point.accuracy) if point.accuracy else "-")
        if point.figures:
            counts = (f"{point.figures[key]:,}" for key in ("lut", "ff", "bram36", "dsp", "interval"))
            images = "{images_flowing} images flowing, {images_stalled} stalled".format(**point.figures)
            cells += [
                *counts,
                f"{point.figures['fps']:,.0f}",
                f"{point.figures['mismatches']} mismatches: {images}",
            ]
        else:
            cells += [*["-"] * 6, point.why or "not built yet"]
        table.append(cells)
    body = "\n".join(f"| {' | '.join(row)} |" for row in table)
    which = next((point.accuracy["set"] for point in points if point.accuracy), "-")
    return f"""# {net}: layer by layer to a binary network, on {target.title}

{body}

- One training run with `layer_priority`; each row is one of its networks, built for {interval:,} cycles \
per frame; part {target.part}.
- Ratios: all weights at 32 bits over the weights of this network, with binary layers at 1 bit and the \
others at 32 bits or, deployed, at 8.
- Accuracy of the exported network: {which}.
- LUT, FF, BRAM36, DSP: Yosys cells, before packing and routing. Cycles: counted in RTL simulation, at \
{target.clock_mhz:g} MHz ({target.clock_kind}).
"""


def plot_tradeoff(points: list[Point], net: str, board: str, out: Path) -> None:
    """The network's figures, LUT and BRAM36 over the deployed compression ratio, a point per network."""
    target = boards.load(board)
    images = f"{points[0].accuracy['images']:,} images"
    panels: dict[str, list[float]] = {
        f"{name}, {images}": [accuracy.figures(point.accuracy)[name] for point in points]
        for name in accuracy.figures(points[0].accuracy)
    }
    panels |= {key: [point.figures[key.lower()] for point in points] for key in ("LUT", "BRAM36")}
    charts = [
        plot.Chart(y_title=title, x_kind="log", width=640, height=190, points=_marks(points, title, values))
        for title, values in panels.items()
    ]
    for chart in charts:
        chart.lines.append(plot.Line([(mark.x, mark.y) for mark in chart.points]))
        if has := target.capacity.get(chart.y_title.lower()):
            chart.limits.append(plot.Limit(has, f"the part: {has:,} {chart.y_title}"))
    charts[-1].x_title = "compression: 32-bit weights over deployed weights (binary or 8 bits)"
    charts[-1].height += 16
    heading = f"{net} on {target.title}: accuracy and cost layer by layer"
    caption = (
        "Numbers: binary layers. One training run; every network is folded for the same initiation "
        "interval. Ratio, accuracy and cells of each are in the table."
    )
    write_svg(out / f"{board}.svg", plot.compose(charts, heading, heading, caption))


def _marks(points: list[Point], title: str, values: list[float]) -> list[plot.Point]:
    return [
        plot.Point(
            float(point.step["ratio_deployed"]),
            value,
            label=POLISHED if point.name == POLISHED else point.step["layers"],
            needed=True,
            hint=f"{point.name}: {title} {value:,g}",
        )
        for point, value in zip(points, values)
    ]
