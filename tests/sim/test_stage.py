"""The stage on a small network of every kind of operator: proof, cycles, fills, and where a fault sits.
Waveforms: they have every signal of GTKWave's view, and times of the board's clock."""

import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest
from driving import generated

from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.hw import graph
from xnorforge.sim import stage, verilate, waves

from ..refusals import stops

IMAGES = 24


def small():
    """Bytes 8 x 8 x 2 to 6 x 6 x 8 bits, pooled to 3 x 3 x 8, to 4 scores."""
    make = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}
    rng = np.random.default_rng(0)
    bits, shape = (lambda *size: rng.integers(0, 2, size)), [6, 6, 18]
    return [
        make["window"](ifm=[8, 8, 2], kernel=[3, 3], bits=8, simd=2),
        make["sign_mvu"](
            arrays={"weights": bits(18, 8), "thresholds": rng.integers(-200, 200, 8)},
            mw=18, mh=8, simd=2, pe=2, vectors=36, in_bits=8, in_shape=shape, out_shape=[6, 6, 8],
        ),
        make["fifo"](shape=[6, 6, 8], lanes=2, depth=8),
        make["max_pool"](ifm=[6, 6, 8], kernel=[2, 2], stride=[2, 2], pe=2),
        make["width"](shape=[3, 3, 8], in_lanes=2, out_lanes=4),
        make["fifo"](shape=[3, 3, 8], lanes=4, depth=2),
        make["sign_mvu"](arrays={"weights": bits(72, 4)}, mw=72, mh=4, simd=4, in_shape=[3, 3, 8],
        out_shape=[4]),
        make["top_k"](n=4, in_bits=7),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder as the stages before `sim` leave it."""
    net = tmp_path_factory.mktemp("net")
    ops = generated(small(), net)
    images = np.random.default_rng(1).integers(0, 256, (IMAGES, 2, 8, 8)).astype(np.uint8)
    integers = graph.execute(ops[:-1], images)[ops[-2].name]
    labels = integers.argmax(axis=1)
    labels[0], labels[1] = (labels[0] + 1) % 4, -1
    np.savez(net / "golden.npz", images=images, labels=labels, scores=integers.astype(np.float32))
    np.savez(net / "lowered.npz", integers=integers, scale=np.ones(4), bias=np.zeros(4))
    return net


@pytest.fixture
def net(built, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(built, tmp_path / "net")


def test_a_sound_accelerator_is_proven_and_counted(net):
    record = stage.simulate(net, net, images=10, stalled=5)
    assert record == read_json(net / "sim.json")
    assert [(check["images"], check["mismatches"]) for check in record["checks"]] == [
        (IMAGES, 0), (10, 0), (5, 0), (3, 0), (10, 0), (5, 0), (0, 0),
    ]  # fmt: skip
    assert [check["integers"] for check in record["checks"][-3:-1]] == [10 * (64 + 5), 5 * (64 + 5)]
    modelled = record["model"]
    for name in ("interval", "interval_constant", "latency", "first_beat"):
        assert modelled[name] == record[name]
    assert modelled["fifos"] == record["fifos"]
    assert record["checks"][1]["integers"] == 10 * 5
    assert record["interval"] == record["interval_bound"] == 36 * 9 * 4 and record["interval_constant"]
    assert record["bound_by"] == ["signmvu_1"]
    assert record["interval"] < record["latency"] < 3 * record["interval"]
    assert record["fifo_depths"] == {"signmvu_1": 2 * 9, "fifo_2": 8, "fifo_5": 2, "signmvu_6": 2 * 18}
    assert all(1 <= fill <= record["fifo_depths"][name] for name, fill in record["fifos"].items())
    found = [(row["stage"], row["images"], row["correct"]) for row in record["accuracy"]]
    assert found == [("bit simulator", IMAGES - 1, IMAGES - 2), ("RTL", 9, 8)]
    assert record["unpacked"] == []


@pytest.mark.quick("layer_06*")
@pytest.mark.parametrize("layer, operator", [
    ("layer_01_signmvu_1", "signmvu_1 (SignMvu)"), ("layer_06_signmvu_6", "signmvu_6 (SignMvu)"),
])  # fmt: skip
def test_an_altered_memory_file_is_found_and_its_operator_named(net, layer, operator):
    file = net / "rtl" / f"{layer}_WeightFile.mem"
    words = file.read_text().split()
    flipped = [f"{int(word, 16) ^ ((1 << 4 * len(word)) - 1):0{len(word)}x}" for word in words[:4]]
    file.write_text("\n".join(flipped + words[4:]) + "\n")
    with pytest.raises(MismatchError) as error:
        stage.simulate(net, net, images=10, stalled=5)
    text = str(error.value)
    assert text.startswith("xf_top: RTL differs in ")
    first = text.partition(f" {operator}: RTL differs in 1 of 1 images; first in image 0, ")[2]
    assert "got " in first and not (net / "sim.json").exists()


def spoil(net, old, new):
    top = net / "rtl" / "top.sv"
    text, count = re.subn(old, new, top.read_text())
    assert count == 1
    top.write_text(text)


def test_a_fault_between_operators_is_told_from_one_in_an_operator(net):
    spoil(net, r"\.m_data_o\((data_0?4\w*)\)", r".m_data_o({\1[1:0], \1[3:2]})")
    with pytest.raises(MismatchError, match=r"Every operator agrees .*rtl/top\.sv"):
        stage.simulate(net, net, images=10, stalled=5)


def test_a_network_that_hangs_says_how_far_it_came(net):
    spoil(net, r"= (valid_0?7\w*);", r"= \1 && beat_q < 2;")
    message = r"^xf_top: .*cycle \d+: 2 of 50 output beats .*, 640 of 640 input beats .*top\.sv"
    stops(message, stage.simulate, net, net, images=10, stalled=5, kind=MismatchError)


def test_a_folded_graph_that_is_not_the_lowered_one_is_named(net):
    lowered = dict(np.load(net / "lowered.npz"))
    lowered["integers"][3, 2] += 1
    np.savez(net / "lowered.npz", **lowered)
    said = r"^folded.onnx .*lowered.onnx .*: output: .* first in image 3, channel 2"
    stops(said, stage.simulate, net, net, images=4, stalled=2, kind=MismatchError)


def test_waveforms_are_written_on_request(net):
    write_json(net / "fold.json", {"clock_mhz": {"value": 50.0}})
    stage.simulate(net, net, images=2, stalled=1, waves=True)
    [file] = set(net.glob("waves.*")) - {net / "waves.gtkw"}
    assert file.stat().st_size > 10_000 and "-signmvu_1 (SignMvu)" in (net / "waves.gtkw").read_text()


def test_labels_are_judged_as_maps_of_a_one_each():
    truth = np.full((2, 8, 16), 3, np.uint8)
    truth[1, :, 8:] = 7
    labels = truth[:, ::4, ::4, None].astype(np.int64)
    # What the labels are of, and no more in them.
    lowered = {"scale": np.full(11, 0.5), "bias": np.arange(11) * 100.0}
    rows = stage.accuracy_rows({"labels": truth}, lowered, labels, labels[:1], "segment")
    assert [(row["stage"], row["images"]) for row in rows] == [
        ("bit simulator", 2), ("bit simulator", 1), ("RTL", 1),
    ]  # fmt: skip
    assert all(set(row["figures"].values()) == {1.0} for row in rows)


MHZ = 133.0
HALF = 3759  # picoseconds: 1e6 / 133 / 2
GTKWAVE = [program for program in ("gtkwave", "xvfb-run") if shutil.which(program) is None]


def branched():
    """Twelve bits, one a beat, to two layers side by side, added: streams of one bit, several streams."""
    make = {name: plugins.load("hw.ops", name).Op.make for name in ("fork", "sign_mvu", "join", "top_k")}
    rng = np.random.default_rng(2)
    size = {"mw": 12, "mh": 3, "simd": 1, "pe": 1, "vectors": 1, "in_shape": [12], "out_shape": [3]}
    fork = make["fork"]("fork0", in_shape=[12], readers=2, pe=1)
    units = [make["sign_mvu"](f"dense{k}", {"weights": rng.integers(0, 2, (12, 3))}, **size) for k in (0, 1)]
    counts = units[0].out_stream().bits
    wires = {"in_bits": [counts] * 2, "in_signed": [0] * 2, "out_bits": 5, "out_signed": 0}
    join = make["join"]("join0", {"multipliers": np.ones((2, 3), np.int64)}, in_shape=[3], **wires)
    for number, unit in enumerate(units):
        unit.onnx_node.input[0] = fork.onnx_node.output[number]
        join.onnx_node.input[number] = unit.onnx_node.output[0]
    return [fork, *units, *graph.in_a_row([join, make["top_k"]("top_k", n=3, k=1, in_bits=5, in_signed=0)])]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the waveforms of three pictures, and its operators."""
    acc = tmp_path_factory.mktemp("acc")
    onnx.save(folded_graph(branched(), "tiny"), acc / "folded.onnx")
    generate(acc / "folded.onnx", acc / "rtl")
    ops = graph.operators(acc / "folded.onnx")
    pictures = np.random.default_rng(0).integers(0, 2, (3, 12)).astype(np.uint8)
    file = waves.write_waves(acc, ops, pictures, 1, MHZ)
    assert file == acc / f"waves.{verilate.wave_format()}"
    return acc, ops


def declared(vcd: str) -> set[str]:
    """Full names of a VCD file as GTKWave has them, with the range of more than one bit."""
    scopes, found = [], set()
    for line in vcd[: vcd.index("$enddefinitions")].splitlines():
        words = line.split()
        if words[:1] == ["$scope"]:
            scopes.append(words[2])
        elif words[:1] == ["$upscope"]:
            scopes.pop()
        elif words[:1] == ["$var"]:
            bits = "".join(words[5:-1])
            found.add(".".join([*scopes, words[4]]) + (bits if words[2] != "1" else ""))
    return found


def traces(view: str) -> dict[str, list[str]]:
    """{group: its signals} of a view."""
    found, own = {}, []
    for line in view.splitlines():
        if line.startswith("-"):
            own = found.setdefault(line[1:], [])
        elif line.startswith("TOP."):
            own.append(line)
    return found


@pytest.mark.skipif(verilate.wave_format() != "vcd", reason="an FST file is no text")
def test_every_signal_of_the_view_is_in_the_file_and_every_handshake_in_its_group(written):
    acc, ops = written
    groups, names = traces((acc / "waves.gtkw").read_text()), declared((acc / "waves.vcd").read_text())
    assert list(groups) == ["xf_top", *(f"{op.name} ({op.onnx_node.op_type})" for op in ops)]
    assert names.issuperset(name for group in groups.values() for name in group)
    own = {name for name in names if re.fullmatch(r"TOP\.xf_top\.u_layer_\d+_\w+\.[sm]_\w+(\[.*\])?", name)}
    assert own == {name for title, group in groups.items() if title != "xf_top" for name in group}
    assert len(own) == 6 * len(ops)
    scope = "TOP.xf_top.u_layer_00_fork0."
    bits = ["s_valid_i", "s_ready_o", "s_data_i", "m_valid_o[1:0]", "m_ready_i[1:0]", "m_data_o[1:0]"]
    assert groups["fork0 (Fork)"] == [scope + name for name in bits]


@pytest.mark.skipif(verilate.wave_format() != "vcd", reason="an FST file is no text")
def test_a_clock_cycle_takes_its_nanoseconds(written):
    acc, _ = written
    text = (acc / "waves.vcd").read_text()
    assert "$timescale 1ps $end" in text
    symbol = re.search(r"\$var wire 1 (\S+) aclk \$end", text)[1]
    edges, now = [], 0
    for line in text[text.index("$enddefinitions") :].splitlines():
        if line.startswith("#"):
            now = int(line[1:])
        elif line == f"1{symbol}":
            edges.append(now)
    assert len(edges) > 60
    assert edges == [HALF + 2 * HALF * cycle for cycle in range(len(edges))]


@pytest.mark.skipif(bool(GTKWAVE), reason=f"not installed: {', '.join(GTKWAVE)}")
def test_gtkwave_shows_the_view(written, tmp_path):
    """Without a person: its Tcl interpreter is asked what is in the window."""
    acc, _ = written
    asked = tmp_path / "ask.tcl"
    asked.write_text(
        "for {set i 0} {$i < [gtkwave::getTotalNumTraces]} {incr i} {\n"
        '  puts "trace [gtkwave::getTraceNameFromIndex $i]"\n}\n'
        'puts "time [gtkwave::getMaxTime] [gtkwave::getTimeDimension]"\n'
        'puts "window [gtkwave::getWindowStartTime] [gtkwave::getWindowEndTime]"\n'
        "gtkwave::/File/Quit\n"
    )
    files = [acc / f"waves.{verilate.wave_format()}", acc / "waves.gtkw"]
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1600x900x24"]
    command = [*screen, "gtkwave", "-R", asked, *files]  # -R: when the window stands
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
    said = [line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line]
    view = (acc / "waves.gtkw").read_text().splitlines()
    wanted = [line[1:] if line[0] == "-" else line.split(".")[-1] for line in view if line[:1] in ("-", "T")]
    assert [text.removesuffix("[0]") for key, text in said if key == "trace"] == wanted
    last, dimension = dict(said)["time"].split()
    assert dimension == "p" and int(last) % HALF == 0
    first, end = map(int, dict(said)["window"].split())
    answers = 2 * HALF * 70  # both frames are shown, and their cycles can be told apart
    assert first == 0 and answers < end < 1.5 * int(last)
