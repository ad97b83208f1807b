"""Windows that leave whole, one per beat, from beats of one pixel or several: steps, beats, cycles counted by
hand; what is refused.
"""

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.flows.bind import Bound
from xnorforge.flows.fold.options import candidates
from xnorforge.hw.ops.window.op import Window
from xnorforge.hw.ops.window.whole import waiting

from ..refusals import stops


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


def several(ifm, kernel, stride, pixels, **more):
    sizes = {"ifm": ifm, "kernel": kernel, "stride": stride, "simd": kernel[0] * kernel[1] * ifm[2]}
    return Window.make("w", **sizes | more, pixels=pixels)


def test_a_row_of_windows_takes_a_step_per_stride_and_any_other_a_step_per_beat():
    one = several((128, 160, 3), (3, 3), (2, 2), 4, pads=(1, 1, 1, 1), bits=8)
    assert one.cycles() == 64 * (160 // 2) + 64 * (160 // 4)
    assert (one.in_stream().width, one.out_stream().lanes) == (4 * 24, 27)
    # Window (0, 0) ends with pixel (1, 1), of the first beat of the second row of 40; (0, 1) with (1, 3).
    assert one.needs()[:4].tolist() == [41, 41, 42, 42]
    assert one.needs()[-1] == 128 * 40
    two = several((128, 128, 3), (3, 3), (2, 2), 2, bits=8)
    assert two.cycles() == 128 * 64 and two.needs()[0] == 2 * 64 + 2


def test_of_a_stride_longer_than_a_beat_every_beat_is_a_step():
    op = several((9, 12, 2), (3, 3), (4, 4), 2)
    assert op.cycles() == 9 * 6
    assert op.needs().tolist() == [6 * y + x for y in (2, 6) for x in (2, 4, 6)]


def test_a_border_to_the_right_and_below_takes_steps_of_rows_with_windows():
    op = several((7, 8, 2), (5, 5), (2, 2), 4, pads=(2, 2, 2, 2))
    # Windows end in rows 2, 4, 6 and 8, and in columns 2, 4, 6 and 8: a group of two beyond the image.
    assert op.cycles() == 4 * (4 + 1) + 5 * 2
    assert op.needs().tolist() == [2 * y + x for y in (2, 4, 6) for x in (1, 2, 2, 2)] + [14] * 4


@pytest.mark.parametrize("pixels", [2, 4, 8])
def test_the_windows_are_those_of_one_pixel_per_beat(pixels):
    sizes = (7, 16, 3), (3, 3), (2, 2)
    one, many = (several(*sizes, n, pads=(1, 0, 1, 1), bits=8, pad_value=9) for n in (1, pixels))
    x = one.random_input(pixels)
    np.testing.assert_array_equal(many.run(x), one.run(x))
    assert one.in_stream().beats == pixels * many.in_stream().beats


@pytest.mark.parametrize("pixels, stride, more", [
    (8, (2, 2), {}), (4, (2, 1), {}), (4, (2, 3), {}), (4, (2, 2), {"simd": 3}),
], ids=["no divisor of the row", "windows at each column", "neither divides", "not whole"])  # fmt: skip
def test_beats_that_are_not_built_are_refused(pixels, stride, more):
    op = several((8, 12, 3), (3, 3), stride, pixels, **more)
    stops(rf"^w: pixels={pixels}\b.*whole windows.*stride", op.axes)


def test_a_folding_looks_at_up_to_four_strides_per_beat_where_several_are_asked_for():
    attributes = {"ifm": [8, 48, 3], "kernel": [3, 3], "stride": [2, 2], "pads": [1, 1, 1, 1], "bits": 8}
    bound = Bound("Window", "w", attributes, inputs=["x"], outputs=["y"])
    found = [(op.get_nodeattr("simd"), op.get_nodeattr("pixels")) for op in candidates(bound, {}, True)]
    assert found == [(1, 1), (3, 1), (27, 1), (27, 2), (27, 4), (27, 6), (27, 8)]
    assert all(op.get_nodeattr("pixels") == 1 for op in candidates(bound, {}))
    stops(r"w: .* simd=27\.$", candidates, bound, {"simd": 3, "pixels": 4})
