"""The verilated shell with its accelerator as a library, for the drivers of hw/shells/dma/drivers."""

from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.hw.shells import dma
from xnorforge.sim import verilate

LIBRARY = verilate.Form(verilate.SIM / "shell.cpp", link=("-shared",))


def shell_library(acc: Path, checked: bool = True, level: str = "") -> Path:
    """Build the library of an accelerator in its shell; `Device("sim", library, acc / "rtl")` opens it.

    Args:
        acc: folder with `folded.onnx` and `overlay/`.
        checked: assertions on.
        level: g++ optimisation.

    Raises:
        ToolMissing: no C++ compiler.
        UserError: the overlay is missing or of another network, or Verilator or the compiler rejects it.
    """
    own = acc / "overlay" / "rtl"
    about = acc / "overlay" / "overlay.json"
    if not about.exists() or int(artifacts.read_json(about)["hash"], 16) != dma.network_hash(acc):
        raise UserError(f"{about}: missing, or from another folded.onnx; run `xnorforge overlay {acc}`.")
    sources = [own / line for line in (own / "system.f").read_text().split() if line.endswith(".sv")]
    defines = verilate.CHECKED if checked else verilate.PLAIN
    return verilate.compile_model(dma.TOP, sources, "", [own], defines, level=level, form=LIBRARY)
