"""One chart: points, lines, spans and limits in data coordinates; and several charts in one picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from math import radians, sin
from textwrap import wrap

from xnorforge.plot import labels as placing
from xnorforge.plot.axes import Axis, linear_axis, tight
from xnorforge.plot.svg import LETTER, box, frame, label, polyline, titled, wide

CIRCLE, RADIUS = "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z", 5.0
SMALL, TURN = 10, 35  # size of tick labels; degrees by which long names below an axis are rotated
FAR = 3  # a limit more than this many times above all values is named at the edge instead of drawn


@dataclass(frozen=True)
class Point:
    """A marker.

    Attributes:
        css: class of its colour, "s0" to "s7"; "open" in it leaves it unfilled.
        size: radius in pixels.
        label: text next to it.
        hint: shown where the pointer rests on it.
        low, high: ends of its error bar.
    """

    x: float
    y: float
    css: str = "s0"
    size: float = 4
    label: str = ""
    hint: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A line through (x, y).

    Attributes:
        step: level up to the next x, then upright.
        name: what it is, a hint.
    """

    at: Sequence[tuple[float, float]]
    css: str = "line s0"
    step: bool = False
    name: str = ""


@dataclass(frozen=True)
class Limit:
    """An upright line across the chart at a value of x."""

    value: float
    name: str


@dataclass(frozen=True)
class Span:
    """A stretch of the x axis with a name above it; `shaded` or not."""

    low: float
    high: float
    name: str
    shaded: bool


def number(value: float) -> str:
    """A tick: 12,000 or 0.25."""
    return f"{value:,.10g}"


def per_cent(value: float) -> str:
    """A tick for a share of 1."""
    return f"{100 * value:.10g} %"


@dataclass
class Chart:
    """What one chart shows.

    Attributes:
        tight: x has whole ticks and ends at its values.
        names: of the places 0, 1, … on the x axis, in place of numbers.
        x_more, y_more: further values that the axes include.
        right: least room on the right.
        legend: (text, class, shape); the shape "line" is a stroke.
    """

    title: str = ""
    x_title: str = ""
    y_title: str = ""
    tight: bool = False
    x_text: Callable[[float], str] = number
    y_text: Callable[[float], str] = number
    names: Sequence[str] = ()
    width: float = 560
    height: float = 300
    right: float = 12
    points: list[Point] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    legend: list[tuple[str, str, str]] = field(default_factory=list)
    x_more: Sequence[float] = ()
    y_more: Sequence[float] = ()

    def heights(self) -> list[float]:
        """The values of y that the chart shows, limits apart."""
        ends = [end for point in self.points for end in (point.low, point.high) if end is not None]
        return [*(point.y for point in self.points), *(y for line in self.lines for _, y in line.at), *ends]

    def axes(self) -> tuple[Axis, Axis]:
        """Both axes, from all that is shown."""
        xs = [*(point.x for point in self.points), *(x for line in self.lines for x, _ in line.at)]
        xs, ys = [*xs, *self.x_more], [*self.heights(), *self.y_more]
        xs += [limit.value for limit in self.limits if limit.value <= FAR * max(xs)]
        if self.names:
            return Axis(-0.6, len(self.names) - 0.2, tuple(range(len(self.names)))), linear_axis(ys)
        x = linear_axis(xs, whole=self.tight)
        return tight(x, xs) if self.tight else x, linear_axis(ys)

    def left(self) -> float:
        """The room that the labels of the y axis need."""
        return 14 + max(wide(self.y_text(tick), SMALL) for tick in self.axes()[1].ticks)

    def below(self) -> float:
        """The room below the x axis."""
        widest = max((wide(name, SMALL) for name in self.names), default=0) if self.rotated else 0
        return 22 + widest * sin(radians(TURN)) + (16 if self.x_title else 0)

    def above(self) -> float:
        """The room above the chart: its title, what the y axis shows, the legend, the names of spans."""
        return 8 + 18 * bool(self.title) + 16 * (bool(self.y_title) + self.legend_below) + self._names()

    @property
    def rotated(self) -> bool:
        slot = (self.width - 60) / max(len(self.names), 1)
        return any(wide(name, SMALL) > slot for name in self.names)

    @property
    def slanted(self) -> bool:
        return len(self.spans) > 6

    def _names(self) -> float:
        if not self.slanted or not any(span.name for span in self.spans):
            return 14 * any(span.name for span in self.spans)
        return 12 + sin(radians(TURN)) * max(wide(span.name, SMALL) for span in self.spans)

    @property
    def legend_below(self) -> bool:
        return bool(self.legend) and _legend_width(self.legend) + wide(self.y_title, 11) > self.width - 40

    def parts(self, left: float = 0) -> list[str]:
        """The chart with its upper left corner at 0, 0; `left`: room for the labels of the y axis."""
        return _Drawn(self, max(left, self.left())).parts


def _legend_width(legend: list[tuple[str, str, str]]) -> float:
    return sum(wide(name, SMALL) + 28 for name, _, _ in legend)


class _Drawn:
    """The parts of one chart."""

    def __init__(self, chart: Chart, left: float):
        self.chart, (self.x, self.y) = chart, chart.axes()
        last = 0 if chart.names else wide(chart.x_text(self.x.ticks[-1]), SMALL) / 2
        self.box = left, chart.above(), chart.width - max(chart.right, last + 2), chart.height - chart.below()
        self.taken: list[placing.Box] = []
        self.texts: list[str] = []  # go on top of all lines
        self.parts = [*self._heads(), *self._spans(), *self._grid(), *self._limits()]
        self.parts += [*self._lines(), *self._errors(), *map(self._point, chart.points), *self._labels()]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a value."""
        left, top, right, bottom = self.box
        return left + (right - left) * self.x.at(x), bottom - (bottom - top) * self.y.at(y)

    def _heads(self) -> list[str]:
        chart, right, down, parts = self.chart, self.box[2], 8.0, []
        if chart.title:
            parts.append(label(0, down + 8, chart.title, css="name", size=12, room=chart.width))
            down += 18
        if chart.y_title:
            parts.append(label(0, down + 8, chart.y_title, css="soft", room=chart.width))
        down += 16 if chart.y_title and chart.legend_below else 0
        x = 8 if chart.legend_below else right - _legend_width(chart.legend) + 12
        for name, css, shape in chart.legend:
            mark = polyline([(x - 6, down + 4), (x + 6, down + 4)], f"line {css}")
            parts.append(mark if shape == "line" else _marker(x, down + 4, css, 4))
            parts.append(label(x + 9, down + 8, name, size=SMALL))
            x += wide(name, SMALL) + 28
        if chart.x_title:
            parts.append(label(right, chart.height - 4, chart.x_title, "end", css="soft"))
        return parts

    def _spans(self) -> list[str]:
        parts, (left, top, right, bottom) = [], self.box
        for span in self.chart.spans:
            ends = (self.at(value, self.y.low)[0] for value in (span.low, span.high))
            x, end = (min(max(one, left), right) for one in ends)
            if span.shaded:
                parts.append(box(x, top, end - x, bottom - top, "shade"))
            if self.chart.slanted:
                parts.append(label((x + end) / 2, top - 4, span.name, size=SMALL, css="soft", turn=-TURN))
            elif span.name:
                room = max(end - x, 1)
                parts.append(label((x + end) / 2, top - 4, span.name, "middle", SMALL, "soft", room))
        return parts

    def _grid(self) -> list[str]:
        chart, (left, top, right, bottom) = self.chart, self.box
        parts = []
        for tick in self.y.ticks:
            y = self.at(self.x.low, tick)[1]
            parts.append(polyline([(left, y), (right, y)], "grid"))
            parts.append(label(left - 6, y + 3.5, chart.y_text(tick), "end", SMALL, "soft"))
        for place, name in enumerate(chart.names):
            x = self.at(place, self.y.low)[0]
            turn, side = (-TURN, "end") if chart.rotated else (0, "middle")
            parts.append(label(x + 3 * chart.rotated, bottom + 14, name, side, SMALL, turn=turn))
        free: list[tuple[float, float]] = []
        for tick in () if chart.names else sorted(self.x.ticks, key=_weight):
            x, half = self.at(tick, self.y.low)[0], wide(chart.x_text(tick), SMALL) / 2 + 3
            parts.append(polyline([(x, top), (x, bottom)], "grid"))
            if all(x + half <= low or x - half >= high for low, high in free):
                free.append((x - half, x + half))
                parts.append(label(x, bottom + 14, chart.x_text(tick), "middle", SMALL, "soft"))
        return parts

    def _limits(self) -> list[str]:
        parts, words, (_, top, right, bottom) = [], [], self.box
        for limit in self.chart.limits:
            if not self.x.low <= limit.value <= self.x.high:
                words.append((right - 2, bottom - 5, f"{limit.name} →"))
                continue
            x = self.at(limit.value, self.y.low)[0]
            parts.append(polyline([(x, top), (x, bottom)], "dash limit"))
            self.taken.append((x, top, x + 0.1, bottom + 0.1))
            words.append((x - 4, top + 10, limit.name))
        for x, y, name in words:
            self._words(x, y, name)
        return parts

    def _words(self, x: float, y: float, words: str) -> None:
        """A text up to x that labels keep clear of; it goes lower where there is one already."""
        width = wide(words, SMALL)
        left = x - width
        while any(
            left < one[2] and left + width > one[0] and y - 9 < one[3] and y + 2 > one[1]
            for one in self.taken
        ):
            y += 13
        self.taken.append((left, y - 9, left + width, y + 2))
        self.texts.append(label(x, y, words, "end", SMALL, "halo"))

    def _lines(self) -> list[str]:
        parts = []
        for line in self.chart.lines:
            at = [self.at(x, y) for x, y in line.at]
            if line.step:
                corners = [((x, y), (after, y)) for (x, y), (after, _) in pairwise(at)]
                at = [*chain.from_iterable(corners), at[-1]]
            parts.append(polyline(at, line.css, line.name))
            for (x, y), (to_x, to_y) in pairwise(at) if line.step else ():
                ends = min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)
                self.taken.append((ends[0] - 1, ends[1] - 1, ends[2] + 1, ends[3] + 1))
        return parts

    def _errors(self) -> list[str]:
        parts = []
        for point in self.chart.points:
            if point.low is not None and point.high is not None:
                (x, low), (_, high) = self.at(point.x, point.low), self.at(point.x, point.high)
                self.taken.append((x - 4, high, x + 4, low))
                ends = [[(x - 4, y), (x + 4, y), (x, y)] for y in (high, low)]
                parts.append(polyline([*ends[0], *ends[1][::-1]], "mark"))
        return parts

    def _point(self, point: Point) -> str:
        x, y = self.at(point.x, point.y)
        self.taken.append((x - point.size, y - point.size, x + point.size, y + point.size))
        return _marker(x, y, point.css, point.size, point.hint)

    def _labels(self) -> list[str]:
        named = [point for point in self.chart.points if point.label]
        given = [
            placing.Label(*self.at(one.x, one.y), one.size, wide(one.label, SMALL) + 4, 12) for one in named
        ]
        parts = []
        for point, one, place in zip(named, given, placing.placed(given, self.taken, self.box)):
            left, top, right, bottom = place.box
            if place.apart:
                parts.append(polyline([(one.x, one.y), ((left + right) / 2, (top + bottom) / 2)], "lead"))
            self.texts.append(label(left + 2, bottom - 3, point.label, size=SMALL, css="halo"))
        return [*parts, *self.texts]


def _weight(tick: float) -> tuple[bool, float]:
    """The order in which ticks of x are labelled: powers of ten and zero first."""
    return not (tick == 0 or f"{tick:e}".startswith("1.0")), tick


def _marker(x: float, y: float, css: str, size: float, hint: str = "") -> str:
    scale = f" scale({size / RADIUS:.3g})" if size != RADIUS else ""
    place = f"translate({x:.1f},{y:.1f}){scale}"
    return f'<path class="dot {css}" transform="{place}" d="{CIRCLE}">{titled(hint)}</path>'


def compose(
    charts: Sequence[Chart], about: str, heading: str = "", caption: str = "", columns: int = 1
) -> str:
    """Charts below and next to each other, with a heading above and a caption below.

    Args:
        about: what it shows, for those who do not see it.
        columns: charts in a row; those of a column begin at the same x.
    """
    in_columns = [charts[place::columns] for place in range(min(columns, len(charts)))]
    lefts = [max(chart.left() for chart in some) for some in in_columns]
    width = sum(some[0].width + 16 for some in in_columns) + 16
    parts, down = [], 12.0

    def text(words: str, size: float, css: str) -> None:
        nonlocal down
        for line in words.split("\n") if words else ():
            for part in wrap(line, int((width - 32) / (LETTER * size))):
                parts.append(label(16, down + size, part, size=size, css=css))
                down += round(1.4 * size)

    text(heading, 13, "name")
    for row in range(0, len(charts), columns):
        across = 16.0
        for place, chart in enumerate(charts[row : row + columns]):
            inner = "".join(chart.parts(lefts[place]))
            parts.append(f'<g transform="translate({across:g},{down:g})">{inner}</g>')
            across += chart.width + 16
        down += max(chart.height for chart in charts[row : row + columns]) + 10
    text(caption, SMALL, "soft")
    return frame(width, round(down + 8), about, parts)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, benefit) that no other reaches at the same cost or less, by cost; of equal points one."""
    best: list[tuple[float, float]] = []
    for cost, benefit in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not best or benefit > best[-1][1]:
            best.append((cost, benefit))
    return best
