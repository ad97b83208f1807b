"""Fork, Join and Concat as 7-series cells: the contract's numbers, DSP blocks included, model's cost."""

import numpy as np
import pytest
from mapped import compare_sites, mapped
from op_examples import examples_of

from xnorforge.hw.ops.concat.op import Concat
from xnorforge.hw.ops.fork.op import Fork
from xnorforge.hw.ops.join.op import Join
from xnorforge.sim import cosim


def shortcut(pe: int) -> Join:
    """A count times a gain per channel, plus a stream."""
    gains = np.random.default_rng(0).integers(500, 1000, 64)
    given = {"in_shape": [4, 4, 64], "in_bits": [9, 18], "in_signed": [0, 1], "out_bits": 19, "out_signed": 1}
    return Join.make(f"shortcut_{pe}", {"multipliers": [gains, np.ones(64)]}, pe=pe, **given)


OPS = [
    examples_of(Fork)[3],
    examples_of(Fork)[7],
    *(examples_of(Join)[index] for index in (0, 3, 8, 11, 16, 18, 20)),
    shortcut(1),
    shortcut(2),
    examples_of(Join)[21],  # 45 bits, and 70: products of several DSP blocks in a chain
    examples_of(Join)[23],
    examples_of(Concat)[4],
    examples_of(Concat)[7],
]
PLAIN = [index for index, op in enumerate(OPS) if op.name.startswith(("fork", "concat", "shortcut"))]


@pytest.fixture(scope="module")
def synthesis(tmp_path_factory):
    return mapped(OPS, tmp_path_factory.mktemp("synthesis"))


@pytest.mark.quick("0.4")
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_the_cells_give_the_contracts_integers(synthesis, stall):
    frames = [op.random_inputs(seed=index, frames=4) for index, op in enumerate(OPS)]
    runs = cosim.run(synthesis.device(), frames, stall=stall, seed=2)
    for op, inputs, run in zip(OPS, frames, runs, strict=True):
        for got, want in zip(run.outputs, op.run_all(*inputs), strict=True):
            np.testing.assert_array_equal(got, want, op.name)


@pytest.mark.parametrize("index", range(len(OPS)), ids=[op.name for op in OPS])
def test_the_multipliers_are_those_of_the_cost_model(synthesis, index):
    assert synthesis.counted[index]["dsp"] == OPS[index].estimate().get("dsp", 0)


@pytest.mark.parametrize("index", PLAIN, ids=[OPS[index].name for index in PLAIN])
def test_the_luts_are_near_those_of_the_cost_model(synthesis, index):
    assert synthesis.counted[index]["lut"] == pytest.approx(OPS[index].estimate()["lut"], rel=0.1, abs=8)


@pytest.mark.parametrize("index", range(len(OPS)), ids=[op.name for op in OPS])
def test_flip_flops_and_carry_cells_are_near_those_of_the_cost_model(synthesis, index):
    compare_sites(OPS[index], synthesis.counted[index])
