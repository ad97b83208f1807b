"""Cells of designs that others wrote, by Yosys.

Yosys reads FINN's SystemVerilog with its front end slang, after two changes to a copy: directives inside
modules go, and thresholding.sv names its bits by a shift in place of a range, which is reversed, and so
refused, in a comparison that a constant leaves out.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from xnorforge.flows import block_ram_map, yosys_job
from xnorforge.flows.synth import cells
from xnorforge.hw import families

REVERSED, SHIFTED = "p.ptr[M-1:SN+1] < 2", "(p.ptr[M-1:0] >> SN+1) < 2"
TOP = "finn_design"


def counted(folder: Path) -> dict[str, float]:
    """Resources of the design of a FINN back end on 7 series, `lut` among them."""
    models = Path(str(families.__file__)).parent / "xc7/cells.v"
    primitives = re.findall(r"^module ([A-Z]\w+)", models.read_text(), re.MULTILINE)
    black = " ".join(f"--blackboxed-module {name}" for name in primitives)
    defined = " ".join(f"-D{name}" for name in families.load("xc7").defines)
    with tempfile.TemporaryDirectory() as copy:
        files = readable(folder, Path(copy))
        reading = (
            f"read_slang --allow-use-before-declare --ignore-assertions -v {models} {black} -I. {defined} "
            f"--top {TOP} {' '.join(files)}"
        )
        return mapped(Path(copy), TOP, [reading])


def mapped(folder: Path, top: str, reading: list[str]) -> dict[str, float]:
    """Resources of a module on 7 series as Yosys maps it in a folder, read by these commands; in a process of
    its own, which an error ends.
    """
    words = [sys.executable, str(Path(__file__)), top, *reading]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def readable(source: Path, folder: Path) -> list[str]:
    """Copy a design so that slang reads it; the files to read."""
    for path in source.iterdir():
        text = re.sub(r"^.*`default_nettype.*\n", "", path.read_text(), flags=re.MULTILINE)
        (folder / path.name).write_text(text.replace(REVERSED, SHIFTED))
    return [name for name in (source / "rtl.f").read_text().split() if name.endswith("v")]


def main(top: str, reading: list[str]) -> None:
    """Read, map for 7 series, and print."""
    family = families.load("xc7")
    with tempfile.TemporaryDirectory() as aside:
        block_rams, cells_file = Path(aside) / block_ram_map.NAME, Path(aside) / "cells.json"
        block_rams.write_text(block_ram_map.without_contents(str(family.block_rams)))
        names = {"synth": f"{family.synth} -top {top}", "top": top, "block_rams": block_rams}
        first, *rest = (step.format(**names) for step in family.steps)
        done = ["opt_clean -purge", f"tee -q -o {cells_file} stat -json"]
        yosys_job.run_commands([first, *reading, *rest, *done])
        found = json.loads(cells_file.read_text())["modules"][f"\\{top}"]["num_cells_by_type"]
    own = {name: count for name, count in found.items() if not name.islower()}  # primitives, no black boxes
    print(json.dumps(cells.resources(own, "xc7")))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
