"""Requantise with slopes is a PReLU, rounded down and clipped: by hand, against torch, synthesised."""

import numpy as np
import pytest
import torch
from mapped import compare_sites, mapped

from xnorforge.hw.ops.requantise.op import SHIFTS, Requantise
from xnorforge.sim import cosim

STREAM = {"in_shape": (4, 16), "in_bits": 14, "in_signed": 1, "levels": 4095, "zero": 2048}


def sloped(name, offset, slope, direction=None, **given):
    """An operator without ties."""
    ties, direction = [0] * len(slope), [1] * len(slope) if direction is None else direction
    arrays = {"offset": offset, "ties": ties, "direction": direction, "slope": slope}
    return Requantise.make(name, arrays, **given)


def levels(values, **arrays):
    """Of numbers of 8 bits with sign, one channel, shift 1, levels 0 .. 15, 8 for zero."""
    x = np.array(values).reshape(-1, 1, 1)
    given = {"in_shape": [1, 1], "in_bits": 8, "in_signed": 1, "shift": 1, "levels": 15, "zero": 8}
    return sloped("r", **arrays, **given).run(x).ravel().tolist()


def test_levels_by_hand():
    assert levels([0, 1, 2, 13, 14, 100], offset=[0], slope=[4]) == [8, 8, 9, 14, 15, 15]
    assert levels([-1, -4, -5, -8, -9, -100], offset=[0], slope=[4]) == [7, 7, 6, 6, 5, 0]
    assert levels([-1, -100], offset=[0], slope=[0]) == [8, 8]
    assert levels([3, 5, 1], offset=[3], slope=[8]) == [8, 9, 7]
    assert levels([-3, -5, 1], offset=[3], slope=[8], direction=[-1]) == [8, 9, 6]


@pytest.mark.parametrize("slope", range(9))
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_every_number_is_torchs_prelu_rounded_down(slope, shift):
    x = torch.arange(-(2**9), 2**9)
    want = torch.nn.functional.prelu(x.double(), torch.tensor([slope / 8]).double()).div(2**shift).floor()
    given = {"in_shape": [1, 1], "in_bits": 10, "in_signed": 1, "shift": shift, "levels": 255, "zero": 128}
    found = sloped("r", [0], [slope], **given).run(x.numpy().reshape(-1, 1, 1))
    np.testing.assert_array_equal(found.ravel(), want.clamp(-128, 127).numpy() + 128)


def stream(name, slopes, most_offset=0, **given):
    """A lane or more of a 12-bit stream."""
    rng = np.random.default_rng(0)
    offset = rng.integers(-most_offset, most_offset + 1, 16)
    return sloped(name, offset, rng.choice(slopes, 16), **(STREAM | given))


@pytest.mark.full
def test_the_cells_compute_the_same_without_multipliers_at_about_the_predicted_cost(tmp_path):
    ops = [
        stream("shifts", (1, 2, 4, 8), pe=1, shift=0), stream("shifts of four", (1, 2, 4, 8), pe=4, shift=0),
        stream("sums", range(9), pe=1, shift=0), stream("sums of four", range(9), pe=4, shift=0),
        stream("behind a stem", (1, 2, 4, 8), 500, pe=4, shift=4, in_bits=18),
    ]  # fmt: skip
    found = mapped(ops, tmp_path)
    frames = [op.random_inputs(seed=at, frames=4) for at, op in enumerate(ops)]
    for op, given, run, counted in zip(
        ops, frames, cosim.run(found.device(), frames, stall=0.4, seed=2), found.counted, strict=True
    ):
        np.testing.assert_array_equal(run.outputs[0], op.run_all(*given)[0], op.name)
        assert not counted["dsp"]
        assert op.estimate()["lut"] == pytest.approx(counted["lut"], rel=0.15), op.name
        if op.slopes() == SHIFTS:  # of two sums Yosys makes a few chains more or fewer
            compare_sites(op, counted)
