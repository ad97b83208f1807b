"""A slip in a request ends before anything is built: one sentence, exit code 2, nothing written."""

import os
import subprocess

import pytest

from xnorforge.core.artifacts import intact, write_json
from xnorforge.pipeline import request

from .refusals import stops


def test_out_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").touch()
    stops(r"out: .*file", request.folder, tmp_path / "out/mnist-tfc", 1)


def test_a_full_disk_is_seen_before_the_build(tmp_path):
    stops("no space left", request.folder, tmp_path / "out", 1 << 60)


def test_two_makes_do_not_build_in_one_folder_and_a_dead_one_does_not_count(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    request.claim(tmp_path / "net", other.pid, tmp_path / "notes")
    request.claim(tmp_path / "net", other.pid, tmp_path / "notes")
    stops(rf"another build.*{other.pid}", request.claim, tmp_path / "net", os.getpid(), tmp_path / "notes")
    request.claim(tmp_path / "second", os.getpid(), tmp_path / "notes")
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")
    other.wait()
    request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")


@pytest.mark.parametrize("name", ["lower.json", "lowered.npz", "lowered.onnx"])
def test_a_damaged_or_missing_file_of_an_earlier_stage_is_named_with_its_cure(tmp_path, name):
    stops(f"{name}: .*lower.*missing", intact, tmp_path / name, "lower")
    write_json(tmp_path / "lower.json", {"stage": "lower"})
    intact(tmp_path / "lower.json", "lower")
    (tmp_path / name).write_bytes(b'{"stage": "lo')
    stops(f"{name}: .*{tmp_path}/lower.json", intact, tmp_path / name, "lower")
