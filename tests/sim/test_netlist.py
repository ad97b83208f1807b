"""The netlist that is counted computes what the RTL does, beat by beat; block RAMs included. Memories are
read from a netlist's text: small ones, written by hand."""

import json
import re
import shutil

import numpy as np
import onnx
import pytest

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import load
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.synth.stage import synthesise
from xnorforge.hw import graph
from xnorforge.sim import cosim, memories
from xnorforge.sim.device import network
from xnorforge.sim.netlist import simulate_netlist, sources
from xnorforge.sim.netlist_memories import Netlist, UnreadError


@pytest.fixture(scope="module")
def acc(tmp_path_factory):
    """For 7-series parts."""
    return accelerator(tmp_path_factory.mktemp("net"), "pynq-z2")


def accelerator(folder, board):
    """Three operators: memories as block RAMs of several shapes, LUT memories and shift registers."""
    unit, fifo = load("hw.ops", "sign_mvu").Op, load("hw.ops", "fifo").Op
    threshold = load("hw.ops", "threshold").Op
    rng = np.random.default_rng(1)
    shapes = {"mw": 64, "mh": 32, "vectors": 9, "in_shape": [3, 3, 64], "out_shape": [3, 3, 32]}
    arrays = {"weights": rng.integers(0, 2, (64, 32)), "thresholds": rng.integers(28, 37, 32)}
    last = {"mw": 288, "mh": 5, "vectors": 1, "in_shape": [3, 3, 32], "out_shape": [5]}
    ops = [
        threshold.make("sign", {"thresholds": rng.integers(100, 156, (64, 1))}, in_shape=[3, 3, 64], pe=8,
            in_bits=8, in_signed=0),
        fifo.make("fifo", shape=[3, 3, 64], lanes=8, bits=1, depth=30, kind="lut"),
        unit.make("first", arrays, simd=8, pe=4, rom="block", **shapes),
        fifo.make("line", shape=[3, 3, 32], lanes=4, bits=1, depth=70, kind="block"),
        unit.make("second", {"weights": rng.integers(0, 2, (288, 5))}, simd=4, pe=1, rom="block", **last),
    ]  # fmt: skip
    images = rng.integers(0, 256, (4, 64, 3, 3)).astype(np.uint8)
    acc = folder / "acc"
    acc.mkdir()
    onnx.save(folded_graph(graph.in_a_row(ops), "memories"), acc / "folded.onnx")
    (acc / "fold.json").write_text(json.dumps({"board": board, "interval": 10000}))
    np.savez(folder / "golden.npz", images=images)
    bits = (images.transpose(0, 2, 3, 1) >= ops[0].arrays_of["thresholds"][:, 0]) * 2 - 1
    hidden = (bits @ (2 * arrays["weights"] - 1) + 64) // 2 >= arrays["thresholds"]
    scores = ((2 * hidden - 1).reshape(4, -1) @ (2 * ops[-1].arrays_of["weights"] - 1) + 288) // 2
    np.savez(folder / "lowered.npz", integers=scores.astype(np.int64))
    generate(acc / "folded.onnx", acc / "rtl")
    synthesise(acc, folder)
    return acc


def test_the_cells_give_the_reference_integers_in_the_cycles_of_the_rtl(acc):
    record = simulate_netlist(acc, acc.parent, images=3)
    checks = record["checks"]
    tried = checks[3].pop("images")
    assert [(check["name"], check.get("images"), check["mismatches"]) for check in checks] == [
        ("netlist = lowered", 3, 0), ("netlist cycles = RTL cycles", 3, 0),
        ("memories of the netlist = folded.onnx", 0, 0), ("netlist of layers = folded.onnx", None, 0),
    ]  # fmt: skip
    assert record["cells"] > 100 and tried
    reach = {row.pop("layer"): row for row in record["reach"]}
    # Thresholds in logic; weights and starts (32 of 8 bits, from 64 sums) in block RAM and LUTs.
    assert reach["sign"]["simulated"] == reach["sign"]["bits"] and not reach["sign"]["decoded"]
    assert reach["first"] == {"bits": 64 * 32 + 32 * 8, "decoded": 2304, "compared": 0, "simulated": 0}
    assert reach["second"] == {"bits": 288 * 5, "decoded": 1440, "compared": 0, "simulated": 0}


def test_thresholds_that_became_logic_are_no_memories_to_compare(acc, tmp_path):
    ops = graph.operators(acc / "folded.onnx")
    shutil.copytree(acc / "rtl", tmp_path / "rtl")
    layers = json.loads((acc / "rtl/rtl.json").read_text())["layers"]
    (place,) = (n for n, layer in enumerate(layers) if layer["node"] == "sign")
    (tmp_path / "rtl/rtl.json").write_text(json.dumps({"layers": [layers[place]]}))
    checks, [row] = memories.check_memories(tmp_path / "rtl", [ops[place]], acc / "netlist")
    assert not checks and row["bits"] and not row["decoded"] + row["compared"]


def faults_of(text: str) -> list[tuple[int, str]]:
    """Where in the text of a layer's netlist a bit of a block RAM is defined, and what it is turned into."""
    found = []
    for line in re.finditer(r"\.INITP?_[0-9A-F]{2}\(256'b([01x]+)\)", text):
        found += [(at, "10"[int(text[at])]) for at in range(*line.span(1)) if text[at] != "x"]
    return found


def test_each_inverted_bit_of_a_block_ram_in_the_netlist_is_found(acc):
    """All that is defined there is a weight."""
    ops = graph.operators(acc / "folded.onnx")
    (netlist,) = (acc / "netlist").glob("*_first.v")
    text, rng = netlist.read_text(), np.random.default_rng(0)
    faults = faults_of(text)
    assert len(faults) == 64 * 32
    try:
        for number in rng.permutation(len(faults))[:12]:
            at, bit = faults[number]
            netlist.write_text(text[:at] + bit + text[at + 1 :])
            ([check], _) = memories.check_memories(acc / "rtl", ops, acc / "netlist")
            assert check["mismatches"] == 1, at
            netlist.write_text(text[:at] + "x" + text[at + 1 :])
            ([check], _) = memories.check_memories(acc / "rtl", ops, acc / "netlist")
            assert check["mismatches"] > 0, at
    finally:
        netlist.write_text(text)


@pytest.mark.full
def test_cells_of_a_family_without_memory_in_luts_do_the_same_by_the_models_of_yosys(tmp_path):
    acc = accelerator(tmp_path, "icebreaker")
    record = simulate_netlist(acc, acc.parent, images=3)
    assert {check["mismatches"] for check in record["checks"]} == {0} and record["cells"] > 100
    total = json.loads((acc / "synth.json").read_text())["total"]
    assert total["lut_ram"] == 0 < total["bram36"]


@pytest.mark.full
def test_movers_in_block_ram_do_the_same_without_registers_that_watch_them(tmp_path):
    """A word is never read while it is written: pixels in another order, then each four times."""
    mover, rng = load("hw.ops", "reorder").Op, np.random.default_rng(2)
    order = rng.permutation(64)
    sizes = {"in_shape": [8, 8, 16], "group": 16, "pe": 4, "bits": 8}
    twice = np.tile(np.arange(8).repeat(2), 2)
    ops = [mover.make("order", {"order": order}, out_shape=[8, 8, 16], period=64, **sizes),
           mover.make("wider", {"order": twice}, out_shape=[16, 16, 16], period=8, **sizes)]  # fmt: skip
    acc = tmp_path / "acc"
    acc.mkdir()
    onnx.save(folded_graph(graph.in_a_row(ops), "movers"), acc / "folded.onnx")
    (acc / "fold.json").write_text(json.dumps({"board": "icebreaker", "interval": 10000}))
    images = rng.integers(0, 256, (3, 16, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "golden.npz", images=images)
    moved = images.transpose(0, 2, 3, 1).reshape(3, 64, 16)[:, order].reshape(3, 8, 8, 16)
    np.savez(tmp_path / "lowered.npz", integers=moved.repeat(2, 1).repeat(2, 2).astype(np.int64))
    generate(acc / "folded.onnx", acc / "rtl")
    record = synthesise(acc, tmp_path)
    assert record["total"]["bram36"] > 0 and record["total"]["ff"] < 2 * 8 * 4 + 2 * 32
    assert {check["mismatches"] for check in simulate_netlist(acc, tmp_path, images=3)["checks"]} == {0}


@pytest.mark.full  # test_lowbit has blocks of ultrascale in make test
def test_cells_of_ultrascale_do_the_same_and_their_block_rams_are_read(tmp_path):
    """The block RAMs hold 2,304 and 1,440 bits of weights and starts, as on 7-series parts."""
    acc = accelerator(tmp_path, "kv260")
    record = simulate_netlist(acc, acc.parent, images=3)
    assert {check["mismatches"] for check in record["checks"]} == {0} and len(record["checks"]) == 4
    assert [row["decoded"] for row in record["reach"] if row["layer"] != "sign"] == [2304, 1440]
    assert json.loads((acc / "synth.json").read_text())["total"]["bram36"] >= 1.5


def test_the_memories_are_really_there(acc):
    synth = json.loads((acc / "synth.json").read_text())
    rows = {row["name"]: row for row in synth["operators"]}
    assert rows["first"]["bram36"] >= 0.5 and rows["second"]["bram36"] >= 0.5
    assert rows["line"]["bram36"] == 0.5
    assert rows["fifo"]["lut_ram"] > 0 and rows["fifo"]["bram36"] == 0
    assert sum(row["lut"] for row in synth["operators"]) + synth["top"]["lut"] == synth["total"]["lut"]


def test_a_wrong_lookup_table_in_the_netlist_is_found(acc):
    """Turning over what compares the highest bits must show; otherwise the comparison proves nothing."""
    (netlist,) = (acc / "netlist").glob("*_sign.v")
    text = netlist.read_text()
    level = re.search(r"\.D\((\S+)\),\s*\.Q\(\\u_op\.data\[7\] ", text)[1]
    highest = re.search(rf"\.O\(\{{ {level},[^}}]*\}}\),\s*\.S\(\{{ [^,]*, (\S+),", text)[1]
    init = re.search(rf"(\d+)'([hd])(\w+)(?=\)\n  \) \S+ \([^;]*\.O\({highest}\))", text)
    bits, value = int(init[1]), int(init[3], 16 if init[2] == "h" else 10)
    inverted = f"{bits}'d{value ^ (2**bits - 1)}"
    try:
        netlist.write_text(text[: init.start()] + inverted + text[init.end() :])
        record = simulate_netlist(acc, acc.parent, images=2)
    finally:
        netlist.write_text(text)
    assert record["checks"][0]["mismatches"] > 0


def test_yosys_own_models_of_the_small_cells_run_alike(acc, tmp_path):
    """The same netlist with LUTs, carries, registers and LUT memories from cells_sim.v instead of ours."""
    ours, *netlist, theirs = sources(acc / "netlist", "xc7")
    text = ours.read_text()
    for cell in re.findall(r"^module (LUT\w+|CARRY4|FD\w+|RAM\d+M)\b", text, re.MULTILINE):
        text = re.sub(rf"^module {cell}\b.*?^endmodule\n", "", text, flags=re.MULTILINE | re.DOTALL)
    kept = tmp_path / "blocks.v"
    kept.write_text(text)
    ops = graph.operators(acc / "folded.onnx")
    frames = graph.enter(ops[0], np.load(acc.parent / "golden.npz")["images"])
    sides = [network(acc / "rtl", ops, sources=[first, *netlist, theirs]) for first in (ours, kept)]
    runs = [cosim.run(side, frames, stall=0.3, seed=5) for side in sides]
    np.testing.assert_array_equal(runs[0].output, runs[1].output)
    np.testing.assert_array_equal(runs[0].cycles, runs[1].cycles)


def test_a_family_without_models_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^netlist: .*\becp5\b.*\bxc7\b"):
        sources(tmp_path, "ecp5")


def test_padding_that_yosys_takes_for_the_reset_of_a_block_ram(tmp_path):
    """A padded window's ring in block RAM: SRVAL is the pad value, the border resets the output."""
    window, rng = load("hw.ops", "window").Op, np.random.default_rng(4)
    shapes = {"kernel": [3, 3], "pads": [1, 1, 1, 1], "simd": 4, "bits": 8, "pad_value": 0xA5}
    ops = [window.make("bytes", ifm=[9, 160, 4], **shapes)]
    acc = tmp_path / "acc"
    acc.mkdir()
    onnx.save(folded_graph(ops, "padded"), acc / "folded.onnx")
    (acc / "fold.json").write_text(json.dumps({"board": "pynq-z2", "interval": 100000}))
    images = rng.integers(0, 256, (2, 4, 9, 160)).astype(np.uint8)
    padded = np.pad(images.transpose(0, 2, 3, 1), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=0xA5)
    taps = [padded[:, y : y + 9, x : x + 160] for y in range(3) for x in range(3)]
    np.savez(tmp_path / "golden.npz", images=images)
    np.savez(tmp_path / "lowered.npz", integers=np.concatenate(taps, -1).astype(np.int64), scale=np.ones(36),
             bias=np.zeros(36))  # fmt: skip
    generate(acc / "folded.onnx", acc / "rtl")
    synthesise(acc, tmp_path)
    text = "".join(path.read_text() for path in (acc / "netlist").glob("*.v"))
    resets = re.findall(r"\.RSTRAM(?:B|ARSTRAM)\((.*?)\)", text)
    assert any(wire not in ("1'h0", "1'b0") for wire in resets), "the case is there"
    assert [check["mismatches"] for check in simulate_netlist(acc, tmp_path)["checks"]] == [0, 0]


# Two address bits, three bits of data: XOR, AND behind a register whose LUT has its enable, and 1.
LUTS = r"""module layer(clk_i, s_data_i, m_data_o);
  input clk_i;
  wire clk_i;
  input [2:0] s_data_i;
  wire [2:0] s_data_i;
  wire _00_;
  wire _01_;
  wire \u_op.u_rom.en_i ;
  wire \u_op.u_rom.addr_i[0] ;
  wire \u_op.u_rom.addr_i[1] ;
  wire \u_op.u_rom.data_o[0] ;
  wire \u_op.u_rom.data_o[1] ;
  wire \u_op.u_rom.data_o[2] ;
  LUT2 #(
    .INIT(4'h6)
  ) _10_ (
    .I0(\u_op.u_rom.addr_i[0] ),
    .I1(\u_op.u_rom.addr_i[1] ),
    .O(\u_op.u_rom.data_o[0] )
  );
  LUT4 #(
    .INIT(16'h88f0)
  ) _11_ (
    .I0(s_data_i[0]),
    .I1(s_data_i[1]),
    .I2(_00_),
    .I3(s_data_i[2]),
    .O(_01_)
  );
  FDRE #(
    .INIT(1'hx)
  ) _12_ (
    .C(clk_i),
    .CE(1'h1),
    .D(_01_),
    .Q(_00_),
    .R(1'h0)
  );
  assign \u_op.u_rom.en_i  = s_data_i[2];
  assign { \u_op.u_rom.addr_i[1] , \u_op.u_rom.addr_i[0]  } = s_data_i[1:0];
  assign \u_op.u_rom.data_o[1]  = _00_;
  assign \u_op.u_rom.data_o[2]  = 1'h1;
endmodule
"""


def block(width: int, address: str, contents: dict[str, str], data: str, more: str = "2'hx") -> str:
    """An 18 kbit block RAM with words of `width` bits, of which DOADO and DOPADOP give `data` and `more`."""
    given = "".join(f"    .{name}(256'b{bits}),\n" for name, bits in contents.items())
    return rf"""module layer(clk_i);
  input clk_i;
  wire clk_i;
  wire \u_op.u_rom.en_i ;
  wire \u_op.u_rom.addr_i ;
  wire \u_op.u_rom.data_o[0] ;
  wire \u_op.u_rom.data_o[1] ;
  RAMB18E1 #(
{given}    .RAM_MODE("TDP"),
    .READ_WIDTH_A(32'd{width}),
    .READ_WIDTH_B(32'd0)
  ) _10_ (
    .ADDRARDADDR({address}),
    .ADDRBWRADDR(14'h0000),
    .DOADO({data}),
    .DOBDO(16'hx),
    .DOPADOP({more})
  );
endmodule
"""


def test_luts_and_registers_are_evaluated_for_every_address():
    netlist = Netlist(LUTS)
    assert netlist.memories == {"u_op.u_rom": "u_rom"}
    wanted = [[0, 0, 1], [1, 0, 1], [1, 0, 1], [0, 1, 1]]
    for undefined in (0, 1):
        assert netlist.words("u_op.u_rom", 4, undefined).tolist() == wanted
    wrong = Netlist(LUTS.replace("4'h6", "4'h4"))
    assert wrong.words("u_op.u_rom", 4)[:, 0].tolist() == [0, 0, 1, 0]


def test_addresses_that_are_tied_are_not_asked_for():
    tied = LUTS.replace("= s_data_i[1:0];", "= { 1'h0, s_data_i[0] };")
    assert Netlist(tied).possible("u_op.u_rom", 4).tolist() == [True, True, False, False]
    assert Netlist(LUTS).possible("u_op.u_rom", 4).all()


@pytest.mark.parametrize(
    "text", [LUTS.replace("LUT2", "LUT2X"), LUTS.replace("{ \\u_op.u_rom.addr_i[1] ,", "{ _10_,")]
)
def test_a_memory_behind_an_unknown_cell_or_net_is_not_read(text):
    with pytest.raises(UnreadError):
        Netlist(text).words("u_op.u_rom", 4)


def test_words_of_a_block_ram_have_every_ninth_bit_apart():
    """UG473: of a word of 18 bits 16 are in INIT and two in INITP; of one of 2 bits both are in INIT."""
    low, high = r"\u_op.u_rom.data_o[0] ", r"\u_op.u_rom.data_o[1] "
    address = r"{ 9'h000, \u_op.u_rom.addr_i , 4'h0 }"
    contents = {"INITP_00": "x" * 252 + "0100", "INIT_00": "x" * 224 + "1" + "0" * 31}
    wires = {f"{{ 15'hx, {low} }}": [[0, 0], [0, 1]], f"{{ {low}, 15'hx }}": [[0, 0], [1, 1]]}
    for data, wanted in wires.items():
        netlist = Netlist(block(18, address, contents, data, f"{{ _02_, {high} }}"))
        np.testing.assert_array_equal(netlist.words("u_op.u_rom", 2), wanted)
    address = r"{ 12'h000, \u_op.u_rom.addr_i , 1'h0 }"
    pair = Netlist(block(2, address, {"INIT_00": "x" * 252 + "0110"}, f"{{ 14'hx, {high}, {low} }}"))
    np.testing.assert_array_equal(pair.words("u_op.u_rom", 2), [[0, 1], [1, 0]])


def test_an_ultra_ram_is_not_read():
    """It has no contents before a load."""
    text = block(9, "14'h0000", {}, r"{ \u_op.u_rom.data_o[1] , \u_op.u_rom.data_o[0]  }")
    netlist = Netlist(text.replace("RAMB18E1", "URAM288").replace("DOADO", "DOUT_A"))
    with pytest.raises(UnreadError):
        netlist.words("u_op.u_rom", 1)
