"""Operators side by side through Yosys: what they take, and the simulator of their cells."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from xnorforge.flows.synth import cells
from xnorforge.hw.wrap import headers
from xnorforge.sim import device, netlist, verilate


@dataclass(frozen=True)
class Mapped:
    """A synthesis for 7-series parts: resources per operator; the folder of the netlist, its lanes and memory
    files.
    """

    counted: list[dict]
    folder: Path
    lanes: list
    memories: dict[str, str]

    def device(self, models=None) -> device.Device:
        """The cells as a simulator; `models` takes the place of our models of cells."""
        ours, *files, theirs = netlist.sources(self.folder, "xc7")
        header = device.ports_header("clk_i", self.lanes)
        program = verilate.compile_model(
            "xf_bench", [models or ours, *files, theirs], header, defines=(), level="-O0"
        )
        return device.Device(program, self.lanes, self.memories)


def mapped(ops, folder: Path) -> Mapped:
    """Synthesise operators in one run."""
    sources, lanes, memories = device.write_bench(ops, folder)
    for name, text in memories.items():
        (folder / name).write_text(text)
    for header in headers():
        shutil.copy(header, folder)
    names = [f"lane_{index}" for index in range(len(ops))]
    job = {
        "family": "xc7",
        "top": "xf_bench",
        "modules": [*names, "xf_bench"],
        "sources": list(map(str, sources)),
    }
    job |= {"stubs": [], "defines": ["XF_XC7"], "folder": "netlist"}
    (folder / "netlist").mkdir()
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "xnorforge.flows.synth.yosys_job", "job.json"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    modules = json.loads((folder / "netlist" / "cells.json").read_text())["modules"]
    counted = [cells.resources(modules[f"\\{name}"]["num_cells_by_type"], "xc7") for name in names]
    return Mapped(counted, folder / "netlist", lanes, memories)
