"""Networks with 8-bit ends go exactly through export, lowering, folding, the bit simulator and RTL."""

from pathlib import Path

import numpy as np
import pytest
from eight_bit_nets import drawn
from pipeline import exported, simulated

from xnorforge.core.artifacts import read_json
from xnorforge.sw.methods import base
from xnorforge.sw.nn import building_blocks

METHODS = ("ste", "react", "group_net")


def lowered(name: str, folder: Path) -> dict:
    """The record of the lowering of the network of a method; its files up to the integers in `folder`."""
    module = building_blocks.as_trained(drawn(base.create(name)))
    images = np.random.default_rng(0).integers(0, 256, (64, 3, 8, 8), np.uint8)
    same, *_ = exported(module, images, folder)
    assert (same["images"], same["integers"], same["mismatches"]) == (64, 640, 0)
    return read_json(folder / "lower.json")


@pytest.mark.parametrize("name", METHODS)
def test_module_qonnx_integers_and_finn_agree(tmp_path, name):
    record = lowered(name, tmp_path)
    assert [check["mismatches"] for check in record["checks"]] == [0, 0, 0]
    assert not record["reference_rounds"] and not record.get("ties")


@pytest.mark.quick("!ste")
@pytest.mark.parametrize(
    "name", ["ste", *(pytest.param(name, marks=pytest.mark.full) for name in METHODS[1:])]
)
def test_the_rtl_gives_the_integers_at_the_pace_of_the_slowest_operator(tmp_path, name):
    lowered(name, tmp_path)
    proven = simulated(tmp_path, 4000, 6, 2)
    assert all(check["mismatches"] == 0 for check in proven["checks"])
    assert proven["interval"] == proven["interval_bound"]
