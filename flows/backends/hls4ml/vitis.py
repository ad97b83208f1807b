"""Vitis HLS on the written project, if it is installed."""

import shutil
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from hls4ml.report import parse_vivado_report

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record

ABSENT = "no (Vitis HLS not found on PATH)"
# Commands that start C synthesis of an hls4ml project, from the newest to the oldest.
COMMANDS = {
    "vitis-run": ["vitis-run", "--mode", "hls", "--tcl", "build_prj.tcl"],
    "vitis_hls": ["vitis_hls", "-f", "build_prj.tcl"],
}


def run_vitis(folder: Path) -> Record:
    """Synthesise a project if a Vitis is on PATH, and read its report.

    Returns:
        `synthesised`: the tool, or a note that it is missing; with a tool also `report`, hls4ml's reading of
            csynth.xml: clock periods in ns, latency and interval in cycles, cells used and available.

    Raises:
        UserError: the tool fails or writes no report; the text contains its last line.
    """
    tool = next((name for name in COMMANDS if shutil.which(name)), None)
    if tool is None:
        return {"synthesised": ABSENT}
    options = Path(folder) / "build_opt.tcl"
    options.write_text(options.read_text().replace("csim       1", "csim       0"))
    done = subprocess.run(COMMANDS[tool], cwd=folder, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip().splitlines() or ["nothing"]
    if done.returncode:
        raise UserError(f"hls: {tool} failed on the project; its last line is: {said[-1]}")
    found: dict = {}
    if list(Path(folder).glob("*_prj/*.app")):
        with redirect_stdout(StringIO()):
            found = parse_vivado_report(str(folder)) or {}
    if "CSynthesisReport" not in found:
        raise UserError(f"hls: {tool} wrote no synthesis report; its last line is: {said[-1]}")
    figures = {key: _number(v) for key, v in found["CSynthesisReport"].items()}
    return {"synthesised": f"yes ({tool})", "report": figures}


def _number(text: str):
    """A count or a time; what is neither (\"undef\" for an unknown latency) stays text."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
