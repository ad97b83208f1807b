"""Mutants of the code: what is changed, and that proofs and tests see it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
import mutate  # noqa: E402


def test_mutants_are_drawn_alike_from_all_code_differ_and_change_one_place():
    mutants = mutate.draw(90, seed=3)
    assert mutants == mutate.draw(90, seed=3) and len(set(mutants)) == 90
    assert {"hw", "sw", "flows", "sim", "src"} == {mutant.file.partition("/")[0] for mutant in mutants}
    assert {".py", ".sv"} <= {Path(mutant.file).suffix for mutant in mutants}
    for mutant in mutants:
        text = (ROOT / mutant.file).read_text()
        assert text[mutant.start :].startswith(mutant.old) and mutant.applied() != text
        assert mutant.applied().splitlines()[mutant.number - 1].strip() == mutant.line
        assert mutant.applied().count("\n") == text.count("\n") and mutant.applied_to(text) in (
            text,
            mutant.applied(),
        )


def test_the_whole_suite_runs_once_for_all_mutants_and_what_failed_once_more_for_each(tmp_path, monkeypatch):
    text = "a = 1\nb = 2\nc = 3\n"
    mutants = [mutate.Mutant("x.py", text.index(old), old, new) for old, new in ("15", "26", "37")]
    monkeypatch.setattr(mutate, "ROOT", tmp_path / "root")
    for folder in (mutate.ROOT, tmp_path / "copy"):
        folder.mkdir()
        (folder / "x.py").write_text(text)
    runs = []

    def failed(words, folder, without, first=True):
        now = (folder / "x.py").read_text()
        runs.append([test for test, line in {"t.py::a": "a = 5", "t.py::c": "c = 7"}.items() if line in now])
        return [test for test in runs[-1] if not first or test in words][: 1 if first else 9]

    monkeypatch.setattr(mutate, "failed", failed)
    assert mutate.found_together(mutants, tmp_path / "copy", {}) == ["t.py::a", "", "t.py::c"]
    assert runs[0] == ["t.py::a", "t.py::c"] and (tmp_path / "copy/x.py").read_text() == text


@pytest.mark.full
def test_most_of_some_are_found():
    words = [sys.executable, ROOT / "tests/mutate.py", "20"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.search(r"\d+ of 20 found", done.stdout) and done.returncode == 0, done.stdout + done.stderr
