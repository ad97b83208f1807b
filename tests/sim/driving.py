"""What tests of the drivers share: the Python driver on an overlay, and a C program with the C driver."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator


def accelerator(acc: Path, bus, **options) -> Accelerator:
    """The Python driver of the overlay in `acc`."""
    return Accelerator(acc / "overlay" / "overlay.json", bus, **options)


def c_program(name: str, acc: Path, library: Path, folder: Path) -> Path:
    """A file beside this one with the C driver as C99, every warning an error, and the verilated shell."""
    compiler = os.environ.get("CC") or "gcc"
    if shutil.which(compiler) is None:
        pytest.skip(f"no C compiler {compiler}")
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O1"]
    sources = [Path(__file__).with_name(name), acc / "overlay" / "xf_driver.c", library]
    command = [compiler, *flags, f"-I{acc / 'overlay'}", *sources, f"-Wl,-rpath,{library.parent}"]
    subprocess.run([*command, "-o", folder / "program"], check=True)
    return folder / "program"


def script_of(frames, flags, loads) -> str:
    """Frames (N, C, H, W), flags (N, 2) and `sim.templates.Load`s as tracker_test.c reads them."""
    loaded, words = {load.frame: load for load in loads}, []
    for number, (bank, learn) in enumerate(flags.tolist()):
        load = loaded.get(number)
        words += [bank, learn, -1 if load is None else load.bank]
        words += [] if load is None else load.weights.ravel().tolist()
        words += frames[number].transpose(1, 2, 0).ravel().tolist()
    return " ".join(map(str, words))
