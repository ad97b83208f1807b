"""C++ files of the package, compiled for this machine at their first use, and loaded with ctypes.

A library is kept in the cache (`cache.py`) by its source, compiler, flags and processor.
"""

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from xnorforge.core import cache as results
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.progress import now_at

# GCC's generic tuning, to which it falls back for the processors of virtual machines, makes the tiles of the
# bit simulator 5 % slower than this one.
TUNED = ("-march=native", "-mtune=skylake-avx512", "-mprefer-vector-width=512")
LIBRARY = "library.so"
FLAGS = ("-std=c++20", "-O3", "-shared", "-fPIC", "-w")
# Lines of /proc/cpuinfo that say nothing of what a processor can do.
VARYING = (
    "processor", "cpu MHz", "core id", "apicid", "initial apicid", "physical id", "bogomips", "BogoMIPS",
)  # fmt: skip


def compiler() -> list[str]:
    """The C++ compiler's command ($CXX, else g++); ToolMissing if it is not on the path."""
    command = shlex.split(os.environ.get("CXX") or "g++")
    if shutil.which(command[0]) is None:
        raise ToolMissing(
            f"no C++ compiler '{command[0]}' on PATH, which the simulators need; "
            "install it (Debian, Ubuntu: apt-get install g++), or set CXX to another."
        )
    return command


@cache
def compiler_version() -> str:
    """What the compiler says of itself."""
    said = subprocess.run([*compiler(), "--version"], capture_output=True, check=False, text=True).stdout
    return f"{shlex.join(compiler())}\n{said}"


@cache
def load_compiled(source: Path) -> ctypes.CDLL:
    """A C++ file as a library with all optimisation for this processor; $XNORFORGE_CXXFLAGS adds flags.

    Raises:
        ToolMissing: no C++ compiler.
        UserError: the compiler rejects the file; the text holds its first message.
    """
    return ctypes.CDLL(str(compiled(source)))


def compiled(source: Path) -> Path:
    """The library of a file, compiled if the cache has none."""
    more = shlex.split(os.environ.get("XNORFORGE_CXXFLAGS", ""))
    given = (source.name, compiler_version(), *TUNED, *FLAGS, *more, processor())
    headers = sorted(source.parent.glob("*.h"))
    place = results.place_of("compiled", given, [source, *headers, Path(__file__)])

    def make(folder: Path) -> None:
        now_at(f"C++ compiler on {source.name}")
        for tuned in (TUNED, ()):  # some compilers and processors have no such flags
            command = [*compiler(), *tuned, *FLAGS, *more, "-o", str(folder / LIBRARY), str(source)]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            if not done.returncode:
                return
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["it gave no message"]
        raise UserError(f"{source}: the C++ compiler rejected it: {lines[0].strip()}")

    return results.kept(place, make) / LIBRARY


@cache
def processor() -> str:
    """Model and features of the processor, all that `-march=native` may look at."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return "\n".join(line for line in lines if not line.startswith(VARYING))
