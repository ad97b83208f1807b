"""Every proof of the table holds, finds its faults, and stands in the documents."""

import re
from pathlib import Path

import pytest
from proofs import PROOFS
from prove import prove

PAGE = Path(__file__).parents[2] / "docs/guide/exactness.md"


# `make test-full` alone proves the parameters that begin so, in six seconds to many minutes each.
LONG = (
    "xf_axi", "xf_dma", "xf_fifo Width=1", "xf_fork Width=2", "xf_frame_guard", "xf_pack Bytes=2", "xf_pool",
    "xf_top_k", "xf_uart_requests", "xf_unpack", "xf_width InWidth=1", "xf_width InWidth=2",
    "xf_window Lanes=1 Bits=1 ImageH=1", "xf_window Lanes=1 Bits=1 ImageH=3", "xf_window_whole ImageH",
)  # fmt: skip
EACH = [
    pytest.param(proof, marks=[pytest.mark.full] * str(proof).startswith(LONG), id=str(proof))
    for proof in PROOFS
]


@pytest.mark.parametrize("proof", EACH)
def test_a_module_is_proved_and_each_of_its_faults_is_found(proof):
    found, faults, _ = prove(proof)
    assert found == proof.claim
    assert len(faults) >= 3 and proof.claim not in faults


def test_the_page_states_how_far_each_module_is_proved():
    rows = {}
    for proof in PROOFS:
        rows.setdefault(proof.module, []).append(f"{proof.steps} cycles" if proof.bounded else "all time")
    stated = re.findall(r"^\| `(xf_\w+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    assert dict(stated) == {name: ", ".join(dict.fromkeys(extents)) for name, extents in rows.items()}
