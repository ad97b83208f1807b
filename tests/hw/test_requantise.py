"""Requantise is Threshold where thresholds are evenly spaced, with slopes a PReLU, rounded down and clipped:
levels by hand, other thresholds, against torch, synthesised.
"""

import numpy as np
import pytest
import torch
from mapped import compare_sites, mapped

from xnorforge.hw.ops.requantise.op import SHIFTS, Requantise, evenly
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim


def levels(values, **arrays):
    """Of numbers of 8 bits with sign, one channel, shift 2, levels 0 .. 3."""
    x = np.array(values).reshape(-1, 1, 1)
    op = Requantise.make("q", arrays, in_shape=[1, 1], in_bits=8, in_signed=1, shift=2, levels=3)
    return op.run(x).ravel().tolist()


def test_levels_by_hand():
    assert levels([-128, -1, 0, 3, 4, 7, 8, 12, 100], offset=[0]) == [0, 0, 0, 0, 1, 1, 2, 3, 3]
    assert levels([1, 2, 6, 10], offset=[-2]) == [0, 1, 2, 3]
    assert levels([4, 5, 8, 9, 12, 13], offset=[0], ties=[1]) == [0, 1, 2, 2, 2, 3]
    assert levels([4, 5, 8, 9, 12, 13], offset=[0], ties=[2]) == [1, 1, 1, 2, 3, 3]
    assert levels([-4, -5, -8, 0], offset=[0], ties=[0], direction=[-1]) == [1, 1, 2, 0]


def test_half_to_even_is_what_a_quantiser_of_brevitas_and_numpy_does():
    x = np.arange(-40, 200).reshape(-1, 1, 1)
    for shift in (1, 2, 4):
        given = {"in_shape": [1, 1], "in_bits": 9, "in_signed": 1, "shift": shift, "levels": 15}
        op = Requantise.make("q", {"offset": [-(2 ** (shift - 1))], "ties": [1]}, **given)
        np.testing.assert_array_equal(op.run(x), np.clip(np.round(x / 2**shift), 0, 15))


@pytest.mark.parametrize("seed", range(30))
def test_thresholds_at_even_distances_are_found_and_give_the_same_levels(seed):
    rng = np.random.default_rng(seed)
    shift, steps, channels = int(rng.integers(1, 5)), int(rng.choice([3, 4, 7, 15])), 5
    ties, offset = rng.integers(0, 3, channels), rng.integers(-60, 60, channels)
    k = np.arange(1, steps + 1)
    thresholds = offset[:, None] + (k << shift) + ((ties[:, None] > 0) & (k % 2 == ties[:, None] % 2))
    direction = rng.choice([-1, 1], channels)
    found_shift, found_offset, found_ties = evenly(thresholds)
    assert found_shift == shift
    given = {"in_shape": [1, channels], "in_bits": 9, "in_signed": 1}
    x = np.repeat(np.arange(-256, 256)[:, None, None], channels, 2)
    arrays = {"offset": found_offset, "ties": found_ties, "direction": direction}
    op = Requantise.make("q", arrays, shift=shift, levels=steps, **given)
    plain = Threshold.make("t", {"thresholds": thresholds, "direction": direction}, **given)
    np.testing.assert_array_equal(op.run(x), plain.run(x))


@pytest.mark.parametrize("thresholds", [
    [[0, 4, 9, 12]], [[0, 3, 6, 9]], [[0, 1, 2, 3]], [[0, 4, 8, 12], [0, 8, 16, 24]], [[5, 5, 5, 5]],
    [[0, 4, 8, 14]],
])  # fmt: skip
def test_other_thresholds_are_left_to_comparisons(thresholds):
    assert evenly(np.array(thresholds)) is None


STREAM = {"in_shape": (4, 16), "in_bits": 14, "in_signed": 1, "levels": 4095, "zero": 2048}


def sloped(name, offset, slope, direction=None, **given):
    """An operator without ties."""
    ties, direction = [0] * len(slope), [1] * len(slope) if direction is None else direction
    arrays = {"offset": offset, "ties": ties, "direction": direction, "slope": slope}
    return Requantise.make(name, arrays, **given)


def sloped_levels(values, **arrays):
    """Of numbers of 8 bits with sign, one channel, shift 1, levels 0 .. 15, 8 for zero."""
    x = np.array(values).reshape(-1, 1, 1)
    given = {"in_shape": [1, 1], "in_bits": 8, "in_signed": 1, "shift": 1, "levels": 15, "zero": 8}
    return sloped("r", **arrays, **given).run(x).ravel().tolist()


def test_levels_with_slopes_by_hand():
    assert sloped_levels([0, 1, 2, 13, 14, 100], offset=[0], slope=[4]) == [8, 8, 9, 14, 15, 15]
    assert sloped_levels([-1, -4, -5, -8, -9, -100], offset=[0], slope=[4]) == [7, 7, 6, 6, 5, 0]
    assert sloped_levels([-1, -100], offset=[0], slope=[0]) == [8, 8]
    assert sloped_levels([3, 5, 1], offset=[3], slope=[8]) == [8, 9, 7]
    assert sloped_levels([-3, -5, 1], offset=[3], slope=[8], direction=[-1]) == [8, 9, 6]


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
