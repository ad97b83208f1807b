"""The netlist of a bitstream in a process of its own: `python -m xnorforge.flows.route.netlist_job JOB.json`,
run in the folder that holds its files.

The job: {"family", "sources": [SystemVerilog of shell and board top], "ports": the file of the netlist that
          has xf_top, "netlist": [files of the accelerator's netlist], "out": the JSON file to write}.

The shell is mapped around a black box, and the accelerator's own netlist is inserted unchanged, so that the
placed netlist is the counted and verified one.
"""

import json
import sys
from pathlib import Path

from xnorforge.core.types import Record
from xnorforge.flows.yosys_job import quoted, run_commands
from xnorforge.hw import routing


def script(job: Record) -> list[str]:
    """The Yosys commands of a job."""
    router = routing.load(job["family"])
    assert router is not None
    return [
        f"read_verilog -lib {quoted(job['ports'])}",
        f"read_verilog -defer -sv -I. {quoted(*job['sources'])}",
        router.synth,
        "delete =xf_top",
        f"read_verilog {quoted(*job['netlist'])}",
        f"hierarchy -check -top {routing.TOP}",
        "flatten -noscopeinfo",
        "delete */t:$scopeinfo",  # of the shell: no cell of the part
        "attrmap -remove src",  # equal inputs give equal bytes, wherever the folder lies
        f"write_json {quoted(job['out'])}",
    ]


def main(path: str) -> None:
    """Run the job."""
    run_commands(script(json.loads(Path(path).read_text())))


if __name__ == "__main__":
    main(sys.argv[1])
