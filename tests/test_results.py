"""The tables of README and docs/results are those that their records make."""

import json

import pytest

from .documents import tool

results = tool("results")


@pytest.mark.parametrize("path", results.pages(), ids=lambda path: path.name)
def test_a_table_is_the_one_that_its_records_make(path):
    assert path.read_text() == results.pages()[path], "run `python tools/results.py`"


def test_a_record_changes_the_table_and_a_build_replaces_the_one_of_its_command(tmp_path, monkeypatch):
    line = results.builds()[0]
    changed = {**line, "figures": {**line["figures"], "synth__lut__used": 123456}}
    monkeypatch.setattr(results, "BUILDS", tmp_path / "builds.jsonl")
    (tmp_path / "builds.jsonl").write_text(json.dumps(line) + "\n")
    assert "123,456" not in results.builds_page()
    monkeypatch.setattr(results.entries, "build_line", lambda *_: {**changed, "operators": {}})
    results.add(["anywhere"])
    assert "123,456" in results.builds_page() and len(results.builds()) == 1


def test_records_hold_no_path_of_a_machine_and_every_build_passed():
    for line in results.builds():
        assert line["verdict"] == "PASS" and line["commit"]
        assert "/" not in line["command"].replace("out/", "")
