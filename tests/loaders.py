"""Stand-ins of the programs that load bitstreams: each reads the file as its device would."""

import json
import sys
from pathlib import Path

HEADS = {  # {family: what a device of it looks for, near the beginning}
    "ecp5": b"\xff\xff\xbd\xb3",  # Lattice FPGA-TN-02039: dummy bytes, preamble
    "nexus": b"\xff\xff\xbd\xb3",  # FPGA-TN-02099
    "ice40": b"\x7e\xaa\x99\x7e",  # FPGA-TN-02001
    "xc7": b"\xaa\x99\x55\x66",  # AMD UG470: sync word
    "gowin": b"1010010111000011",  # a line of the text that Gowin's tools write: 0xA5C3
}
PYTHON = sys.executable  # tests hide what lies beside it
PROGRAM = """#!{python}
import json, sys
from pathlib import Path
head = Path(sys.argv[-1]).read_bytes()[:4000]
if {head!r} not in head:
    sys.exit("no preamble")
Path({log!r}).write_text(json.dumps(sys.argv[1:]))
print({says!r})
sys.exit({code})
"""


def stand_in(folder: Path, name: str, family: str, says: str = "done", code: int = 0) -> Path:
    """Write the program `name` into a folder for PATH; its arguments are then in the file it returns."""
    log, head = folder / "arguments.json", HEADS["gowin" if family.startswith("gw") else family]
    text = PROGRAM.format(python=PYTHON, head=head, log=str(log), says=says, code=code)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return log


def loaded(log: Path) -> list[str]:
    """The arguments that a stand-in got."""
    return json.loads(log.read_text())
