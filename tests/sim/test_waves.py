"""Waveforms: they have every signal of GTKWave's view, and times of the board's clock."""

import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest

from xnorforge.core import plugins
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.hw import graph
from xnorforge.sim import verilate, waves

MHZ = 133.0
HALF = 3759  # picoseconds: 1e6 / 133 / 2
GTKWAVE = [program for program in ("gtkwave", "xvfb-run") if shutil.which(program) is None]


def branched():
    """Twelve bits, one a beat, to two layers side by side, added: streams of one bit, several streams."""
    make = {name: plugins.load("hw.ops", name).Op.make for name in ("fork", "xnor_mvu", "join", "top_k")}
    rng = np.random.default_rng(2)
    size = {"mw": 12, "mh": 3, "simd": 1, "pe": 1, "vectors": 1, "in_shape": [12], "out_shape": [3]}
    fork = make["fork"]("fork0", in_shape=[12], readers=2, pe=1)
    units = [make["xnor_mvu"](f"dense{k}", {"weights": rng.integers(0, 2, (12, 3))}, **size) for k in (0, 1)]
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
