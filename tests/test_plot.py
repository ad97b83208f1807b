"""The charts: equal figures give equal bytes, colours follow the scheme, and nothing is fetched."""

import re
from xml.etree import ElementTree

import chromium
import pytest

from xnorforge.plot import svg
from xnorforge.plot.curves import curves
from xnorforge.plot.figures import as_svg, drawing
from xnorforge.studies.cost_figures import front


def chart(colour="s0"):
    """A chart of a line and a text with letters that XML reserves."""
    with drawing(560, 300, heading="a <b>", caption="first\nsecond & last") as (figure, [axis]):
        axis.plot((0, 1), (1, 2), "o-", color=svg.colours()[colour], gid="the line")
        axis.text(0.5, 1.5, "a & b")
        return as_svg(figure, 'about "it"')


def test_the_front_holds_what_no_other_reaches_at_the_same_cost():
    points = [(5, 70.0), (3, 60.0), (5, 72.0), (9, 72.0), (4, 60.0), (7, 80.0), (3, 60.0)]
    assert front(points) == [(3, 60.0), (5, 72.0), (7, 80.0)]


def test_a_file_of_its_own_is_whole_and_follows_the_scheme(tmp_path):
    for name in ("a.svg", "b.svg"):
        svg.write_svg(tmp_path / name, chart())
    text = (tmp_path / "a.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("aria-label") == 'about "it"'
    assert "prefers-color-scheme: dark" in text and 'class="back"' in text and 'id="the line"' in text
    assert not re.search(r"""((href=.|url\()[^#])|src=|@import|<script|xlink""", text)
    assert {"a <b>", "first", "second & last", "a & b"} <= {part.strip() for part in root.itertext()}
    assert (tmp_path / "b.svg").read_text() == text


@pytest.mark.parametrize("name", ["s0", "s7", "wrong"])
def test_a_colour_is_that_of_the_scheme(name):
    text = chart(name)
    assert f"stroke: var(--{name})" in text and svg.colours()[name] not in text


@pytest.mark.full
@pytest.mark.skipif(chromium.program() is None, reason="no Chromium: set CHROMIUM or put one on PATH")
def test_a_chart_in_a_page_fits_it_and_follows_the_scheme(tmp_path):
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><style>{svg.style()} body {{ background: var(--card); }}</style>{chart()}"
    )
    with chromium.Browser(chromium.program()) as browser:
        for width, dark in ((500, False), (1280, True)):
            browser.open(tmp_path / "page.html", width, dark)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            back = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            assert back == ("rgb(23, 30, 38)" if dark else "rgb(255, 255, 255)")
            path = "document.querySelector('[id=\"the line\"] path')"
            line = browser.evaluate(f"getComputedStyle({path}).stroke")
            assert line == ("rgb(74, 168, 224)" if dark else "rgb(0, 114, 178)")


def test_both_schemes_have_the_same_colours():
    bodies = re.findall(r":root \{(.*?)\n *\}", svg.style(), re.S)
    light, dark = (set(re.findall(r"--\w+(?=:)", body)) for body in bodies)
    assert light == dark and {"--s0", "--card"} <= light


def test_a_training_that_diverged_is_drawn_as_far_as_it_went():
    row, nan = {"phase": "train", "held_out_accuracy": 0.1}, float("nan")
    rows = [row | {"epoch": k, "loss": nan if k > 1 else 1.0} for k in range(1, 4)]
    assert "nan" not in curves(rows) and ">loss</text>" in curves(rows)
    assert ">loss</text>" not in curves([row | {"loss": float("inf")} for row in rows])
