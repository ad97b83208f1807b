"""Passes on what the stages of a build say, keeps it in their logs, and speaks where they are silent.

While a stage runs no terminal stays without a line for longer than `core.progress.SILENCE` seconds, and that
line names the stage's present step (`core.progress.now_at`).
"""

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TextIO

from xnorforge.core.progress import SILENCE, STEP, loudness

TICK = 0.5  # seconds between two looks at the clock
QUIET = SILENCE - 4 * TICK  # a line is due after as many seconds: in time even where the machine is busy


def at_work(name: str, seconds: float, last: str = "") -> str:
    """The line of a stage that runs and says nothing: how long it has run, and what it said last.

    >>> at_work("synth", 65.2, "mapping")
    'synth       running for 65 s: mapping'
    """
    return f"{name:<9}   running for {seconds:.0f} s{f': {last}' if last else ''}"


class Listener:
    """What one or several stages side by side say, on one terminal.

    Args:
        out: the terminal; None: standard error.
        now: a clock, in seconds.
    """

    def __init__(self, out: TextIO | None = None, now: Callable[[], float] = time.monotonic):
        self._out, self._now, self._lock = out, now, threading.Lock()
        self._spoke = now()
        self._stages: dict[str, tuple[float, str]] = {}  # when it began, what it said last

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """While a stage runs."""
        with self._lock:
            self._stages[name] = (self._now(), "starting")
        try:
            yield
        finally:
            with self._lock:
                del self._stages[name]

    def pass_on(self, name: str, line: str) -> None:
        """A line that a stage says, with its end; a step is kept for the next silence."""
        with self._lock:
            text = line.strip().removeprefix(name).lstrip(": ")
            self._stages[name] = (self._stages[name][0], text.removesuffix(STEP))
            if not text.endswith(STEP):
                self._write(line)
            elif loudness() == "verbose":
                self._write(f"{name:<9}   {text}\n")

    def look(self) -> None:
        """Say what the stages are at, if it is time."""
        with self._lock:
            now = self._now()
            if now - self._spoke >= QUIET and loudness() != "plain":
                for name, (began, last) in self._stages.items():
                    self._write(at_work(name, now - began, last) + "\n")

    def _write(self, text: str) -> None:
        if loudness() == "quiet":
            return
        out = self._out or sys.stderr
        out.write(text)
        out.flush()
        self._spoke = self._now()


def _ready(pipe: IO[bytes], seconds: float) -> bool:
    return bool(select.select([pipe], [], [], seconds)[0])


def hear(
    pipe: IO[bytes],
    name: str,
    listener: Listener,
    log: Path | None = None,
    ready: Callable[[IO[bytes], float], bool] = _ready,
) -> str:
    """Listen to a stage until it closes its end; returns its last line.

    Args:
        pipe: what it writes to its standard error.
        log: a file that gets all of it; where none can be written there is none.
        ready: waits for the pipe, at most so many seconds, and says whether there is something to read.
    """
    said, rest = "", b""
    with _opened(log) as kept, listener.stage(name):
        while True:
            if not ready(pipe, TICK):
                listener.look()
                continue
            chunk = os.read(pipe.fileno(), 1 << 16)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in [*lines, *([rest] if rest and not chunk else [])]:
                text = line.decode(errors="replace")
                said = text.strip() or said
                if kept:
                    with suppress(OSError):  # of a full disk the stage itself tells
                        kept.write(text + "\n")
                        kept.flush()
                listener.pass_on(name, text + "\n")
            if not chunk:
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
