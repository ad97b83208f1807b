"""What a stage reads, noted while it runs, like a compiler's dependency file.

A process whose variable XNORFORGE_READS names a file appends a line to that file for everything it opens for
reading, every module it runs, every folder it lists and every program it starts. Its own Python children
inherit the variable and do the same (`xnorforge/__init__.py` calls `start_recording`). `record.py` decides
what is worth keeping of it.

Standard library only, and little of it: this is imported before anything else.
"""

import os
import sys

VARIABLE = "XNORFORGE_READS"
LIBRARIES = "/site-packages/"


def start_recording(path: str) -> None:
    """Note from now on, and what this process has loaded already."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    seen = set()

    def note(kind: str, what: str) -> None:
        if LIBRARIES in what:  # a library counts as a whole, by its version
            kind, what = "library", what.rpartition(LIBRARIES)[2].partition("/")[0]
        line = f"{kind}\t{what}\n"
        if line not in seen:
            seen.add(line)
            os.write(file, line.encode(errors="surrogateescape"))

    def absolute(given) -> str:
        return os.path.abspath(os.fsdecode(given if given is not None else "."))

    def hook(event: str, given: tuple) -> None:
        if event == "open":
            name, _, flags = given
            if isinstance(name, (str, bytes)):
                _opened(note, absolute(name), flags or 0)
        elif event == "exec":
            name = getattr(given[0], "co_filename", "")
            if name.startswith("/"):
                note("read", os.path.abspath(name))
        elif event in ("os.listdir", "os.scandir"):
            importing = sys._getframe(1).f_code.co_filename.startswith("<frozen importlib")
            if not importing and not isinstance(given[0], int):
                note("list", absolute(given[0]))
        elif event == "os.rename":
            note("write", absolute(given[1]))
        elif event == "subprocess.Popen":
            words = given[1]
            first = given[0] or (words if isinstance(words, (str, bytes)) else words[0])
            note("program", os.fsdecode(first))

    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if name and LIBRARIES not in name:
            note("read", os.path.abspath(name))
    sys.addaudithook(hook)


def _opened(note, path: str, flags: int) -> None:
    if flags & os.O_ACCMODE != os.O_RDONLY:
        note("write", path)
    elif path.endswith(".pyc"):
        return
    elif LIBRARIES not in path or ".dist-info" not in path or path.endswith("/METADATA"):
        # a version is read from METADATA; looking for entry points opens a file of every library there is
        note("read", path)


def lines(path: str) -> list[tuple[str, str]]:
    """What was noted, in its order: (kind, what), of the kinds read, write, list, program and library."""
    with open(path, errors="surrogateescape") as file:
        split = (line.rstrip("\n").partition("\t") for line in file)
        return [(kind, what) for kind, _, what in split if what]
