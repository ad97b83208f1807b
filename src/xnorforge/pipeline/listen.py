"""Passes on what the stages of a build say, keeps it in their logs, and shows on a terminal what they are at:
below the lines, a row for each stage that runs, with its present step (`core.progress.now_at`) and its time.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from xnorforge.core.progress import STEP, loudness, say

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def rows() -> Iterator["Progress | None"]:
    """The rows of the stages that run; None where standard error is no terminal, or none are wanted."""
    if loudness() in ("quiet", "plain") or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield shown


def hear(pipe: IO[bytes], name: str, shown: "Progress | None" = None, log: Path | None = None) -> str:
    """Listen to a stage until it closes its end; returns its last line.

    Args:
        pipe: what it writes to its standard error.
        name: of the stage.
        shown: the rows, which get one for this stage while it runs.
        log: a file that gets all of it; where none can be written there is none.
    """
    said = ""
    row = shown.add_task(f"{name:<9} starting", total=None) if shown else None
    with _opened(log) as kept:
        for line in pipe:
            text = line.decode(errors="replace").removesuffix("\n")
            said = text.strip() or said
            if kept:
                with suppress(OSError):  # of a full disk the stage itself tells
                    kept.write(text + "\n")
                    kept.flush()
            step = text.strip().removeprefix(name).lstrip(": ")
            if shown and row is not None:
                shown.update(row, description=f"{name:<9} {step.removesuffix(STEP)}")
            if not step.endswith(STEP):
                say(text)
            elif loudness() == "verbose":
                say(f"{name:<9}   {step}")
    if shown and row is not None:
        shown.remove_task(row)
    return said


@contextmanager
def _opened(log: Path | None) -> Iterator[TextIO | None]:
    file = None
    with suppress(OSError):
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            file = log.open("w")
    try:
        yield file
    finally:
        if file:
            with suppress(OSError):
                file.close()
