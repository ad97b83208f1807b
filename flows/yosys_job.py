"""One Yosys synthesis as a process of its own: `python -m xnorforge.flows.yosys_job JOB.json`, in `rtl/`.

Yosys ends the interpreter on an error and frees memory only at the end: every layer gets a new process.

The job: {"family", "top", "modules": [modules to write and count], "sources": [files],
          "stubs": [files whose modules stay black boxes], "defines": [names],
          "folder": where `<module>.v` of each module and `cells.json` go,
          "own": if given, whether the top has modules of its own, not in the list, that become part of it,
          "block_rams": the file of `block_ram_map`, which `main` writes}.
"""

import json
import os
import sys
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

from xnorforge.core.types import Record
from xnorforge.flows import block_ram_map
from xnorforge.hw import families


def script(job: Record) -> list[str]:
    """The Yosys commands of a job.

    Parametrised modules are mapped once each and then copied into the requested flat modules: copies take no
    time, and the counted netlist is, cell by cell, the one that is written and simulated."""
    family = families.load(job["family"])
    names = {
        "synth": f"{family.synth} -top {job['top']}", "top": job["top"],
        "block_rams": quoted(job.get("block_rams", block_ram_map.NAME)),
    }  # fmt: skip
    flags = " ".join(["-sv", "-I.", *(f"-D{name}" for name in job["defines"])])
    stubs = [f"read_verilog -lib {flags} {quoted(*job['stubs'])}"] if job["stubs"] else []
    inner = [name for name in job["modules"] if name != job["top"]]
    flat, own = " ".join(inner or job["modules"]), inner and job.get("own")
    return [
        *stubs,
        f"read_verilog -defer {flags} {quoted(*job['sources'])}",
        *(step.format(**names) for step in family.steps),
        "setattr -set keep 1 *xf_rom*/w:en_i *xf_rom*/w:addr_i *xf_rom*/w:data_o",  # sim/netlist_memories.py
        f"flatten -noscopeinfo {flat}",
        *(
            [f"setattr -mod -set keep_hierarchy 1 {flat}", f"flatten -noscopeinfo {job['top']}"]
            if own
            else []
        ),
        "splitnets",  # a carry chain through one vector would look like a loop to a simulator
        "opt_clean -purge",
        f"tee -q -o {quoted(job['folder'] + '/cells.json')} stat -json",
        *(command for name in job["modules"] for command in _written(name, job["folder"])),
    ]


def _written(module: str, folder: str) -> tuple[str, ...]:
    path = quoted(f"{folder}/{module}.v")
    return f"select -module {module}", f"write_verilog -noattr -selected {path}", "select -clear"


def quoted(*paths: str) -> str:
    """Paths as words of a Yosys command: quoted if Yosys would otherwise split them."""
    return " ".join(f'"{path}"' if " " in path or ";" in path or "#" in path else path for path in paths)


def main(path: str) -> None:
    """Run the job."""
    job = json.loads(Path(path).read_text())
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"  # Yosys does not support nested quotes
        results.symlink_to(Path(job["folder"]).resolve())
        block_rams = Path(folder) / block_ram_map.NAME
        if own := families.load(job["family"]).block_rams:
            block_rams.write_text(block_ram_map.without_contents(own))
        run_commands(script({**job, "folder": str(results), "block_rams": str(block_rams)}))


def run_commands(commands: list[str]) -> None:
    """Run Yosys commands on a fresh design; a Yosys error ends this process."""
    with tempfile.TemporaryDirectory() as folder:
        _through_a_plain_path(Path(folder))
        from pyosys import libyosys as yosys

        design = yosys.Design()
        for command in commands:
            maps_block_rams = block_ram_map.NAME in command
            with block_ram_map.contents_aside(design) if maps_block_rams else nullcontext():
                yosys.run_pass(command, design)


def _through_a_plain_path(folder: Path) -> None:
    """Make pyosys available through a link in `folder` if its path has what a shell would
    interpret: Yosys starts ABC, in the package, through a shell with the path in double quotes."""
    spec = find_spec("pyosys")
    if spec is None or spec.origin is None or not set(spec.origin) & set('$`"\\'):
        return
    os.symlink(Path(spec.origin).parent, folder / "pyosys")
    sys.path.insert(0, str(folder))


if __name__ == "__main__":
    main(sys.argv[1])
