"""The report: what it says follows from the records, and what was not shown to be right is red."""

import copy
import html
import importlib
import json
import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hostile_files import ODD_NAMES
from markdown_it import MarkdownIt
from op_examples import examples_of
from refusals import stops

from xnorforge.core import plugins
from xnorforge.core.artifacts import check, netlist_digest, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.flows import report
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.report import border, brief, collect, operators, pages, provenance, sections
from xnorforge.history import entries
from xnorforge.hw import boards
from xnorforge.hw.bind import OPS
from xnorforge.hw.graph import in_a_row
from xnorforge.pipeline.record import Places
from xnorforge.pipeline.request import Request
from xnorforge.studies.explain import explain

BOARD = boards.load("pynq-z2")
# Of `chain`: 12 x 8 and 8 x 3 binary weights, each used once.
COMPLEXITY = {
    "binary": 120, "multi_bit": 0, "weight_bits": 120, "stored_bits": 152, "operations": 2,
    "layers": [
        {"layer": "dense0", "a_bits": 1, "w_bits": 1, "binary": 96, "multi_bit": 0, "weight_bits": 96,
         "stored_bits": 128, "operations": 2},
        {"layer": "dense1", "a_bits": 1, "w_bits": 1, "binary": 24, "multi_bit": 0, "weight_bits": 24,
         "stored_bits": 24, "operations": 0},
    ],
}  # fmt: skip


def chain():
    """Twelve bits through a FIFO and two layers to three classes: 12 -> 8 -> 3 -> top 1."""
    op = {name: plugins.load("hw.ops", name).Op for name in ("fifo", "sign_mvu", "width", "top_k")}
    rng = np.random.default_rng(1)
    first = {"weights": rng.integers(0, 2, (12, 8)), "thresholds": rng.integers(0, 14, 8)}
    last = {"weights": rng.integers(0, 2, (8, 3))}
    ops = [
        op["fifo"].make("fifo_dense0", shape=[12], lanes=2, bits=1, signed=0, depth=16),
        op["sign_mvu"].make(
            "dense0", first, mw=12, mh=8, simd=2, pe=2, vectors=1, in_shape=[12], out_shape=[8]
        ),
        op["width"].make("width_dense1", shape=[8], in_lanes=2, out_lanes=4, bits=1, signed=0),
        op["sign_mvu"].make("dense1", last, mw=8, mh=3, simd=4, pe=1, vectors=1, in_shape=[8], out_shape=[3]),
        op["top_k"].make("top_k", n=3, k=1, in_bits=4, in_signed=0),
    ]
    return in_a_row(ops)


def counted(seed: int) -> dict:
    """Seeded resources of one operator, as synth.json holds them."""
    names = ("lut_logic", "lut_ram", "srl", "ff", "carry", "ramb36", "ramb18")
    found = dict(zip(names, map(int, np.random.default_rng(seed).integers(1, 40, 7))))
    sums = {"lut": sum(found[name] for name in names[:3]), "bram36": found["ramb36"] + found["ramb18"] / 2}
    return found | sums | dict.fromkeys(("muxf", "dsp", "uram"), 0)


def records(seconds: float = 1.0) -> dict[str, dict]:
    """What the stages would have left for `chain`; two equal builds differ in `seconds` at most."""
    ops = chain()
    run = {"wall_s": seconds, "cpu_s": seconds, "peak_mb": 100, "tools": {"pyosys": "0.70"}}
    equal = ("export", "lower", "fold", "sim", "netlist")
    cells = [counted(seed) for seed in range(len(ops) + 1)]
    synth = {
        "checks": [check("children + own = total", 0, 0, 11)],
        "operators": [{"name": op.name, "op": type(op).__name__, "module": f"layer_{op.name}", **one} for op,
            one in zip(ops, cells)],
        "top": cells[-1], "total": {name: sum(one[name] for one in cells) for name in cells[0]},
    }  # fmt: skip
    speed = {"interval": 24, "latency": 61, "fifos": {"fifo_dense0": 9}}
    own = {
        "export": {
            "net": "tiny", "method": "ste", "source": "seeded", "images": "20 seeded images",
            "input": {"lo": 0, "hi": 1, "scale": 0.5},
            "accuracy": [{"stage": "trained", "set": "held out", "images": 100, "correct": 50, "top1": 0.5}],
        },
        "lower": {"complexity": COMPLEXITY},
        "fold": {
            "net": "tiny", "board": "pynq-z2", "interval": 32768, "backend": "rtl", "output": "scores",
            "clock_mhz": {"value": 100.0, "kind": "target, not routed"},
            "estimate": {"lut": 100.0, "bram36": 2.0},
            "faster": [
                {"interval": 16, "lut": 130.5, "bram36": 1.5, "dsp": 0, "fits": True},
                {"interval": 12, "lut": 9e4, "bram36": 2.0, "dsp": 0, "fits": False},
            ],
        },
        "generate": {"border": {
            "input": {"shape": [12], "lanes": 2, "bits": 1, "signed": False, "bytes": 1, "beats": 6},
            "output": {"shape": [4], "lanes": 1, "bits": 4, "signed": False, "bytes": 1, "beats": 4},
        }},
        "sim": {
            **copy.deepcopy(speed), "model": speed, "examples": [],
            "reach": [reach_row("dense0", 1000, 600, 399), reach_row("dense1", 36, 36, 0)],
        },
        "synth": synth,
        "netlist": {"reach": [reach_row("dense0", 1000, 1000, 0), reach_row("dense1", 36, 0, 36)]},
    }  # fmt: skip
    found = {stage: {"stage": stage, "checks": [], **extra, "run": run} for stage, extra in own.items()}
    for stage in equal:
        found[stage]["checks"] = [check(stage, 20, 0, 80, "integers")]
    return found


def reach_row(layer: str, bits: int, decoded: int, simulated: int) -> dict:
    """What a stage says of the constants of a layer."""
    return {"layer": layer, "bits": bits, "decoded": decoded, "compared": 0, "simulated": simulated}


IMAGES = np.random.default_rng(5).integers(0, 2, (20, 12))
SCALE, BIAS = 0.25, -1.0


def scores_of(images) -> np.ndarray:
    """Match counts of the last layer (N, 3), from the weights of `chain`."""
    first, last = (op.arrays_of for op in chain()[1:4:2])
    hidden = (images[:, :, None] == first["weights"]).sum(1) >= first["thresholds"]
    return (hidden[:, :, None] == last["weights"]).sum(1)


def lay(folder: Path, given: dict[str, dict]) -> Path:
    """Write the records and the folded graph as a build lays them out; returns the accelerator's folder."""
    acc = folder / "out/tiny/rtl-pynq-z2"
    acc.mkdir(parents=True)
    onnx.save(folded_graph(chain(), "tiny"), acc / "folded.onnx")
    integers = scores_of(IMAGES)
    np.savez(acc.parent / "lowered.npz", integers=integers, scale=np.full(3, SCALE), bias=np.full(3, BIAS))
    for stage, record in given.items():
        name = "rtl" if stage == "generate" else stage
        write_json(acc / collect.STAGES[stage] / f"{name}.json", record)
    return acc


@pytest.fixture(scope="module")
def acc(tmp_path_factory):
    """The folder of a whole report."""
    return lay(tmp_path_factory.mktemp("built"), records())


@pytest.fixture(scope="module")
def record(acc):
    """The record of that report, which is written."""
    return report.write(acc)


def test_bits_of_constants_that_no_check_reached_are_named_with_their_layer(record):
    rows = {row["name"]: row for row in record["audits"] if row["name"].startswith("bits reached")}
    rtl, netlist = rows["bits reached in the RTL"], rows["bits reached in the netlist"]
    assert (rtl["integers"], netlist["integers"]) == (999 + 36, 1036)
    assert "dense0 (99.9 %)" in rtl["what"] and "dense1" not in rtl["what"]
    assert "1,036 bits" in netlist["what"] and "dense0" not in netlist["what"]
    assert [row["sim"]["reached"] for row in record["reach"]] == [999, 36]


def test_the_record_read_back_fits_the_schema_and_passes(acc, record):
    again = json.loads((acc / "report.json").read_text())
    report.validate(again)
    assert again == json.loads(json.dumps(record))
    assert again["verdict"] == "PASS"


def test_the_answer_is_decoded_with_what_the_report_says_alone(record):
    out = record["output"]
    x = IMAGES
    for op in chain():
        x = op.run(x)
    frames = chain()[-1].out_stream().pack(x)[:, 0].reshape(len(IMAGES), out["beats"])  # one element per beat
    elements = frames & (2 ** out["bits"] - 1)
    assert out["lanes"] == 1 and not out["signed"]
    scores = elements[:, : out["scores"]] * np.array(out["scale"]) + out["bias"]
    np.testing.assert_array_equal(scores, SCALE * scores_of(IMAGES) + BIAS)
    assert out["indices"] == 1 and (elements[:, -1] == scores.argmax(1)).all()


def test_an_input_that_is_no_pixel_is_described():
    port = {"bytes": 2, "shape": [16], "bits": 12, "signed": True, "lanes": 1, "beats": 16}
    lost = {"max_error": 0.00123, "cut": 2, "numbers": 320, "classes": 20, "classes_differ": 1}
    given = border.entry(port, {"scale": 0.5, "offset": -1.0, "rounding": lost})
    words = pages.input_meaning(given)
    assert words.startswith(f"{border.ORDER}; the network's input is 0.5 × element − 1; ")
    assert "0.00123" in words and "2 of 320" in words and "class of 1 of 20" in words


def test_input_and_output_are_described_in_the_report(acc, record):
    entry = {key: record["input"][key] for key in ("port", "port_bits", "shape", "beats", "scale")}
    assert entry == {"port": "s_axis_tdata", "port_bits": 8, "shape": [12], "beats": 6, "scale": 0.5}
    words = "one per class, then the index of the largest, which is the class; score = 0.25 × integer − 1"
    for kind in ("html", "md"):
        assert f"3 integers, {words}" in (acc / f"report.{kind}").read_text()


PER_CLASS = "score = scale × integer + bias, per {} in report.json"
VECTOR = f"3 integers, one per class; {PER_CLASS.format('class')}; the class is the largest score"


@pytest.mark.parametrize("scores, shape, scale, bias, meaning", [
    (3, [3], [1.0, 2.0, 1.0], [0.0] * 3, VECTOR), (3, [1, 1, 3], [1.0, 2.0, 1.0], [0.0] * 3, VECTOR),
    (240, [6, 8, 5], [0.5] * 5, [1.0, 2.0, 1.0, 1.0, 1.0],
     f"6 × 8 cells of 5 integers, row by row, one per channel; {PER_CLASS.format('channel')}"),
])  # fmt: skip
def test_scores_are_described_with_their_order_and_scale(scores, shape, scale, bias, meaning):
    output = {"scores": scores, "shape": shape, "indices": 0, "scale": scale, "bias": bias}
    assert pages.output_meaning(output) == meaning


def test_labels_are_described_as_indices():
    stream = {"shape": [6, 8, 1], "bits": 3, "signed": False, "lanes": 1, "beats": 48, "bytes": 1}
    lowered = {"integers": np.zeros((2, 6, 8, 5)), "scale": np.ones(5), "bias": np.zeros(5)}
    output = border.exit_(stream, lowered, "labels")
    assert (output["scores"], output["indices"]) == (0, 48)
    assert pages.output_meaning(output) == "6 × 8 cells, row by row, each the index of its largest score"


def test_the_estimate_stands_beside_the_count_with_its_error(record):
    row = next(row for row in record["layers"] if row["name"] == "dense0")
    assert row["lut_error"] == pytest.approx(row["lut_estimate"] / row["lut"] - 1, abs=2e-5)
    guess = sum(op.estimate()["lut"] for op in chain())
    assert record["resources"]["estimate"]["lut"] == pytest.approx(guess, abs=0.1)


@pytest.mark.parametrize("source, interval, words", [
    ("own training", 8192, "NET=tiny METHOD=ste BOARD=pynq-z2 INTERVAL=8192"),
    ({"file": "m.onnx", "sha256": "0" * 64}, 32768, "MODEL=m.onnx SCALE=0.5 BOARD=pynq-z2"),
])  # fmt: skip
def test_the_command_builds_the_same_again(source, interval, words):
    given = records()
    export, fold = {**given["export"], "source": source}, {**given["fold"], "interval": interval}
    assert provenance.command(export, fold, BOARD, "rtl") == f"make build {words}"


def test_a_folding_is_said_in_three_lines():
    """6 BRAM36 are 6 of pynq-z2's 140; an interval of 8,000 cycles at 100 MHz is 12,500 frames/s."""
    estimate = {"lut": 2074.2, "ff": 980, "bram36": 6.0, "dsp": 0.0}
    faster = [{"interval": 4096, "lut": 3000.6, "bram36": 7.5, "fits": False}]
    folding = {"board": "pynq-z2", "clock_mhz": {"value": 100.0, "kind": "target"}, "interval_bound": 8000,
               "bottleneck": ["c"], "latency": 21310, "estimate": estimate, "faster": faster}  # fmt: skip
    assert brief.folding_as_text(folding).splitlines() == [
        "fold      8,000 cycles per frame (limit: c), 12,500 frames/s, latency 213.1 µs at 100 MHz (target)",
        "fold      2,074 of 53,200 LUT, 980 of 106,400 FF, 6 of 140 BRAM36, 0 of 220 DSP, by the cost model",
        "fold      the next faster folding: INTERVAL=4096, 3,001 LUT, 7.5 BRAM36, which does not fit",
    ]
    found = brief.folding_figures(folding)
    assert found["fold__latency__cycles"] == 21310 and found["fold__throughput__fps"] == 12500


def test_speed_is_clock_over_simulated_cycles(record):
    assert record["fps"]["value"] == pytest.approx(100e6 / 24, rel=1e-5)
    assert record["latency_us"]["value"] == 0.61
    # 12 x 8 and 8 x 3 products of bits, two operations each, in 24 cycles of 10 ns.
    assert {name: record["gops"][name] for name in ("binary", "multi_bit")} == {"binary": 1.0, "multi_bit": 0}
    # CNV of the papers, 57,906,176 and 1,555,200 multiply-accumulates, 32,400 cycles at 100 MHz.
    assert collect.gops_of({"binary": 57906176, "multi_bit": 1555200}, 3086.4) | {"kind": ""} == {
        "binary": 357.4432, "multi_bit": 9.5999, "kind": ""
    }  # fmt: skip
    assert record["clock_mhz"] == {"value": 100.0, "kind": "target, not routed"}


def test_the_bound_is_the_slowest_operator_and_is_marked(record):
    most = max(op.cycles() for op in chain())
    marked = [row["name"] for row in record["layers"] if row["bottleneck"]]
    assert record["cycles"]["interval_bound"] == most
    assert record["cycles"]["bottleneck"] == marked == [op.name for op in chain() if op.cycles() == most]


def test_operations_are_counted_from_the_matrices(record):
    found = {row["name"]: row["macs"] for row in record["layers"] if row["lanes"]}
    assert found == {"dense0": 96, "dense1": 24}


def test_a_buffer_names_its_ends_and_its_highest_fill(record):
    keys = ("name", "kind", "from", "to", "width", "beats", "depth", "fill", "lut")
    first, buffer = ([row[key] for key in keys] for row in record["streams"][:2])
    assert first[:8] == ["fifo_dense0", "FIFO", "input", "dense0", 2, 6, 16, 9]
    assert buffer[:4] == ["dense0", "input buffer", "fifo_dense0", "dense0"] and buffer[8] is None


def test_a_faster_folding_costs_what_was_counted_and_the_difference_of_the_estimates(acc, record):
    lut, blocks = (record["resources"][name] for name in ("lut", "bram36"))
    assert record["faster"] == [
        {"interval": 16, "fits": True, "fps": 6.25e6, "lut": lut + 30.5, "bram36": blocks - 0.5},
        {"interval": 12, "fits": False, "fps": 8333333.3, "lut": lut + 89900, "bram36": blocks},
    ]
    text = (acc / "report.html").read_text()
    assert "INTERVAL=16<" in text and 'class="bad">no<' in text


def test_a_wider_operator_computes_the_same():
    ops = {op.name: op for op in chain()}
    x = ops["dense0"].random_input(3)
    for wide in operators.wider(ops["dense0"]).values():
        np.testing.assert_array_equal(wide.run(x), ops["dense0"].run(x))


@pytest.mark.parametrize("kind", ["SignMvu", "IntMvu", "SpatialMvu"])
def test_a_wider_operator_is_one_that_can_be_built_and_no_slower(kind):
    """Of 24 elements per beat, a constant for every 8, the next 36 would not go: 72 is taken."""
    found = {}
    for op in examples_of(OPS[kind]):
        for name, wide in operators.wider(op).items():
            assert wide.cycles() <= op.cycles() and wide.estimate()["lut"] > 0
            found[name, op.get_nodeattr("simd"), wide.get_nodeattr("simd")] = op
    assert {"pe", "simd"} <= {name for name, *_ in found}
    if kind == "SpatialMvu":
        assert ("simd", 24, 72) in found and ("simd", 24, 36) not in found


def given_network() -> dict[str, dict]:
    """Records of a network from elsewhere that leaves much open."""
    given = records()
    given["export"] |= {
        "input": given["export"]["input"] | {"because": "nothing in the graph says it"},
        "doubts": ["accuracy is at chance: 25.00 % of 20 images", "are the labels right?"],
        "host_function": "softmax", "accuracy": [],
        "not_measured": "accuracy of the imported network: the images have no labels",
        "checks": [*given["export"]["checks"], check("softmax = file", 7, 0, 21)],
    }  # fmt: skip
    given["lower"] |= {
        "reference_rounds": ["join0"],
        "ties": {"join0_threshold": 3, "conv0_threshold": 0, "join1_threshold": 1},
        "judged": {"images": 4, "activations": 1234},
        "class_ties": {"classes": 20, "what": "images", "shared": 2, "differ": 1, "first": [13]},
        "finn_not_run": [f"join{i}" for i in range(8)], "nodes": {"MVAU": 5, "ElementwiseAdd": 8},
    }  # fmt: skip
    return given


def test_what_the_given_network_leaves_open_stands_in_every_form(tmp_path):
    acc = lay(tmp_path, given_network())
    record = report.write(acc)
    html, md = ((acc / f"report.{kind}").read_text() for kind in ("html", "md"))
    said = "Accuracy is at chance: 25.00 % of 20 images.", "Are the labels right?", "host applies softmax"
    for text in (
        *said, "Nothing in the graph says it.", "4 activations of 1,234 on 4 images",
        "(join0_threshold 3, join1_threshold 1)",
        "On 2 of 20 images float32 gives several classes the same largest score",
        "On 1 of 20 images the exact scores select another class",
        "numbers: 13)",
        "did not run 8 of 13 nodes, whose numbers have more than 24 bits: join0, join1, join2, join3, join4, "
        "join5 and 2 more.", "Not measured: the images have no labels.",
    ):  # fmt: skip
        assert text.replace("'", "&#39;") in html and text in md, text
    assert "| **doubt** |" in md
    assert re.search(r'<tr class="bad"><td class="l">doubt</td>', html) and "results on 7 images" in html
    short = brief.as_text(record)
    assert "  left to the host: softmax of the scores\n  doubt: accuracy is at chance" in short
    assert "  accuracy: not measured (the images have no labels)" in short
    assert brief.as_record(record, acc)["warnings"][-1] == "are the labels right?"


def test_a_build_without_finn_says_so(tmp_path):
    given = records()
    given["lower"] |= {"finn_installed": False, "nodes": {"MVAU": 5, "ElementwiseAdd": 8}}
    given["lower"]["finn_not_run"] = [f"join{i}" for i in range(13)]
    acc = lay(tmp_path, given)
    assert report.write(acc)["reference"]["finn_installed"] is False
    for kind in ("html", "md"):
        text = (acc / f"report.{kind}").read_text()
        assert "ran 0 of 13 nodes" in text and "xnorforge[finn]" in text and "more than 24 bits" not in text


def test_a_network_that_leaves_nothing_open_has_no_such_section(acc, record):
    assert record["reference"]["doubts"] == record["reference"]["finn_not_run"] == []
    for kind in ("html", "md"):
        text = (acc / f"report.{kind}").read_text()
        assert "The network as given" not in text and "Numbers of more than" not in text


def test_the_layer_table_has_the_bits_of_weights_and_of_numbers(acc, record):
    rows = {row["name"]: (row["w_bits"], row["in_bits"], row["out_bits"]) for row in record["layers"]}
    assert rows["dense0"] == (1, [1], 1) and rows["dense1"] == (1, [1], 4) and rows["top_k"] == (None, [4], 4)
    assert "<td>1 / 1 → 4</td>" in (acc / "report.html").read_text()
    assert "| **dense0** | SignMvu | 1 | 1 |" in (acc / "report.md").read_text()


def written(tmp_path, backend: str, stage: str, given: dict) -> tuple[Path, dict]:
    """The report of another back end: its folder and its record; with 3 mismatches it is refused."""
    acc = lay(tmp_path, records()).parent / f"{backend}-pynq-z2"
    write_json(acc / "fold.json", records()["fold"] | {"run": {"wall_s": 2.0}})
    spoiled = copy.deepcopy(given)
    spoiled["checks"][0]["mismatches"] = 3
    write_json(acc / f"{stage}.json", spoiled)
    stops(f"^report: {given['checks'][0]['name']} failed", report.write, acc, kind=MismatchError)
    write_json(acc / f"{stage}.json", given)
    record = report.write(acc)
    assert record["verdict"] == "PASS" and f" BACKEND={backend}" in record["command"]
    return acc, record


def test_a_project_of_hls4ml_is_reported_with_its_checks(tmp_path):
    hls = {"checks": [check("hls4ml io_stream = folded", 20, 0, 60), check("written = folded", 0, 0, 48)],
           "project": "hls_project", "top": "net", "layers": {"io_stream": []}, "run": {"wall_s": 30.0},
           "synthesised": "no (Vitis HLS not found on PATH)"}  # fmt: skip
    acc, record = written(tmp_path, "hls4ml", "hls", hls)
    for kind in ("html", "md"):
        assert "no (Vitis HLS not found on PATH)" in (acc / f"report.{kind}").read_text()
    assert "hls_project (io_stream), synthesised: no" in brief.as_text(record)
    assert brief.as_record(record, acc)["metrics"]["hls__equality__mismatches"] == 0


def test_estimates_of_finn_stand_beside_ours_and_are_called_so(tmp_path):
    amounts = {"lut": 300, "bram18": 3, "uram": 0, "dsp": 2}
    node = {"name": "MVAU_hls_0", "PE": 4, "SIMD": 2, "cycles": 77, **amounts}
    ours = {"cycles": 66, "lut": 120.5, "bram36": 1.0, "dsp": 0.0}
    finn = {
        "checks": [check("FINN's graph = folded", 10, 0, 600)],
        "folder": "finn", "command": "finn build config model",
        "operators": [
            {"name": "dense0", "nodes": [node], "ours": {"op": "SignMvu", **ours},
             "finn": {"cycles": 77, **amounts}},
            {"name": "window1", "nodes": [node], "ours": None, "finn": {"cycles": 5, **amounts}},
        ],
        "between": {"converters": 3, "fifos": 9, **amounts},
        "estimate": {"cycles": 77, **{key: 3 * value for key, value in amounts.items()},
                     "slowest": "MVAU_hls_0", "kind": "FINN's estimates, not a count"},
        "ours": ours, "cycles": {"interval": 78, "latency": 190, "frames": 20},
        "fifos": [{"name": f"StreamingFIFO_rtl_{k}", "bits": 8, "finn": 40, "ours": 2} for k in range(9)],
        "run": {"wall_s": 5.0},
    }  # fmt: skip
    other, record = written(tmp_path, "finn", "finn", finn)
    text = (other / "report.md").read_text()
    assert "| dense0 | MVAU_hls_0 | 66 | 77 | 120.5 | 300 | 1 | 1.5 | 0 | 2 |" in text
    assert "| window1 | MVAU_hls_0 | – | 5 | – | 300 | – | 1.5 | – | 2 |" in text
    assert "| all | | 66 | 77 | 120.5 | 900 | 1 | 4.5 | 0 | 6 |" in text
    page = (other / "report.html").read_text()
    assert "MVAU_hls_0 PE=4 SIMD=2" in page and "cd finn &amp;&amp; finn build config model" in page
    for shown in (text, page):
        assert "78 cycles per frame, 190 from" in shown and "hold 18 beats" in shown and "360" in shown
    short = brief.as_text(record)
    assert "78 cycles per frame simulated, latency 190" in short
    assert "77 cycles per frame, 900 LUT, 4.5 BRAM36, 6 DSP by FINN's estimates" in short
    assert "66 cycles per frame, 120.5 LUT, 1 BRAM36, 0 DSP by the cost model of BACKEND=rtl" in short


def red(tmp_path, given: dict[str, dict], check: str) -> tuple[str, str]:
    """The failed report of these records, whose check is red and stops the build: its page and text."""
    acc = lay(tmp_path, given)
    with pytest.raises(MismatchError) as raised:
        report.write(acc)
    assert str(raised.value).startswith(f"report: {check} failed or did not run; see ")
    assert str(raised.value).endswith("report.html.") and not (acc / "report.json").exists()
    page, text = (acc / "report.html").read_text(), (acc / "report.md").read_text()
    assert '<span class="verdict FAIL">FAIL</span>' in page and "# tiny on PYNQ-Z2 (TUL): FAIL" in text
    return page, text


@pytest.mark.parametrize("stage", [stage for stage in collect.COMPARING if stage in collect.STAGES])
def test_a_stage_that_compared_no_image_is_red_and_stops_the_build(tmp_path, stage):
    given = records()
    given[stage]["checks"] = []
    assert "did not run" in red(tmp_path, given, stage)[0]


def test_a_mismatch_is_red_and_stops_the_build(tmp_path):
    given = records()
    given["sim"]["checks"][0] |= {"name": "RTL = lowered", "mismatches": 3}
    assert "**did not run**" not in red(tmp_path, given, "RTL = lowered")[1]


@pytest.mark.parametrize("interval, model, words, row", [
    *((k, k, "= bound ({} cycles per frame simulated, 24 predicted by fold, set by dense0)", "FAIL")
      for k in (2400, 29, 19)),
    (25, 24, "= cycle model ({} cycles per frame simulated, 24 by the cycle model)",
     "| sim; cycle model 24; bound 24 by dense0 |"),
])  # fmt: skip
def test_an_interval_that_nobody_predicted_is_red_and_stops_the_build(tmp_path, interval, model, words, row):
    """The slowest operator of `chain` takes 24 cycles per frame; 25 are near enough to that bound, and still
    not what the model says."""
    given = records()
    given["sim"]["interval"], given["sim"]["model"]["interval"] = interval, model
    assert row in red(tmp_path, given, f"interval {words.format(f'{interval:,}')}")[1]


@pytest.mark.parametrize("interval, bound, wrong", [(28, 24, 0), (282, 270, 0), (284, 270, 1), (256, 270, 1)])
def test_an_interval_may_miss_its_bound_by_a_twentieth_or_four_cycles(interval, bound, wrong):
    fold = {"interval": 1000, "aim": {"fps": None}}
    assert collect.as_predicted(interval, bound, ["conv0"], fold)["mismatches"] == wrong


@pytest.mark.parametrize("most, fps, wrong", [(25, None, 0), (24, None, 1), (24, "90000", 1), (24, "max", 0)])
def test_no_interval_is_longer_than_the_one_requested(most, fps, wrong):
    """25 cycles are near enough to the bound of 24, but too slow where 24 are requested."""
    fold = {"interval": most, "aim": {"fps": fps}}
    assert collect.as_predicted(25, 24, ["conv0"], fold)["mismatches"] == wrong


def test_a_single_image_has_no_interval(tmp_path):
    given = records()
    given["sim"]["interval"] = None
    stops(r"^report: sim .*one image.*IMAGES=2", report.write, lay(tmp_path, given), kind=MismatchError)


@pytest.mark.parametrize("stage", collect.STAGES)
def test_a_stage_that_left_no_record_is_named(tmp_path, stage):
    given = records()
    del given[stage]
    acc = lay(tmp_path, given)
    stops(rf"^report: .*json is missing.*`make {stage}`", report.write, acc, kind=MismatchError)


def rename(record, new) -> None:
    """Give every operator of a record another name, `new` of its own; ends of the stream stay."""
    for row in record["layers"]:
        row |= {key: new(row[key]) for key in ("name", "layer")}
    for row in record["resources"]["per_operator"]:
        row["name"] = new(row["name"])


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


class Elements(HTMLParser):
    """The elements of a page, in their order."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))


@pytest.mark.parametrize("case", [*ODD_NAMES, "a script"])
def test_names_of_any_characters_are_text_in_the_report(acc, record, case):
    odd = ODD_NAMES.get(case, '"><script>alert(1)</script><img src=x onerror="alert(1)"> `<b>`')
    given = copy.deepcopy(record)
    given |= dict.fromkeys(("net", "source", "images", "command", "board_title"), odd)
    for row in given["accuracy"]:
        row["set"] = odd
    rename(given, lambda name: f"{odd} {name}")
    plain, page = (pages.page(one, acc, "design", "html") for one in (record, given))
    assert Elements(page).found == Elements(plain).found
    assert all(line.isprintable() for line in page.splitlines())
    plain, text = (pages.page(one, acc, "design", "md") for one in (record, given))
    assert len(text.split("\n")) == len(plain.split("\n"))
    assert all(line.isprintable() for line in text.split("\n"))
    assert pages.in_code(odd) in text
    before, after = (Elements(MARKDOWN.render(one)).found for one in (plain, text))
    shape = ("h1", "h2", "h3", "table", "tr", "th", "td", "li", "a", "img", "script", "b")
    assert [one for one in after if one[0] in shape] == [one for one in before if one[0] in shape]
    plain, lines = (brief.as_text(one).split("\n") for one in (record, given))
    assert len(lines) == len(plain) and all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "given", ["`make doctor` shows", "a`b <b> & [x](y)", "a|b 'c'", "\\`b`", "`a|b`", "back\\"]
)
def test_the_text_has_no_entities_and_shows_what_is_given(given):
    text = pages.in_markdown(given)
    assert "&#" not in text
    row = MARKDOWN.render(f"| a | b |\n|---|---|\n| {text} | 1 |\n")
    (shown, _) = re.findall("<td>(.*?)</td>", row)
    assert html.unescape(re.sub("</?code>", "`", shown)) == given


@pytest.mark.parametrize("case", ODD_NAMES)
def test_a_shell_reads_the_command_as_it_was_given(case):
    odd = ODD_NAMES[case]
    export = {"net": "x", "source": {"file": odd}, "input": {"scale": 1.0}, "asked": {"IMAGES_FROM": odd}}
    fold = {"interval": 1, "output": "scores"}
    words = shlex.split(provenance.command(export, fold, BOARD, "rtl"))
    assert words[:4] == ["make", "build", f"MODEL={odd}", f"IMAGES_FROM={odd}"]


@pytest.mark.parametrize(("intervals", "shown"), [({"AP": [0.25, 0.75]}, "0.250 to 0.750"), (None, "–")])
def test_figures_stand_with_their_interval_or_without(tmp_path, intervals, shown):
    given = records()
    row = {"stage": "trained", "set": "streets", "images": 20, "figures": {"AP": 0.5}}
    given["export"]["accuracy"] = [row | ({"intervals": intervals} if intervals else {})]
    acc = lay(tmp_path, given)
    assert report.write(acc)["accuracy"] == [row | {"intervals": intervals or {}}]
    page = (acc / "report.html").read_text()
    assert f"<td>0.500</td><td>{shown}</td>" in page and (f"5 to 95 %: {shown}" in page) == bool(intervals)
    assert f"| streets | 20 | 0.500 | {shown} |" in (acc / "report.md").read_text()


@pytest.mark.usefixtures("record")
def test_every_table_of_the_text_has_even_rows(acc):
    lines = (acc / "report.md").read_text().splitlines()
    widths = [line.count("|") * line.startswith("|") for line in lines]
    pairs = [(one, two) for one, two in pairwise(widths) if one and two]
    assert len(pairs) > 20 and all(one == two for one, two in pairs)


@pytest.mark.parametrize("images, correct, top1, low, high", [
    (100, 50, 0.5, 0.4038, 0.5962), (10, 0, 0.0, 0.0, 0.2775), (10, 10, 1.0, 0.7225, 1.0),
])  # fmt: skip
def test_wilson_interval_by_hand_stays_inside_zero_and_one(images, correct, top1, low, high):
    row = collect.with_interval({"images": images, "correct": correct})
    assert (row["top1"], row["low"], row["high"]) == pytest.approx((top1, low, high), abs=1e-4)


def test_the_short_form_holds_verdict_speed_and_size(acc, record):
    lines = brief.as_text(record).splitlines()
    assert lines[0] == "PASS  tiny on PYNQ-Z2 (TUL), xc7z020clg400-1"
    assert "  interval  24 cycles per frame simulated, bound 24 (dense0)" in lines
    assert any(line.startswith("  work      1 GOP/s binary, 0 multi-bit") for line in lines)
    assert max(map(len, lines)) <= 120
    short = brief.as_record(record, acc)
    assert short["verdict"] == "PASS"
    assert all(Path(name).exists() for name in short["files"])


def test_a_line_of_the_history_is_nothing_that_a_report_is_made_anew_for():
    asked = Request(net="mnist-tfc")
    assert Places(asked).name(str(asked.net_dir.parent / entries.FILE.name), "read") is None


MINE = """{#-
The verdict once more.

form: design
html: 15
-#}
{%- block html -%}
<section id="mine">
<p>{{ r.net }} shouts {{ r.verdict }}{{ tag("sim") }}</p>
</section>
{%- endblock %}
{%- block css -%}
.mine { color: red; }
{%- endblock %}
"""


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """The folder for views from outside the package, while plug-ins are looked for anew."""
    folder = tmp_path / "mine/flows/report/views"
    folder.mkdir(parents=True)
    known = [plugins.roots, plugins.folders, plugins.places]
    monkeypatch.setenv("XNORFORGE_PLUGINS", str(tmp_path / "mine"))
    package = importlib.import_module("xnorforge.flows.report.views")
    monkeypatch.setattr(package, "__path__", list(package.__path__))
    for function in known:
        function.cache_clear()
    yield folder
    for function in known:
        function.cache_clear()


def test_a_view_from_outside_stands_in_the_page_at_its_place(acc, record, outside):
    (outside / "mine.j2").write_text(MINE)
    text = pages.page(record, acc, "design", "html")
    assert re.findall(r'<section id="(\w+)">', text)[:3] == ["stages", "mine", "layers"]
    assert f'<p>{record["net"]} shouts {record["verdict"]} <span class="tag sim">sim</span></p>' in text
    assert ".mine { color: red; }" in text
    assert "shouts" not in pages.page(record, acc, "design", "md")


def test_a_view_that_does_not_say_where_it_stands_is_refused(acc, record, outside):
    (outside / "mine.j2").write_text("{% block html %}here{% endblock %}")
    stops(r"mine\.j2: .*comment must give form", pages.page, record, acc, "design", "html")


@pytest.mark.parametrize("name", plugins.names("flows.report.views"))
def test_a_view_has_a_block_for_each_of_its_places_and_is_rendered_there(name, acc, record):
    one = sections.view(name, plugins.place("flows.report.views", name))
    blocks = set(re.findall(r"\{%-? block (\w+)", one.text))
    assert blocks - {"css"} == set(one.places) and one.forms <= {"design", "project", "handover"}
    if "design" in one.forms:
        # An unknown key of the record, or a name from outside of a block, is an error.
        assert all(pages.page(record, acc, "design", kind) for kind in one.places)


ROUTED = {
    "stage": "bitstream", "checks": [check("placed = counted cells", 0, 0, 99, "cells")],
    "part": "xc7z020clg400-1", "program": "nextpnr-xilinx",
    "timing": "delays of a model", "shell": "a serial line",
    "netlist": netlist_digest(Path("/nonexistent")),  # of no file, which is what the records here lie beside
    "clock": {"kind": "routed", "mhz": 83.333, "asked": 100, "least": 110.0, "median": 120.0, "best": 130.0},
    "seeds": [{"seed": n, "mhz": mhz, "ns": 1e3 / mhz} for n, mhz in ((1, 120.0), (2, 130.0), (3, 110.0))],
    "fastest": 2, "used": {"LUT": {"used": 321, "available": 53200}},
    "counted": {"accelerator": {"lut": 100, "ff": 80, "bram36": 1},
                "shell": {"lut": 30, "ff": 20, "bram36": 0}},
    "critical_paths": [
        {"seed": 3, "ns": 9.091, "logic_ns": 2.0, "routing_ns": 7.091, "operators": ["dense0", "dense1"],
         "cells": 4, "from": "a", "to": "b"},
    ],
    "slowest_nets": [
        {"seed": 2, "ns": 8.5, "operators": ["conv1", "conv2"], "ends": 77, "net": "n"},
        {"seed": 3, "ns": 9.0, "operators": ["conv3"], "ends": 55, "net": "n"},
    ],
    "arrivals": [0, 2, 16, 4, 0, 0, 0, 0, 1, 3],
    "bit": {"file": "bitstream/xf_board_top.bit", "bytes": 4045672, "sha256": "0" * 64},
    "run": {"wall_s": 1.0, "cpu_s": 1.0, "peak_mb": 1, "tools": {}},
}  # fmt: skip


def test_a_routed_clock_stands_beside_the_target_with_frames_per_second_and_paths(tmp_path):
    acc = lay(tmp_path, records())
    write_json(acc / "bitstream.json", ROUTED)
    record = report.write(acc)
    routed = record["routed"]
    assert routed["clock_mhz"] == {"value": 120.0, "kind": "routed, median of 3 seeds"}
    assert record["clock_mhz"] == {"value": 83.333, "kind": "routed"}
    assert record["fps"]["value"] == pytest.approx(83.333e6 / 24, abs=0.1)
    assert record["latency_us"]["value"] == pytest.approx(61 / 83.333, abs=1e-5)
    assert record["fmax"] == {"clk": {"achieved": 130.0, "constraint": 100.0}}
    of = "bitstream/xf_board_top.bit, 4,045,672 bytes, for xc7z020clg400-1"
    assert record["bitstream"] == f"{of} at 83.333 MHz"
    assert "placed = counted cells" in {row["name"] for row in record["audits"]}
    page, text = (acc / "report.html").read_text(), (acc / "report.md").read_text()
    assert "dense0 → dense1" in page and '<span class="tag routed">routed</span>' in page
    slowest = "8.5 ns from the clock to the last of 77 register inputs, their setup left out"
    assert f"{slowest}: conv1 → conv2" in page
    assert "·▁█▂····▁▂" in page and "26 register inputs" in page and "; 3 have less than a tenth" in page
    assert "conv3" not in page  # of another seed than the fastest
    assert "30 of 130 LUT, 20 of 100 registers" in page
    assert "| routed clock | 120 MHz |" in text and "LUT 321 of 53,200" in page
    lines = brief.as_text(record).splitlines()
    assert "  routed    120 MHz (routed, median of 3 seeds; least 110)" in lines
    assert any("3,472,208 frames/s" in line and " ns at 83.333 MHz (routed)" in line for line in lines)
    flat = entries.figures_of(json.loads((acc / "report.json").read_text()))
    assert flat["bitstream__clock__median_mhz"] == 120.0


def test_a_bitstream_of_another_netlist_and_one_left_out_are_not_shown(tmp_path):
    acc = lay(tmp_path, records())
    write_json(acc / "bitstream.json", {**ROUTED, "netlist": "of another"})
    assert report.write(acc)["routed"] is None
    write_json(acc / "bitstream.json", ROUTED)
    assert report.write(acc, routed=False)["routed"] is None
    (acc / "bitstream.json").unlink()
    stops(r"^report: .*bitstream\.json is missing", report.write, acc, routed=True, kind=MismatchError)


def test_a_shell_that_is_slower_than_the_network_is_told(record):
    """A frame of 12 bits is a word, far from 24 cycles; one of 784 bytes is 98 words."""
    assert record["cycles"]["interval_shell"] <= 1 and "shell" not in brief.as_text(record)
    slow = record | {"cycles": record["cycles"] | {"interval_shell": 98}}
    assert "sets the rate: it moves a frame in 98 cycles" in brief.as_text(slow)


def test_an_operator_is_explained_in_five_lines(acc, record):
    """dense0 has 12 inputs and 8 outputs: pe 2 and simd 2 take 4 x 6 cycles; a step on, 2 x 6 or 4 x 4."""
    lines = explain(acc, "dense0")
    own = next(row for row in record["resources"]["per_operator"] if row["name"] == "dense0")
    assert len(lines) == 5
    steps = "4 x 6 cycles per vector, 24 cycles per frame"
    assert lines[1] == f"folding   pe 2 of 8 outputs, simd 2 of 12 inputs: {steps}"
    assert lines[2].startswith("bound     busy 100.0 % of the 24 cycles of a frame: a bottleneck")
    assert f"{own['lut']:,} LUT" in lines[3] and f"{own['ff']:,} FF" in lines[3]
    assert "pe 2 -> 4: 12 cycles for" in lines[4] and "simd 2 -> 3: 16 cycles for" in lines[4]
    stops(r"LAYER: 'dens0' .*dense0.*'dense0'", explain, acc, "dens0")
    stops(r"explain: .* has no report with counted cells", explain, acc.parent, "dense0")


def test_every_key_of_the_schema_is_described():
    """The reference page of file formats prints these descriptions."""
    schema = json.loads((Path(report.__file__).parent / "schema.json").read_text())
    assert [key for key, value in schema["properties"].items() if not value.get("description")] == []
