"""Operations per second over operations per input byte: the design, each of its layers, and their bounds."""

from collections.abc import Sequence
from math import ceil, floor, log10

from xnorforge.flows.report.svg import box, frame, label, polyline

WIDTH, HEIGHT, LEFT, BASE, TOP = 560, 300, 58, 256, 30
BUILT = "lanes built"


def ceilings(record: dict) -> list[dict]:
    """Flat bounds in operations per cycle, the lowest first: {"name", "per_cycle"}.

    The lanes that were built; the DSP of the part, one product and one sum each; and all LUT of the part,
    were they lanes as large as those of this design.
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
                "name": f"LUT of the part, {each:.1f} per lane as here",
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


class _Scales:
    """Both axes, logarithmic, from a power of ten to another."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]):
        self.x = floor(log10(min(xs))), ceil(log10(1.5 * max(xs)))
        self.y = floor(log10(min(ys))), ceil(log10(1.5 * max(ys)))

    def at(self, x: float, y: float) -> tuple[float, float]:
        low_x, high_x = self.x
        low_y, high_y = self.y
        return (
            LEFT + (WIDTH - LEFT - 16) * (log10(x) - low_x) / (high_x - low_x),
            BASE - (BASE - TOP) * (log10(y) - low_y) / (high_y - low_y),
        )

    def grid(self) -> list[str]:
        parts = []
        low, high = (
            self.at(10.0 ** self.x[0], 10.0 ** self.y[0]),
            self.at(10.0 ** self.x[1], 10.0 ** self.y[1]),
        )
        for power in range(self.x[0], self.x[1] + 1):
            x = self.at(10.0**power, 10.0 ** self.y[0])[0]
            parts += [polyline([(x, high[1]), (x, low[1])], "grid")]
            side = "end" if power == self.x[1] else "middle"
            parts += [label(x, BASE + 15, f"{10.0**power:,.10g}", side, 10, "soft")]
        for power in range(self.y[0], self.y[1] + 1):
            y = self.at(10.0 ** self.x[0], 10.0**power)[1]
            parts += [polyline([(low[0], y), (high[0], y)], "grid")]
            parts += [label(LEFT - 6, y + 4, f"{10.0**power:,.10g}", "end", 10, "soft")]
        return parts


def roofline_chart(record: dict) -> str:
    """The chart: a dot per layer, one for the whole design, the input port as a slope and the ceilings flat.

    Args:
        record: of report.json.
    """
    mhz, interval = record["clock_mhz"]["value"], record["cycles"]["interval_simulated"]
    whole, rows = record["roofline"], dots(record)
    speed = mhz / 1e3  # GOp/s per operation and cycle
    bounds = [(row["name"], row["per_cycle"] * speed) for row in ceilings(record)]
    port = whole["input_bytes_per_cycle"] * speed
    points = [(row["intensity"], row["operations"] / interval * speed) for row in rows]
    own = whole["operations"] / whole["input_bytes"], whole["operations"] / interval * speed
    if not whole["operations"]:
        return label(0, 0, "")
    scales = _Scales([x for x, _ in (*points, own)], [y for _, y in (*points, own, *bounds)])
    texts: list[str] = []
    parts = [*scales.grid(), label(LEFT, 14, f"GOp/s at {mhz:g} MHz", css="soft")]
    end, start = 10.0 ** scales.x[1], 10.0 ** scales.x[0]
    for place, (name, bound) in enumerate(bounds):
        y = scales.at(start, bound)[1]
        css = "axis" if name == BUILT else "dash"
        parts += [polyline([scales.at(start, bound), scales.at(end, bound)], css)]
        x, side = (WIDTH - 20.0, "end") if place % 2 else (LEFT + 4, "start")
        texts += [label(x, y - 4, f"{name}: {bound:,.0f} GOp/s", side, 10, "halo")]
    floor_y, roof = 10.0 ** scales.y[0], bounds[-1][1]
    low, high = max(start, floor_y / port), min(end, roof / port)
    if low < high:
        parts += [polyline([scales.at(low, port * low), scales.at(high, port * high)])]
        at = low**0.75 * high**0.25  # a quarter of the line, which rises to the right: below it is free
        x, y = scales.at(at, port * at)
        texts += [label(x + 6, y + 14, f"input port: {port:,.2g} GB/s", size=10, css="halo")]
    for row, (x, y) in zip(rows, points):
        cx, cy = scales.at(x, y)
        css = "dot over" if row["bottleneck"] else "dot"
        hint = f"{row['name']}: {y:,.2f} GOp/s, {x:,.1f} operations per byte of its input"
        parts += [f'<g class="{css}">{box(cx - 3.5, cy - 3.5, 7, 7, "fill", hint)}</g>']
    cx, cy = scales.at(*own)
    share = 100 * whole["operations"] / interval / max(2 * whole["lanes"], 1)
    words = f"○ whole design: {own[1]:,.1f} GOp/s, {share:.0f} % of its lanes"
    parts += [f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="5.5" class="ring"/>', *texts]
    parts += [label(WIDTH - 16, 14, words, "end")]
    parts += [label(WIDTH - 16, BASE + 34, "binary operations per byte of the input", "end", css="soft")]
    return frame(WIDTH, HEIGHT, "roofline", parts)
