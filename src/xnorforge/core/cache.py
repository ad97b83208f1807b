"""What takes long to make is kept once per user: compiled kernels, simulators, mapped layers, routed designs.

A result is a folder, named by the digest of all that decides it: what its maker is given, and the source of
the maker (`sources_of`). Beside its files lie their digests, which are compared at every use; a damaged
result is made again. So checkouts and processes may share one cache, and machines one on a common disk.
"""

import ast
import fcntl
import hashlib
import json
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from xnorforge.core.artifacts import digest, whole
from xnorforge.core.plugins import parsed
from xnorforge.core.progress import say

SUMS = "digests.json"  # its date is that of the last use
IN_USE = 3600.0  # seconds after a use in which a result is not removed
# Messages, plug-in loading and files: the process that looks up a result runs these modules as well.
SHARED = "xnorforge.core"
LIBRARIES = {"site-packages", "dist-packages"}  # folders of installed libraries, of any environment


def cache_dir() -> Path:
    """$XNORFORGE_CACHE; else a hidden folder in the user's cache, or in out/ where nothing can be written
    there. Records of stages leave hidden folders out."""
    if given := os.environ.get("XNORFORGE_CACHE"):
        return Path(given).absolute()
    try:
        own = (Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "xnorforge").expanduser()
        own.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # read-only, or no home at all
        return Path("out/.cache").absolute()
    return own / ".made" if os.access(own, os.W_OK) else Path("out/.cache").absolute()


def place_of(
    kind: str, given: Iterable[str | None], files: Iterable[Path], makers: Iterable[str] = ()
) -> Path:
    """Where a result is kept.

    Args:
        kind: the folder of such results.
        given: to the maker: names, options, versions of tools, texts.
        files: that the maker reads; their contents count, in this order.
        makers: modules whose code makes the result, as in `sources_of`.
    """
    stated = [*given], [digest(path) for path in files], [digest(path) for path in sources_of(*makers)]
    return cache_dir() / kind / hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:32]


def kept(place: Path, make: Callable[[Path], None]) -> Path:
    """A result's folder, from the cache or filled by `make`, in one process while others wait."""
    if not undamaged(place):
        with _locked(place):
            if not undamaged(place):  # nobody has made it meanwhile
                with _aside(place) as aside:
                    make(aside)
                    (aside / SUMS).write_text(json.dumps(_digests(aside)))
    return place


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _aside(place: Path) -> Iterator[Path]:
    """An empty folder that takes its place at the end."""
    with whole(place) as aside:
        shutil.rmtree(aside, ignore_errors=True)  # of a killed process of the same number
        aside.mkdir()
        yield aside


def undamaged(place: Path) -> bool:
    """Whether a result is there, as it was made; a damaged one is removed, and a line says so."""
    try:
        if json.loads((place / SUMS).read_text()) == _digests(place):
            with suppress(OSError):  # of a cache that others may write
                os.utime(place / SUMS)
            return True
    except (OSError, ValueError):
        if not place.exists():
            return False
    say(f"cache     {place} is damaged, so it is made again")
    shutil.rmtree(place, ignore_errors=True)
    return False


def kept_results() -> list[tuple[float, int, Path]]:
    """The results in the cache: seconds since 1970 of the last use, bytes, folder; the oldest use first."""
    found = []
    for place in cache_dir().glob("*/*"):
        with suppress(OSError):  # another process removes it
            size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            found.append(((place / SUMS).stat().st_mtime, size, place))
    return sorted(found)


def shrink(most_bytes: int) -> int:
    """Remove what was not used for longest, until all take `most_bytes`, and nothing that was used within an
    hour; returns the bytes that were removed."""
    found, removed = kept_results(), 0
    over = sum(size for _, size, _ in found) - most_bytes
    for used, size, place in found:
        if removed >= over or used > time.time() - IN_USE:
            break
        with _locked(place), suppress(OSError):
            if (place / SUMS).stat().st_mtime == used:  # nobody has taken it meanwhile
                shutil.rmtree(place)
                removed += size
    return removed


def _digests(place: Path) -> dict[str, str]:
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != SUMS)
    return {str(path.relative_to(place)): digest(path) for path in files}


def sources_of(*makers: str) -> list[Path]:
    """Source files of modules and of all that they import, but for libraries and `SHARED`."""
    return sorted(set().union(*map(_closure, makers)))


@cache
def _closure(maker: str) -> frozenset[Path]:
    found: dict[str, Path | None] = {}
    waiting = [maker]
    while waiting:
        if (name := waiting.pop()) in found:
            continue
        spec = _spec(name)
        path = found[name] = Path(spec.origin) if spec and spec.origin else None
        if spec and path:
            waiting.append(name.rpartition(".")[0] or name)  # its package, which runs first
            inside = name if spec.submodule_search_locations else spec.parent
            if path.suffix == ".py":
                for one in imported_names(ast.walk(parsed(path)), inside or ""):
                    waiting += one, one.rpartition(".")[0]
    return frozenset(filter(None, found.values()))


def _spec(name: str) -> ModuleSpec | None:
    """The import spec of a module of this package or of a plug-in; None for every other name."""
    top = name.partition(".")[0]
    if f"{name}.".startswith(f"{SHARED}.") or name == "xnorforge":
        return None
    try:
        spec = find_spec(top)  # to ask for a module inside is to load what is around it
        origin = (spec and spec.origin) or ""
        foreign = origin.startswith((sysconfig.get_path("stdlib"), "built-in", "frozen"))
        if not spec or (top != "xnorforge" and (foreign or not LIBRARIES.isdisjoint(Path(origin).parts))):
            return None
        return find_spec(name)
    except (ImportError, ValueError):
        return None


def imported_names(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    """Dotted names that statements in a module of `package` import: modules, or names in them."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            yield from (".".join(filter(None, [*above, node.module, one.name])) for one in node.names)
