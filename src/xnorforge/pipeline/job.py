"""One stage in a process: `python -m xnorforge.pipeline.job '{"name": …}'`, what `run.py` starts.

It loads nothing of the command line, so that an edit there restarts no stage.
"""

import ctypes
import errno
import json
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path

from xnorforge.core import cache, plugins
from xnorforge.core.artifacts import intact, living, read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.limits import within_limits
from xnorforge.core.progress import now_at, say
from xnorforge.core.types import Record

FULL = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG,
)  # fmt: skip
NO_ROOM = 1 << 20  # bytes free below which any failure is put down to the full disk


@contextmanager
def stage(name: str, folder: Path, result: Path | None = None, reads: tuple = ()) -> Iterator[None]:
    """One stage: a line at its start, its checks and a line at its end; a check that failed ends the program.

    Args:
        folder: where the stage writes; named when the disk is full.
        result: the record the stage leaves, `<stage>.json`.
        reads: files of earlier stages (path, stage that writes it); each is whole before the stage starts.

    Raises:
        MismatchError: the record holds a check with mismatches, or one that compared nothing.
        UserError: the disk is full or closed to us, or a file of an earlier stage is missing or damaged.
    """
    say(f"{name:<9} {folder}")
    now_at("reading what earlier stages left")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place in (folder, *cache.cache_dir().glob("*/")):
            sweep(place)
        for path, writer in reads:
            intact(path, writer)
        yield
    except UserError:
        prune(folder)
        raise
    except (MismatchError, KeyboardInterrupt):
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        if number in FULL or (number not in CLOSED and free(folder) < NO_ROOM):
            raise UserError(
                f"{folder}: no space left on the disk for {name}; "
                "free about 200 MB and run the same command again."
            ) from error
        if number in CLOSED:
            raise UserError(
                f"{folder}: {name} cannot write there ({error}); "
                "change its permissions, or give another folder with -o."
            ) from error
        raise
    if result is not None:
        _passed(name, result)


def _passed(name: str, result: Path) -> None:
    """Say what a record says of its checks; MismatchError if one failed, or compared nothing."""
    record = read_json(result)
    checks = record.get("checks", [])
    for check in checks:
        images, unit = (f"{check['images']:,} images, ", "integers ") if check["images"] else ("", "")
        differ = f"{check['mismatches']:,} of {check['integers']:,} {unit}differ"
        say(f"{name:<9}   {check['name']}: {images}{differ}")
    bad = [check["name"] for check in checks if check["mismatches"] or not check["integers"]]
    if bad:
        raise MismatchError(f"{name}: {', '.join(bad)} failed; the figures are in {result}.")
    say(f"{name:<9} done in {record.get('run', {}).get('wall_s', 0):.1f} s -> {result}")


def free(folder: Path) -> int:
    """Bytes free where `folder` lies or would lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def prune(folder: Path) -> None:
    """Remove an empty folder, and those around it that hold nothing else, up to where we work."""
    here = Path.cwd()
    with suppress(OSError):
        for place in (folder, *folder.absolute().parents):
            if place.absolute() in (here, *here.parents):
                break
            place.rmdir()


def sweep(folder: Path) -> None:
    """Remove what a killed process left unfinished (`artifacts.whole` names it after the process)."""
    for part in folder.glob(".*.part"):
        if not living(int(part.name.split(".")[-2])):
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def perform(task: Record) -> None:
    """Run the stage that a task (`run.task`) describes; the errors are those of `stage` and the function."""
    net_dir, acc = Path(task["net_dir"]), Path(task["acc"])
    reads = tuple((Path(path), writer) for path, writer in task["reads"])
    module, _, function = task["call"].partition(":")
    result = task["result"] and Path(task["result"])
    kind = module.removeprefix("xnorforge.").rpartition(".")[0]
    if kind in plugins.KINDS.values():
        plugins.folders(kind)  # a back end's own stage may lie outside the package
    limited = within_limits() if task["limited"] else nullcontext()
    with stage(task["name"], Path(task["folder"]), result, reads), limited:
        now_at("loading libraries")
        getattr(import_module(module), function)(net_dir, acc, **task["options"])


def answered(action: Callable[[], object]) -> int:
    """Call `action`; turn what went wrong into one sentence and an exit code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, about themselves; -W default shows them
    try:
        action()
    except (UserError, MismatchError) as error:
        print(error, file=sys.stderr, flush=True)
        return 2 if isinstance(error, UserError) else 1
    except KeyboardInterrupt:
        return 130  # the build that started this process was interrupted too, and says so
    return 0


if __name__ == "__main__":
    with suppress(OSError, AttributeError):  # end when the build does, which may go on there again
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != int(sys.argv[1]):
        sys.exit(130)
    code = answered(lambda: perform(json.loads(sys.argv[2])))
    sys.stderr.flush()
    os.close(2)  # that was the last word: the build need not wait for libraries that take long to end
    sys.exit(code)
