"""What cannot be built is refused in one sentence that says what would work."""

import re

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.arg_max.op import ArgMax
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.or_pool.op import OrPool
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.top_k.op import TopK
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.ops.window.op import Window


def refused(op, text):
    with pytest.raises(UserError, match=f"^{re.escape(text)}$"):
        op.rtl(), op.out_stream(), op.cycles(), op.memories()


@pytest.mark.parametrize(
    "changed, text",
    [
        ({"simd": 5}, "conv: simd=5 does not divide channels=6; use one of [1, 2, 3, 6]."),
        (
            {"kernel": (9, 3)},
            "conv: a kernel over 9 rows does not fit into 8 with pads 0 and 0; use a smaller kernel or "
            "dilation.",
        ),
        (
            {"dilation": (1, 4)},
            "conv: a kernel over 9 columns does not fit into 8 with pads 0 and 0; use a smaller kernel or "
            "dilation.",
        ),
        (
            {"pads": (0, 3, 0, 0)},
            "conv: pads 3 and 0 of the columns leave windows with nothing but padding; use 0 .. 2.",
        ),
        (
            {"pads": (1, 1, 1, 1), "pad_value": -1},
            "conv: pad_value=-1 is no element of the stream; use 0 .. 1.",
        ),
        (
            {"bits": 4, "signed": 1, "pad_value": 8},
            "conv: pad_value=8 is no element of the stream; use -8 .. 7.",
        ),
        (
            {"rates": (4, 1, 2), "pads": (4, 4, 4, 4)},
            (
                "conv: rates=[4, 1, 2] with dilation=[1, 1] are no rates; use two or more of 1 .. 255, "
                "ascending, or dilation alone."
            ),
        ),
        (
            {"rates": (1, 2), "kernel": (2, 2), "pads": (1, 1, 1, 1)},
            (
                "conv: kernels of rates=[1, 2] have no middle in common; use an odd kernel, or rates that "
                "are all odd or all even."
            ),
        ),
        ({"stride": (0, 1)}, "conv: size, kernel, stride and dilation of the rows must be 1 or more."),
    ],
    ids=str,
)
def test_a_window_that_cannot_be(changed, text):
    refused(Window.make("conv", **{"ifm": (8, 8, 6), "kernel": (3, 3), **changed}), text)


@pytest.mark.parametrize(
    "changed, text",
    [
        (
            {"stride": [1, 1]},
            "pool: stride=[1, 1] is not kernel=[2, 2], and windows of pixels may not overlap; use [2, 2], or "
            "windows=1 behind a Window.",
        ),
        ({"pe": 4}, "pool: pe=4 does not divide channels=6; use one of [1, 2, 3, 6]."),
        ({"ifm": [1, 8, 6]}, "pool: kernel=[2, 2] does not fit into 1 x 8 pixels; use a smaller one."),
    ],
    ids=str,
)
def test_a_pool_that_cannot_be(changed, text):
    refused(OrPool.make("pool", **{"ifm": [8, 8, 6], "kernel": [2, 2], "stride": [2, 2], **changed}), text)


@pytest.mark.parametrize(
    "arrays, pe, text",
    [
        ({"thresholds": [[1, 3], [2, 1]]}, 1, "act: the thresholds of channel 1 do not ascend; sort them."),
        (
            {"thresholds": [[1], [2], [3]]},
            1,
            "act: thresholds (3, 1) and direction (2,) do not belong to 2 channels; use (2, steps) and (2,).",
        ),
        (
            {"thresholds": [[1], [2]], "direction": [1, 0]},
            1,
            "act: the direction of channel 1 is not 1 or -1.",
        ),
        (
            {"thresholds": [range(256)] * 2},
            1,
            "act: 256 thresholds per channel are not possible; use 1 .. 255.",
        ),
        ({"thresholds": [[1], [2]]}, 3, "act: pe=3 does not divide channels=2; use one of [1, 2]."),
    ],
)
def test_thresholds_that_cannot_be(arrays, pe, text):
    arrays = {name: np.array(value) for name, value in arrays.items()}
    refused(Threshold.make("act", arrays, in_shape=(4, 2), in_bits=8, pe=pe), text)


@pytest.mark.parametrize(
    "pe, pixels, text",
    [
        (2, 3, "act: pixels=3 does not divide pixels of a frame=20; use one of [1, 2, 4, 5, 10, 20]."),
        (1, 2, "act: pixels=2 needs pe=2, all channels; got pe=1."),
    ],
)
def test_pixels_of_a_beat_that_cannot_be(pe, pixels, text):
    arrays = {"thresholds": np.array([[1], [2]])}
    refused(Threshold.make("act", arrays, in_shape=(4, 5, 2), in_bits=8, pe=pe, pixels=pixels), text)


@pytest.mark.parametrize("k", [0, 11])
def test_more_or_fewer_indices_than_scores(k):
    refused(
        TopK.make("best", n=10, k=k, in_bits=4), f"best: k={k} of n=10 scores cannot be chosen; use 1 .. 10."
    )


def test_offsets_and_shifts_of_labels_that_cannot_be():
    sizes = {"in_shape": (4, 4, 3), "in_bits": 8}
    text = "label: offset (2,) does not belong to 3 channels; use (3,)."
    refused(ArgMax.make("label", {"offset": np.array([1, 2])}, **sizes), text)
    refused(ArgMax.make("label", shift=17, **sizes), "label: shift=17 is none; use 0 .. 16.")


def test_a_fifo_without_depth_or_of_unknown_memory():
    refused(Fifo.make("q", shape=(4,), depth=0), "q: depth=0 holds no beat; use 1 or more.")
    refused(
        Fifo.make("q", shape=(4,), kind="ultra"), "q: kind='ultra' is no memory; use one of auto, lut, block."
    )


def test_widths_of_no_whole_ratio():
    refused(
        Width.make("w", shape=(12,), in_lanes=4, out_lanes=6),
        "w: of in_lanes=4 and out_lanes=6 neither divides the other; put a second width converter between.",
    )
    refused(
        Width.make("w", shape=(12,), in_lanes=1, out_lanes=8),
        "w: 8 lanes do not divide the 12 elements of a frame; use fewer.",
    )
