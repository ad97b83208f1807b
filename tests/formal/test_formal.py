"""Every proof of the table holds, finds its faults, and stands in the documents."""

from pathlib import Path

import pytest
from expressions import KINDS, proof_of, provable
from op_examples import examples_of
from proofs import PROOFS, TABLE
from prove import prove, unproved

PAGE = Path(__file__).parents[2] / "docs/guide/exactness.md"

EACH = [pytest.param(proof, marks=[pytest.mark.full] * proof.long, id=str(proof)) for proof in PROOFS]


@pytest.mark.parametrize("proof", EACH)
def test_a_module_is_proved_and_each_of_its_faults_is_found(proof):
    found, faults, _ = prove(proof)
    assert found == proof.claim
    assert len(faults) >= 3 and proof.claim not in faults, faults


@pytest.mark.parametrize("bits", [8, pytest.param(16, marks=pytest.mark.full)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_module_gives_its_expression_of_every_beat_in_order(kind, bits, tmp_path):
    found = examples_of(kind)
    for op in [one for one in found if provable(one, bits)] if bits > 8 else [found[KINDS[kind]]]:
        assert prove(proof_of(op, tmp_path))[:2] == ("holds", ["fails"]), op.name


def test_each_branch_of_a_proved_module_is_elaborated_by_one_of_its_proofs_or_listed():
    assert unproved(PROOFS) == set(TABLE["unelaborated"])


def test_the_page_states_how_far_each_module_is_proved():
    rows = {}
    for proof in PROOFS:
        rows.setdefault(proof.module, set()).add(proof.steps * proof.bounded)
    for name, steps in rows.items():
        cycles = " to ".join(str(count) for count in sorted({min(steps - {0}, default=0), max(steps)} - {0}))
        spans = ["all time"] * (0 in steps) + [f"{cycles} cycles"] * bool(cycles)
        assert f"\n| `{name}` | {', '.join(spans)} |" in PAGE.read_text()
    assert PAGE.read_text().count("\n| `xf_") == len(rows)
