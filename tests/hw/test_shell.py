"""The shell with its DMA against cocotbext-axi: an AXI memory and an AXI4-Lite host made by others."""

import subprocess
import sys
from pathlib import Path

import pytest
import shell_bench

from xnorforge.hw.shells import dma

from ..with_cocotb import COCOTB, simulated

HERE = Path(__file__).parent
PACES = [f"lane={lane}/pause={pause}" for lane in range(len(shell_bench.FORMS)) for pause in (0.0, 0.4)]
SIDES = [f"lane={lane}/where={side}" for lane in range(len(shell_bench.FORMS)) for side in ("read", "write")]
CASES = [
    *(f"batches_come_out_right/{case}" for case in PACES),
    *(f"a_reset_in_mid_transfer_leaves_nothing_behind/{case}" for case in PACES),
    *(f"no_frame_is_lost_and_every_fault_is_told_once/lane={lane}" for lane in range(len(shell_bench.FORMS))),
    *(f"an_answer_that_is_no_okay_stops_the_shell_and_is_told/{case}" for case in SIDES),
    "a_frame_of_which_a_burst_fails_does_not_count_as_done",
    "a_frame_that_ends_at_another_beat_stops_the_shell",
    "registers_answer_as_documented",
]  # of shell_cocotb.py


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Those of the shell, assertions on."""
    folder = tmp_path_factory.mktemp("cocotb")
    return simulated(folder, shell_bench.build(folder, COCOTB, {}, checked=True))


@pytest.mark.parametrize("case", CASES)
def test_the_shell_against_a_memory_and_a_host_of_others(results, case):
    assert results[case] == ""


def test_every_case_of_the_bench_was_looked_at(results):
    assert sorted(results) == sorted(CASES)


@pytest.mark.full
def test_the_shell_loses_nothing_in_a_long_run_with_faults_and_resets_at_every_cycle(tmp_path):
    """About ten minutes: 2,000 turns, and a reset in each of 200 cycles at two paces, of every form."""
    program = shell_bench.build(tmp_path, COCOTB, {}, checked=True)
    assert not any(simulated(tmp_path, program, failures=1, more={"XF_SOAK": "1"}).values())


def checked_by_yosys(sources, top: str, forms) -> None:
    """No latch, no loop, nothing undriven: `check -assert` of a whole shell for forms of its streams."""
    files = [str(path) for path in sources if not path.stem.startswith("xf_check")]
    for into, out in forms:
        sizes = {"InBytes": into.bytes, "InBeats": into.beats, "OutBytes": out.bytes, "OutBeats": out.beats}
        given = " ".join(f"-chparam {name} {value}" for name, value in sizes.items())
        script = [f"read_verilog -sv -defer -I{Path(files[0]).parent} {' '.join(files)}",
                  f"hierarchy -check -top {top} {given}", "proc", "flatten", "check -assert"]  # fmt: skip
        text = f"from pyosys import libyosys as y\nd = y.Design()\nfor p in {script!r}: y.run_pass(p, d)"
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def test_yosys_reads_the_shell_as_well_as_verilator():
    """Slots of every kind."""
    checked_by_yosys(dma.shell_sources(), "xf_shell", shell_bench.FORMS[:4])


# What is broken: (file, text, in its place). Assertions are off: memory and host alone have to see it.
BROKEN = {
    "a burst that crosses 4 KiB": ("xf_dma_bursts", "10'd512 - 10'(place_q[8:0])", "10'd512"),
    "a burst of 17 words": (
        "xf_dma_bursts",
        "localparam int unsigned Burst = 16",
        "localparam int unsigned Burst = 17",
    ),
    "a frame that is one word short": (
        "xf_dma_bursts",
        "frame_end ? LeftW'(Words) :",
        "frame_end ? LeftW'(Words - 1) :",
    ),
    "words for which there is no room": ("xf_dma_read", "room_q >= RoomW'(len)", "1'b1"),
    "a reset that does not wait for the bus": (
        "xf_shell_control",
        "~(resetting_q & read_idle_i & write_idle_i)",
        "~resetting_q",
    ),
    "a write that goes on after an error": ("xf_shell_control", "| (error_q != NoError);", ";"),
    "an error that is not seen": ("xf_dma_write", "error_o      = answered & bresp_i[1]", "error_o = 1'b0"),
    "strobes beyond the last slot": ("xf_pack", "{Slot{part_q == PartW'(p)}}", "'1"),
    "a slot that is not skipped": ("xf_unpack", "last_beat | (part_q", "(part_q"),
    "a batch that is done before its answer": ("xf_dma_write", "done_o       = answered &", "done_o = ask &"),
    "half a hash": (
        "xf_shell_control",
        "HashHigh: read_data_o = Hash[63:32]",
        "HashHigh: read_data_o = Hash[31:0]",
    ),
    "a queue without an end": ("xf_shell_control", "| ~read_room | ~write_room", ""),
}


@pytest.mark.full
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_shell_is_seen_by_the_memory_and_the_host_of_others(tmp_path, name):
    file, text, instead = BROKEN[name]
    own = next(path for path in dma.shell_sources() if path.stem == file)
    assert own.read_text().count(text) == 1
    (tmp_path / own.name).write_text(own.read_text().replace(text, instead))
    program = shell_bench.build(tmp_path, COCOTB, {own.name: tmp_path / own.name}, checked=False)
    assert any(simulated(tmp_path, program, failures=1).values())
