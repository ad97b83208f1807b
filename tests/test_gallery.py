"""The page over all builds: every build a row and a link, dots where the figures say, nothing fetched."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from xnorforge.history import gallery

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


def test_a_point_has_the_figures_and_the_link_of_its_build(leave, tmp_path):
    leave("a", build())
    leave("b", build(resources=report(dense3=2000)["resources"]))
    cards, _ = gallery.cards_below(tmp_path / "out")
    [panel] = gallery.panels(cards, {"ste": "s0"}, {"pynq-z2": "up"})
    accuracy, speed = panel["charts"].values()
    links = [f"{name}/rtl-pynq-z2/report.html" for name in "ab"]
    assert [(one.x, one.y, one.link) for one in accuracy.points] == [
        (1212, 0.98, links[0]),
        (2212, 0.98, links[1]),
    ]
    assert [(one.x, one.y) for one in speed.points] == [(1212, 12207.0), (2212, 12207.0)]
    assert {(one.css, one.shape) for one in speed.points} == {("s0", "up")}


def test_the_verb_writes_the_page_beside_the_builds_and_nowhere_else(out, call, capfd):
    assert call("gallery") == (0, [])
    assert "13 builds" in (out / "gallery.html").read_text()
    code, lines = call("gallery", "out", "-o", "elsewhere.html")
    assert code == 2 and len(lines) == 1 and "elsewhere.html" in lines[0] and "give a file in out" in lines[0]
    code, lines = call("gallery", "nothing")
    assert code == 2 and len(lines) == 1 and "nothing" in lines[0] and "make build" in lines[0]
