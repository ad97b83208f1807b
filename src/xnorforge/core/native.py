"""C++ files of the package, compiled for this machine at their first use, and loaded with ctypes.

A library is kept once per user, named by a hash of all that decides its content: source, compiler, flags and
processor. It ends with its own checksum, because to load a truncated one would kill the process.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.progress import now_at

# GCC's generic tuning, to which it falls back for the processors of virtual machines, makes the tiles of the
# bit simulator 5 % slower than this one.
TUNED = ("-march=native", "-mtune=skylake-avx512", "-mprefer-vector-width=512")
FLAGS = ("-std=c++20", "-O3", "-shared", "-fPIC", "-w")
# Lines of /proc/cpuinfo that say nothing of what a processor can do.
VARYING = (
    "processor", "cpu MHz", "core id", "apicid", "initial apicid", "physical id", "bogomips", "BogoMIPS",
)  # fmt: skip


def compiler() -> list[str]:
    """The C++ compiler's command ($CXX, else g++).

    Raises:
        ToolMissing: it is not on the path.
    """
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
    """The library of a file, compiled if it is not there, or not complete."""
    more = shlex.split(os.environ.get("XNORFORGE_CXXFLAGS", ""))
    given = "\n".join((compiler_version(), *TUNED, *FLAGS, *more, processor(), artifacts.digest(source)))
    name = f"{source.stem}-{hashlib.sha256(given.encode()).hexdigest()[:24]}.so"
    path = artifacts.user_cache_dir() / ".compiled" / name
    if not has_checksum(path):
        with artifacts.alone(path):
            if not has_checksum(path):  # another process may have made it
                now_at(f"C++ compiler on {source.name}")
                compile_library(source, path, more)
    return path


def has_checksum(path: Path) -> bool:
    """Whether a library is there, and ends with the checksum of what comes before."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


def compile_library(source: Path, path: Path, more: list[str]) -> None:
    """Compile a file, with more flags, into a library with its checksum behind it."""
    with artifacts.whole(path) as aside:
        for tuned in (TUNED, ()):  # some compilers and processors have no such flags
            command = [*compiler(), *tuned, *FLAGS, *more, "-o", str(aside), str(source)]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            if not done.returncode:
                break
        else:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or ["it gave no message"]
            raise UserError(f"{source}: the C++ compiler rejected it: {lines[0].strip()}")
        content = aside.read_bytes()
        aside.write_bytes(content + hashlib.sha256(content).digest())


@cache
def processor() -> str:
    """Model and features of the processor, all that `-march=native` may look at."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return "\n".join(line for line in lines if not line.startswith(VARYING))
