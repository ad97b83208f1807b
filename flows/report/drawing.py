"""The accelerator as a drawing: layers from left to right as the stream runs, branches one below the other.

A layer is a column of its operators, each in the colour of its busy share; long networks go on in the next
line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from xnorforge.core.types import Record
from xnorforge.plot.svg import box, frame, label, polyline

WIDTH = 1180  # of a line of layers
CHIP, TALL, GAP, TITLE = 132, 18, 13, 17  # an operator; between two of them; the layer's name
COLUMN, END, LANE, BETWEEN = 174, 62, 16, 30  # a layer, the input, room between lanes and between lines
MARGIN = 34  # on the right, for streams that go back to the next line
BUSY = 5  # colours


@dataclass
class Node:
    """A layer, an end of the stream, or, without operators and name, a stream that passes by."""

    name: str
    operators: list[int] = field(default_factory=list)
    x: float = 0
    y: float = 0
    line: int = 0

    @property
    def height(self) -> float:
        if not self.operators:
            return 18 if self.name else 8
        return TITLE + len(self.operators) * (TALL + GAP) - GAP

    @property
    def width(self) -> float:
        return CHIP if self.operators else 32

    @property
    def entry(self) -> tuple[float, float]:
        return self.x, self.y + (TITLE + TALL / 2 if self.operators else self.height / 2)

    @property
    def exit(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height - (TALL / 2 if self.operators else self.height / 2)


def in_columns(
    names: Sequence[str], streams: Sequence[tuple[str, str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Layers in columns, each after all layers that it reads, and the streams with what they pass.

    Args:
        names: of the layers, ends of the stream among them.
        streams: (from, to), without cycles.

    Returns:
        The columns, and per stream the names on its way, ends included; a stream that passes a column has a
        name of its own there, "from>to" and the number of the stream and column.
    """
    before: dict[str, list[str]] = {name: [] for name in names}
    for start, stop in streams:
        before[stop].append(start)
    rank: dict[str, int] = {}
    left = list(names)
    while left:
        ready = [name for name in left if all(one in rank for one in before[name])]
        for name in ready:
            rank[name] = max((rank[one] + 1 for one in before[name]), default=0)
        left = [name for name in left if name not in rank]
    found: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for name in names:
        found[rank[name]].append(name)
    ways, came = [], {name: list(before[name]) for name in names}
    for number, (start, stop) in enumerate(streams):
        way = [start]
        for place in range(rank[start] + 1, rank[stop]):
            way.append(f"{start}>{stop} {number} {place}")
            found[place].append(way[-1])
            came[way[-1]] = [way[-2]]
        came[stop] = [*came[stop], way[-1]]
        ways.append([*way, stop])
    for last, names_here in pairwise(found):
        lane = {name: place for place, name in enumerate(last)}
        heights = {
            name: [lane[one] for one in came[name] if one in lane] or [len(last)] for name in names_here
        }
        names_here.sort(key=lambda name: sum(heights[name]) / len(heights[name]))
    return found, ways


def lines_of(widths: Sequence[float], most: float) -> list[int]:
    """The line of every column: as few lines as fit, and of these about equally long ones."""
    count = 1
    while True:
        aim, found, line_now, used = max(sum(widths) / count, max(widths)), [], 0, 0.0
        for width in widths:
            if used and used + width / 2 > aim and line_now < count - 1:
                line_now, used = line_now + 1, 0.0
            used += width
            found.append(line_now)
        longest = max(sum(width for width, at in zip(widths, found) if at == one) for one in range(count))
        if longest <= most or count == len(widths):
            return found
        count += 1


def accelerator(record: Record) -> str:
    """The drawing; a click on an operator leads to its row in the table.

    Args:
        record: of report.json.
    """
    rows = record["layers"]
    at = {row["name"]: place for place, row in enumerate(rows)}
    nodes = {"input": Node("input")}
    for place, row in enumerate(rows):
        nodes.setdefault(f"layer {row['layer']}", Node(row["layer"])).operators.append(place)
    nodes["output"] = Node("output")

    def node_of(operator: str) -> str:
        return f"layer {rows[at[operator]]['layer']}" if operator in at else operator

    inside, between = {}, []
    for wire in record["connections"]:
        ends = node_of(wire["from"]), node_of(wire["to"])
        if ends[0] == ends[1]:
            inside[at[wire["to"]]] = wire
        else:
            between.append((ends, wire))
    placed, ways = in_columns(list(nodes), [ends for ends, _ in between])
    nodes |= {name: Node("") for column in placed for name in column if name not in nodes}
    tops, height = _place(placed, nodes)
    parts: list[str] = []
    for number, (way, (_, wire)) in enumerate(zip(ways, between)):
        for first, second in pairwise(way):
            parts += _stream(nodes[first], nodes[second], tops, number)
        parts += _width(nodes[way[0]], nodes[way[-1]], wire)
    for node in nodes.values():
        parts += _layer(node, rows, inside)
    width = max(node.x + node.width for node in nodes.values()) + MARGIN
    return frame(min(width, WIDTH), height, "the accelerator, operator by operator", parts)


def _place(placed: list[list[str]], nodes: dict[str, Node]) -> tuple[list[float], float]:
    """Give every node its place; returns where each line begins, and the height of the whole."""
    widths = [COLUMN if any(nodes[name].operators for name in column) else END for column in placed]
    line_of = lines_of(widths, WIDTH)
    top, tops = 4.0, []
    for number in range(line_of[-1] + 1):
        here = [place for place, one in enumerate(line_of) if one == number]
        tall = {p: sum(nodes[name].height + LANE for name in placed[p]) - LANE for p in here}
        x, height = 24.0, max(tall.values())
        tops.append(top)
        for place in here:
            y = top + (height - tall[place]) / 2
            for name in placed[place]:
                node = nodes[name]
                node.x, node.y, node.line = x, y, number
                y += node.height + LANE
            x += widths[place]
        top += height + BETWEEN
    return tops, top - BETWEEN + 8


def _stream(first: Node, second: Node, tops: list[float], number: int) -> list[str]:
    """The line of a stream between two columns; at the end of a line it goes back below it."""
    (x, y), (to_x, to_y) = first.exit, second.entry
    if first.line != second.line:
        aside = 4 * (number % 3)
        under = tops[second.line] - BETWEEN / 2 - aside
        right = x + 14 + aside
        points = [(x, y), (right, y), (right, under), (8 + aside, under), (8 + aside, to_y), (to_x, to_y)]
        parts = [polyline(points, "wire")]
    else:
        middle = (x + to_x) / 2
        parts = [
            f'<path d="M{x:.1f},{y:.1f} C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} '
            f'{to_x:.1f},{to_y:.1f}" class="wire"/>'
        ]
    if second.name:
        parts.append(f'<path d="M{to_x:.1f},{to_y:.1f} l-6,-3.5 v7 z" class="head"/>')
    else:
        parts.append(polyline([(to_x, to_y), second.exit], "wire"))
    return parts


def fill_words(wire: Record) -> str:
    """What stores a stream and how full that was at most, as text; nothing where nothing does."""
    if not wire["depth"]:
        return ""
    fill = "" if wire["fill"] is None else f"{wire['fill']:,}/"
    return f"{fill}{wire['depth']:,}"


def _width(first: Node, second: Node, wire: Record) -> list[str]:
    x, y = first.exit
    below = second.entry[1] < y  # the line rises: its label goes below it
    parts = [label(x + 3, y + (11 if below else -4), f"{wire['width']:,} b", size=9.5, css="soft halo")]
    if found := fill_words(wire):
        x, y = second.entry
        parts.append(label(x - 8, y + (-5 if below else 13), found, "end", 9.5, "soft halo"))
    return parts


def _layer(node: Node, rows: list[Record], inside: dict[int, Record]) -> list[str]:
    if not node.operators:
        return [label(node.x + 2, node.y + 13, node.name, size=11)] if node.name else []
    parts = [label(node.x, node.y + 11, node.name, size=11, css="name", room=CHIP)]
    y = node.y + TITLE
    for place in node.operators:
        row = rows[place]
        if place in inside:
            wire = inside[place]
            found = fill_words(wire)
            words = f"↓ {wire['width']:,} b" + (f" · {found}" if found else "")
            parts.append(label(node.x + 8, y - 3, words, size=9.5, css="soft"))
        kind = f"{row['op']} {row['pe']}×{row['simd']}" if row["pe"] and row["simd"] else row["op"]
        hint = (
            f"{row['name']}: {row['cycles']:,} cycles, {100 * row['busy']:.0f} % of the interval, "
            f"{row['lut']:,} LUT, {row['bram36']:g} BRAM36"
        )
        chip = box(node.x, y, CHIP, TALL, "fill", hint)
        chip += label(node.x + 5, y + 13, kind, size=10.5, room=CHIP - 44)
        chip += label(node.x + CHIP - 5, y + 13, f"{100 * row['busy']:.0f} %", "end", 10.5)
        parts.append(f'<a href="#op-{place}" class="{busy_colour(row)}">{chip}</a>')
        y += TALL + GAP
    return parts


def busy_colour(row: Record) -> str:
    """The class of an operator's colour: b0 to b4 by its busy share, b5 for a bottleneck."""
    return f"b{BUSY if row['bottleneck'] else min(int(BUSY * row['busy']), BUSY - 1)}"
