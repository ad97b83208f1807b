"""What cannot be built is refused in one sentence that says what would work."""

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


def refused(op, *values):
    """The message begins with the operator's name and holds what was given and what would work."""
    with pytest.raises(UserError, match=f"^{op.name}: ") as error:
        op.rtl(), op.out_stream(), op.cycles(), op.memories()
    assert all(value in str(error.value) for value in values)


@pytest.mark.parametrize(
    "changed, values",
    [
        ({"simd": 5}, ("simd=5", "channels=6", "[1, 2, 3, 6]")),
        ({"kernel": (9, 3)}, ("9 rows", "8", "pads 0 and 0", "smaller")),
        ({"dilation": (1, 4)}, ("9 columns", "8", "pads 0 and 0", "smaller")),
        ({"pads": (0, 3, 0, 0)}, ("pads 3 and 0", "columns", "0 .. 2")),
        ({"pads": (1, 1, 1, 1), "pad_value": -1}, ("pad_value=-1", "0 .. 1")),
        ({"bits": 4, "signed": 1, "pad_value": 8}, ("pad_value=8", "-8 .. 7")),
        (
            {"rates": (4, 1, 2), "pads": (4, 4, 4, 4)},
            ("rates=[4, 1, 2]", "dilation=[1, 1]", "ascending", "1 .. 255"),
        ),
        (
            {"rates": (1, 2), "kernel": (2, 2), "pads": (1, 1, 1, 1)},
            ("rates=[1, 2]", "odd kernel", "all odd or all even"),
        ),
        ({"stride": (0, 1)}, ("stride", "rows", "1 or more")),
    ],
    ids=str,
)
def test_a_window_that_cannot_be(changed, values):
    refused(Window.make("conv", **{"ifm": (8, 8, 6), "kernel": (3, 3), **changed}), *values)


@pytest.mark.parametrize(
    "changed, values",
    [
        ({"stride": [1, 1]}, ("stride=[1, 1]", "kernel=[2, 2]", "windows=1")),
        ({"pe": 4}, ("pe=4", "channels=6", "[1, 2, 3, 6]")),
        ({"ifm": [1, 8, 6]}, ("kernel=[2, 2]", "1 x 8", "smaller")),
    ],
    ids=str,
)
def test_a_pool_that_cannot_be(changed, values):
    op = OrPool.make("pool", **{"ifm": [8, 8, 6], "kernel": [2, 2], "stride": [2, 2], **changed})
    refused(op, *values)


@pytest.mark.parametrize(
    "arrays, pe, values",
    [
        ({"thresholds": [[1, 3], [2, 1]]}, 1, ("channel 1", "ascend", "sort")),
        ({"thresholds": [[1], [2], [3]]}, 1, ("(3, 1)", "(2,)", "(2, steps)")),
        ({"thresholds": [[1], [2]], "direction": [1, 0]}, 1, ("direction", "channel 1", "1 or -1")),
        ({"thresholds": [range(256)] * 2}, 1, ("256", "1 .. 255")),
        ({"thresholds": [[1], [2]]}, 3, ("pe=3", "channels=2", "[1, 2]")),
    ],
)
def test_thresholds_that_cannot_be(arrays, pe, values):
    arrays = {name: np.array(value) for name, value in arrays.items()}
    refused(Threshold.make("act", arrays, in_shape=(4, 2), in_bits=8, pe=pe), *values)


@pytest.mark.parametrize(
    "pe, pixels, values",
    [(2, 3, ("pixels=3", "20", "[1, 2, 4, 5, 10, 20]")), (1, 2, ("pixels=2", "pe=2", "pe=1"))],
)
def test_pixels_of_a_beat_that_cannot_be(pe, pixels, values):
    arrays = {"thresholds": np.array([[1], [2]])}
    refused(Threshold.make("act", arrays, in_shape=(4, 5, 2), in_bits=8, pe=pe, pixels=pixels), *values)


@pytest.mark.parametrize("k", [0, 11])
def test_more_or_fewer_indices_than_scores(k):
    refused(TopK.make("best", n=10, k=k, in_bits=4), f"k={k}", "n=10", "1 .. 10")


def test_offsets_and_shifts_of_labels_that_cannot_be():
    sizes = {"in_shape": (4, 4, 3), "in_bits": 8}
    refused(ArgMax.make("label", {"offset": np.array([1, 2])}, **sizes), "offset", "(2,)", "(3,)")
    refused(ArgMax.make("label", shift=17, **sizes), "shift=17", "0 .. 16")


def test_a_fifo_without_depth_or_of_unknown_memory():
    refused(Fifo.make("q", shape=(4,), depth=0), "depth=0", "1 .. ")
    refused(Fifo.make("q", shape=(4,), kind="ultra"), "kind='ultra'", "auto, lut, block")


def test_widths_of_no_whole_ratio():
    refused(Width.make("w", shape=(12,), in_lanes=4, out_lanes=6), "in_lanes=4", "out_lanes=6", "two")
    refused(Width.make("w", shape=(12,), in_lanes=1, out_lanes=8), "8 lanes", "12 elements", "divisor")
