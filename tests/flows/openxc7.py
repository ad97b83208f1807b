"""Stand-ins for openXC7's tools: programs that print and leave what the real ones did, or fail."""

import json
import lzma
import sys
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded"
PART = "xc7z020clg400-1"
FRAMES, WORDS = 10008, 101

PLACE = """#!{python}
import json, os, signal, sys
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert os.path.exists(words["--chipdb"]) and os.path.exists(words["--json"]), words
assert "PACKAGE_PIN {pin}]" in open(words["--xdc"]).read()
sys.stdout.write(open({log!r}).read())
sys.stdout.flush()
{then}
with open(words["--fasm"], "w") as fasm:
    fasm.write(open({fasm!r}).read())
cell = {{"attributes": {{"NEXTPNR_BEL": "SLICE_X0Y0/BFF"}}}}
cells = {{"cells": {{"u_accelerator.u_layer_00_parity.q": cell}}}}
open(words["--write"], "w").write(json.dumps({{"modules": {{"xf_board_top": cells}}}}))
"""
FRAMES_OF = """#!{python}
import os, sys
assert sys.argv[1:3] == ["--part", "xc7z020clg400-1"] and os.path.isdir(sys.argv[4]), sys.argv
text = open(sys.argv[5]).read()
assert "\\n\\n" not in text and text.strip()
{then}
open(sys.argv[6], "w").write("0x00000000 0x0\\n")
"""
PACK = """#!{python}
import os, shutil, sys
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert os.path.exists(words["--part_file"]) and os.path.exists(words["--frm_file"])
shutil.copyfile({bit!r}, words["--output_file"])
"""


def log() -> str:
    """The recorded log of mnist-cnn."""
    return lzma.decompress((RECORDED / "xc7-mnist-cnn.log.xz").read_bytes()).decode()


def recorded_bit() -> bytes:
    """The recorded bitstream of mnist-cnn."""
    return lzma.decompress((RECORDED / "xc7-mnist-cnn.bit.xz").read_bytes())


def blank_bit() -> bytes:
    """A bitstream of the part in which every frame is empty: the recorded one's head, one packet of zeros."""
    head = recorded_bit()[:0x9C]
    size = FRAMES * WORDS
    packets = bytes.fromhex("aa995566 30004000") + (2 << 29 | 2 << 27 | size).to_bytes(4, "big")
    return head + packets + bytes(4 * size)


def install(folder: Path, said: str | None = None, placed: str = "", framed: str = "",
            fasm: str = "CLBLM_R_X19Y149.SLICEM_X0.AOUTMUX.XOR\n\n", bit: bytes | None = None,
            pin: str = "Y18 [get_ports rxd") -> Path:  # fmt: skip
    """Write the three programs and empty databases into a folder, as XNORFORGE_OPENXC7 names it.

    nextpnr-xilinx has to be given `pin`, says `said` (its recorded log) and leaves `fasm`, xc7frames2bit
    leaves `bit` (a blank one); `placed`, `framed`: Python that runs before anything is left."""
    (folder / "bin").mkdir(parents=True)
    (folder / "said.log").write_text(log() if said is None else said)
    (folder / "left.fasm").write_text(fasm)
    (folder / "left.bit").write_bytes(blank_bit() if bit is None else bit)
    given = {"python": sys.executable, "log": str(folder / "said.log"), "fasm": str(folder / "left.fasm")}
    texts = {
        "nextpnr-xilinx": PLACE.format(**given, then=placed, pin=pin),
        "fasm2frames": FRAMES_OF.format(**given, then=framed),
        "xc7frames2bit": PACK.format(**given, bit=str(folder / "left.bit")),
    }
    for name, text in texts.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    database = folder / "share/prjxray-db/zynq7" / PART
    database.mkdir(parents=True)
    (database / "part.yaml").write_text("!<xilinx/xc7series/part>\n")
    part = json.loads(lzma.decompress((RECORDED / f"{PART}.part.json.xz").read_bytes()))
    (database / "part.json").write_text(json.dumps(part))
    (folder / "chipdb").mkdir()
    (folder / "chipdb/xc7z020clg400.bin").write_bytes(b"chip")
    return folder
