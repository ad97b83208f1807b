"""The charts, drawn as plain SVG: a few kilobytes, the same bytes for the same numbers, no script."""

from html import escape
from math import log10

from xnorforge.core.errors import one_line

RED, BLUE, GREY, INK, PALE = "#c0392b", "#2f6fab", "#9aa5b1", "#1f2933", "#e4e9ee"


def _text(
    x: float, y: float, words: str, anchor: str = "start", size: int = 11, fill: str = INK, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}" '
        f'font-weight="{weight}">{escape(one_line(words))}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, fill: str, title: str = "") -> str:
    hint = f"<title>{escape(one_line(title))}</title>" if title else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{fill}" '
        f'rx="1.5">{hint}</rect>'
    )


def _frame(width: float, height: float, label: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'role="img" aria-label="{escape(one_line(label))}" font-family="inherit">{"".join(parts)}</svg>'
    )


def pipeline(layers: list[dict]) -> str:
    """Per operator two bars, cycles per frame and LUT, over one list of names; the bottleneck is red.

    Args:
        layers: rows of the report's `layers`.
    """
    name, half, row, top = 180, 400, 21, 34
    most = max(layer["cycles"] for layer in layers)
    luts = max(max(layer["lut"] for layer in layers), 1)
    width = name + 2 * half + 130
    parts = [
        _text(name, 14, "cycles per frame (formula)", fill=GREY),
        _text(name + half + 70, 14, "LUT (Yosys)", fill=GREY),
        f'<line x1="{name + half}" y1="20" x2="{name + half}" y2="{top + row * len(layers)}" '
        f'stroke="{RED}" stroke-dasharray="3 3"/>',
    ]
    for index, layer in enumerate(layers):
        y = top + row * index
        colour = RED if layer["bottleneck"] else BLUE
        long, wide = half * layer["cycles"] / most, (half - 20) * layer["lut"] / luts
        fold = f"Pe {layer['pe']}, Simd {layer['simd']}" if layer["simd"] else layer["op"]
        parts += [
            _text(name - 8, y + 4, layer["name"], "end", weight=700 if layer["bottleneck"] else 400),
            _rect(name, y - 6, half, 13, PALE),
            _rect(name, y - 6, long, 13, colour, f"{layer['name']}: {layer['cycles']:,} cycles, {fold}"),
            _text(name + half + 6, y + 4, f"{layer['cycles']:,}", fill=colour),
            _rect(name + half + 70, y - 6, wide, 13, GREY, f"{layer['name']}: {layer['lut']:,} LUT"),
            _text(name + half + 70 + wide + 5, y + 4, f"{layer['lut']:,}"),
        ]
    return _frame(width, top + row * len(layers) - 6, "cycles and LUT per operator", parts)


def percent_bar(fraction: float, width: int = 140) -> str:
    """One bar for a share of the part; red above one."""
    colour = RED if fraction > 1 else BLUE
    return _frame(
        width,
        11,
        f"{100 * fraction:.1f} %",
        [_rect(0, 1, width, 9, PALE), _rect(0, 1, width * min(fraction, 1), 9, colour)],
    )


def roofline(data: dict, clock_mhz: float, interval: int) -> str:
    """Binary operations per second over operations per input byte, both logarithmic, with the design's point.

    Args:
        data: the report's `roofline`.
        clock_mhz: the clock that cycles are turned into seconds with.
        interval: cycles per frame.
    """
    width, height, left, base = 560, 260, 64, 222
    intensity = data["operations"] / data["input_bytes"]
    here = data["operations"] * clock_mhz * 1e6 / interval / 1e9
    lanes = 2 * data["lanes"] * clock_mhz / 1e3
    port = data["input_bytes_per_cycle"] * clock_mhz / 1e3  # GB/s
    low_x, high_x = (int(log10(intensity)) - 1, int(log10(intensity)) + 2)
    low_y, high_y = int(log10(here)) - 1, int(log10(max(lanes, here))) + 2

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (width - left - 20) * (log10(x) - low_x) / (high_x - low_x),
            base - (base - 24) * (min(max(log10(y), low_y), high_y) - low_y) / (high_y - low_y),
        )

    parts = []
    for e in range(low_x, high_x + 1):
        x = at(10.0**e, 10.0**low_y)[0]
        parts += [
            f'<line x1="{x:.1f}" y1="24" x2="{x:.1f}" y2="{base}" stroke="{PALE}"/>',
            _text(x, base + 15, f"{10.0**e:,.10g}", "end" if e == high_x else "middle", fill=GREY),
        ]
    for e in range(low_y, high_y + 1):
        y = at(10.0**low_x, 10.0**e)[1]
        parts += [
            f'<line x1="{left}" y1="{y:.1f}" x2="{width - 20}" y2="{y:.1f}" stroke="{PALE}"/>',
            _text(left - 6, y + 4, f"{10.0**e:,.10g}", "end", fill=GREY),
        ]
    knee = lanes / port
    corner = min(max(knee, 10.0**low_x), 10.0**high_x)
    start, bend, end = (
        at(10.0**low_x, port * 10.0**low_x),
        at(corner, min(lanes, port * corner)),
        at(10.0**high_x, min(lanes, port * 10.0**high_x)),
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (start, bend, end))
    x, y = at(intensity, here)
    right = x > width / 2
    parts += [
        f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="1.5"/>',
        _text(width - 22, end[1] - 8, f"lanes built: {lanes:,.0f} GOp/s", "end"),
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{RED}"/>',
        _text(
            x - 9 if right else x + 9,
            y + 16,
            f"this design: {here:,.1f} GOp/s, {100 * here / lanes:.0f} % of its lanes",
            "end" if right else "start",
            fill=RED,
        ),
        _text(left, 12, f"GOp/s at {clock_mhz:g} MHz; input port {port:,.2g} GB/s", fill=GREY),
        _text(width - 20, base + 32, "binary operations per input byte", "end", fill=GREY),
    ]
    return _frame(width, height, "roofline", parts)
