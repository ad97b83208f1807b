"""What the families that nextpnr routes have in common: reports, failures, pins, PLLs; what tools left,
recorded: reports, logs, FASM and a bitstream are read as they are.
"""

import json
import lzma
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from xnorforge.core.errors import UserError
from xnorforge.flows.route import missed, paths
from xnorforge.hw import boards, routing
from xnorforge.hw.families import _nextpnr, _nextpnr_log
from xnorforge.hw.families.ecp5 import route as ecp5
from xnorforge.hw.families.gw2a import block_rams
from xnorforge.hw.families.gw2a import route as gw2a
from xnorforge.hw.families.ice40 import route as ice40
from xnorforge.hw.families.xc7 import block_rams as xc7_block_rams
from xnorforge.hw.families.xc7 import log
from xnorforge.hw.routing import Routed, TopPorts

from ..refusals import refuses, says, stops

ONE = TopPorts(1, 1, 1)  # a byte in, a byte out

PARTS = {
    "ecp5": "ulx3s", "gw1n": "tangnano9k", "gw2a": "tangnano20k", "gw5a": "tangprimer25k",
    "ice40": "icebreaker", "nexus": "crosslink-nx-evn",
}  # fmt: skip
PACKED = """Info: Device utilisation:
Info: \t        TRELLIS_COMB: 90123/ 83640   107%
Info: \t              DP16KD:     4/   208     1%
"""


def test_of_each_run_the_nets_that_reach_a_register_last_are_kept():
    """Arrivals as nextpnr writes them: a number, or least and most; those of other clocks do not count."""

    def net(name, event, *ends):
        ends = [{"cell": cell, "port": "D", "event": to, "delay": delay} for cell, to, delay in ends]
        return {"net": name, "driver": f"u_layer_01_b.{name}", "port": "F", "event": event, "endpoints": ends}

    clk, other = "posedge clk", "<async>"
    nets = [
        net("slow", clk, ("x.u_layer_02_c.q", clk, 3.0), ("x.u_layer_01_b.q", clk, [1.0, 7.5]),
            ("p", other, 9.0)),
        net("pin", other, ("x", clk, 20.0)),
        *(net(f"n{number}", clk, ("x.u_layer_02_c.r", clk, number / 2)) for number in range(9)),
    ]  # fmt: skip
    fmax, used = {"clk": {"achieved": 125.0, "constraint": 50.0}}, {"LUT4": {"used": 5, "available": 9}}
    report = {"fmax": fmax, "utilization": used, "critical_paths": [], "detailed_net_timings": nets}
    routed = _nextpnr.read_report(json.dumps(report), 1, "nextpnr", "a.fs")
    assert [(net.ns, net.ends) for net in routed.late] == [(7.5, 2), (4.0, 1), (3.5, 1), (3.0, 1), (2.5, 1)]
    # Of 8 ns: 3.0 and 7.5 of the first net; 0, 0.5 … 4 of the others.
    assert routed.arrivals == [2, 2, 1, 3, 1, 1, 0, 0, 0, 1]
    # A slowest path of 7 ns, 0.5 of it setup: the clock's wire has 1 of the 7.5 ns.
    hops = [("clk-to-q", 0.5), ("routing", 6.0), ("setup", 0.5)]
    path = [{"type": kind, "delay": ns, "net": "n", "to": {"cell": "c"}} for kind, ns in hops]
    report["critical_paths"] = [{"from": clk, "to": clk, "path": path}]
    routed = _nextpnr.read_report(json.dumps(report), 1, "nextpnr", "a.fs")
    assert routed.arrivals == [4, 2, 2, 2, 0, 0, 0, 0, 1, 0]
    layers = {"layer_01_b": "conv", "layer_02_c": "dense"}
    rows = [paths.net_row(net, 3, layers, "u_accelerator") for net in routed.late[:2]]
    assert [row["operators"] for row in rows] == [["conv"], ["conv", "dense"]]


@pytest.mark.parametrize("said, reason, text", [
    ("Warning: Failed to find a route for arc 3 of net u_a.b.\nERROR: Routing design failed.\n",
     "Routing design failed", "nextpnr (seed 7) … u_a.b … SEEDS=4,5,6 … INTERVAL"),
    (
        "".join(f"ERROR: Failed to route arc 0.{n} of net 'n{n}', from A to B.\n" for n in range(5)),
        "Failed to route arc",
        "nextpnr (seed 7) … n0, n1, n2 and 2 more … SEEDS=4,5,6 … INTERVAL",
    ),
    (
        PACKED,
        "Unable to place cell 'q', no BELs remaining to implement cell type 'TRELLIS_COMB'",
        "nextpnr (seed 7) … Unable to place cell 'q', no BELs remaining to implement cell type "
        "'TRELLIS_COMB' … TRELLIS_COMB 90,123 of 83,640 … INTERVAL",
    ),
    ("Info:     iter=1 wires=9 overused=4 overuse=4\n", "killed",
     "nextpnr (seed 7) … 4 wires … 1 iteration … SEEDS=4,5,6 … INTERVAL"),
    ("Info: Packing\n", "it ended with signal 9 and named no error", "nextpnr (seed 7): … SEEDS=4,5,6"),
])  # fmt: skip
def test_a_run_that_stopped_is_one_sentence(said, reason, text):
    says(_nextpnr_log.failure("nextpnr", said, reason, 7), text)


def test_an_exception_of_a_tool_in_python_is_its_reason():
    said = "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'top'\n"
    failed = routing.ToolFailed(gw2a.PACK, 1, said)
    assert failed.reason == "KeyError: 'top'"
    says(failed, "gowin_pack: KeyError: 'top'; … yowasp-nextpnr-")


def test_the_clocks_are_made_by_the_pll_and_keep_the_baud_rate():
    board, router = boards.load("ulx3s"), routing.load("ecp5")
    assert router is not None
    clocks = [mhz for step in range(1, 500) if router.makes(board, mhz := step * 25 / 8)]
    assert {25.0, 50.0, 75.0, 100.0, 103.125} <= set(clocks) and not router.makes(board, 101.0)
    for mhz in clocks:
        cycles = round(mhz * 1e6 / board.shell["baud"])
        assert abs(mhz * 1e6 / cycles / board.shell["baud"] - 1) < 0.02 and cycles >= 4
        assert "u_pll" in router.top(replace(board, clock_mhz=mhz), ONE)


def test_a_chain_of_a_nexus_begins_without_a_carry():
    """Of two CCU2, the first takes its carry from A1; abc9 has tied its other one to a constant."""

    def cell(kind, bit):
        return {"type": "CCU2", "parameters": {"INIT1": kind}, "connections": {"CIN": [bit], "COUT": [7]}}

    cells = {"first": cell("0x00AA", 3), "next": cell("0x96AA", 7)}
    router = routing.load("nexus")
    assert router is not None
    made = router.adapted({"modules": {routing.TOP: {"cells": cells}}})["modules"][routing.TOP]["cells"]
    assert made["first"]["connections"] == {"COUT": [7]}
    assert made["next"]["connections"] == {"CIN": [7], "COUT": [7]}


def test_a_board_of_a_nexus_runs_at_its_oscillators_clock():
    board, router = boards.load("crosslink-nx-evn"), routing.load("nexus")
    assert router is not None
    with refuses("hw/boards/crosslink-nx-evn/board.toml: clock.mhz = 24 … 12"):
        router.top(replace(board, clock_mhz=24.0), ONE)


def test_the_pll_of_a_gw2a_keeps_to_its_data_sheet():
    for wanted in (27.0, 54.0, 81.0, 108.0, 67.5):
        reference, fed_back, divided = gw2a.rpll(27.0, wanted)
        assert 27.0 / reference * fed_back == wanted and 27.0 / reference >= 3 and fed_back <= 64
        assert 500 <= wanted * divided <= 1250 and (divided == 2 or divided % 4 == 0)
    stops(r"^bitstream: .* GW2A-18 .*50 MHz .*27 MHz", gw2a.rpll, 27.0, 50.0)


def test_the_pll_of_a_gw1n_has_another_oscillator():
    """400 to 1,200 MHz: 20.25 MHz need a divisor of 32, by which 54 MHz would be too fast."""
    (chip,) = (one for one in gw2a.CHIPS if one.pll == "GW1NR-9C")
    for wanted, divisors in ((54.0, {8, 16}), (20.25, {32, 48})):
        reference, fed_back, divided = gw2a.rpll(27.0, wanted, chip)
        assert 27.0 / reference * fed_back == wanted and divided in divisors


def test_the_pll_of_an_ice40_keeps_to_its_data_sheet():
    for wanted in (16.5, 18.0, 24.0, 36.0, 48.0):
        fed_back, power = ice40.pll(12.0, wanted)
        assert 12.0 * fed_back == wanted * 2**power and fed_back <= 128 and 533 <= 12.0 * fed_back <= 1066
    for wanted in (12.0, 17.0):  # below the least output; no whole multiple
        stops(rf"^bitstream: .* iCE40 .*{wanted:g} MHz .*12 MHz", ice40.pll, 12.0, wanted)
    top = ice40.ROUTER.top(boards.load("icebreaker"), ONE)
    assert ".DIVF(7'd63), .DIVQ(3'd5)" in top and "~reset | ~locked}" in top


def test_a_pin_that_is_low_when_it_says_yes_is_inverted_and_pulled_up():
    nano = boards.load("tangnano20k")
    text = gw2a.ROUTER.top(nano, ONE)
    assert "assign lost = ~was_lost;" in text and "reset | ~locked}" in text
    assert 'IO_PORT "reset" IO_TYPE=LVCMOS33 PULL_MODE=DOWN;' in gw2a.pins(nano)
    low = replace(nano, shell=nano.shell | {"low": ["reset"]})
    top = gw2a.ROUTER.top(low, ONE)
    assert "~reset | ~locked}" in top and "assign lost = was_lost;" in top
    assert 'IO_PORT "reset" IO_TYPE=LVCMOS33 PULL_MODE=UP;' in gw2a.pins(low)


@pytest.mark.parametrize("name, role, all_roles", [
    ("ulx3s", "clock", "clock, reset, rxd, txd, lost"),
    ("tangnano20k", "lost", "clock, reset, rxd, txd, lost"), ("pynq-z2", "irq", "irq"),
])  # fmt: skip
def test_a_port_without_a_pin_is_refused(name, role, all_roles):
    board, router = boards.load(name), routing.load(boards.load(name).family)
    assert router is not None
    fewer = {other: pin for other, pin in board.shell["pins"].items() if other != role}
    with refuses(f"hw/boards/{name}/board.toml: [shell.pins] … '{role}' … {all_roles}"):
        router.identity(replace(board, shell=board.shell | {"pins": fewer}))


@pytest.mark.parametrize("family", PARTS)
def test_a_part_that_no_tool_knows_is_refused(family):
    name = PARTS[family]
    router = routing.load(family)
    assert router is not None
    stops(rf"^{name}: .*'XYZ-1'", router.identity, replace(boards.load(name), part="XYZ-1"))


def test_block_rams_of_a_gw2a_are_found_by_the_bits_that_are_set_in_a_bitstream():
    """One bit in line 23 of 256, from the bottom, of the middle row: words of INIT_RAM_05, 15, 25 or 35."""
    end = b"0" * 16 + b"1" * 48
    lines = [b"0" * 3376 + end] * (1342 + 3 * 256)
    lines[7] = b"1" * 3376 + end  # of the fabric
    lines[1342 + 256 + 255 - 23] = b"0" * 1000 + b"1" + b"0" * 2375 + end
    one = {"INIT_RAM_15": "0" * 99 + "1" + "0" * 156, "BIT_WIDTH": "1"}
    asked = [{"parameters": one}, {"parameters": {}}]
    ones = [0] * 5 + [1] + [0] * 10
    assert block_rams.ones_of_netlist(asked) == ones
    assert block_rams.ones_of_bitstream(b"\n".join([b"1" * 160, b"0" * 64, *lines, b"0" * 64])) == ones
    assert block_rams.ones_of_bitstream(b"\n".join(lines[:1342])) == [0] * 16
    with pytest.raises(UserError, match=r"^the bitstream has 2,000 lines.*GW2A-18 .*1,342 or 2,110"):
        block_rams.ones_of_bitstream(b"\n".join(lines[:2000]))


RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> bytes:
    """A recorded file, unpacked."""
    data = (RECORDED / name).read_bytes()
    return lzma.decompress(data) if name.endswith(".xz") else data


def test_a_report_of_nextpnr_ecp5_gives_clock_sites_and_the_path_by_operator():
    routed = _nextpnr.read_report(recorded("ecp5-mnist-tfc.json"), 1, "nextpnr-ecp5", "a.bit")
    assert round(routed.mhz, 2) == 122.93
    assert routed.used["TRELLIS_COMB"] == (1954, 83640) and routed.used["DP16KD"] == (4, 208)
    assert "DCSC" not in routed.used  # none is used
    (path,) = routed.paths
    assert path.ns == pytest.approx(1e3 / routed.mhz, abs=0.001)
    row = paths.row(path, 1, {"layer_02_dense0": "dense0"}, "u_accelerator")
    assert row["operators"] == ["dense0"] and row["cells"] == 5
    assert (row["logic_ns"], row["routing_ns"]) == (6.252, 1.883)
    assert row["from"].endswith("u_weights.gen_block.mem.0.1")


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_report_that_is_cut_short_is_one_sentence(keep):
    with pytest.raises(UserError, match=r"^the report of nextpnr-ecp5 \(seed 4\) "):
        _nextpnr.read_report(recorded("ecp5-mnist-tfc.json")[:keep], 4, "nextpnr-ecp5", "a.bit")


def test_the_pll_divides_as_its_oscillator_allows():
    for wanted in (25.0, 50.0, 62.5, 75.0, 100.0, 125.0, 200.0):
        reference, fed_back, divided = ecp5.pll(25.0, wanted)
        assert 25.0 / reference * fed_back == wanted
        assert 400 <= wanted * divided <= 800 and 25.0 / reference >= 3.125
    stops(r"^bitstream: .*ECP5 .*33\.3 MHz .*25 MHz", ecp5.pll, 25.0, 33.3)


def test_a_log_of_nextpnr_xilinx_gives_the_routed_clock_and_not_that_before_routing():
    mhz, used, path = log.read(recorded("xc7-mnist-cnn.log.xz").decode(), 1)
    assert mhz == 119.70  # 112.75 was estimated after placement
    assert used["SLICE_LUTX"] == (4861, 106400) and used["RAMB36E1"] == (6, 140) and "DSP48E1" not in used
    assert path.delay(routing=False) == pytest.approx(1.2, abs=0.15)  # printed with one decimal each
    assert path.delay(routing=True) == pytest.approx(7.2, abs=0.3)
    assert path.ns == pytest.approx(8.4, abs=0.3)
    layers = {
        f"layer_{module}": module.partition("_")[2]
        for module in ("08_conv1", "09_width_conv1_pool", "10_conv1_pool", "11_width_conv2_window",
                       "12_conv2_window")
    }  # fmt: skip
    row = paths.row(path, 1, layers, "u_xf")
    pool = ["width_conv2_window", "conv1_pool", "width_conv1_pool"]
    assert row["operators"] == ["conv2_window", *pool, "conv1"]
    assert path.ns == pytest.approx(1e3 / mhz, rel=0.01)  # though each step is rounded to 0.1 ns
    assert log.read(recorded("xc7-cifar10-cnv.log.xz").decode(), 1)[0] == 100.67


def test_a_cell_is_of_an_operator_of_the_top_or_of_the_shell():
    """By the instance its name begins with; Yosys' own names say nothing else."""
    layers = {"layer_00_conv0": "conv0"}
    names = {
        "u_system.u_top.u_layer_00_conv0.u_op.acc": "conv0",
        "$flatten\\u_system.\\u_top.\\u_layer_00_conv0.$auto$ff.cc:337:slice$9": "conv0",
        "$flatten\\u_system.\\u_top.$auto$ff.cc:337:slice$5": "top",
        "u_system.u_top.ready_3": "top", "$auto$ff.cc:337:slice$6471": "shell",
        "u_system.u_shell.u_control.frames_q": "shell", "$abc$75041$lut$aiger75040$3917": "shell",
    }  # fmt: skip
    assert {name: paths.operator(name, layers, "u_system.u_top") for name in names} == names


def test_a_missed_clock_says_by_how_much_where_and_what_helps():
    mhz, used, path = log.read(recorded("xc7-mnist-cnn.log.xz").decode(), 1)
    board = replace(boards.load("pynq-z2"), clock_mhz=125.0)
    layers = {"layer_12_conv2_window": "conv2_window", "layer_08_conv1": "conv1"}
    text = missed(board, Routed(mhz, used, [path], ""), [1, 2, 3], layers, "u_xf")
    clock = "119.7 MHz … pynq-z2 … 125 MHz … 0.35 ns … conv2_window → conv1 (7.1 of 8.4 ns"
    says(text, f'bitstream: the best of 3 seeds … {clock} … FOLDING= with {{"conv1": {{"depth": 2}}}}')


def test_a_log_that_ends_early_is_one_sentence():
    said = recorded("xc7-mnist-cnn.log.xz").decode()
    for end in ("Critical path report", "Max frequency for clock 'clk': 119", "Running router2"):
        with refuses("the log of nextpnr-xilinx (seed 3)"):
            log.read(said[: said.index(end)], 3)


def test_wires_that_several_nets_claim_are_counted_and_the_hardest_nets_named():
    said = recorded("xc7-mnist-cnn.log.xz").decode()
    left = said[: said.index("Info:     iter=4")] + said[said.index("Info: 1000 slowest") :]
    with refuses(
        "nextpnr-xilinx (seed 1) … 1 wire … 3 iterations … $PACKER_GND_NET, "
        "u_xf.u_layer_08_conv1.u_op.u_mvu.gen_dot[0].genblk1.gen_bits.u_dot.en_i, "
        "u_xf.u_layer_08_conv1.u_op.u_mvu.addr[0] … SEEDS=4,5,6 … INTERVAL"
    ):
        log.read(left, 1)


def halves(data: int, parity: int) -> list[xc7_block_rams.Block]:
    """A RAMB36 as two RAMB18: bits 0, 2, 4, … and bits 1, 3, 5, …, by slices of text."""
    texts = [f"{data:032768b}"[::-1], f"{parity:04096b}"[::-1]]
    return [(int(texts[0][side::2][::-1], 2), int(texts[1][side::2][::-1], 2)) for side in (0, 1)]


def memory_blocks() -> Counter[xc7_block_rams.Block]:
    """What the block RAMs of mnist-cnn hold by its memory files and the manual of the cell (UG473).

    conv2: 512 words of 72 bits, every ninth a parity bit; dense3: 8,192 words of 16 bits in four block RAMs
    of 4 bits.
    """
    data = parity = 0
    for address, word in enumerate(recorded("xc7-mnist-cnn-conv2.mem.xz").split()):
        bits = f"{int(word, 16):072b}"[::-1]
        for byte in range(8):
            data |= int(bits[9 * byte : 9 * byte + 8][::-1], 2) << (64 * address + 8 * byte)
            parity |= int(bits[9 * byte + 8]) << (8 * address + byte)
    blocks = halves(data, parity)
    words = [word.decode() for word in recorded("xc7-mnist-cnn-dense3.mem.xz").split()]
    for digit in range(4):
        blocks += halves(int("".join(word[3 - digit] for word in reversed(words)), 16), 0)
    return Counter(blocks)


def test_block_rams_of_the_recorded_bitstream_and_fasm_hold_the_memory_files():
    part = json.loads(recorded("xc7z020clg400-1.part.json.xz"))
    expected = memory_blocks()
    assert sum(expected.values()) == 10  # five RAMB36
    asked = xc7_block_rams.of_fasm(recorded("xc7-mnist-cnn-block-rams.fasm.xz").decode())
    found = xc7_block_rams.of_bitstream(recorded("xc7-mnist-cnn.bit.xz"), part)
    assert found == asked == expected


def test_one_wrong_bit_of_a_bitstream_is_seen_and_a_cut_one_is_one_sentence():
    data, part = recorded("xc7-mnist-cnn.bit.xz"), json.loads(recorded("xc7z020clg400-1.part.json.xz"))
    frames = xc7_block_rams.frames_of(data)
    used = next(frame for frame in frames[7700:] if any(frame))  # block RAMs are behind all logic
    at = data.index(used) + next(place for place, byte in enumerate(used) if byte)
    wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert xc7_block_rams.of_bitstream(wrong, part) != memory_blocks()
    stops(r"^the bitstream .*2,000,000 bytes", xc7_block_rams.frames_of, data[:2_000_000])
    stops(r"^the bitstream .*sync word", xc7_block_rams.frames_of, data[:100])
    del part["global_clock_regions"]["bottom"]["rows"]["1"]
    stops(r"^the bitstream .*10,008 frames.*6,672", xc7_block_rams.of_bitstream, data, part)
