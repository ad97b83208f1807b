"""What place and route tools left, recorded: reports, logs, FASM and a bitstream are read as they are."""

import json
import lzma
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from xnorforge.core.errors import UserError
from xnorforge.flows.route import missed, paths
from xnorforge.hw import boards
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.families.ecp5 import route as ecp5
from xnorforge.hw.families.xc7 import block_rams, log
from xnorforge.hw.routing import Routed

from ..refusals import refuses, says, stops

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


def halves(data: int, parity: int) -> list[block_rams.Block]:
    """A RAMB36 as two RAMB18: bits 0, 2, 4, … and bits 1, 3, 5, …, by slices of text."""
    texts = [f"{data:032768b}"[::-1], f"{parity:04096b}"[::-1]]
    return [(int(texts[0][side::2][::-1], 2), int(texts[1][side::2][::-1], 2)) for side in (0, 1)]


def memory_blocks() -> Counter[block_rams.Block]:
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
    asked = block_rams.of_fasm(recorded("xc7-mnist-cnn-block-rams.fasm.xz").decode())
    found = block_rams.of_bitstream(recorded("xc7-mnist-cnn.bit.xz"), part)
    assert found == asked == expected


def test_one_wrong_bit_of_a_bitstream_is_seen_and_a_cut_one_is_one_sentence():
    data, part = recorded("xc7-mnist-cnn.bit.xz"), json.loads(recorded("xc7z020clg400-1.part.json.xz"))
    frames = block_rams.frames_of(data)
    used = next(frame for frame in frames[7700:] if any(frame))  # block RAMs are behind all logic
    at = data.index(used) + next(place for place, byte in enumerate(used) if byte)
    wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert block_rams.of_bitstream(wrong, part) != memory_blocks()
    stops(r"^the bitstream .*2,000,000 bytes", block_rams.frames_of, data[:2_000_000])
    stops(r"^the bitstream .*sync word", block_rams.frames_of, data[:100])
    del part["global_clock_regions"]["bottom"]["rows"]["1"]
    stops(r"^the bitstream .*10,008 frames.*6,672", block_rams.of_bitstream, data, part)
