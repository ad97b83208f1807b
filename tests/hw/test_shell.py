"""The shell with its DMA against cocotbext-axi: an AXI memory and an AXI4-Lite host made by others."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import cocotb_tools.config
import find_libpython
import pytest

from xnorforge.hw.shells import dma
from xnorforge.sim import verilate

sys.path.insert(0, str(Path(__file__).parent))
import shell_bench

HERE = Path(__file__).parent
LIBS = Path(cocotb_tools.config.libs_dir)
COCOTB = verilate.Form(
    Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp",
    verilate=("--vpi",),
    link=(f"-Wl,-rpath,{LIBS}", f"-L{LIBS}", "-lcocotbvpi_verilator"),
    runtime=("verilated_vpi.cpp",),
)
PACES = [f"lane={lane}/pause={pause}" for lane in range(len(shell_bench.FORMS)) for pause in (0.0, 0.4)]
SIDES = [f"lane={lane}/where={side}" for lane in range(len(shell_bench.FORMS)) for side in ("read", "write")]
CASES = [
    *(f"batches_come_out_right/{case}" for case in PACES),
    *(f"a_reset_in_mid_transfer_leaves_nothing_behind/{case}" for case in PACES),
    *(f"an_answer_that_is_no_okay_stops_the_shell_and_is_told/{case}" for case in SIDES),
    "registers_answer_as_documented",
]  # of shell_cocotb.py


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{cocotb's test: what failed in it, or nothing}, from one run of the simulator."""
    folder = tmp_path_factory.mktemp("cocotb")
    program = shell_bench.build(folder, COCOTB)
    environment = os.environ | {
        "COCOTB_TEST_MODULES": "shell_cocotb",
        "COCOTB_TOPLEVEL": "shell_bench",
        "COCOTB_RESULTS_FILE": str(folder / "results.xml"),
        "COCOTB_RANDOM_SEED": "1",
        "COCOTB_LOG_LEVEL": "WARNING",
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{find_libpython.find_libpython()};{cocotb_tools.config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    done = subprocess.run([program], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = re.sub(r"^XF_FILL.*\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
    assert (folder / "results.xml").exists(), said
    return {
        case.get("name"): "".join(
            f"{part.get('message')}\n{said}" for part in case.iter() if part.tag in ("failure", "error")
        )
        for case in xml.parse(folder / "results.xml").iter("testcase")
    }


@pytest.mark.parametrize("case", CASES)
def test_the_shell_against_a_memory_and_a_host_of_others(results, case):
    assert results[case] == ""


def test_every_case_of_the_bench_was_looked_at(results):
    assert sorted(results) == sorted(CASES)


def test_yosys_reads_the_shell_as_well_as_verilator():
    """No latch, no loop, nothing undriven: `check -assert` of the whole shell, of slots of every kind."""
    files = [str(path) for path in dma.shell_sources() if not path.stem.startswith("xf_check")]
    for into, out in shell_bench.FORMS[:4]:
        sizes = {"InBytes": into.bytes, "InBeats": into.beats, "OutBytes": out.bytes, "OutBeats": out.beats}
        given = " ".join(f"-chparam {name} {value}" for name, value in sizes.items())
        script = [f"read_verilog -sv -defer -I{Path(files[0]).parent} {' '.join(files)}",
                  f"hierarchy -check -top xf_shell {given}", "proc", "flatten", "check -assert"]  # fmt: skip
        text = f"from pyosys import libyosys as y\nd = y.Design()\nfor p in {script!r}: y.run_pass(p, d)"
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
