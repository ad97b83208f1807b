"""The figures of what methods cost: a second table, its rows as CSV, and a plot of accuracy over LUT.

    out/compare/<task>-<network>/<epochs>/costs.csv, pareto.svg, pareto.png    a row and a marker per variant

Equal records give equal bytes.
"""

from itertools import pairwise
from textwrap import fill

from xnorforge.core import accuracy
from xnorforge.core.artifacts import write_csv
from xnorforge.hw import boards
from xnorforge.studies.compare_figures import DOT, Request
from xnorforge.studies.costs import Cost
from xnorforge.sw.training.curves import INK, SAME_BYTES, save_figure

LARGEST = 130  # area of the fastest variant's marker, square points
# Where a label may stand: distance from its marker in points, and direction, tried in this order.
DISTANCES = (2, 14, 28)
AROUND = [(1, 1), (1, -1), (1, 0), (-1, 1), (-1, -1), (-1, 0), (0, 1), (0, -1)]


def write_costs(asked: Request, costs: list[Cost], jobs: int = 1) -> None:
    """costs.csv (a row per variant, with what its figures are); pareto.svg and pareto.png if
    any was built.
    """
    names = list(next((cost.figures for cost in costs if cost.figures), {}))
    rows = [
        {
            "variant": str(cost.variant), "seed": asked.seeds[0], "epochs": asked.epochs,
            "board": asked.board,
            "stage": cost.accuracy["stage"], "set": cost.accuracy["set"],
            "measure": accuracy.main(cost.accuracy)[0], "per_cent": accuracy.main(cost.accuracy)[1],
            "seeds": " ".join(map(str, cost.seeds)), "mean_per_cent": round(cost.mean, 3),
            "spread": None if cost.spread is None else round(cost.spread, 3),
            **{name: cost.figures.get(name) for name in names}, "why": cost.why,
            "weights_sha256": cost.sha256,
        }
        for cost in costs
    ]  # fmt: skip
    write_csv(asked.folder / "costs.csv", rows)
    if any(cost.figures for cost in costs):
        plot_costs(asked, costs, jobs)


def costs_as_markdown(asked: Request, costs: list[Cost]) -> str:
    """The second table of table.md: a row per variant, and below it what the figures are."""
    plain = next((cost.figures["lut"] for cost in costs if str(cost.variant) == "ste" and cost.figures), None)
    head = ["method", accuracy.main(costs[0].accuracy)[0], *_cells(None, plain)]
    lines = [head, ["---", *["---:"] * (len(head) - 2), "---"]]
    for cost in costs:
        cells = _cells(cost.figures, plain) if cost.figures else [*["-"] * (len(head) - 3), cost.why]
        several = len(cost.seeds) > 1
        figure = accuracy.spread([*cost.seeds.values()]) if several else f"{cost.mean:.2f}"
        lines.append([str(cost.variant), figure, *cells])
    table = "\n".join(f"| {' | '.join(text.replace('|', '/') for text in line)} |" for line in lines)
    board, seed, row = boards.load(asked.built_for), asked.seeds[0], costs[0].accuracy
    return f"""
## Cost on {board.name}

{table}

- One accelerator per method, from its run of seed {seed}, all folded for {board.interval_for(asked.net):,} \
cycles per frame; part {board.part}.
- {accuracy.main(row)[0]} in per cent: {_over(costs)}, {row["set"]}; {row["stage"]} network.
- LUT, FF, BRAM36, DSP: Yosys cells, before packing and routing. Cycles: counted in RTL simulation; latency \
with one image in flight.
- Frames/s: simulated cycles at {board.clock_mhz:g} MHz ({board.clock_kind}).
- Each build has its report in `<method>-{seed}/rtl-{board.name}/report.html`, and a row of `costs.csv` with \
the SHA-256 of its weights.
"""


def _over(costs: list[Cost]) -> str:
    """Which seeds the accuracies are of."""
    seeds = max((list(cost.seeds) for cost in costs), key=len)
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"mean ± sample standard deviation of the finished seeds of {', '.join(map(str, seeds))}"


def _cells(figures: dict | None, plain: int | None) -> list[str]:
    """The figures of one row, or what stands above them; `plain` are the LUT of `ste`."""
    if figures is None:
        ratio = ["LUT, ste = 1"] if plain else []
        return [
            "LUT",
            *ratio,
            "FF",
            "BRAM36",
            "DSP",
            "cycles per frame",
            "latency, cycles",
            "frames/s",
            "RTL",
        ]
    ratio = [f"{figures['lut'] / plain:.3f}"] if plain else []
    rest = [f"{figures[name]:,}" for name in ("ff", "bram36", "dsp")]
    cycles = [
        f"{'' if figures['interval_constant'] else '≈ '}{figures['interval']:,}",
        f"{figures['latency']:,}",
    ]
    images = f"{figures['images_flowing']} images flowing, {figures['images_stalled']} stalled"
    proof = f"{figures['mismatches']} mismatches: {images}"
    return [f"{figures['lut']:,}", *ratio, *rest, *cycles, f"{figures['fps']:,.0f}", proof]


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (LUT, accuracy) that no other reaches with as few LUT, by LUT; of equal ones one."""
    best: list[tuple[float, float]] = []
    for lut, value in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not best or value > best[-1][1]:
            best.append((lut, value))
    return best


def plot_costs(asked: Request, costs: list[Cost], jobs: int = 1) -> None:
    """pareto.svg and pareto.png of the variants that were built."""
    import matplotlib
    from matplotlib.figure import Figure

    built = [cost for cost in costs if cost.figures]
    points = [(cost.figures["lut"], cost.mean) for cost in built]
    speeds = [cost.figures["fps"] for cost in built]
    sizes = [LARGEST * speed / max(speeds) for speed in speeds]
    with matplotlib.rc_context(SAME_BYTES):
        figure = Figure(figsize=(7.2, 5), layout="constrained")
        axes = figure.subplots()
        across, up = zip(*points, strict=True)
        axes.scatter(across, up, s=sizes, color=DOT, edgecolor=INK, linewidth=0.8, alpha=0.75, zorder=3)
        if any(cost.spread for cost in built):
            spreads = [cost.spread or 0 for cost in built]
            axes.errorbar(across, up, yerr=spreads, fmt="none", ecolor=INK, elinewidth=0.8, capsize=3)
        axes.margins(0.18)
        axes.autoscale_view()
        axes.autoscale(False)
        best = front(points)
        line = [*best, (axes.get_xlim()[1], best[-1][1])]
        axes.step(*zip(*line, strict=True), where="post", color=INK, linewidth=1, zorder=2)
        axes.set_title(_title(asked, built), fontsize=9, loc="left")
        axes.set_xlabel(f"LUT ({built[0].figures['resources_stage']})")
        axes.set_ylabel(fill(f"{accuracy.main(built[0].accuracy)[0]} in %, {built[0].accuracy['set']}", 45))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(color="#dddddd", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        figure.supxlabel(_caption(asked, speeds, jobs), fontsize=7, x=0.01, ha="left")
        _label(figure, axes, points, sizes, [str(cost.variant) for cost in built], line)
        for kind in ("svg", "png"):
            save_figure(figure, asked.folder / f"pareto.{kind}")


def _title(asked: Request, built: list[Cost]) -> str:
    board = boards.load(asked.built_for)
    return f"{asked.net} on {board.title}, {board.part}: epochs {asked.epochs}\n{_over(built)}"


def _caption(asked: Request, speeds: list[float], jobs: int) -> str:
    board = boards.load(asked.built_for)
    caption = (
        f"Line: the best accuracy up to so many LUT. Area: frames/s, {max(speeds):,.0f} in the largest, "
        f"at {board.clock_mhz:g} MHz ({board.clock_kind})."
    )
    return "\n".join((fill(caption, 120), fill(asked.command(jobs), 120)))


def _label(figure, axes, points, sizes, names, line) -> None:
    """Write a name beside each marker, where it covers least of the markers, the line and earlier names."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()  # the layout is made here; labels take no part in it
    point = figure.dpi / 72
    centres, corners = axes.transData.transform(points), axes.transData.transform(line)
    radii = [point * (size**0.5 / 2 + 1) for size in sizes]
    taken = [Bbox([centre - radius, centre + radius]) for centre, radius in zip(centres, radii, strict=True)]
    for (x0, y0), (x1, y1) in pairwise(corners):
        taken += [Bbox([(x0, y0 - point), (x1, y0 + point)]), Bbox([(x1 - point, y0), (x1 + point, y1)])]
    labels: list[Bbox] = []
    for at in sorted(range(len(points)), key=lambda at: -centres[at][1]):
        centre, radius = centres[at], radii[at]
        arrow = {
            "arrowstyle": "-",
            "color": INK,
            "linewidth": 0.5,
            "shrinkA": 0,
            "shrinkB": radius / point - 1,
        }
        label = axes.annotate(
            names[at],
            points[at],
            (0, 0),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            zorder=4,
            arrowprops=arrow,
        )
        label.set_in_layout(False)
        size = Text.get_window_extent(label).size
        places = [_beside(centre, radius + far * point, size, *way) for far in DISTANCES for way in AROUND]

        def covers(place, centre=centre) -> float:
            crossed = sum(_covered(dot, labels) for dot in _leader(centre, place))
            return _covered(place, [*taken, *labels], axes.bbox) + crossed

        found = min(places, key=covers)
        label.arrow_patch.set_visible(places.index(found) >= len(AROUND))
        label.xyann = tuple((found.min - centre) / point)
        labels.append(found)
        taken.extend(_leader(centre, found))


def _beside(centre, gap: float, size, right: int, up: int):
    """The box of a label on one side of a centre, `gap` away from it."""
    from matplotlib.transforms import Bbox

    along = gap * (0.7 if right and up else 1)
    x = centre[0] + right * along + (right - 1) / 2 * size[0]
    y = centre[1] + up * along + (up - 1) / 2 * size[1]
    return Bbox.from_bounds(x, y, *size)


def _leader(centre, place) -> list:
    """The line from a centre to its label as small boxes."""
    from matplotlib.transforms import Bbox

    ways = ((place.min + place.max) / 2 - centre) * [[part / 20] for part in range(1, 20)]
    return [Bbox([centre + way - 2, centre + way + 2]) for way in ways if not place.contains(*(centre + way))]


def _covered(place, taken: list, inside=None) -> float:
    """The area of others below a box, and that of the box outside of another."""
    shared = [place.intersection(place, other) for other in [*taken, inside or place]]
    areas = [one.width * one.height if one else 0.0 for one in shared]
    return round(sum(areas[:-1]) + place.width * place.height - areas[-1], 3)
