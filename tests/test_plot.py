"""The charts: values lie where the axes say, labels keep apart, equal figures give equal bytes."""

import itertools
import re
from xml.etree import ElementTree

import chromium
import pytest

from xnorforge.plot import axes, labels, svg
from xnorforge.plot.chart import Chart, Limit, Line, Point, Span, compose, front
from xnorforge.plot.curves import curves


def inline(chart, about):
    """One chart alone."""
    return svg.frame(chart.width, chart.height, about, chart.parts())


def markers(chart):
    """Where the markers of a chart lie, in the order of its points."""
    drawn = re.findall(
        r'class="dot[^"]*" transform="translate\(([\d.-]+),([\d.-]+)\)', inline(chart, "a chart")
    )
    return [(float(x), float(y)) for x, y in drawn]


def texts(chart):
    return re.findall(r">([^<]+)</text>", inline(chart, "a chart"))


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.91, 0.98], (0.9, 0.92, 0.94, 0.96, 0.98)),
        ([0.98], (0.975, 0.98, 0.985)),
        ([0.0], (-0.5, 0.0, 0.5)),
        ([3, 41], (0, 10, 20, 30, 40, 50)),
    ],
)
def test_a_linear_axis_has_round_ticks_around_its_values(values, ticks):
    axis = axes.linear_axis(values)
    assert axis.ticks == pytest.approx(ticks)
    assert all(0 <= axis.at(value) <= 1 for value in values)


def test_epochs_have_whole_ticks_and_end_at_their_values():
    axis = axes.tight(axes.linear_axis([1, 3], whole=True), [1, 3])
    assert (axis.low, axis.high, axis.ticks) == (1, 3, (1, 2, 3))
    assert axes.tight(axes.linear_axis([1, 1], whole=True), [1, 1]).low < 1  # one epoch has an axis, too


def test_points_lie_where_their_values_say():
    """From 1,000 to 5,000, and from 0.9 to 0.98."""
    points = [Point(1000, 0.9), Point(1212, 0.91), Point(2212, 0.98), Point(5000, 0.94)]
    at = markers(Chart(points=points))
    (left, bottom), (top, right) = at[0], (at[2][1], at[3][0])
    for (x, y), point in zip(at, points):
        assert (x - left) / (right - left) == pytest.approx((point.x - 1000) / 4000, abs=1e-3)
        assert (bottom - y) / (bottom - top) == pytest.approx((point.y - 0.9) / 0.08, abs=1e-3)


def test_labels_of_points_in_one_place_do_not_overlap():
    names = [labels.Label(280, 150, 5, 110, 12) for _ in range(8)]
    found = labels.placed(names, [(279, 149, 340, 151)], (0, 0, 560, 300))
    for one, other in itertools.combinations([place.box for place in found], 2):
        width = min(one[2], other[2]) - max(one[0], other[0])
        height = min(one[3], other[3]) - max(one[1], other[1])
        assert width <= 1e-6 or height <= 1e-6
    assert any(place.apart for place in found)


def test_the_front_holds_what_no_other_reaches_at_the_same_cost():
    points = [(5, 70.0), (3, 60.0), (5, 72.0), (9, 72.0), (4, 60.0), (7, 80.0), (3, 60.0)]
    assert front(points) == [(3, 60.0), (5, 72.0), (7, 80.0)]


def test_a_step_is_level_up_to_the_next_x():
    chart = Chart(lines=[Line([(0, 0), (1, 1)], "mine", step=True)])
    [corners] = re.findall(r'<polyline points="([^"]+)" class="mine"', inline(chart, ""))
    (x0, y0), (x1, y1), (x2, y2) = (map(float, corner.split(",")) for corner in corners.split())
    assert (y0, x1) == (y1, x2) and x1 > x0 and y2 < y1


def test_a_limit_near_the_values_is_a_line_and_one_far_above_is_named_at_the_edge():
    near, far = (
        Chart(points=[Point(100, 1), Point(200, 2)], limits=[Limit(most, "the part")]) for most in (500, 5000)
    )
    assert "dash limit" in inline(near, "") and "the part" in texts(near)
    assert "dash limit" not in inline(far, "") and "the part →" in texts(far)
    assert far.axes()[0].high == 200


def test_the_axis_has_room_for_error_bars_and_they_end_where_they_should():
    chart = Chart(points=[Point(0, 50, low=40, high=60), Point(1, 50)])
    low, high = chart.axes()[1].low, chart.axes()[1].high
    assert low <= 40 and high >= 60
    [bar] = re.findall(r'<polyline points="([^"]+)" class="mark"', inline(chart, ""))
    heights = {float(corner.split(",")[1]) for corner in bar.split()}
    assert sum(heights) / 2 == pytest.approx(markers(chart)[0][1], abs=0.1) and len(heights) == 2


def test_names_stand_for_places_on_the_x_axis():
    chart = Chart(
        names=["ste", "a very long name of a method, and more", "bonn"],
        points=[Point(k, k) for k in range(3)],
    )
    assert {"ste", "a very long name of a method, and more", "bonn"} <= set(texts(chart))
    assert "rotate(" in inline(chart, "") and "rotate(" not in inline(
        Chart(names=["a", "b"], y_more=(0, 1)), ""
    )


def test_phases_have_their_names_above_and_every_second_one_is_shaded():
    spans = [Span(0, 1, "guide", False), Span(1, 2, "polish", True)]
    chart = Chart(points=[Point(0, 0), Point(2, 1)], spans=spans)
    assert {"guide", "polish"} <= set(texts(chart)) and inline(chart, "").count('class="shade"') == 1


def test_a_file_of_its_own_is_whole_and_follows_the_scheme(tmp_path):
    charts = [Chart("one <b>", points=[Point(0, 1, label="&")]), Chart("two", points=[Point(0, 1)])]
    for name in ("a.svg", "b.svg"):
        svg.write_svg(tmp_path / name, compose(charts, "about", "head", "first\nsecond", columns=2))
    text = (tmp_path / "a.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in text and 'class="back"' in text
    assert not re.search(r"(href|src|url|@import|<script)", text)
    assert (tmp_path / "b.svg").read_text() == text


@pytest.mark.full
@pytest.mark.skipif(chromium.program() is None, reason="no Chromium: set CHROMIUM or put one on PATH")
def test_a_chart_in_a_page_fits_it_and_follows_the_scheme(tmp_path):
    chart = Chart(points=[Point(0, 0), Point(1, 1, hint="a & b")])
    assert "<title>a &amp; b</title>" in inline(chart, "")
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><style>{svg.style()} body {{ background: var(--card); }}"
        f" svg {{ max-width: 100%; }}</style>{inline(chart, '')}"
    )
    with chromium.Browser(chromium.program()) as browser:
        for width, dark in ((500, False), (1280, True)):
            browser.open(tmp_path / "page.html", width, dark)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            back = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            assert back == ("rgb(23, 30, 38)" if dark else "rgb(255, 255, 255)")


def test_every_colour_of_a_chart_is_one_of_the_style():
    style = svg.style()
    for name in [*(f"s{k}" for k in range(8)), "ring", "lead", "mark", "grid", "dash"]:
        assert f".{name} {{" in style or f".{name}," in style, name
    light, dark = (
        set(re.findall(r"--\w+(?=:)", body)) for body in re.findall(r":root \{(.*?)\n *\}", style, re.S)
    )
    assert light == dark and {"--s0", "--card"} <= light


def test_a_training_that_diverged_is_drawn_as_far_as_it_went():
    rows = [
        {"epoch": k, "phase": "train", "loss": float("nan") if k > 1 else 1.0, "held_out_accuracy": 0.1}
        for k in range(1, 4)
    ]
    assert "nan" not in curves(rows) and ">loss</text>" in curves(rows)
    assert ">loss</text>" not in curves([row | {"loss": float("inf")} for row in rows])
