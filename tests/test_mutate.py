"""Mutants of the code: what is changed, and that proofs and tests see it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import mutate  # noqa: E402


def test_operators_and_numbers_change_and_nothing_in_comments_texts_and_checkers(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "ROOT", tmp_path)
    (tmp_path / "a.sv").write_text(
        "// a == b\n  if (a == 1'b0) q <= a & ~b;\n  `XF_ASSERT_WHEN(Name_A, a == 1, b == 2)\n\n"
        '`ifdef XF_CHECK\n  x == y\n`endif\n  $error("%0d == 1", a == b);\n  assign q = c <= 4;\nendmodule\n'
    )
    (tmp_path / "a.py").write_text('"""1 == 2"""\n\n\ndef f(x: int | None):  # 1 + 1\n    return x == -3\n')
    (tmp_path / "a.c").write_text("/* a + b */\nint f(int *a) { if (a[0] < 7) return *a + 1; }\n")
    tokens = {file.name: [token for _, token in mutate.places(file.name)] for file in tmp_path.iterdir()}
    assert tokens == {
        "a.sv": ["if (", "==", "1'b0", "&", "~", "<=", "4"],
        "a.py": ["return", "==", "-", "3"],
        "a.c": ["if (", "0", "<", "7", "+", "1"],
    }


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


def test_a_proof_judges_a_mutant_of_what_it_reads():
    text = (ROOT / "hw/rtl/xf_skid.sv").read_text()
    start = text.index("spare_valid_q <= 1'b1") + len("spare_valid_q <= ")
    assert "xf_skid" in mutate.proved_wrong(mutate.Mutant("hw/rtl/xf_skid.sv", start, "1'b1", "1'b0"))
    assert mutate.proved_wrong(mutate.Mutant("sim/compare.py", 0, "", "")) == ""


def test_the_nearest_tests_judge_first():
    lines = (ROOT / "sim/compare.py").read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 2) if line.startswith("def equal("))
    assert "tests/sim/test_compare.py" in next(mutate.batches("sim/compare.py", number))[0]


@pytest.mark.full
def test_most_of_some_are_found():
    words = [sys.executable, ROOT / "tests/mutate.py", "20"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.search(r"\d+ of 20 found", done.stdout) and done.returncode == 0, done.stdout + done.stderr
