"""A slip in a request ends before anything is built: one sentence, exit code 2, nothing written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xnorforge.core.artifacts import intact, write_json
from xnorforge.core.errors import UserError
from xnorforge.pipeline import request

from .refusals import says

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("IMAGES=1", "IMAGES=100"),
        ("IMAGES=abc", "IMAGES=100"),
        ("STALLED=0", "STALLED=20"),
        ("INTERVAL=-5", "INTERVAL=32768"),
        ("INTERVAL=1e3", "INTERVAL=32768"),
        ("OUTPUT=label", "labels"),
        ("SCALE=nan", "SCALE="),
        ("FOLDING=none.json", "JSON"),
        ("MODEL=none.onnx", "QONNX"),
        ("MODEL=sw", "QONNX"),
        ("IMAGE=no such.png", "path of a file or a folder"),
    ],
)
def test_make_answers_a_slip_with_one_sentence_and_writes_nothing(tmp_path, word, cure):
    for name in ("hw", "sw", "Makefile"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    clean = {key: os.environ[key] for key in os.environ if not key.startswith("MAKE") and key != "MFLAGS"}
    command = ["make", *(["demo", "TASK=pedestrian"] if word.startswith("IMAGE=") else ["build"]), word]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    said = done.stderr.splitlines()[0]
    variable, _, given = word.partition("=")
    assert done.returncode == 2
    assert said.startswith(f"{variable}: ") and f"'{given}'" in said and cure in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (["--method", "bonn"], "mnist-cnn-bonn … mnist-cnn-ste … `make train NET=mnist-cnn METHOD=bonn`"),
        (["--weights", "mine"], "WEIGHTS: 'mine' … card.json … training run"),
    ],
)
def test_missing_weights_are_named_before_torch_is_loaded(tmp_path, monkeypatch, words, facts):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    command = [sys.executable, "-m", "xnorforge", "build", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and " torch\n" not in done.stderr
    says(done.stderr.splitlines()[-1], facts)
    assert not list(tmp_path.iterdir())


def test_out_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match=r"out: .*file"):
        request.folder(tmp_path / "out/mnist-tfc", 1)


def test_a_full_disk_is_seen_before_the_build(tmp_path):
    with pytest.raises(UserError, match="no space left"):
        request.folder(tmp_path / "out", 1 << 60)


def test_two_makes_do_not_build_in_one_folder_and_a_dead_one_does_not_count(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    request.claim(tmp_path / "net", other.pid, tmp_path / "notes")
    request.claim(tmp_path / "net", other.pid, tmp_path / "notes")
    with pytest.raises(UserError, match=rf"another build.*{other.pid}"):
        request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")
    request.claim(tmp_path / "second", os.getpid(), tmp_path / "notes")
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")
    other.wait()
    request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")


@pytest.mark.parametrize("name", ["lower.json", "lowered.npz", "lowered.onnx"])
def test_a_damaged_or_missing_file_of_an_earlier_stage_is_named_with_its_cure(tmp_path, name):
    with pytest.raises(UserError, match=f"{name}: .*lower.*missing"):
        intact(tmp_path / name, "lower")
    write_json(tmp_path / "lower.json", {"stage": "lower"})
    intact(tmp_path / "lower.json", "lower")
    (tmp_path / name).write_bytes(b'{"stage": "lo')
    with pytest.raises(UserError, match=f"{name}: .*{tmp_path}/lower.json"):
        intact(tmp_path / name, "lower")
