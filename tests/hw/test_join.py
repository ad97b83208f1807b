"""Sums whose multipliers are in block RAM: contract, RTL, cells, cost."""

import numpy as np
import pytest
from mapped import mapped

from xnorforge.hw.ops.join.op import Join
from xnorforge.sim import cosim, device


def joined(channels: int, pe: int, bits: tuple[int, int], most: int, tables: str = "block") -> Join:
    table = np.random.default_rng(channels).integers(-most, most + 1, (2, channels))
    kinds = {"in_bits": bits, "in_signed": (1, 0), "out_bits": 30, "out_signed": 1, "tables": tables}
    name, shape = f"join_{channels}", (2, channels)
    return Join.make(name, {"multipliers": table}, in_shape=shape, pe=pe, **kinds)


OPS = [joined(512, 1, (9, 12), 1000), joined(1024, 2, (10, 10), 3000), joined(768, 1, (16, 8), 100),
       joined(200, 2, (6, 9), 30_000)]  # fmt: skip


def test_a_table_is_in_block_ram_where_that_saves_as_much_as_asked():
    assert all(op.in_block() for op in OPS)
    assert not joined(64, 2, (9, 9), 1000).in_block()  # 32 words
    assert not joined(256, 1, (9, 9), 30, "auto").in_block()  # 4 x 12 LUTs are no half block RAM's 175
    assert joined(1024, 1, (9, 9), 30_000, "auto").in_block()  # 16 x 32 are more than a whole one's 350


@pytest.mark.parametrize("pace", [0.0, 0.4])
def test_the_rtl_adds_as_the_contract_does(pace):
    inputs = [op.random_inputs(seed=2, frames=4) for op in OPS]
    for op, given, run in zip(OPS, inputs, cosim.attempt(device.bench([*OPS]), inputs, stall=pace, seed=1)):
        np.testing.assert_array_equal(run.output, op.run(*given))


def test_the_cells_are_as_many_as_estimated_and_add_as_the_contract_does(tmp_path):
    found = mapped(OPS, tmp_path)
    for op, counted in zip(OPS, found.counted, strict=True):
        estimate = op.estimate()
        assert estimate["bram36"] == counted["bram36"] > 0
        assert estimate["lut"] == pytest.approx(counted["lut"], rel=0.15, abs=8)
    inputs = [op.random_inputs(seed=3, frames=3) for op in OPS]
    for op, given, run in zip(OPS, inputs, cosim.attempt(found.device(), inputs, seed=2), strict=True):
        np.testing.assert_array_equal(run.output, op.run(*given))
