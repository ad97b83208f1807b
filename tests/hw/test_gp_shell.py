"""The shell without a bus master against the AXI4-Lite host of cocotbext-axi, made by others."""

import sys
from pathlib import Path

import pytest

from xnorforge.hw.shells import gp

from ..with_cocotb import COCOTB, simulated
from .test_shell import broken_copy, checked_by_yosys

sys.path.insert(0, str(Path(__file__).parent))
import gp_shell_bench

LANES = range(len(gp_shell_bench.FORMS))
CASES = [
    *(f"{case}/lane={lane}/pause={pause}" for lane in LANES for pause in (0.0, 0.4)
      for case in ("frames_come_back_answered", "a_reset_in_mid_frame_leaves_nothing_behind")),
    *(f"a_word_without_room_is_dropped_and_told/lane={lane}" for lane in LANES),
    "a_read_without_a_word_gives_0_and_is_told",
    "a_frame_that_ends_at_another_beat_is_told",
    "registers_answer_as_documented",
]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Those of the shell, assertions on."""
    folder = tmp_path_factory.mktemp("cocotb")
    program = gp_shell_bench.build(folder, COCOTB, {}, checked=True)
    return simulated(folder, program, bench="gp_shell")


@pytest.mark.parametrize("case", CASES)
def test_the_shell_without_a_bus_master_against_a_host_of_others(results, case):
    assert results[case] == ""


def test_every_case_of_the_bench_was_looked_at(results):
    assert sorted(results) == sorted(CASES)


def test_yosys_reads_the_shell_as_well_as_verilator():
    """Slots of every kind."""
    checked_by_yosys(gp.gp_sources(), "xf_gp_shell", gp_shell_bench.FORMS[:4])


# What is broken: (file, text, in its place). Assertions are off: the host alone has to see it.
BROKEN = {
    "a word that is taken without room": ("xf_gp_shell", "asked && room_q != '0 &&", "asked &&"),
    "words that are taken after an error": (
        "xf_gp_shell",
        "room_q != '0 && error_q == NoError",
        "room_q != '0",
    ),
    "a word that stays when it is read": ("xf_gp_shell", "look & answer_valid;", "1'b0;"),
    "a word that goes when a register is read": ("xf_gp_shell", "read_valid & read_addr[5]", "read_valid"),
    "an old word where there is none": ("xf_gp_shell", "answer_valid ? answer : '0", "answer"),
    "a room that is too large": ("xf_gp_shell", "12'(room_q)", "12'(room_q + 1'b1)"),
    "a reset that leaves the accelerator": ("xf_gp_shell", "acc_aresetn = rst_ni", "acc_aresetn = aresetn"),
    "an overflow that is not told": ("xf_gp_shell", "error_q <= NoRoom", "error_q <= NoError"),
    "half a hash": ("xf_gp_shell", "read_data = Hash[63:32]", "read_data = Hash[31:0]"),
    "a slot that is not skipped": ("xf_unpack", "last_beat | (part_q", "(part_q"),
}


@pytest.mark.full
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_shell_is_seen_by_the_host_of_others(tmp_path, name):
    copy = broken_copy(gp.gp_sources(), tmp_path, *BROKEN[name])
    program = gp_shell_bench.build(tmp_path, COCOTB, copy, checked=False)
    assert any(simulated(tmp_path, program, failures=1, bench="gp_shell").values())
