"""No terminal stays silent: a line at least every five seconds while a stage runs, whatever that says."""

import io
import os
import pty
import select
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from xnorforge.core.progress import SILENCE
from xnorforge.pipeline import listen

ROOT = Path(__file__).parent.parent


class Terminal:
    """A pseudo-terminal, and a clock that goes on only while a stage is silent.

    Args:
        script: {second: what the stage writes then}; None ends it.
    """

    def __init__(self, script):
        self.time, self.script = 0.0, dict(sorted(script.items()))
        self.master, slave = pty.openpty()
        self.out = os.fdopen(slave, "w")
        read, self.end = os.pipe()
        self.pipe = os.fdopen(read, "rb", buffering=0)
        self.heard, self.text = [0.0], b""

    def now(self):
        return self.time

    def ready(self, pipe, seconds):
        """Wait without waiting: the clock is put forward to what comes next."""
        self.listen()
        if select.select([pipe], [], [], 0)[0]:
            return True
        due = next(iter(self.script))
        if due > self.time + seconds:
            self.time += seconds
            return False
        self.time = max(self.time, due)
        text = self.script.pop(due)
        os.close(self.end) if text is None else os.write(self.end, text)
        return True

    def listen(self):
        """Note what has come to the terminal by now."""
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 1 << 16)
            self.heard.append(self.time)

    def run(self, log=None):
        """The longest silence in seconds of a stage that writes the script."""
        listener = listen.Listener(self.out, self.now)
        self.said = listen.hear(self.pipe, "synth", listener, log, self.ready)
        self.listen()
        self.heard.append(self.time)
        return max(later - earlier for earlier, later in pairwise(self.heard))


@pytest.mark.parametrize(
    "script",
    [
        {0.0: b"synth     out/n\n", 300.0: b"synth     done\n", 300.5: None},
        {0.0: b"synth     out/n\n", 4.5: b"one\n", 9.2: b"two\n", 14.4: b"three\n", 61.7: None},
        {47.3: None},
        {0.0: b"a line without its end", 33.3: b"\n", 60.0: None},
    ],
    ids=["silent", "now and then", "never a word", "half a line"],
)
def test_a_slow_stage_is_spoken_for_at_least_every_five_seconds(script):
    terminal = Terminal(script)
    assert terminal.run() <= SILENCE == 5
    assert terminal.text.count(b"at work for") >= 0.6 * max(script) / SILENCE - 1


def test_a_stage_that_speaks_is_passed_on_as_it_is_and_kept_in_its_log(tmp_path):
    text = "synth     out/n\n  µ 3 of 7\nlast"
    terminal = Terminal({0.0: text.encode()[:21], 0.1: text.encode()[21:], 0.2: None})
    terminal.run(tmp_path / "log/synth.log")
    assert terminal.text.decode() == f"{text}\n".replace("\n", "\r\n")  # as a terminal shows it
    assert (tmp_path / "log/synth.log").read_text() == f"{text}\n" and terminal.said == "last"


def test_the_line_says_how_long_the_stage_runs_and_what_it_said_last():
    terminal = Terminal({0.0: b"synth       mapping conv1\n", 6.0: None})
    terminal.run()
    assert b"synth       at work for 4 s: mapping conv1\r\n" in terminal.text


def test_stages_side_by_side_share_the_terminal():
    """One of them speaks all the time, so that nobody has to speak for the other."""
    time_now, out = [0.0], io.StringIO()
    listener = listen.Listener(out, lambda: time_now[0])
    with listener.stage("sim"), listener.stage("synth"):
        for second in range(20):
            time_now[0] = float(second)
            listener.pass_on("sim", f"{second}\n")
            listener.look()
        assert "at work" not in out.getvalue()
        time_now[0] = 24.0
        listener.look()
    assert out.getvalue().splitlines()[-2:] == [
        "sim         at work for 24 s: 19",
        "synth       at work for 24 s",
    ]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "log").write_text("a file where the folder would be")
    terminal = Terminal({0.0: b"word\n", 0.5: None})
    terminal.run(tmp_path / "log/synth.log")
    assert terminal.said == "word"


@pytest.mark.full
def test_a_real_build_on_a_terminal_is_never_silent(tmp_path):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "xnorforge", "build", "mnist-tfc", "--pnr", "off"]
    clean = {name: word for name, word in os.environ.items() if not name.startswith("XNORFORGE")}
    with subprocess.Popen(command, cwd=tmp_path, env=clean, stdout=slave, stderr=slave) as build:
        os.close(slave)
        heard = [time.monotonic()]
        while True:
            try:
                if not os.read(master, 1 << 16):
                    break
            except OSError:  # how the kernel says that nobody holds the other end any more
                break
            heard.append(time.monotonic())
    assert build.returncode == 0
    longest = max(later - earlier for earlier, later in pairwise(heard))
    print(f"longest silence {longest:.2f} s of {heard[-1] - heard[0]:.0f} s")
    assert longest <= SILENCE
    logs = {path.name for path in (tmp_path / "out/mnist-tfc").rglob("log/*.log")}
    assert {"export.log", "lower.log", "fold.log", "sim.log", "synth.log", "report.log"} <= logs
