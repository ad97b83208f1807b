"""The history of builds: a whole line per build, whoever writes beside it, without a path of the machine."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from xnorforge.history import entries

from .reports import report

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPORT = report() | {
    "net": "mnist-tfc",
    "command": "make build NET=mnist-tfc METHOD=ste BOARD=pynq-z2",
    "accuracy": [{"stage": "trained", "set": "all", "images": 10000, "top1": 0.9},
        {"stage": "bit simulator", "set": "first", "images": 1000, "top1": 0.875}],
}  # fmt: skip


def built(out, found=REPORT):
    """A folder of a build in `out`."""
    acc = out / found["net"] / f"rtl-{found['board']}"
    acc.mkdir(parents=True)
    (acc / "report.json").write_text(json.dumps(found))
    return acc


def test_a_line_says_when_what_and_with_which_figures(tmp_path):
    line = entries.build_line(built(tmp_path), WHEN, tmp_path)
    assert line.pop("report")
    figures = line.pop("figures")
    assert all(name.count("__") == 2 and isinstance(value, int | float) for name, value in figures.items())
    assert (figures["synth__lut__used"], figures["sim__latency__cycles"]) == (1212, 22074)
    assert figures["bit_simulator__accuracy__top1"] == 0.875 and figures["sim__equality__mismatches"] == 0
    assert line == {
        "schema": "xnorforge-history-1", "when": "2026-03-01T12:00:00+00:00", "commit": "294d22e",
        "command": "make build NET=mnist-tfc METHOD=ste BOARD=pynq-z2", "folder": "mnist-tfc/rtl-pynq-z2",
        "network": "mnist-tfc", "method": "ste", "task": "mnist", "board": "pynq-z2", "backend": "rtl",
        "verdict": "PASS", "accuracy": {"name": "top-1", "value": 0.875, "images": 1000, "set": "first"},
        "operators": {"conv0": {"lut": 200}, "dense3": {"lut": 1000}, "top_k": {"lut": 12}},
    }  # fmt: skip


def test_a_project_for_another_tool_has_a_line_without_figures(tmp_path):
    plain = {key: value for key, value in REPORT.items() if key not in ("resources", "accuracy", "stages")}
    line = entries.build_line(built(tmp_path, plain | {"method": "imported"}), WHEN, tmp_path)
    assert (line["figures"], line["operators"], line["accuracy"], line["task"]) == ({}, {}, None, None)


@pytest.mark.parametrize("given, kept", [
    ("make build MODEL=net.onnx SCALE=1/255", "make build MODEL=net.onnx SCALE=1/255"),
    ("make build MODEL=net.onnx INPUT=float:/home/a/r.npz", "make build MODEL=net.onnx INPUT=float:r.npz"),
    ("make build IMAGES_FROM='/home/a/my photos/'", "make build IMAGES_FROM='my photos'"),
    ("make build IMAGES_FROM=photos/x LABELS=last", "make build IMAGES_FROM=photos/x LABELS=last"),
])  # fmt: skip
def test_a_command_keeps_no_absolute_path(given, kept):
    assert entries.without_paths(given) == kept


def test_a_build_outside_of_out_has_no_folder_in_its_line(tmp_path):
    line = entries.build_line(built(tmp_path / "elsewhere"), WHEN, tmp_path / "out")
    assert line["folder"] is None and str(tmp_path) not in json.dumps(line)


def test_lines_of_processes_side_by_side_are_whole(tmp_path):
    """Four processes write 40 lines of 100 kB each, far more than the kernel writes at once to a pipe."""
    program = (
        "import sys; from pathlib import Path; from xnorforge.history import entries\n"
        "for n in range(40):\n"
        "    line = {'schema': entries.SCHEMA, 'who': sys.argv[1], 'n': n, 'text': sys.argv[1] * 100_000}\n"
        "    entries.append_line(line, Path(sys.argv[2]))"
    )
    path = tmp_path / "history.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", program, who, path]) for who in "abcd"]
    assert [writer.wait() for writer in writers] == [0] * 4
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    for who in "abcd":
        assert [line["n"] for line in lines if line["who"] == who] == list(range(40))
    assert all(line["text"] == line["who"] * 100_000 for line in lines)


def test_a_line_begins_behind_one_that_a_full_disk_cut(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"schema": "xnorforge-history-1", "n": 0}\n{"schema": "xnorf')
    entries.append_line({"schema": entries.SCHEMA, "n": 1}, path)
    assert [line["n"] for line in entries.read_lines(path)] == [0, 1]


def test_builds_of_one_accelerator_agree_in_network_method_board_and_back_end():
    like = {"network": "n", "method": "ste", "board": "b", "backend": "rtl"}
    others = [like | {name: "other"} for name in like]
    kept = [like, like | {"commit": "c"}]
    assert entries.builds_like([kept[0], *others, kept[1]], like) == kept
