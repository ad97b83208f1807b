"""What a stage reads, noted while it runs, like a compiler's dependency file.

A process whose variable XNORFORGE_READS names a file appends a line to that file for everything it opens for
reading, every module it runs, every folder it lists and every program it starts. Of a file the digest is
taken at that moment. Its own Python children inherit the variable and do the same (`xnorforge/__init__.py`
calls `start_recording`). `record.py` decides what is worth keeping of it.

Standard library only, and little of it: this is imported before anything else.
"""

import hashlib
import os
import stat
import sys
import threading
import time
from typing import NamedTuple

VARIABLE = "XNORFORGE_READS"
LIBRARIES = "/site-packages/"
STANDARD = os.path.dirname(os.__file__) + os.sep
# A file that changed within as many nanoseconds may change again and look the same: clocks of files tick.
TICK = 20_000_000


class Noted(NamedTuple):
    """A line: a kind (read, module for a file that runs, write, made of a folder, list, program, library) and
    what. Files that are read also have a digest and a look, both empty if the file does not exist."""

    kind: str
    what: str
    digest: str = ""
    look: str = ""


def digest_of(path: str, digest: str = "", look: str = "") -> tuple[str, str]:
    """SHA-256 of a file, and its look: size, time of change and inode. A file with the given look is not read
    again. Both are empty if there is no file; the look also if the file changed within `TICK`."""
    try:
        found = os.stat(path)
        now = f"{found.st_size}.{found.st_ctime_ns}.{found.st_ino}"
        if now == look:
            return digest, look
        if not stat.S_ISREG(found.st_mode):
            return "", ""
        steady = time.time_ns() - found.st_ctime_ns > TICK
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), now if steady else ""
    except OSError:
        return "", ""


def start_recording(path: str) -> None:
    """Note from now on, and what this process has loaded already."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    seen, files = set[Noted](), dict[str, tuple[str, str]]()
    here = threading.local()

    def note(kind: str, what: str) -> None:
        if LIBRARIES in what:  # a library counts as a whole, by its version
            kind, what = "library", what.rpartition(LIBRARIES)[2].partition("/")[0]
        line = Noted(kind, what)
        if kind in ("read", "module"):
            files[what] = digest_of(what, *files.get(what, ()))
            line = Noted(kind, what, *files[what])
        if line not in seen:
            seen.add(line)
            os.write(file, ("\t".join(line) + "\n").encode(errors="surrogateescape"))

    def absolute(given) -> str:
        return os.path.abspath(os.fsdecode(given if given is not None else "."))

    def hook(event: str, given: tuple) -> None:
        if getattr(here, "noting", False):
            return
        here.noting = True  # to note a file is to open it
        try:
            take(event, given)
        finally:
            here.noting = False

    def take(event: str, given: tuple) -> None:
        if event == "open":
            name, _, flags = given
            if isinstance(name, (str, bytes)):
                _opened(note, absolute(name), flags or 0)
        elif event == "exec":
            name = getattr(given[0], "co_filename", "")
            if name.startswith("/") and (LIBRARIES in name or not name.startswith(STANDARD)):
                note("module", os.path.abspath(name))
        elif event in ("os.listdir", "os.scandir"):
            importing = sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")
            if not importing and not isinstance(given[0], int):
                note("list", absolute(given[0]))
        elif event == "os.mkdir":  # what programs put into it was not there before
            if not os.path.exists(given[0]):
                note("made", absolute(given[0]))
        elif event == "os.rename":
            note("write", absolute(given[1]))
        elif event == "subprocess.Popen":
            words = given[1]
            first = given[0] or (words if isinstance(words, (str, bytes)) else words[0])
            note("program", os.fsdecode(first))

    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if name and LIBRARIES not in name and not name.startswith(STANDARD):
            note("module", os.path.abspath(name))
    sys.addaudithook(hook)


def _opened(note, path: str, flags: int) -> None:
    if flags & os.O_ACCMODE != os.O_RDONLY:
        note("write", path)
    elif path.endswith(".pyc") or (path.startswith(STANDARD) and LIBRARIES not in path):
        return
    elif LIBRARIES not in path or ".dist-info" not in path or path.endswith("/METADATA"):
        # a version is read from METADATA; looking for entry points opens a file of every library there is
        note("read", path)


def lines(path: str) -> list[Noted]:
    """What was noted, in its order."""
    with open(path, errors="surrogateescape") as file:
        return [Noted(*line.rstrip("\n").split("\t")) for line in file]
