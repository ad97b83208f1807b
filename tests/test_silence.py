"""No terminal stays silent: a line at least every five seconds while a stage runs, whatever that says."""

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from xnorforge.core import progress
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
    assert terminal.text.count(b"running for") >= 0.6 * max(script) / SILENCE - 1


def test_a_stage_that_speaks_is_passed_on_as_it_is_and_kept_in_its_log(tmp_path):
    text = "synth     out/n\n  µ 3 of 7\nlast"
    terminal = Terminal({0.0: text.encode()[:21], 0.1: text.encode()[21:], 0.2: None})
    terminal.run(tmp_path / "log/synth.log")
    assert terminal.text.decode() == f"{text}\n".replace("\n", "\r\n")  # as a terminal shows it
    assert (tmp_path / "log/synth.log").read_text() == f"{text}\n" and terminal.said == "last"


def test_the_line_says_how_long_the_stage_runs_and_what_it_said_last():
    terminal = Terminal({0.0: b"synth       mapping conv1\n", 6.0: None})
    terminal.run()
    assert b"synth       running for 3 s: mapping conv1\r\n" in terminal.text


def test_a_plain_log_has_what_the_stage_says_and_no_more(monkeypatch):
    monkeypatch.setattr(listen, "loudness", lambda: "plain")
    terminal = Terminal({0.0: b"synth     out/n\n", 47.3: b"synth     done\n", 48.0: None})
    terminal.run()
    assert terminal.text == b"synth     out/n\r\nsynth     done\r\n"


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
        "sim         running for 24 s: 19",
        "synth       running for 24 s: starting",
    ]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "log").write_text("a file where the folder would be")
    terminal = Terminal({0.0: b"word\n", 0.5: None})
    terminal.run(tmp_path / "log/synth.log")
    assert terminal.said == "word"


def test_a_step_is_named_in_the_next_silence_and_at_once_where_asked_for(tmp_path, monkeypatch):
    script = {0.0: b"lower     out/n\n", 0.1: "that graph on 9 images …\n".encode(), 5.0: None}
    terminal = Terminal(script)
    terminal.run(tmp_path / "lower.log")
    shown = terminal.text.decode().splitlines()
    assert shown == ["lower     out/n", "synth       running for 3 s: that graph on 9 images"]
    assert (tmp_path / "lower.log").read_text() == "lower     out/n\nthat graph on 9 images …\n"
    monkeypatch.setattr(listen, "loudness", lambda: "verbose")
    terminal = Terminal(script)
    terminal.run()
    assert terminal.text.decode().splitlines()[1] == "synth       that graph on 9 images …"


def test_nobody_speaks_of_steps_outside_of_a_build(monkeypatch, capfd):
    monkeypatch.delenv(progress.STEPS, raising=False)
    progress.now_at("mapping")
    monkeypatch.setenv(progress.STEPS, "1")
    progress.now_at("mapping")
    assert capfd.readouterr().err == "mapping …\n"


def build_on_a_terminal(folder, *words):
    """A build from nothing, in an empty folder: all that the terminal showed, as (second, text), and by how
    many seconds this machine, which may be busy, was late at the most to wake a process that asked for it.
    """
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "xnorforge", "build", *words, "--pnr", "off"]
    clean = {name: word for name, word in os.environ.items() if not name.startswith("XNORFORGE")}
    clean |= {name: os.environ[name] for name in ("XNORFORGE_DATA",) if name in os.environ}
    clean |= {"XNORFORGE_CACHE": str(folder / "cache")}
    shown, began, late = [(0.0, "")], time.monotonic(), 0.0
    with subprocess.Popen(command, cwd=folder, env=clean, stdout=slave, stderr=slave) as build:
        os.close(slave)
        while True:
            slept = time.monotonic()
            if not select.select([master], [], [], 0.1)[0]:
                late = max(late, time.monotonic() - slept - 0.1)
                continue
            try:
                text = os.read(master, 1 << 16)
            except OSError:  # how the kernel says that nobody holds the other end any more
                break
            if not text:
                break
            shown.append((time.monotonic() - began, text.decode()))
    os.close(master)
    assert build.returncode == 0, shown[-5:]
    return shown, late


def longest_silence(shown):
    """In seconds, and how the text in front of it ended; every line that broke one named a step."""
    bare = re.findall(r"running for \d+ s(?:: out/.*)?\r", "".join(text for _, text in shown))
    assert bare == []
    return max((late - early, text[-80:]) for (early, text), (late, _) in pairwise(shown))


def test_a_small_build_on_a_terminal_is_never_silent(tmp_path):
    """Up to its RTL, with nothing in the cache."""
    shown, late = build_on_a_terminal(tmp_path, "mnist-tfc", "--until", "generate")
    longest = longest_silence(shown)
    assert longest[0] <= SILENCE + late, longest
    logs = {path.name for path in (tmp_path / "out/mnist-tfc").rglob("log/*.log")}
    assert logs == {"export.log", "lower.log", "fold.log", "generate.log"}


@pytest.mark.full
def test_cifar10_cnv_from_nothing_is_never_silent_on_a_terminal(tmp_path):
    shown, late = build_on_a_terminal(tmp_path, "cifar10-cnv")
    longest = longest_silence(shown)
    print(f"longest silence {longest[0]:.2f} s of {shown[-1][0]:.0f} s, behind: {longest[1]}")
    print(f"a process that asked to be woken was so by {late:.2f} s too late at the most")
    assert longest[0] <= SILENCE + late
    logs = {path.name for path in (tmp_path / "out/cifar10-cnv").rglob("log/*.log")}
    assert {"export.log", "lower.log", "fold.log", "sim.log", "synth.log", "report.log"} <= logs
