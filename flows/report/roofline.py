"""Operations per second over operations per input byte: the design, each of its layers, and their bounds."""

from xnorforge.plot.chart import Chart, Limit, Line, Point, inline

BUILT = "lanes built"


def ceilings(record: dict) -> list[dict]:
    """Flat bounds in operations per cycle, the lowest first: {"name", "per_cycle"}.

    The lanes that were built; the DSPs of the part, with a product and a sum each; and all LUTs of the part,
    used for lanes as large as those of this design.
    """
    units = [row for row in record["layers"] if row["lanes"] and row["lut"]]
    capacity, lanes = record["resources"]["capacity"], sum(row["lanes"] for row in units)
    found = [
        {"name": BUILT, "per_cycle": 2 * record["roofline"]["lanes"]},
        {"name": f"{capacity['dsp']:,} DSP of the part", "per_cycle": 2 * capacity["dsp"]},
    ]
    if lanes:
        each = sum(row["lut"] for row in units) / lanes
        found.append(
            {
                "name": f"LUT of the part, at {each:.1f} per lane as in this design",
                "per_cycle": 2 * capacity["lut"] / each,
            }
        )
    return sorted((row for row in found if row["per_cycle"]), key=lambda row: row["per_cycle"])


def dots(record: dict) -> list[dict]:
    """A point per layer with a matrix: {"name", "intensity" (operations per byte of its input stream),
    "operations" per frame, "bottleneck"}.
    """
    rows = []
    for row in record["layers"]:
        size = row["input"]["beats"] * row["input"]["width"] / 8
        if row["macs"] and size:
            operations = 2 * row["macs"]
            rows.append(
                {
                    "name": row["name"],
                    "intensity": operations / size,
                    "operations": operations,
                    "bottleneck": row["bottleneck"],
                }
            )
    return rows


def roofline_chart(record: dict) -> str:
    """The chart: a square per layer, a circle for the whole design, the input port as a slope and the
    ceilings flat.

    Args:
        record: of report.json.
    """
    mhz, interval = record["clock_mhz"]["value"], record["cycles"]["interval_simulated"]
    whole, rows = record["roofline"], dots(record)
    if not whole["operations"]:
        return ""
    speed = mhz / 1e3  # GOp/s per operation and cycle
    bounds = [(row["name"], row["per_cycle"] * speed) for row in ceilings(record)]
    port = whole["input_bytes_per_cycle"] * speed
    points = [
        Point(
            row["intensity"],
            row["operations"] / interval * speed,
            "over" if row["bottleneck"] else "s0",
            "square",
            hint=f"{row['name']}: {row['operations'] / interval * speed:,.2f} GOp/s, "
            f"{row['intensity']:,.1f} operations per byte of its input",
        )
        for row in rows
    ]
    own = whole["operations"] / whole["input_bytes"], whole["operations"] / interval * speed
    share = 100 * whole["operations"] / interval / max(2 * whole["lanes"], 1)
    words = f"whole design: {own[1]:,.1f} GOp/s, {share:.0f} % of its lanes"
    chart = Chart(
        x_title="binary operations per byte of the input",
        y_title=f"GOp/s at {mhz:g} MHz",
        x_kind="log",
        y_kind="log",
        points=[*points, Point(*own, "ring", size=6, hint=words)],
        legend=[(words, "ring", "circle")],
        y_more=[1.4 * bounds[-1][1], *(bound for _, bound in bounds)],
    )
    chart.limits = [
        Limit(bound, f"{name}: {bound:,.0f} GOp/s", css="axis" if name == BUILT else "dash")
        for name, bound in bounds
    ]
    x, y = chart.axes()
    low, high = max(x.low, y.low / port), min(x.high, bounds[-1][1] / port)
    if low < high:
        slope = [(low, port * low), (high, port * high)]
        chart.lines = [Line(slope, "axis", name=f"input port: {port:,.2g} GB/s", shown=True)]
    return inline(chart, "roofline")
