"""The trade-off between accuracy and FPGA resources in layer-wise priority: an accelerator per prefix of one
training run.

    out/tradeoff/<run>/prefix_<layers>/, polished/    a network each, with its build in rtl-<board>/
    out/tradeoff/<run>/<board>.csv, .md, .svg, .png   a row and a point per prefix

All are folded for the same board and the same initiation interval. Finished builds are not repeated.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from xnorforge.core import accuracy, plugins
from xnorforge.core.artifacts import read_json, whole, write_csv
from xnorforge.core.errors import MismatchError, UserError, unknown
from xnorforge.hw import boards
from xnorforge.studies import builds
from xnorforge.sw.training.curves import INK, SAME_BYTES, save_figure

POLISHED = "polished"


@dataclass
class Point:
    """One network of the run.

    Attributes:
        name: of its folder; step: its row of the run's tradeoff.csv.
        accuracy: of the exported network: as `xnorforge.core.accuracy` has it.
        figures: what `builds.build_figures` found; why: one sentence where there is no accelerator.
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
        UserError: the folder holds no such run, or some points could not be built; the others are in the
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
        UserError: the folder is no finished run by `layer_priority`, or left no prefixes.
    """
    try:
        with (run / "tradeoff.csv").open(newline="") as file:
            steps = list(csv.DictReader(file))
        card = read_json(run / "card.json")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{run}: no finished run of layer_priority ({error}); give the folder of `make train "
            "METHOD=layer_priority`."
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
            f"{run}: its prefixes are not there; a network with shortcuts leaves none before the last layer."
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
    """<board>.csv and <board>.md of all points; <board>.svg and <board>.png of those that are built."""
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

- One run of `layer_priority`; every row is a network of it and an accelerator, folded for {interval:,} \
cycles per frame; part {target.part}.
- Ratios: weights of all layers at 32 bits over those of this network, binary layers at 1 bit, others at 32 \
or, deployed, at 8.
- Accuracy of the exported network: {which}.
- LUT, FF, BRAM36, DSP: Yosys cells, before packing and routing. Cycles: counted in RTL simulation, at \
{target.clock_mhz:g} MHz ({target.clock_kind}).
"""


def plot_tradeoff(points: list[Point], net: str, board: str, out: Path) -> None:
    """Figures, LUT and BRAM36 over the deployed compression ratio, a point per network."""
    import matplotlib
    from matplotlib.figure import Figure

    ratios = [float(point.step["ratio_deployed"]) for point in points]
    panels = {
        f"{name}\n{points[0].accuracy['images']:,} images": [
            accuracy.figures(point.accuracy)[name] for point in points
        ]
        for name in accuracy.figures(points[0].accuracy)
    }
    panels |= {key: [point.figures[key.lower()] for point in points] for key in ("LUT", "BRAM36")}
    with matplotlib.rc_context(SAME_BYTES):
        figure = Figure(figsize=(7.2, 8 if len(panels) > 3 else 7), layout="constrained")
        for axes, (title, values) in zip(
            figure.subplots(len(panels), sharex=True), panels.items(), strict=True
        ):
            axes.plot(ratios, values, "-o", color=INK, markersize=4, linewidth=1)
            for at, point in enumerate(points):
                # The polished network lies on the last prefix's ratio: their labels stand on two sides.
                polished = point.name == POLISHED
                label, where = (POLISHED, (5, -3)) if polished else (point.step["layers"], (-4, 4))
                axes.annotate(
                    label, (ratios[at], values[at]), where, textcoords="offset points", fontsize=7,
                    ha="left" if polished else "right",
                )  # fmt: skip
            axes.set_ylabel(title)
            axes.margins(x=0.12, y=0.2)
            axes.grid(color="#dddddd", linewidth=0.5)
            axes.spines[["top", "right"]].set_visible(False)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("compression: 32-bit weights over deployed weights (binary or 8 bits)")
        figure.suptitle(
            f"{net} on {board}: numbers are binary layers; one run, {points[0].figures['interval']:,} "
            "cycles per frame asked",
            fontsize=9,
        )
        for kind in ("svg", "png"):
            save_figure(figure, out / f"{board}.{kind}")
