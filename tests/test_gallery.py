"""The page over all builds: every build a row and a link, dots where the figures say, nothing fetched."""

import re
import sys
from html.parser import HTMLParser
from math import log10
from pathlib import Path

import pytest

from xnorforge.history import axes, gallery

sys.path.insert(0, str(Path(__file__).parent))
from reports import report


class Page(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, tag):
        """The attributes of all tags of a kind."""
        return [attrs for name, attrs in self.tags if name == tag]


def build(net="mnist-cnn", method="ste", board="pynq-z2", **more):
    return report() | {"net": net, "method": method, "board": board, "latency_us": {"value": 1.5}} | more


@pytest.fixture
def out(leave, tmp_path):
    """Thirteen builds, two of them for another tool, and one report that is damaged."""
    for net in ("mnist-cnn", "mnist-tfc", "cifar10-cnv"):
        for method in ("ste", "bonn"):
            leave(f"{net}-{method}", build(net, method))
    for count in range(5):
        leave(f"sweep/more {count}", build("mnist-cnn", "rbcn", count=count))
    for name in ("hls", "finn"):
        other = {
            key: value for key, value in build().items() if key not in ("resources", "fps", "latency_us")
        }
        leave(name, other)
    (leave("bad", build()) / "report.json").write_text("{")
    return tmp_path / "out"


def test_every_build_is_a_row_that_leads_to_its_report_and_a_damaged_report_is_named(out):
    page = Page(text := gallery.gallery_page(out))
    rows = [attrs for attrs in page.of("tr") if "data-of" in attrs]
    links = {attrs["href"] for attrs in page.of("a")}
    assert len(rows) == 13 and "<h1>13 builds</h1>" in text
    assert "mnist-tfc-bonn/rtl-pynq-z2/report.html" in links
    assert "sweep/more%202/rtl-pynq-z2/report.html" in links  # a blank in a folder's name
    assert "cannot be read: bad/rtl-pynq-z2/report.json" in text
    assert len([attrs for attrs in page.of("a") if "data-of" in attrs]) == 2 * 11  # of others, no LUT


def test_the_page_fetches_nothing_and_is_complete_without_script(out):
    text = gallery.gallery_page(out)
    page = Page(text)
    assert not page.of("link") and not page.of("img") and not re.search(r"(src|url)\s*[=(]", text)
    assert "http" not in text
    assert page.of("form") == [{"id": "filters", "hidden": None}]  # a choice that would do nothing
    hidden = [tag for tag, attrs in page.tags if "hidden" in attrs and tag != "form"]
    assert not hidden and "style" not in {name for _, attrs in page.tags for name in attrs}


def test_names_from_files_are_text(leave, tmp_path):
    leave("x", build('<script>alert("1")</script>', "imported", "<b>"))
    text = gallery.gallery_page(tmp_path / "out")
    assert "<script>alert" not in text and "<b>" not in text


def test_a_dot_stands_where_its_figures_say(leave, tmp_path):
    """Two builds of 1,212 and 2,212 LUT: their distance on the axis of powers of ten, by hand."""
    leave("a", build())
    leave("b", build(resources=report(dense3=2000)["resources"]))
    cards, _ = gallery.cards_below(tmp_path / "out")
    [panel] = gallery.panels(cards)
    left, right = sorted(dot["x"] for dot in panel["charts"][0]["dots"])
    inner = gallery.WIDTH - gallery.LEFT - gallery.RIGHT
    assert panel["charts"][0]["x_ticks"] == [
        (gallery.LEFT, "1,000"),
        (pytest.approx(gallery.LEFT + inner * log10(2) / log10(5), abs=0.1), "2,000"),
        (gallery.LEFT + inner, "5,000"),
    ]
    assert right - left == pytest.approx(inner * log10(2212 / 1212) / log10(5), abs=0.11)


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


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([300, 4000], (200, 500, 1000, 2000, 5000)),
        ([1000], (500, 1000)),
        ([7], (5, 10)),
        ([1, 9], (1, 2, 5, 10)),
    ],
)
def test_an_axis_by_powers_of_ten_ends_at_1_2_or_5_of_one(values, ticks):
    assert axes.log_axis(values).ticks == pytest.approx(ticks)


def test_the_verb_writes_the_page_beside_the_builds_and_nowhere_else(out, call, capfd):
    assert call("gallery") == (0, [])
    assert "13 builds" in (out / "gallery.html").read_text()
    code, lines = call("gallery", "out", "-o", "elsewhere.html")
    assert code == 2 and lines == ["gallery: the links of the page start at out; give a file in that folder."]
    code, lines = call("gallery", "nothing")
    assert code == 2 and lines == ["gallery: no build with a report below nothing; `make build` makes one."]
