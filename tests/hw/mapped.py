"""Operators side by side through Yosys: what they take, and the simulator of their cells.

`python tests/hw/mapped.py window width …` says how far the cost models are off in the flip-flops, carry cells
and LUT sites of memory of all examples of these operators.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core import plugins
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


def site_errors(op, found: dict) -> dict[str, tuple[int, int]]:
    """Flip-flops, carry cells and LUT sites of memory: the cost model's less those counted, and these."""
    counted = found | {"lut_ram": cells.used(found, "lut_memory")}
    return {name: (given - counted[name], counted[name]) for name, given in op.sites().items()}


def compare_sites(op, found: dict) -> None:
    """Assert that the cost model is within a twentieth of the count of each of these, or within a few."""
    few = {"ff": 3, "carry": 1, "lut_ram": 4}
    for name, (error, counted) in site_errors(op, found).items():
        assert abs(error) <= max(few[name], counted / 20), f"{name}: {counted} counted, {error:+d}"


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
    command = [sys.executable, "-m", "xnorforge.flows.yosys_job", "job.json"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    modules = json.loads((folder / "netlist" / "cells.json").read_text())["modules"]
    counted = [cells.resources(modules[f"\\{name}"]["num_cells_by_type"], "xc7") for name in names]
    return Mapped(counted, folder / "netlist", lanes, memories)


def main(names: list[str]) -> None:
    """Print for each operator and resource in how many examples the count is met, the largest error, and that
    of the sum over all examples.
    """
    for name in names:
        ops = plugins.load("hw.ops", name).Op.examples()
        with tempfile.TemporaryDirectory() as folder:
            counted = mapped(ops, Path(folder)).counted
        errors = [site_errors(op, found) for op, found in zip(ops, counted, strict=True)]
        said = []
        for resource in errors[0]:
            off, count = zip(*(error[resource] for error in errors), strict=True)
            met, worst = off.count(0), max(off, key=abs)
            said.append(
                f"{resource} {met} met, at most {worst:+d}, sum {100 * sum(off) / max(1, sum(count)):+.1f} %"
            )
        print(f"{name}: {len(ops)} examples; " + "; ".join(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
