"""One Yosys synthesis as a process of its own: `python -m xnorforge.flows.synth.yosys_job JOB.json`, run in
the folder `rtl/`.

Yosys ends the interpreter on an error and keeps its memory until the end, so that every layer gets a fresh
process.

The job: {"family", "top", "modules": [modules to write and count], "sources": [files], "stubs": [files whose
modules stay
          black boxes], "defines": [names], "folder": where `<module>.v` of each module and `cells.json` go,
          "own": whether the top has modules of its own beside those of the list, which become part of it;
              default no}.
"""

import json
import sys
from pathlib import Path

SYNTH = {
    "xc7": "synth_xilinx -family xc7 -noiopad -noclkbuf",
    "xcup": "synth_xilinx -family xcup -noiopad -noclkbuf",
    "ecp5": "synth_ecp5 -noflatten",
}


def script(job: dict) -> list[str]:
    """The Yosys commands of a job.

    Parametrised modules are mapped once each and only then put into the flat modules that are asked for:
    copies cost nothing in time, and what is counted is, cell by cell, the netlist that is written and
    simulated.
    """
    flags = " ".join(["-sv", "-I.", *(f"-D{name}" for name in job["defines"])])
    stubs = [f"read_verilog -lib {flags} {' '.join(job['stubs'])}"] if job["stubs"] else []
    inner = [name for name in job["modules"] if name != job["top"]]
    flat, own = " ".join(inner or job["modules"]), inner and job.get("own")
    return [
        *stubs,
        f"read_verilog -defer {flags} {' '.join(job['sources'])}",
        f"{SYNTH[job['family']]} -top {job['top']}",
        f"flatten -noscopeinfo {flat}",
        *(
            [f"setattr -mod -set keep_hierarchy 1 {flat}", f"flatten -noscopeinfo {job['top']}"]
            if own
            else []
        ),
        "splitnets",  # a chain of carries through one vector would look like a loop to a simulator
        "opt_clean -purge",
        f"tee -q -o {job['folder']}/cells.json stat -json",
        *(command for name in job["modules"] for command in _written(name, job["folder"])),
    ]


def _written(module: str, folder: str) -> tuple[str, ...]:
    return f"select -module {module}", f"write_verilog -noattr -selected {folder}/{module}.v", "select -clear"


def main(path: str) -> None:
    """Run the job."""
    from pyosys import libyosys as yosys

    design = yosys.Design()
    for command in script(json.loads(Path(path).read_text())):
        yosys.run_pass(command, design)


if __name__ == "__main__":
    main(sys.argv[1])
