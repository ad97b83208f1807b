"""Windows that leave whole, one per beat: cycles and pixels counted by hand, and what is refused."""

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.window.op import Window
from xnorforge.hw.ops.window.whole import waiting


def whole(ifm, kernel, **more):
    return Window.make("w", ifm=ifm, kernel=kernel, simd=kernel[0] * kernel[1] * ifm[2], **more)


def test_without_a_border_a_frame_takes_a_cycle_per_pixel():
    op = whole((5, 6, 4), (3, 3))
    assert op.cycles() == 30
    assert (op.in_stream().lanes, op.out_stream().lanes) == (4, 36)
    # The first window ends with the third pixel of the third row; a row of windows is 4 of 6 pixels.
    first = [15, 16, 17, 18]
    assert op.needs().tolist() == [*first, *(n + 6 for n in first), *(n + 12 for n in first)]


def test_a_border_to_the_right_and_below_takes_a_cycle_per_row_and_column_of_it():
    op = whole((4, 5, 1), (3, 3), pads=(1, 1, 1, 1))
    assert op.cycles() == (4 + 1) * (5 + 1)
    # Window (0, 0) ends with pixel (1, 1); that at the end of a row when the row is there.
    assert op.needs()[:5].tolist() == [7, 8, 9, 10, 10]
    assert op.needs()[-6:].tolist() == [20] * 6
    left = whole((4, 5, 1), (3, 3), pads=(2, 2, 0, 0))
    assert left.cycles() == 4 * 5
    assert left.needs().tolist() == list(range(1, 21))


def test_of_a_stride_the_pixels_between_windows_are_taken_too():
    op = whole((7, 8, 2), (3, 3), stride=(2, 2))
    assert op.cycles() == 56
    assert op.needs().tolist() == [8 * y + x + 1 for y in (2, 4, 6) for x in (2, 4, 6)]


@pytest.mark.parametrize("bits", [1, 8])
def test_a_whole_window_is_the_pixels_one_after_the_other(bits):
    one = whole((6, 7, 3), (3, 2), stride=(1, 2), pads=(1, 0, 1, 1), bits=bits)
    other = Window.make("w", **{key: one.get_nodeattr(key) for key in one.get_nodeattr_types()} | {"simd": 1})
    x = one.random_input(4)
    np.testing.assert_array_equal(one.run(x), other.run(x))


def test_the_pixels_that_wait_are_those_of_the_rows_without_windows():
    """Even neighbours of 3x3 windows: no window leaves while two rows of the next frame come."""
    assert 2 * 30 <= waiting(whole((30, 30, 64), (3, 3)).steps()) <= 2 * 30 + 4
    assert 2 * 12 <= waiting(whole((12, 12, 8), (3, 3)).steps()) <= 2 * 12 + 4
    # Every pixel its window: nothing has to wait but while the border is stepped through.
    assert waiting(whole((12, 12, 8), (3, 3), pads=(2, 2, 0, 0)).steps()) <= 4


@pytest.mark.parametrize("more", [
    {"rates": [1, 2], "pads": (2,) * 4, "simd": 36}, {"pads": (2, 0, 1, 0)}, {"pads": (0, 1, 0, 2)},
], ids=["several rates", "more border than reach, rows", "columns"])  # fmt: skip
def test_what_is_not_built_whole_is_answered_with_the_divisors(more):
    op = Window.make("w", **{"ifm": (6, 6, 2), "kernel": (3, 3), "simd": 18} | more)
    simd = op.get_nodeattr("simd")
    said = rf"^w: simd={simd} does not divide channels=2; use one of \[1, 2\]\.$"
    with pytest.raises(UserError, match=said):
        op.in_stream(), op.axes()
