"""A slip in a request ends before anything is built: one sentence, exit code 2, nothing written."""

import os
import subprocess
import sys

import numpy as np
import pytest

from xnorforge.core import extras
from xnorforge.core.artifacts import intact, read_json, write_json
from xnorforge.core.errors import ToolMissing
from xnorforge.pipeline import request

from .documents import ran
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


WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from xnorforge.__main__ import main
sys.argv[0] = "xnorforge"
sys.exit(main())
"""  # a name that stands for None there cannot be imported, as if it were not installed


@pytest.mark.quick("!av-demo-words3")
@pytest.mark.parametrize("package, extra, words", [
    ("hls4ml", "hls4ml", ["build", "mnist-tfc", "--backend", "hls4ml"]),
    ("finn", "finn", ["build", "mnist-tfc", "--backend", "finn"]),
    ("av", "demo", ["demo", "--task", "track", "--video", "clip.mp4", "--box", "1,1,4,4"]),
])  # fmt: skip
def test_a_package_that_is_not_here_is_one_sentence_before_any_work(tmp_path, package, extra, words):
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    done = ran([sys.executable, "-c", WITHOUT, package, *words], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{package}: is not installed")
    assert f"`pip install 'xnorforge[{extra}]'`" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_digits_need_scikit_learn(monkeypatch):
    from xnorforge.sw.datasets import digits

    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ToolMissing, match=r"^sklearn: is not installed, .*'xnorforge\[digits\]'"):
        digits.images()


def test_a_package_that_no_extra_brings_is_named_itself():
    with pytest.raises(ToolMissing, match=r"^no_such: .*BACKEND=mine.*`pip install no_such`"):
        extras.require("no_such", "BACKEND=mine")


def test_lowering_without_finn_says_that_it_was_left_out(tmp_path, monkeypatch, built):
    """The other checks stay, the graph is the same byte for byte, and the report has a row of it."""
    from xnorforge.flows.lower import lower
    from xnorforge.flows.report import reference

    folder = built / "out/n"
    monkeypatch.setitem(sys.modules, "finn", None)
    record = lower(folder / "model.onnx", folder / "golden.npz", tmp_path)
    names = [row["name"] for row in read_json(folder / "lower.json")["checks"]]
    assert "lowered = FINN execution" in names
    assert [row["name"] for row in record["checks"]] == [one for one in names if "FINN" not in one]
    assert (tmp_path / "lowered.onnx").read_bytes() == (folder / "lowered.onnx").read_bytes()
    assert np.array_equal(*(np.load(at / "lowered.npz")["integers"] for at in (tmp_path, folder)))
    assert "finn-plus" not in record["run"]["tools"] and record["finn_installed"] is False
    export = {"input": {}, "checks": []}
    notes = reference.notes(reference.of_records(export, record))
    [row] = [row for row in notes if row["subject"] == "FINN left out"]
    assert f"ran 0 of {sum(record['nodes'].values()):,} nodes" in row["text"]
