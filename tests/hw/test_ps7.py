"""The DMA shell on a Zynq-7000: its top with a stand-in for PS7, against AXI models made by others."""

from pathlib import Path

import ps7_bench
import pytest
import shell_bench

from xnorforge.sim import verilate

from ..with_cocotb import COCOTB, simulated

CASES = [
    *(f"{case}/pause={pause}" for pause in (0.0, 0.4)
      for case in ("frames_come_back_answered", "bursts_of_registers_are_single_accesses")),
    "what_is_no_register_is_an_error_of_the_bus",
    "a_reset_of_the_fabric_and_a_soft_one_bring_it_back",
]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Those of the top, assertions on."""
    folder = tmp_path_factory.mktemp("cocotb")
    return simulated(folder, ps7_bench.build(folder, COCOTB), bench="ps7")


def test_the_zynq_top_against_a_processor_of_others(results):
    """Every case of the bench; each gives what went wrong."""
    assert results == dict.fromkeys(CASES, "")


def test_ports_of_the_processor_are_those_of_the_cell_library():
    """Every port that is connected exists; every input of GP0 and HP0 is connected."""
    library, used = ps7_bench.library_ports(), ps7_bench.used_ports()
    assert len(set(used)) == len(used) and set(used) <= set(library)
    driven = {name for name, (way, _) in library.items()
              if way == "input" and name.startswith(("MAXIGP0", "SAXIHP0"))}  # fmt: skip
    assert driven <= set(used)
    assert library["SAXIHP0AWLEN"] == ("input", 4) and library["SAXIHP0AWSIZE"] == ("input", 2)
    assert library["MAXIGP0AWID"] == ("output", 12) and library["SAXIHP0WID"] == ("input", 6)


def test_verilator_has_no_warning_about_the_top(tmp_path):
    """Widths of all ports included, as the stand-in has those of the cell library."""
    files = ps7_bench.sources(tmp_path)
    waived = tmp_path / "waived.vlt"
    waived.write_text("`verilator_config\n" + "".join(
        f'lint_off -rule {rule} -file "*/{name}"\n'
        for name in ("ps7_bench.sv", "xf_system.sv")
        for rule in ("UNUSEDSIGNAL", "GENUNNAMED", "DECLFILENAME")
    ))  # fmt: skip
    includes = sorted({path.parent for path in files if path.parent.name == "rtl"})
    verilate.lint("ps7_bench", [waived, *files], includes)


def test_yosys_reads_bridge_and_top(tmp_path):
    """No latch, no loop: `check -assert` with Yosys' own PS7 and BUFG."""
    given = ps7_bench.sources(tmp_path)
    files = [str(path) for path in given if not path.stem.startswith(("xf_check", "ps7_"))]
    shell_bench.executed_by_yosys(
        f"read_verilog -lib {ps7_bench.LIBRARY} {ps7_bench.LIBRARY.with_name('cells_sim.v')}",
        f"read_verilog -sv -defer -I{Path(files[0]).parent} {' '.join(files)}",
        "hierarchy -check -top xf_board_top", "proc", "flatten", "check -assert",
    )  # fmt: skip
