"""The accelerators of shell_bench behind the shell without a bus master, whose words have 4 bytes."""

from pathlib import Path

import shell_bench

from xnorforge.hw.shells import gp
from xnorforge.hw.shells.dma import FrameLayout
from xnorforge.sim import verilate

# The last has frames of 11 words: when all is full, one word is missing in the frame that is cut.
SIZES = [((1, 13), (2, 5)), ((3, 7), (4, 3)), ((8, 40), (1, 9)), ((17, 3), (9, 2)), ((2, 22), (6, 10))]
FORMS = [(FrameLayout(*into, word=gp.WORD), FrameLayout(*out, word=gp.WORD)) for into, out in SIZES]


def build(folder: Path, form: verilate.Form, instead: dict[str, Path], checked: bool) -> Path:
    """As `shell_bench.build`."""
    text = shell_bench.systems("gp_shell_bench", FORMS, gp.gp_system)
    files = [instead.get(path.name, path) for path in gp.gp_sources()]
    return shell_bench.build_text(folder, form, "gp_shell_bench", text, files, checked)
