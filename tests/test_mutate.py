"""Mutants of the code: what is changed, and that proofs and tests see it."""

import re
from pathlib import Path

import mutate
import pytest

from .documents import ROOT, python


def test_mutants_are_drawn_alike_from_all_code_differ_and_change_one_place():
    assert "--proved" in python(ROOT / "tests/mutate.py", "--help").stdout  # as `make mutate` starts it
    mutants = mutate.draw(90, seed=3)
    assert mutants == mutate.draw(90, seed=3) and len(set(mutants)) == 90
    assert {"hw", "sw", "flows", "sim", "src"} == {mutant.file.partition("/")[0] for mutant in mutants}
    assert {".py", ".sv"} <= {Path(mutant.file).suffix for mutant in mutants}
    for mutant in mutants:
        text = (ROOT / mutant.file).read_text()
        applied = mutant.applied()
        assert text[mutant.start :].startswith(mutant.old) and applied != text
        assert applied.splitlines()[mutant.number - 1].strip() == mutant.line
        assert applied.count("\n") == text.count("\n") and mutant.applied_to(text) in (text, applied)


@pytest.mark.full
def test_most_of_some_are_found():
    done = python(ROOT / "tests/mutate.py", "20", cwd=ROOT)
    assert re.search(r"\d+ of 20 found", done.stdout) and done.returncode == 0, done.stdout + done.stderr
