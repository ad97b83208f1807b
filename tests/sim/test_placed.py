"""The netlist behind place and route gives the reference's integers, and a wrong bit in it is found."""

import json
import lzma
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.plugins import load
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.route import place_and_route
from xnorforge.flows.synth import synthesise
from xnorforge.hw import boards, graph, routing
from xnorforge.hw.families.ecp5.placed import placed_verilog
from xnorforge.pipeline import request
from xnorforge.sim import placed

RECORDED = Path(__file__).parent / "recorded" / "ecp5-placed-count.json.xz"
BOARD = boards.load("ulx3s")
RNG = np.random.default_rng(1)
WEIGHTS = RNG.integers(0, 2, (64, 8))
IMAGES = RNG.integers(0, 2, (3, 64, 1, 1)).astype(np.uint8)
COUNTS = (IMAGES.reshape(3, 64, 1) == WEIGHTS).sum(1)


def operators() -> list:
    shapes = {"mw": 64, "mh": 8, "vectors": 1, "in_shape": [1, 1, 64], "out_shape": [8]}
    unit = load("hw.ops", "xnor_mvu").Op
    return [unit.make("count", {"weights": WEIGHTS}, simd=8, pe=2, rom="block", **shapes)]


def recorded() -> dict:
    """The JSON that nextpnr wrote, under "placed", and the names before it, under "netlist"."""
    return json.loads(lzma.decompress(RECORDED.read_bytes()))


def weights_ram(design: dict) -> dict:
    """The one block RAM of the accelerator."""
    cells = design["placed"]["modules"]["top"]["cells"].items()
    (ram,) = (cell for name, cell in cells if cell["type"] == "DP16KD" and name.startswith("u_accelerator."))
    return ram


def run(folder: Path, design: dict, line: bool) -> np.ndarray:
    netlist = folder / "placed.v"
    netlist.write_text(placed_verilog(design["placed"], design["netlist"]))
    device = placed.placed_device(netlist, BOARD, operators(), line)
    return placed.run_placed(device, operators(), IMAGES, line).output


def test_frames_through_the_serial_line_at_the_pins_give_the_counts(tmp_path):
    np.testing.assert_array_equal(run(tmp_path, recorded(), line=True), COUNTS)


@pytest.mark.parametrize("line", [True, False])
def test_reset_and_lost_may_be_low_where_they_say_yes(line, tmp_path):
    """The recorded design behind pins that say the opposite, on a board that states so."""
    design, netlist = recorded(), tmp_path / "placed.v"
    head, end, body = placed_verilog(design["placed"], design["netlist"]).partition(");\n")
    inverted = "  wire high_reset = ~reset;\n  wire high_lost;\n  assign lost = ~high_lost;\n"
    netlist.write_text(head + end + inverted + re.sub(r"\b(reset|lost)\b", r"high_\1", body))
    board = replace(BOARD, shell=BOARD.shell | {"low": ["reset", "lost"]})
    device = placed.placed_device(netlist, board, operators(), line)
    np.testing.assert_array_equal(placed.run_placed(device, operators(), IMAGES, line).output, COUNTS)


def test_contents_of_a_block_ram_are_the_words_of_its_memory_file():
    """Bit p * simd + s of word nf * SF + sf is the weight of input sf * simd + s and output nf * pe + p."""
    parameters = weights_ram(recorded())["parameters"]
    words = [
        int(parameters[f"INITVAL_{row:02X}"], 2) >> 20 * k & 0x3FFFF for row in range(2) for k in range(16)
    ]
    file = WEIGHTS.reshape(8, 8, 4, 2).transpose(2, 0, 3, 1).reshape(32, 16) @ (1 << np.arange(16))
    assert words == file.tolist()


def test_one_bit_of_a_block_ram_turned_over_is_one_channel_off_by_one(tmp_path):
    """A weight: of the channel it belongs to every count changes by one; through the streams."""
    design = recorded()
    ram = weights_ram(design)
    old = ram["parameters"]["INITVAL_00"]
    ram["parameters"]["INITVAL_00"] = old[:-1] + str(1 - int(old[-1]))  # the lowest bit of the first word
    off = run(tmp_path, design, line=False) - COUNTS
    assert (abs(off[:, 0]) == 1).all() and not off[:, 1:].any()


def test_one_bit_of_a_lookup_table_turned_over_is_found(tmp_path):
    """Of a table of four inputs behind the weights: each of its 16 bits is read in these frames."""
    design = recorded()
    cells = design["placed"]["modules"]["top"]["cells"]
    pins = weights_ram(design)["connections"].items()
    weights = {bits[0] for pin, bits in pins if pin.startswith("DO") and bits}
    behind = [
        cell
        for _, cell in sorted(cells.items())
        if cell["type"] == "TRELLIS_COMB"
        and cell["parameters"].get("MODE", "LOGIC") == "LOGIC"
        and all(cell["connections"][pin] for pin in "ABCD")
        and any(cell["connections"][pin][0] in weights for pin in "ABCD")
    ]
    table = behind[0]["parameters"]["INITVAL"]
    behind[0]["parameters"]["INITVAL"] = str(1 - int(table[0])) + table[1:]
    assert (run(tmp_path, design, line=False) != COUNTS).any()


def test_a_netlist_that_nobody_models_is_refused():
    with pytest.raises(UserError, match=r"^placed: .*\bxc7\b.*netlist"):
        placed.placed_device(RECORDED, boards.load("pynq-z2"), operators(), True)


def test_the_stage_follows_a_bitstream_whose_cells_have_models(monkeypatch):
    monkeypatch.setattr(routing.Router, "missing", lambda *_: [])

    def names(**asked) -> list[str]:
        return [stage.name for stage in request.Request(**asked).plan()]

    assert names(board="ulx3s")[-3:] == ["bitstream", "placed", "report"]
    assert names(board="pynq-z2")[-3:] == ["bitstream", "overlay", "report"]
    assert "placed" not in names(board="ulx3s", pnr="off")


@pytest.mark.full
def test_the_whole_stage_on_what_nextpnr_ecp5_makes_now(tmp_path, monkeypatch):
    router = routing.load("ecp5")
    if router.missing():
        pytest.skip(routing.lacking(router.missing()))
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))
    acc = tmp_path / "rtl-ulx3s"
    acc.mkdir()
    onnx.save(folded_graph(graph.in_a_row(operators()), "count"), acc / "folded.onnx")
    planned = {"clock_mhz": {"value": 62.5, "kind": "planned, not routed"}}
    (acc / "fold.json").write_text(json.dumps({"board": "ulx3s", "interval": 1000} | planned))
    np.savez(tmp_path / "golden.npz", images=IMAGES)
    np.savez(tmp_path / "lowered.npz", integers=COUNTS.astype(np.int64))
    generate(acc / "folded.onnx", acc / "rtl")
    synthesise(acc, tmp_path)
    place_and_route(acc, tmp_path, (1,), parallel=1)
    assert read_json(acc / "bitstream.json")["clock"]["asked"] == 62.5
    record = placed.simulate_placed(acc, tmp_path, images=3)
    (check,) = record["checks"]
    assert (check["name"], check["images"], check["mismatches"]) == ("placed netlist = lowered", 3, 0)
    assert record == read_json(acc / "placed.json") and record["driven"] == "the serial line at its pins"
    np.savez(tmp_path / "lowered.npz", integers=COUNTS + (np.arange(8) == 5))
    with pytest.raises(MismatchError) as found:
        placed.simulate_placed(acc, tmp_path)
    values = ("nextpnr-ecp5", "2 of 2 images", "channel 5", f"got {COUNTS[0, 5]}", f"{COUNTS[0, 5] + 1}")
    assert all(value in str(found.value) for value in values)
