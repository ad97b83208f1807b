"""Every proof of the table holds, finds its faults, and stands in the documents."""

import re
from pathlib import Path

import pytest
from proofs import PROOFS, TABLE
from prove import prove, unproved

PAGE = Path(__file__).parents[2] / "docs/guide/exactness.md"

EACH = [pytest.param(proof, marks=[pytest.mark.full] * proof.long, id=str(proof)) for proof in PROOFS]


@pytest.mark.parametrize("proof", EACH)
def test_a_module_is_proved_and_each_of_its_faults_is_found(proof):
    found, faults, _ = prove(proof)
    assert found == proof.claim
    assert len(faults) >= 3 and proof.claim not in faults, faults


def test_each_branch_of_a_proved_module_is_elaborated_by_one_of_its_proofs_or_listed():
    assert unproved(PROOFS) == set(TABLE["unelaborated"])


def test_the_page_states_how_far_each_module_is_proved():
    rows = {}
    for proof in PROOFS:
        rows.setdefault(proof.module, set()).add(proof.steps if proof.bounded else 0)
    row = r"^\| `(xf_\w+)` \| (?:all time|(?:(\d+) to )?(\d+) cycles) \|"
    rows_there = re.findall(row, PAGE.read_text(), re.MULTILINE)
    stated = {name: (low or high, high) for name, low, high in rows_there}
    found = {name: (min(steps), max(steps)) for name, steps in rows.items()}
    assert stated == {name: (str(low or ""), str(high or "")) for name, (low, high) in found.items()}
