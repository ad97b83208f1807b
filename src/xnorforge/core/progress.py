"""How far a long step is: a bar on a terminal, now and then a line anywhere else, on standard error."""

import os
import sys
import time
from contextlib import contextmanager

SILENCE = 5.0  # seconds between two lines
STEPS = "XNORFORGE_STEPS"  # set by a build for its stages: `now_at` writes lines
STEP = " …"  # ends such a line
LOG = "XNORFORGE_LOG"  # one of LEVELS, instead of the usual one
LEVELS = ("quiet", "plain", "usual", "verbose")
_loudness = os.environ.get(LOG) if os.environ.get(LOG) in LEVELS else "usual"


def set_loudness(loudness: str) -> None:
    """Set how much this process prints on standard error: one of LEVELS. Quiet is only what went wrong; plain
    leaves out bars and counts."""
    global _loudness
    assert loudness in LEVELS
    _loudness = loudness


def loudness() -> str:
    """How much it prints, one of LEVELS."""
    assert _loudness is not None
    return _loudness


def speaks() -> bool:
    """Whether this process tells a person how far it is."""
    return _loudness != "quiet"


def say(text: str) -> None:
    """One line for a person."""
    if speaks():
        sys.stderr.write(f"{text}\n")  # at once, as two stages may speak side by side
        sys.stderr.flush()


def now_at(what: str) -> None:
    """Name what a stage does now, for the build that runs it to show (`pipeline/listen.py`)."""
    if os.environ.get(STEPS):
        say(f"{what}{STEP}")


@contextmanager
def progress(what: str, total: int, unit: str):
    """Count something real: yields `advance(n=1)`, to be called after `n` more of `total` units are done.

    A bar needs a terminal of its own: stages side by side set XNORFORGE_LINES and print lines.

    Args:
        what: the step, "sim: RTL at full rate".
        unit: what is counted, "images".
    """
    if not speaks() or _loudness == "plain":
        yield lambda *_: None
        return
    if sys.stderr.isatty() and not os.environ.get("XNORFORGE_LINES"):
        with _bar(what, total, unit) as shown:
            yield shown
        return
    done, printed = 0, time.monotonic()

    def advance(n: int = 1) -> None:
        nonlocal done, printed
        done += n
        if time.monotonic() - printed >= SILENCE and done < total:
            printed = time.monotonic()
            print(f"{what}: {done:,} of {total:,} {unit}", file=sys.stderr, flush=True)

    yield advance


@contextmanager
def _bar(what: str, total: int, unit: str):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    columns = (*parts, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n=1: bar.advance(task, n)
