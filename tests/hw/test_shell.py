"""The shell with its DMA against cocotbext-axi: an AXI memory and an AXI4-Lite host made by others."""

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
    return simulated(folder, shell_bench.build(folder, COCOTB))


def test_the_shell_against_a_memory_and_a_host_of_others(results):
    """Every case of the bench; each gives what went wrong."""
    assert results == dict.fromkeys(CASES, "")


@pytest.mark.full
def test_the_shell_loses_nothing_in_a_long_run_with_faults_and_resets_at_every_cycle(tmp_path):
    """About ten minutes: 2,000 turns, and a reset in each of 200 cycles at two paces, of every form."""
    program = shell_bench.build(tmp_path, COCOTB)
    assert not any(simulated(tmp_path, program, failures=1, more={"XF_SOAK": "1"}).values())


def test_yosys_reads_the_shell_as_well_as_verilator():
    """No latch, no loop, nothing undriven: `check -assert` of a whole shell for slots of every kind."""
    files = [str(path) for path in dma.shell_sources() if not path.stem.startswith("xf_check")]
    for into, out in shell_bench.FORMS[:4]:
        sizes = {"InBytes": into.bytes, "InBeats": into.beats, "OutBytes": out.bytes, "OutBeats": out.beats}
        given = " ".join(f"-chparam {name} {value}" for name, value in sizes.items())
        shell_bench.executed_by_yosys(
            f"read_verilog -sv -defer -I{Path(files[0]).parent} {' '.join(files)}",
            f"hierarchy -check -top xf_shell {given}", "proc", "flatten", "check -assert",
        )  # fmt: skip
