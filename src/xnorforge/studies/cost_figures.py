"""The costs of methods: a second table, its rows as CSV, and a plot of accuracy over LUT.

    out/compare/<task>-<network>/<epochs>/costs.csv, pareto.svg    a row and a marker per variant

Equal records give equal bytes.
"""

from collections.abc import Sequence

from xnorforge.core import accuracy
from xnorforge.core.artifacts import write_csv
from xnorforge.hw import boards
from xnorforge.plot.figures import as_svg, drawing
from xnorforge.plot.svg import colours, write_svg
from xnorforge.studies.compare_figures import Request
from xnorforge.studies.costs import Cost

LARGEST = 8  # radius of the fastest variant's marker, pixels
FAR = 3  # a part that has this many times what is shown is named at the edge instead of drawn


def write_costs(asked: Request, costs: list[Cost], jobs: int = 1) -> None:
    """costs.csv (a row per variant, with the stage of each figure); pareto.svg if any was built."""
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
    """The second table of table.md: a row per variant, and notes on the figures."""
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

- One accelerator per method, from its run with seed {seed}; all are folded for \
{board.interval_for(asked.net):,} cycles per frame; part {board.part}.
- {accuracy.main(row)[0]} in per cent: {_over(costs)}, {row["set"]}; {row["stage"]} network.
- LUT, FF, BRAM36, DSP: Yosys cells, before packing and routing. Cycles: counted in RTL simulation; latency \
with one image in flight.
- Frames/s: simulated cycles at {board.clock_mhz:g} MHz ({board.clock_kind}).
- Each build has a report, `<method>-{seed}/rtl-{board.name}/report.html`, and a row in `costs.csv` with the \
SHA-256 of its weights.
"""


def _over(costs: list[Cost]) -> str:
    """The seeds of the accuracies, as text."""
    seeds = max((list(cost.seeds) for cost in costs), key=len)
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"mean ± sample standard deviation over the finished seeds of {', '.join(map(str, seeds))}"


def _cells(figures: dict | None, plain: int | None) -> list[str]:
    """The cells of one row, or the heads of the columns; `plain`: the LUT of `ste`."""
    if figures is None:
        ratio = ["LUT, ste = 1"] if plain else []
        rest = ("FF", "BRAM36", "DSP", "cycles per frame", "latency, cycles", "frames/s", "RTL")
        return ["LUT", *ratio, *rest]
    ratio = [f"{figures['lut'] / plain:.3f}"] if plain else []
    rest = [f"{figures[name]:,}" for name in ("ff", "bram36", "dsp")]
    about = "" if figures["interval_constant"] else "≈ "
    cycles = [f"{about}{figures['interval']:,}", f"{figures['latency']:,}"]
    images = f"{figures['images_flowing']} images flowing, {figures['images_stalled']} stalled"
    checked = f"{figures['mismatches']} mismatches: {images}"
    return [f"{figures['lut']:,}", *ratio, *rest, *cycles, f"{figures['fps']:,.0f}", checked]


def plot_costs(asked: Request, costs: list[Cost], jobs: int = 1) -> None:
    """pareto.svg of the variants that were built: accuracy over LUT, and what the part has."""
    built = [cost for cost in costs if cost.figures]
    most = max(cost.figures["fps"] for cost in built)
    figure, row, board = accuracy.main(built[0].accuracy)[0], built[0].accuracy, boards.load(asked.built_for)
    caption = (
        "Line: the best accuracy within a number of LUT. Area of a marker: frames/s, "
        f"{most:,.0f} for the largest, at {board.clock_mhz:g} MHz ({board.clock_kind})."
    )
    if any(cost.spread for cost in built):
        caption += " Error bars: sample standard deviation over the seeds."
    heading = f"{asked.net} on {board.title}, {board.part}; epochs {asked.epochs}, {_over(built)}"
    with drawing(680, 400, heading=heading, caption=f"{caption}\n{asked.command(jobs)}") as (picture, [axis]):
        for place, cost in enumerate(built):
            size, colour = LARGEST * (cost.figures["fps"] / most) ** 0.5, colours()[f"s{place % 7}"]
            axis.errorbar(cost.figures["lut"], cost.mean, cost.spread, fmt="o", ms=2 * size, color=colour,
                          capsize=4, ecolor=colours()["mark"], label=str(cost.variant))  # fmt: skip
        best = front([(cost.figures["lut"], cost.mean) for cost in built])
        has, right = board.capacity["lut"], axis.get_xlim()[1]
        if near := has <= FAR * right:
            axis.axvline(has, color=colours()["wrong"], ls="--")
        axis.text(1, 0.02, f"the part: {has:,} LUT" + " →" * (not near), transform=axis.transAxes, ha="right")
        axis.step(*zip(*best, (max(right, has * near), best[-1][1])), where="post", color=colours()["s7"])
        axis.xaxis.set_major_formatter("{x:,.10g}")
        axis.set_xlabel(f"LUT ({built[0].figures['resources_stage']})", loc="right")
        axis.set_ylabel(f"{figure} in %, {row['set']}", wrap=True)
        axis.legend()
        write_svg(asked.folder / "pareto.svg", as_svg(picture, f"{figure} over LUT of {asked.net}"))


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, benefit) that no other reaches at the same cost or less, by cost; of equal points one."""
    best: list[tuple[float, float]] = []
    for cost, benefit in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not best or benefit > best[-1][1]:
            best.append((cost, benefit))
    return best
