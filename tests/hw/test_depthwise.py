"""Depthwise unit: what it sums, stated by the convolution it stands for, by hand, and by its refusals."""

import numpy as np
import pytest

from xnorforge.flows.lower import integers
from xnorforge.hw.ops.depthwise.op import Depthwise
from xnorforge.hw.ops.window.op import Window
from xnorforge.sim import cosim, device

from .test_mvu import always_and_never


def unit(weights, thresholds=None, **attributes):
    """A unit on one window, all taps in a column."""
    weights = np.array(weights)
    arrays = {"weights": weights} | ({} if thresholds is None else {"thresholds": np.array(thresholds)})
    taps, channels = weights.shape
    return Depthwise.make("unit", arrays, ofm=(1, 1, channels), kernel=(taps, 1), **attributes)


@pytest.mark.parametrize("bits, signed", [(1, 0), (3, 0), (8, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
def test_behind_a_window_it_is_a_convolution_of_one_group_per_channel(bits, signed, stride):
    rng = np.random.default_rng(bits)
    weights = rng.choice([-1, 1], (3, 2, 1, 5))  # kh, kw, 1, C as in the lowered graph
    window = Window.make(ifm=(6, 5, 5), kernel=(3, 2), stride=stride, bits=bits, signed=signed)
    x = window.random_input(1)
    op = Depthwise.make(
        arrays={"weights": (weights.reshape(6, 5) + 1) // 2},
        ofm=(*window.out_stream().shape[:2], 5), kernel=(3, 2), in_bits=bits, in_signed=signed,
    )  # fmt: skip
    at = {
        "weights": weights, "groups": 5, "stride": stride, "dilation": (1, 1), "xnor": 0, "top": 6 * 2**bits,
    }  # fmt: skip
    np.testing.assert_array_equal(op.run(window.run(x)), integers.conv(x, at))


def test_a_bit_adds_its_sign_or_counts_where_it_equals_its_weight():
    weights, x = [[1, 0], [0, 0], [1, 1]], [[[[1, 1, 0, 1, 1, 0]]]]  # channel 0: 1, 0, 1; channel 1: 1, 1, 0
    np.testing.assert_array_equal(unit(weights).run(x).ravel(), [1 - 0 + 1, -1 - 1 + 0])
    np.testing.assert_array_equal(unit(weights, xnor=1).run(x).ravel(), [3, 0])
    np.testing.assert_array_equal(unit(weights, [2, -1]).run(x).ravel(), [1, 0])


def test_every_window_of_four_bits_under_every_kernel():
    kernels = (np.arange(16)[None, :] >> np.arange(4)[:, None]) & 1
    kinds = [(xnor, pe, limit) for xnor in (0, 1) for pe in (1, 16) for limit in (None, [1] * 16)]
    ops = [unit(kernels, limits, xnor=xnor, pe=pe) for xnor, pe, limits in kinds]
    x = np.broadcast_to(kernels.T[:, None, None, :, None], (16, 1, 1, 4, 16)).reshape(16, 1, 1, 64)
    equal = (kernels.T[:, :, None] == kernels[None]).sum(1)
    sums = kernels.T @ (2 * kernels - 1)
    runs = cosim.run(device.bench(ops), [x] * len(ops), seed=1)
    for (xnor, _, limits), run in zip(kinds, runs, strict=True):
        wanted = equal if xnor else sums
        wanted = wanted >= 1 if limits else wanted
        np.testing.assert_array_equal(run.output.reshape(16, 16), wanted)


def test_thresholds_out_of_reach_are_always_and_never():
    for more in ({}, {"xnor": 1}, {"in_bits": 8, "in_signed": 1}):
        op = unit(np.ones((1, 4), int), [0] * 4, pe=2, **more)
        always_and_never(op, op.random_input(4, 1))
