"""Cells of FINN's design, by Yosys: `python finn_count.py RTL_FOLDER` prints them as JSON.

Yosys reads FINN's SystemVerilog with its front end slang, after two changes to a copy: directives inside
modules go, and thresholding.sv names its bits by a shift in place of a range, which is reversed, and so
refused, in a comparison that a constant leaves out.
"""

import json
import os
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
    """Resources of the design of a FINN back end on 7 series, `lut` among them; in a process of its own."""
    words = [sys.executable, str(Path(__file__)), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def readable(source: Path, folder: Path) -> list[str]:
    """Copy a design so that slang reads it; the files to read."""
    for path in source.iterdir():
        text = re.sub(r"^.*`default_nettype.*\n", "", path.read_text(), flags=re.MULTILINE)
        (folder / path.name).write_text(text.replace(REVERSED, SHIFTED))
    return [name for name in (source / "rtl.f").read_text().split() if name.endswith("v")]


def main(source: Path) -> None:
    """Read, map for 7 series, and print."""
    family, models = families.load("xc7"), Path(str(families.__file__)).parent / "xc7/cells.v"
    primitives = re.findall(r"^module ([A-Z]\w+)", models.read_text(), re.MULTILINE)
    black = " ".join(f"--blackboxed-module {name}" for name in primitives)
    with tempfile.TemporaryDirectory() as folder:
        files = readable(source, Path(folder))
        os.chdir(folder)
        Path(block_ram_map.NAME).write_text(block_ram_map.without_contents(str(family.block_rams)))
        names = {"synth": f"{family.synth} -top {TOP}", "top": TOP, "block_rams": block_ram_map.NAME}
        first, *rest = (step.format(**names) for step in family.steps)
        defined = " ".join(f"-D{name}" for name in family.defines)
        reading = (
            f"read_slang --allow-use-before-declare --ignore-assertions -v {models} {black} -I. {defined} "
            f"--top {TOP} {' '.join(files)}"
        )
        yosys_job.run_commands([first, reading, *rest, "opt_clean -purge", "tee -q -o cells.json stat -json"])
        found = json.loads(Path("cells.json").read_text())["modules"][f"\\{TOP}"]["num_cells_by_type"]
    print(json.dumps(cells.resources(found, "xc7")))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
