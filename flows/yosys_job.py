"""One Yosys synthesis as a process of its own: `python -m xnorforge.flows.yosys_job JOB.json`, run in the folder `rtl/`.

Yosys ends the interpreter on an error and keeps its memory until the end, so that every layer gets a fresh process.

The job: {"family", "top", "sources": [files], "stubs": [files whose modules stay black boxes],
          "defines": [names], "netlist": file to write, "cells": file to write}.
"""

import json
import sys
from pathlib import Path

SYNTH = {
    "xc7": "synth_xilinx -family xc7 -noiopad -noclkbuf",
    "xcup": "synth_xilinx -family xcup -noiopad -noclkbuf",
    "ecp5": "synth_ecp5",
}


def script(job: dict) -> list[str]:
    """The Yosys commands of a job.

    Parametrised modules are mapped once each and only then put into one flat module: copies cost nothing in time, and
    the module that is counted is, cell by cell, the netlist that is written and simulated.
    """
    flags = " ".join(["-sv", "-I.", *(f"-D{name}" for name in job["defines"])])
    stubs = [f"read_verilog -lib {flags} {' '.join(job['stubs'])}"] if job["stubs"] else []
    return stubs + [
        f"read_verilog -defer {flags} {' '.join(job['sources'])}",
        f"{SYNTH[job['family']]} -top {job['top']}",
        "flatten -noscopeinfo",
        "opt_clean -purge",
        f"tee -q -o {job['cells']} stat -json -top {job['top']}",
        f"write_verilog -noattr {job['netlist']}",
    ]


def main(path: str) -> None:
    """Run the job; the two files appear only when Yosys has come to the end."""
    from pyosys import libyosys as yosys

    design = yosys.Design()
    for command in script(json.loads(Path(path).read_text())):
        yosys.run_pass(command, design)


if __name__ == "__main__":
    main(sys.argv[1])
