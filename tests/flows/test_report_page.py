"""The page of a report: structure, links and colours, for five kinds of reports; and what its charts say."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import chromium
import numpy as np
import onnx
import pytest
from test_report import IMAGES, ROUTED, chain, counted, lay, records, scores_of

from xnorforge.core import plugins
from xnorforge.core.artifacts import check, write_json
from xnorforge.flows import report
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.report import layers
from xnorforge.hw.graph import in_a_row
from xnorforge.plot import svg
from xnorforge.sw import zoo
from xnorforge.sw.training import curves

POINT = {"phase": "train"}
CURVE = [POINT | {"epoch": n, "loss": 1 / n, "held_out_accuracy": n / 4} for n in range(1, 4)]
TRAINING = {"seed": 3, "epochs": 3, "command": "train it", "curve": CURVE}
KINDS = ("classes", "maps", "tracker", "group_net", "hls4ml")


def branched():
    """Twelve bits to three layers side by side, whose counts are added: as of the branches of Group-Net."""
    op = {name: plugins.load("hw.ops", name).Op for name in ("fork", "fifo", "sign_mvu", "join", "top_k")}
    rng = np.random.default_rng(2)
    size = {"mw": 12, "mh": 3, "simd": 2, "pe": 1, "vectors": 1, "in_shape": [12], "out_shape": [3]}
    fork = op["fork"].make("fork0", in_shape=[12], readers=3, pe=2)
    weights = [{"weights": rng.integers(0, 2, (12, 3))} for _ in range(3)]
    units = [op["sign_mvu"].make(f"dense{k}", one, **size) for k, one in enumerate(weights)]
    sums = units[0].out_stream()
    wires = {"in_bits": [sums.bits] * 3, "in_signed": [0] * 3, "out_bits": 6, "out_signed": 0}
    join = op["join"].make("join0", {"multipliers": np.ones((3, 3), np.int64)}, in_shape=[3], **wires)
    fifo = op["fifo"].make("fifo_join0", shape=[3], lanes=1, bits=sums.bits, signed=0, depth=4)
    last = op["top_k"].make("top_k", n=3, k=1, in_bits=6, in_signed=0)
    for number, unit in enumerate(units):
        unit.onnx_node.input[0] = fork.onnx_node.output[number]
        join.onnx_node.input[number] = unit.onnx_node.output[0]
    fifo.onnx_node.input[0] = units[2].onnx_node.output[0]
    join.onnx_node.input[2] = fifo.onnx_node.output[0]
    in_a_row([join, last])
    return [fork, *units, fifo, join, last]


def cells_of(ops) -> dict:
    """A record of the stage synth with seeded cells."""
    own = [counted(seed) for seed in range(len(ops) + 1)]
    named = [{"name": op.name, "op": type(op).__name__, "module": f"layer_{op.name}"} for op in ops]
    total = {name: sum(one[name] for one in own) for name in own[0]}
    rows = [{**name, **cells} for name, cells in zip(named, own)]
    return {**records()["synth"], "operators": rows, "top": own[-1], "total": total}


def write_kind(kind: str, folder: Path) -> Path:
    """The report of one kind from records made here; its page."""
    given = records()
    given["export"] |= {"training": TRAINING, "task": None}
    figures = {"AP": 0.5, "LAMR": 0.25}
    if kind in ("maps", "tracker"):
        row = {"stage": "trained", "set": "streets", "images": 20, "figures": figures}
        given["export"] |= {"accuracy": [row], "task": {"maps": "pedestrian", "tracker": "track"}[kind]}
        files = [(f"street {n}", f"examples/{n}.jpg", f"examples/{n}_true.jpg") for n in range(4)]
        given["sim"]["examples"] = [dict(zip(("picture", "file", "true"), row)) for row in files]
    if kind == "tracker":
        loads = {"address_bits": 8, "words": 4, "bits": 32, "operators": ["dense1"], "structure": "0" * 16}
        given["generate"]["loads"], given["sim"]["load_cycles"] = loads, 20
    if kind == "group_net":
        ops = branched()
        bound = max(op.cycles() for op in ops)
        given["export"]["method"] = "group_net"
        given["sim"] |= {"interval": bound, "fifos": {"fifo_join0": 3}}
        given["sim"]["model"] |= {"interval": bound, "fifos": {}}
        given["synth"] = cells_of(ops)
    acc = lay(folder, given)
    if kind == "group_net":
        onnx.save(folded_graph(branched(), "tiny"), acc / "folded.onnx")
    if kind in ("maps", "tracker"):
        (acc / "examples").mkdir()
        for row in given["sim"]["examples"]:
            (acc / row["file"]).touch()
            (acc / row["true"]).touch()
    if kind == "classes":
        labels = scores_of(IMAGES).argmax(1)
        labels[[2, 5]] = (labels[[2, 5]] + 1) % 3
        labels[7] = -1
        np.savez(acc.parent / "golden.npz", labels=labels)
        write_json(acc / "bitstream.json", ROUTED)
        (acc / "rtl/odd name #1.sv").write_text("module x; endmodule\n")
    if kind == "hls4ml":
        acc = acc.parent / "hls4ml-pynq-z2"
        write_json(acc / "fold.json", given["fold"])
        layer = {"name": "dense0", "class": "Dense", "node": "dense0", "result": "ap_int<5>"}
        hls = {
            "checks": [check("hls4ml = folded", 20, 0, 60)], "project": "hls_project", "top": "net",
            "layers": {"io_stream": [layer]}, "synthesised": "no (Vitis HLS not found on PATH)",
        }  # fmt: skip
        write_json(acc / "hls.json", hls)
    report.write(acc)
    return acc / "report.html"


def grown(small: Path) -> Path:
    """The page of a report with every layer ninety times, LUT rising; the second layer is the slowest."""
    record = json.loads(small.with_name("report.json").read_text())
    reached, memory = {"reached": 8, "decoded": 8, "compared": 0, "simulated": 0}, {"ramb36": 0, "ramb18": 1}
    record["reach"] = [{"layer": "dense0", "bits": 8, "sim": reached, "netlist": None}]
    record["memory"] = [{"layer": "dense0", "shapes": ["8x9"], "bits": 72, "efficiency": 0.1, **memory}]
    for rows in (record["layers"], record["complexity"]["layers"], record["reach"], record["memory"]):
        rows[:] = [row | {"layer": f"{row['layer']}_{copy}"} for copy in range(90) for row in rows]
    for place, row in enumerate(record["layers"]):
        row |= {"lut": place, "bottleneck": (row["name"], row["layer"]) == ("dense1", "dense1_0")}
    record["reach"][30]["bits"] = 9
    page = small.with_name("large.html")
    page.write_text(report.pages.page(record, page.parent, "design", "html"))
    return page


class Read(HTMLParser):
    """Ids, links, heads of tables and what each table stands in; every element ends in its place."""

    def __init__(self, page: Path):
        super().__init__()
        self.ids, self.links, self.fetched, self.heads, self.around, self.open = [], [], [], [], [], []
        self.feed(page.read_text())
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        if "href" in given:
            self.links.append(given["href"])
        self.fetched += [given["src"]] if "src" in given else []
        assert tag not in ("link", "iframe") and not [name for name in given if name.startswith("on")]
        if tag == "th":
            self.heads.append(given.get("scope"))
        if tag == "table":
            self.around.append(self.open[-1])
        if tag not in ("meta", "br", "img", "input"):
            self.open.append((tag, given.get("class")))

    def handle_startendtag(self, tag, attrs):
        """Elements that close themselves, inside the charts."""

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag


@pytest.fixture(scope="module")
def pages_of(tmp_path_factory) -> dict[str, Path]:
    """The page of every kind of report, and one of many layers."""
    pages = {kind: write_kind(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}
    return pages | {"large": grown(pages["classes"])}


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_unique_and_every_link_leads_somewhere(kind, pages_of):
    page = pages_of[kind]
    read = Read(page)
    assert [name for name, count in Counter(read.ids).items() if count > 1] == []
    inside = {link[1:] for link in read.links if link.startswith("#")}
    assert inside <= set(read.ids) and len(inside) > 5
    beside = [link for link in read.links if not link.startswith("#")]
    assert [link for link in beside if not (page.parent / unquote(link)).exists()] == []
    assert {"report.md", "report.json"} <= set(beside)
    assert all((page.parent / unquote(file)).exists() for file in read.fetched)


@pytest.mark.parametrize("kind", KINDS)
def test_heads_of_tables_have_a_scope_and_tables_a_frame_that_scrolls(kind, pages_of):
    read = Read(pages_of[kind])
    assert set(read.heads) <= {"col", "row", "rowgroup"} and len(read.heads) > 10
    assert set(read.around) == {("div", "scroll")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_one_file_below_300_kb_with_head_and_navigation(kind, pages_of):
    text = pages_of[kind].read_text()
    assert len(text.encode()) < 300_000 and not re.search(r"@import|url\([^#]", text)
    assert re.findall(r"<script[^>]*>", text) == ["<script>"]
    shown = {"training": "3 epochs, seed 3; seeded", "command": "make build NET=tiny METHOD="}
    for name, value in shown.items():
        assert re.search(rf"<dt>{name}</dt><dd[^>]*>{value}", text)
    menu = text.partition("<nav")[2].partition("</nav>")[0]
    sections = set(re.findall(r"<section id=\"([\w-]+)\"", text))
    assert sections >= set(re.findall(r'<a href="#([\w-]+)">', menu)) - {"top"}


def test_every_file_of_a_build_is_linked_whatever_it_is_called(pages_of):
    links = {unquote(link) for link in Read(pages_of["classes"]).links}
    assert {"rtl/odd name #1.sv", "folded.onnx", "fold.json", "../lower.json"} <= links


def test_a_failed_report_does_not_link_the_record_that_is_not_written(tmp_path):
    given = records()
    given["sim"]["checks"][0]["mismatches"] = 1
    acc = lay(tmp_path, given)
    with pytest.raises(report.MismatchError):
        report.write(acc)
    assert "report.json" not in Read(acc / "report.html").links


# ---- colours


def schemes() -> dict[str, dict[str, str]]:
    """The colours of pages and charts in both schemes: {scheme: {name: #rrggbb}}."""
    text = svg.style() + (files(report) / "style.css").read_text()
    bodies = re.findall(r":root \{(.*?)\n *\}", text, re.DOTALL)
    light, dark = ("".join(bodies[place::2]) for place in (0, 1))
    colours = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text)) for text in (light, dark)]
    return {"light": colours[0], "dark": colours[0] | colours[1]}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances, the lighter one first."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    high, low = sorted(map(luminance, (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def text_pairs() -> set[tuple[str, str]]:
    """(text, background) of every rule that colours text: its own background, else all surfaces."""
    pairs = set()
    for body in re.findall(r"[^{}]+\{([^{}]*)\}", (files(report) / "style.css").read_text()):
        text = re.search(r"(?<![\w-])color: var\(--([\w-]+)\)", body)
        back = re.search(r"(?:background|--back): var\(--([\w-]+)\)", body)
        if text:
            pairs |= {(text[1], one) for one in ([back[1]] if back else ["page", "card", "group"])}
    return pairs


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_4_5_in_both_schemes(scheme):
    colours, pairs = schemes()[scheme], text_pairs()
    words, backs = ("soft", "on-strong", "ink", "wrong", "est"), ("card", "b4", "b1", "group", "card")
    assert set(zip(words, backs)) <= pairs
    low = {pair: contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert {pair: round(found, 2) for pair, found in low.items() if found < 4.5} == {}


# ---- what the charts are drawn from


def test_the_operators_of_a_branched_graph_are_grouped():
    ops = branched()
    assert layers.layer_groups(ops) == {
        "fork0": "fork0", "dense0": "dense0", "dense1": "dense1", "dense2": "dense2", "fifo_join0": "dense2",
        "join0": "join0", "top_k": "top_k",
    }  # fmt: skip


def test_windows_and_converters_belong_to_the_unit_behind_them_and_pools_to_the_one_before():
    names = {"a_window": "Window", "width_a": "Width", "a": "Unit", "width_a_pool": "Width", "a_pool": "Pool",
             "width_b": "Width", "b": "Unit", "rest": "Other"}  # fmt: skip

    class Op:
        inputs = outputs = 1

        def __init__(self, name, kind, place):
            self.name, self.identity = name, kind == "Width"
            self.sources, self.results = [f"t{place}"], [f"t{place + 1}"]
            self.arrays_of = {"weights": np.ones((2, 2))} if kind == "Unit" else {}

        def out_stream(self):
            return chain()[1].out_stream()

    found = layers.layer_groups([Op(*given, place) for place, given in enumerate(names.items())])
    assert found == {**dict.fromkeys(["a_window", "width_a", "a", "width_a_pool", "a_pool"], "a"),
                     "width_b": "b", "b": "b", "rest": "rest"}  # fmt: skip


def test_a_layer_has_the_sums_of_its_operators_and_its_slowest(pages_of):
    record = json.loads((pages_of["classes"].parent / "report.json").read_text())
    found = {one["name"]: one for one in layers.in_layers(record["layers"])}
    assert list(found) == ["dense0", "dense1", "top_k"] and found["dense0"]["whole"] is None
    whole, rows = found["dense1"]["whole"], [row for _, row in found["dense1"]["rows"]]
    assert [row["name"] for row in rows] == ["width_dense1", "dense1"]
    assert whole["lut"] == sum(row["lut"] for row in rows)
    assert whole["cycles"] == max(row["cycles"] for row in rows) and whole["macs"] == 24


def test_what_is_known_of_a_training_comes_from_its_card():
    assert zoo.history({}) == {"seed": None, "command": None, "epochs": None, "curve": []}
    losses = ("real", 2.5, 0.5), ("train", float("nan"), 0.5), ("train", 0.5, 0.75)
    rows = [dict(zip(("phase", "loss", "held_out_accuracy"), row)) | {"flipped 0": 0.1} for row in losses]
    curve = json.loads(json.dumps(curves.points(rows), allow_nan=False))
    found = zoo.history({"seed": 4, "recipe": {"epochs": 3}, "command": "c", "curve": curve})
    assert (found["seed"], found["epochs"], found["command"]) == (4, 3, "c")
    assert [(row["epoch"], row["phase"], row["loss"]) for row in found["curve"]] == [
        (1, "real", 2.5), (3, "train", 0.5),
    ]  # fmt: skip


# ---- in a browser

BEYOND = """[...document.querySelectorAll("main *")].filter((one) => {
  if (one.closest("svg") && one.tagName !== "svg") return false;
  const frame = one.closest(".scroll, .two, section, .card, header, nav, .facts, figure");
  const box = one.getBoundingClientRect();
  const outer = frame && frame !== one ? frame : document.documentElement;
  const scrolls = frame && getComputedStyle(frame).overflowX === "auto";
  if (!box.width || (scrolls && frame.scrollWidth > frame.clientWidth)) return false;
  const edge = outer.getBoundingClientRect();
  return box.right > edge.right + 1.5 || box.left < edge.left - 1.5;
}).map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}`)"""


LINES = """["nav a", ".cards .card"].map((which) =>
  new Set([...document.querySelectorAll(which)].map((one) => one.offsetTop)).size)"""


MISMATCHES = """[...document.querySelectorAll("#stages th")].find((one) =>
  one.textContent === "mismatches").getBoundingClientRect().right"""
BROKEN = """[...document.querySelectorAll("section")].filter((one) =>
  getComputedStyle(one).breakInside !== "avoid").map((one) => one.id)"""


def test_on_paper_a_long_table_has_its_largest_rows_the_slowest_and_what_was_not_reached(pages_of):
    """On the screen it has all rows."""
    text = pages_of["large"].read_text()
    cut = dict(re.findall(r'<section id="(\w+)" class="cut">(.*?)</section>', text, re.DOTALL))
    assert {name: len(re.findall("<tr", text)) - len(re.findall('="off"', text)) for name, text in cut.items()
            if name != "layers"} == {"memory": 17, "complexity": 18}  # fmt: skip
    bodies = re.findall(r'<tbody class="layer( off)?">.*?name">(\w+)<', cut["layers"], re.DOTALL)
    assert len(bodies) == 270 and sum(not off for off, _ in bodies) == 33
    assert ("", "dense1_0") in bodies and ("", "dense1_89") in bodies and (" off", "dense1_1") in bodies
    reached = re.findall(r'<tr( class="off")?><th scope="row" class="l">(dense0_\w+)', text)
    assert [name for off, name in reached if not off] == ["dense0_30"] and len(reached) == 90


@pytest.mark.full
@pytest.mark.skipif(chromium.program() is None, reason="no Chromium: set CHROMIUM or put one on PATH")
@pytest.mark.parametrize("kind", (*KINDS, "large"))
def test_in_a_browser_nothing_stands_beyond_its_frame_and_the_script_folds_and_sorts(kind, pages_of):
    with chromium.Browser(chromium.program()) as browser:
        for width in (500, 1280, 2200):
            for dark in (False, True):
                browser.open(pages_of[kind], width, dark)
                assert browser.evaluate("document.documentElement.scrollWidth") <= width
                assert browser.evaluate(BEYOND) == []
                if width == 1280:
                    assert browser.evaluate(LINES) == [1, 1]
                assert browser.evaluate(MISMATCHES) <= width - 20  # in sight without scrolling
                back = browser.evaluate("getComputedStyle(document.body).backgroundColor")
                assert back == ("rgb(16, 21, 27)" if dark else "rgb(244, 246, 248)")
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert browser.evaluate(BROKEN) == []
        pdf = browser.pdf()
        assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 4
        if kind == "classes":
            browser.open(pages_of[kind], 1280)
            hidden = "document.querySelectorAll('#layers tr.part[hidden]').length"
            assert browser.evaluate(hidden) == 2
            opened = "document.querySelector('#layers tr.group button').click()"
            assert browser.evaluate(f"{opened}; {hidden}") == 0
            head = "document.querySelectorAll('#layers thead th')[12]"
            browser.evaluate(f"{head}.querySelector('button').click()")
            order = browser.evaluate(
                "[...document.querySelectorAll('tbody.layer')].map((body) => number(body.rows[0].cells[12]))"
            )
            assert order == sorted(order, reverse=True) and len(order) == 3
