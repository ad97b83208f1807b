"""What this machine has, what it lacks, and the cure. Standard library only: it must run where nothing is
installed.

make doctor        or   python3 -m xnorforge.cli.doctor
"""

import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PYTHONS = ("python3.11", "python3.12", "python3.13")  # that the lock is for
SPACE = 3e9  # bytes: the environment (2 GB) and the products of a few builds


@dataclass
class Item:
    """One line of the diagnosis; `cure` is empty where the item was found."""

    name: str
    found: str
    cure: str = ""
    required: bool = True


def _program(name: str, cure: str, required: bool = True) -> Item:
    path = shutil.which(name)
    return Item(name, path or "not found on PATH", "" if path else cure, required)


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
        return Item(".venv", "a link: somebody's own environment, used as it is", required=False)
    if not stamp.exists():
        return Item(
            ".venv", "not installed", "any make target installs it; `make sim` for one", required=False
        )
    same = stamp.read_bytes() == lock.read_bytes()
    return Item(
        ".venv",
        "as requirements.lock says" if same else "older than requirements.lock",
        "" if same else "the next make target renews it",
        False,
    )


def _package(name: str) -> Item:
    try:
        return Item(name, version(name))
    except PackageNotFoundError:
        return Item(
            name,
            "not installed in this environment",
            "any make target installs it from requirements.lock",
            False,
        )


def _header(name: str, cure: str) -> Item:
    places = [Path(p) for p in os.environ.get("CPATH", "").split(":") if p] + [
        Path("/usr/include"),
        Path("/usr/local/include"),
    ]
    path = next((p / name for p in places if (p / name).exists()), None)
    return Item(name, str(path or "not found"), "" if path else cure, False)


def _data() -> list[Item]:
    root = Path(os.environ.get("XNORFORGE_DATA") or "data")
    fetched = "downloaded once with a checked hash, or put there"
    uses = {
        "mnist": f"only training needs it: {fetched}; XNORFORGE_DATA names another folder",
        "cifar10": f"NET=cifar10-cnv needs it: {fetched}",
    }
    return [
        Item(f"data {name}", str(root / name), required=False)
        if (root / name).is_dir()
        else Item(f"data {name}", f"not in {root}/", use, required=False)
        for name, use in uses.items()
    ]


def _place_and_route() -> list[Item]:
    """The tools that make bitstreams, by family of parts; a build without them ends with the netlist."""
    try:
        from xnorforge.hw import routing
    except ImportError:  # an interpreter older than 3.11, which the first line says
        return []
    return [
        Item(
            tool.name,
            path or "not found",
            "" if path else f"only for a bitstream ({family}): {tool.source}",
            False,
        )
        for family, router in routing.routers().items()
        for tool, path in ((tool, tool.path()) for tool in router.tools)
    ]


def _space(root: Path) -> Item:
    free = shutil.disk_usage(root).free
    return Item(
        "disk space",
        f"{free / 1e9:.1f} GB free",
        "" if free > SPACE else f"free some: the environment and a build take {SPACE / 1e9:.0f} GB",
    )


def examine(root: Path = Path(".")) -> list[Item]:
    """All items, required ones first."""
    compiler = "install a C++ compiler (Debian: g++); Verilator compiles the simulation with it"
    return [
        _interpreter(),
        _program("make", "install GNU make (Debian: make)"),
        _program("g++", compiler),
        _space(root),
        _environment(root),
        *(_package(name) for name in ("torch", "verilator", "pyosys")),
        *_data(),
        _header("lz4.h", "only for FST waveforms (Debian: liblz4-dev); WAVES=1 writes VCD without it"),
        *_place_and_route(),
    ]


def main(as_json: bool = False) -> int:
    """Print the diagnosis to standard output; 0, or 4 where something required is missing."""
    items = examine()
    missing = [item.name for item in items if item.cure and item.required]
    if as_json:
        found = {"schema": "xnorforge-doctor-1", "missing": missing, "items": list(map(asdict, items))}
        print(json.dumps(found, indent=1))
        return 4 if missing else 0
    for item in items:
        mark = "ok  " if not item.cure else "MISS" if item.required else "--  "
        print(f"{mark}  {item.name:<12}  {item.found}")
        if item.cure:
            print(f"{'':20}{item.cure}")
    print(f"doctor: {'missing: ' + ', '.join(missing) if missing else 'all that a build needs is here'}")
    return 4 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
