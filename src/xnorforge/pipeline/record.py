"""What a stage read, `.<stage>.reads.json` next to its output; it decides whether the stage runs again.

The record holds the function and its options, the relevant environment variables, and the versions of Python
and of the loaded libraries. It also holds the SHA-256 of every file that was opened (sources, templates and
models of the package, plug-ins and modules beside them, data, files of earlier stages) at that moment, of the
programs that were started, and of the outputs. Files outside libraries count wherever they lie, by the name
they were opened by. A stage runs again exactly when one of these differs. File dates have no effect.

In the records of earlier stages, the part `run` is ignored (times and memory vary from run to run), except by
the report, which shows it.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import packages_distributions
from pathlib import Path

from xnorforge.core import cache as results
from xnorforge.core import plugins
from xnorforge.core.artifacts import data_folder, read_json, write_json
from xnorforge.history import entries
from xnorforge.pipeline.reads import Noted, digest_of
from xnorforge.pipeline.request import Request
from xnorforge.pipeline.stages import NAMES, OPTIONAL, Stage, path_of

RECORDS = {"rtl.json", *(f"{name}.json" for name in NAMES)}
CHANGED = "changed while the stage ran"
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/run")  # libraries


def record_path(stage: Stage, asked: Request) -> Path:
    """Where a stage's record lies."""
    return path_of(
        stage.outputs[0].partition("/")[0] + f"/.{stage.name}.reads.json", asked.net_dir, asked.acc
    )


class Places:
    """Names of files that stay the same when a checkout or `out/` is moved."""

    def __init__(self, asked: Request):
        package = Path(__file__).parent.parent
        linked = [path for path in package.iterdir() if path.is_symlink()]
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        roots = [
            ("acc", asked.acc), ("net", asked.net_dir),
            *((f"xnorforge/{path.name}", path) for path in linked), ("xnorforge", package),
            ("data", data_folder()), ("downloads", Path(home).expanduser() / "xnorforge"),
        ]  # fmt: skip
        self.roots = [(name, *_both(path)) for name, path in roots]
        like = (asked.like or "").split(",")
        own = (asked.images_from, asked.labels_file, asked.calibration, *like)
        given = (*map(str, plugins.roots()), asked.model, asked.folding, asked.weights, asked.data, *own)
        self.outside = [root for path in given if path for root in _both(path)]
        prefixes = (*SYSTEM, sys.prefix, sys.base_prefix, results.cache_dir(), entries.FILE)
        self.libraries = [root for path in prefixes for root in _both(path)]

    def name(self, path: str, kind: str) -> str | None:
        """The name of a path that was opened, or None where it does not count: a module counts wherever it
        lies, any other file outside libraries, a folder in what belongs to the build. Links are not resolved.
        """
        path = os.path.abspath(path)
        for name, *places in self.roots:
            for root in filter(partial(_under, path), places):
                inside = os.path.relpath(path, root)
                if _passing(inside) or (name == "net" and self._other(inside)):
                    return None
                return name if inside == "." else f"{name}/{inside}"
        for root in filter(partial(_under, path), self.outside):
            return None if _passing(os.path.relpath(path, root)) else path
        library = any(map(partial(_under, path), self.libraries))
        return path if kind == "module" or (kind != "list" and not library) else None

    def apart(self, path: str) -> bool:
        """Whether a folder is not one of the build's, inside one or around one."""
        return not any(_under(path, one) or _under(one, path) for _, *places in self.roots for one in places)

    def path(self, name: str) -> str:
        """The path of a name."""
        for root, path, _ in self.roots:
            if name == root or name.startswith(root + "/"):
                return path + name[len(root) :]
        return name

    def _other(self, inside: str) -> bool:
        """Whether a file belongs to another accelerator of the network, which a report only mentions."""
        first = inside.partition(os.sep)[0]
        return first != inside and os.path.exists(os.path.join(self.path("net"), first, "fold.json"))


def _both(path: str | Path) -> tuple[str, str]:
    """A path as it is given, absolute, and without links."""
    return os.path.abspath(path), os.path.realpath(path)


def _under(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def _passing(inside: str) -> bool:
    """Byte code, hidden and unfinished files."""
    return any(
        part == "__pycache__" or (part[0] == "." and part != ".") for part in inside.split(os.sep)
    ) or inside.endswith(".pyc")


class Contents:
    """Digests of files and folders.

    Args:
        known: looks of files (`reads.digest_of`) when they were last read: {name: [digest, look]}.

    Attributes:
        looks: the same of what was asked for.
    """

    def __init__(self, known: dict[str, list[str]] | None = None):
        self.known, self.looks = known or {}, dict[str, list[str]]()

    def of(self, name: str, path: str, times: bool) -> str | None:
        """The digest of a file, of the names and contents of a folder; None where there is nothing."""
        if os.path.isdir(path):
            inner = [one for one in sorted(os.listdir(path)) if not _passing(one)]
            found = [(one, self.of(f"{name}/{one}", os.path.join(path, one), times)) for one in inner]
            return hashlib.sha256(json.dumps(found).encode()).hexdigest()
        digest = self.whole(name, path)
        steady = not times and os.path.basename(path) in RECORDS and name.startswith(("net/", "acc/"))
        return _steady(path, digest) if steady and digest else digest

    def whole(self, name: str, path: str) -> str | None:
        """The digest of all of a file; None where there is none."""
        digest, look = digest_of(path, *self.known.get(name, ()))
        if look:
            self.looks[name] = self.known[name] = [digest, look]
        return digest or None


@cache
def _steady(path: str, digest: str) -> str:
    """The digest of a stage's record without what varies."""
    try:
        kept = {key: value for key, value in read_json(path).items() if key != "run"}
    except (OSError, ValueError, AttributeError):
        return digest
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


def listing(path: str) -> list[str] | None:
    """Names in a folder and in the folders in it, where a plug-in's parts lie; None where there is none."""
    if not os.path.isdir(path):
        return None
    found = []
    for one in (one for one in sorted(os.listdir(path)) if not _passing(one)):
        inner = os.path.join(path, one)
        found.append(one)
        if os.path.isdir(inner):
            found += [f"{one}/{name}" for name in sorted(os.listdir(inner)) if not _passing(name)]
    return found


@cache
def versions() -> dict[str, str]:
    """Every installed library's version, by the names of their folders: quicker than asking each."""
    found: dict[str, str] = {}
    for folder in (path for path in sys.path if os.path.isdir(path)):
        for entry in os.listdir(folder):
            if entry.endswith(".dist-info"):
                name, _, version = entry.removesuffix(".dist-info").rpartition("-")
                found.setdefault(_plain(name), version)
    return found


@cache
def _owners() -> dict[str, list[str]]:
    return {name: list(owners) for name, owners in packages_distributions().items()}


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _libraries(names: set[str]) -> dict[str, str]:
    """The distributions that files below site-packages belong to, with their versions."""
    found = set()
    for name in names:
        if name.endswith(".dist-info"):
            found.add(_plain(name.removesuffix(".dist-info").rpartition("-")[0]))
        else:
            found.update(map(_plain, _owners().get(name.partition(".")[0], [])))
    return {name: versions()[name] for name in sorted(found - {"xnorforge"}) if name in versions()}


def _program(name: str, contents: Contents) -> str | None:
    path = shutil.which(name)
    return contents.whole(name, os.path.realpath(path)) if path else None


def _settings(stage: Stage, asked: Request) -> dict:
    """What is known of a stage before it runs."""
    return {
        "function": stage.function(), "options": asked.options(stage),
        "environment": {name: os.environ.get(name) or None for name in stage.environment},
        "python": sys.version, "plug-ins": list(map(str, plugins.roots())),
    }  # fmt: skip


def handed(stage: Stage, asked: Request) -> dict[str, str | None]:
    """Digests of what is handed to a stage's programs; taken before it starts."""
    places, contents = Places(asked), Contents()
    return {name: contents.of(name, places.path(name), False) for name in stage.handed}


def write_record(stage: Stage, asked: Request, noted: list[Noted], files: dict[str, str | None]) -> None:
    """Keep what a stage read.

    Args:
        noted: by `reads`, in its order.
        files: what was handed to its programs.
    """
    places, contents = Places(asked), Contents()
    found: dict[str, set[str]] = {}
    folders, programs, libraries, written = {}, {}, set(), set()
    for one in noted:
        if one.kind == "write" or (one.kind == "made" and places.apart(one.what)):
            written.add(os.path.realpath(one.what))
        elif one.kind == "library":
            libraries.add(one.what)
        elif one.kind == "program":
            if not _own_program(one.what):
                programs[one.what] = _program(one.what, contents)
        elif (name := places.name(one.what, one.kind)) is None:
            continue
        elif one.kind == "list" and not name.startswith(("net", "acc")):
            folders[name] = listing(places.path(name))
        elif one.kind in ("read", "module") and not (
            _left(name, stage) or _within(os.path.realpath(one.what), written) or _no_file(one)
        ):
            found.setdefault(name, set()).add(one.digest)
            if one.look:
                contents.known[name] = [one.digest, one.look]
    for name, digests in found.items():
        now = contents.whole(name, places.path(name))
        same = digests == {now or ""}
        files[name] = contents.of(name, places.path(name), stage.times) if same else CHANGED
    outputs = {name: contents.of(name, places.path(name), False) for name in stage.outputs}
    write_json(
        record_path(stage, asked),
        {
            "stage": stage.name, **_settings(stage, asked), "libraries": _libraries(libraries),
            "programs": dict(sorted(programs.items())), "files": dict(sorted(files.items())),
            "folders": dict(sorted(folders.items())), "outputs": outputs, "looks": contents.looks,
        },
    )  # fmt: skip


def _left(name: str, stage: Stage) -> bool:
    return any(name == one or name.startswith(f"{one}/") for one in stage.outputs)


def _within(path: str, written: set[str]) -> bool:
    return path in written or any(str(parent) in written for parent in Path(path).parents)


def _no_file(one: Noted) -> bool:
    """A folder, or a module that a library made and ran."""
    return os.path.isdir(one.what) or (one.kind == "module" and not os.path.exists(one.what))


def _own_program(name: str) -> bool:
    """Python itself, and simulators that were built from what is noted already."""
    kept = os.path.realpath(results.cache_dir())
    return name == sys.executable or os.path.realpath(name).startswith(kept + os.sep)


def difference(stage: Stage, asked: Request) -> str:
    """Why a stage has to run, in a few words; nothing where it need not."""
    try:
        kept = read_json(record_path(stage, asked))
        for name, now in _settings(stage, asked).items():
            if kept[name] != json.loads(json.dumps(now)):
                return f"other {name}"
        places, contents = Places(asked), Contents(kept["looks"])
        for name, was in kept["outputs"].items():
            now = contents.of(name, places.path(name), False)
            if now != was or (now is None and name not in OPTIONAL):
                return f"{name} changed" if now else f"{name} is missing"
        looks: dict[str, Callable[[str], object]] = {
            "files": lambda name: contents.of(name, places.path(name), stage.times),
            "folders": lambda name: listing(places.path(name)), "libraries": versions().get,
            "programs": lambda name: _program(name, contents),
        }  # fmt: skip
        for kind, look in looks.items():
            for name, was in kept[kind].items():
                if look(name) != was:
                    return f"{name} changed"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "it has not run"
    return ""
