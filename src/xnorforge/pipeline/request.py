"""A request looked at before anything is built: each slip is one sentence in the words of the Makefile."""

import fcntl
import hashlib
import os
import shutil
from importlib.resources import files
from math import isfinite
from pathlib import Path

from xnorforge.core.errors import UserError

LEAST = {"images": (2, "IMAGES=100"), "stalled": (1, "STALLED=20"), "interval": (1, "INTERVAL=32768")}


def shipped(net: str) -> bool:
    """Whether weights of a network are shipped, for any method; costs no import of torch."""
    names = (entry.name for entry in (files("xnorforge.sw") / "shipped").iterdir())
    return any(name.rpartition("-")[0] == net for name in names)


def number(kind: str, given: str) -> None:
    """A count, or the scale.

    Raises:
        UserError: it is none, or too small.
    """
    if kind == "scale":
        if not _is(float, given) or not isfinite(float(given)) or float(given) <= 0:
            raise UserError(
                f"SCALE: '{given}' is no positive number; give the value of one input step, as SCALE=0.0039."
            )
        return
    least, example = LEAST[kind]
    if not _is(int, given) or int(given) < least:
        raise UserError(
            f"{kind.upper()}: '{given}' is no whole number of {least} or more; give one, as {example}."
        )


def assignment(text: str) -> tuple[str, str]:
    """Name and value of `name=value`.

    Raises:
        UserError: it is none.
    """
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UserError(
            f"--set: '{text}' is no NAME=VALUE; give a hyper-parameter of the method, as kernel=1e-7."
        )
    return name, value


def _is(kind, given: str) -> bool:
    try:
        kind(given)
    except ValueError:
        return False
    return True


def file(kind: str, given: str) -> None:
    """A file that is read.

    Raises:
        UserError: it is missing, a folder, or closed to us.
    """
    path, what = Path(given), {"model": "a QONNX file", "folding": "a JSON file"}[kind]
    if not path.is_file() or not os.access(path, os.R_OK):
        why = "is a folder" if path.is_dir() else "cannot be read" if path.exists() else "does not exist"
        raise UserError(f"{kind.upper()}: '{given}' {why}; give the path of {what}.")


def folder(path: Path, room: int) -> None:
    """The folder that is going to be written, or the one it is going to lie in.

    Raises:
        UserError: it is no folder, closed to us, or its disk has less than `room` bytes free.
    """
    for place in (path, *path.parents):
        if place.exists() or place.is_symlink():
            break
    if not place.is_dir():
        raise UserError(f"{place}: is no folder, and the build goes there; move it away.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"{place}: cannot be written; make it writable, or build in a clone of your own.")
    if shutil.disk_usage(place).free < room:
        raise UserError(
            f"{place}: no space left on the disk; free some (a build takes about 200 MB) and start again."
        )


def claim(path: Path, process: int, notes: Path) -> None:
    """Note in `notes` that a process builds in a folder; the note counts for as long as the process lives.

    Raises:
        UserError: another living process has the folder.
    """
    notes.mkdir(parents=True, exist_ok=True)
    mine = _identity(process)
    with (notes / hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        theirs = note.read().strip()
        if theirs and theirs != mine and _identity(int(theirs.split()[0])) == theirs:
            raise UserError(
                f"{path}: another make (process {theirs.split()[0]}) builds there; wait for it, or build in a second clone."
            )
        note.truncate(0)
        note.write(mine)


def _identity(process: int) -> str:
    """Number and start time of a process (proc(5): fields 1 and 22 of stat), as numbers come again; "" when
    it is gone.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    return f"{process} {stat.rpartition(')')[2].split()[19]}"
