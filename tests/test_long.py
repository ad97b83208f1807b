"""The list of tests that are too long for `make test` names tests that exist."""

from pathlib import Path

from .conftest import LONG

ROOT = Path(__file__).parents[1]


def test_each_is_a_test_and_stands_once():
    assert sorted(set(LONG)) == LONG
    for file, name in {tuple(line.split("[")[0].split("::")) for line in LONG}:
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file} has no {name}"
