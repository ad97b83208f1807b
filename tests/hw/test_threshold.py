"""Thresholds in hardware, side by side and in turn, against counting for every input."""

import numpy as np
import pytest

from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim, device

BITS, LANES = 7, 3


def every_input(seed: int, folds: int, steps: int, signed: bool):
    """A Threshold of random constants, some of which no number reaches or every one, and all numbers."""
    rng = np.random.default_rng(seed)
    low, channels = -(1 << BITS - 1) * signed, folds * LANES
    arrays = {
        "thresholds": np.sort(rng.integers(low - 3, low + (1 << BITS) + 3, (channels, steps))),
        "direction": rng.choice([-1, 1], channels),
    }
    numbers = low + np.stack([rng.permutation(1 << BITS) for _ in range(channels)], axis=1)
    shape = {"in_shape": list(numbers.shape), "pe": LANES, "in_bits": BITS, "in_signed": int(signed)}
    return Threshold.make(f"of {folds} beats, {steps} steps", arrays, **shape), numbers


CASES = [
    every_input(seed, folds, steps, bool(seed % 2))
    for seed, (folds, steps) in enumerate(
        (folds, steps) for folds in range(1, 6) for steps in (1, 2, 3, 6, 7)
    )
]


@pytest.fixture(scope="module", params=[("XF_XC7",), ()], ids=["7-series", "portable"])
def runs(request):
    """Every case on the hardware, with pauses."""
    bench = device.bench([op for op, _ in CASES], request.param, level="-O0")
    return cosim.run(bench, [x[None] for _, x in CASES], stall=0.2, seed=5)


@pytest.mark.parametrize("index", range(len(CASES)), ids=[op.name for op, _ in CASES])
def test_a_level_is_the_number_of_thresholds_reached(runs, index):
    op, numbers = CASES[index]
    thresholds, direction = op.tables()
    reached = (direction * numbers)[..., None] >= thresholds
    np.testing.assert_array_equal(runs[index].output[0], reached.sum(-1))
