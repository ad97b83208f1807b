"""Requantise is Threshold where thresholds are evenly spaced; levels by hand, other thresholds."""

import numpy as np
import pytest

from xnorforge.hw.ops.requantise.op import Requantise, evenly
from xnorforge.hw.ops.threshold.op import Threshold


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
