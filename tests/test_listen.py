"""What stages say is passed on and kept; a terminal shows below it what they are at."""

import contextlib
import io
import os
import pty
import re

import pytest

from xnorforge.core import progress
from xnorforge.pipeline import listen

SCRIPT = "synth     out/n\n  µ 3 of 7\nthat graph on 9 images …\nlast"


def heard(text=SCRIPT, shown=None, log=None):
    return listen.hear(io.BytesIO(text.encode()), "synth", shown, log)


LOUD = {
    "usual": "synth     out/n\n  µ 3 of 7\nlast\n", "plain": "synth     out/n\n  µ 3 of 7\nlast\n",
    "verbose": "synth     out/n\n  µ 3 of 7\nsynth       that graph on 9 images …\nlast\n", "quiet": "",
}  # fmt: skip


@pytest.mark.parametrize("loudness", LOUD)
def test_a_stage_is_passed_on_as_loud_as_asked_and_kept_whole_in_its_log(loudness, tmp_path, capfd):
    progress.set_loudness(loudness)
    with listen.rows() as shown:  # of no terminal
        assert shown is None and heard(log=tmp_path / "log/synth.log") == "last"
    assert capfd.readouterr().err == LOUD[loudness]
    assert (tmp_path / "log/synth.log").read_text() == f"{SCRIPT}\n"


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "log").write_text("a file where the folder would be")
    assert heard(log=tmp_path / "log/synth.log") == "last"


def written(master: int) -> str:
    """All that has come to a terminal that nobody holds any more."""
    text = b""
    with contextlib.suppress(OSError):  # how the kernel says that this is all
        while chunk := os.read(master, 1 << 16):
            text += chunk
    os.close(master)
    return text.decode()


@pytest.mark.parametrize("loudness", LOUD)
def test_a_terminal_shows_the_steps_of_stages_side_by_side(loudness, monkeypatch):
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")  # of a dumb one rich moves no cursor
    progress.set_loudness(loudness)
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with listen.rows() as shown:
            assert (shown is None) == (loudness in ("quiet", "plain"))
            if shown:
                shown.add_task("sim       [0] starting", total=None)
                monkeypatch.setattr(shown, "remove_task", lambda row: shown.refresh())
            heard(shown=shown)
    text = written(master)
    names = r"sim       \[0\] starting", "synth     last"
    rows = [re.search(rf"{name} .*0:00:0\d", text) for name in names]
    assert all(rows) if shown else not any(rows)
    assert ("µ 3 of 7\r\n" in text) == (loudness != "quiet")


def test_nobody_speaks_of_steps_outside_of_a_build(monkeypatch, capfd):
    monkeypatch.delenv(progress.STEPS, raising=False)
    progress.now_at("mapping")
    monkeypatch.setenv(progress.STEPS, "1")
    progress.now_at("mapping")
    assert capfd.readouterr().err == "mapping …\n"
