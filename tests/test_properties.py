"""Laws that hold for whatever comes in; hypothesis draws the cases, the same in every run."""

from fractions import Fraction
from math import gcd, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorforge.core.errors import UserError
from xnorforge.hw.lowering.values import common_grid, fits_float32
from xnorforge.hw.ops.base import Stream
from xnorforge.pipeline.request import assignment
from xnorforge.sw.decode.letterbox import letterbox
from xnorforge.sw.metrics.boxes import iou

always = settings(derandomize=True, deadline=None, max_examples=60)


@st.composite
def frames(draw):
    """A stream and integers that fit it."""
    lanes, more = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    bits, signed = draw(st.integers(1, 33)), draw(st.booleans())
    shape = (*draw(st.lists(st.integers(1, 3), max_size=2)), lanes * more)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    count = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed).integers(low, high, (count, *shape), endpoint=True)
    return Stream(shape, lanes, bits, signed), values


@always
@given(frames())
def test_beats_hold_element_0_lowest_and_come_back_as_they_were(case):
    stream, values = case
    beats = stream.pack(values)
    np.testing.assert_array_equal(stream.unpack(beats), values)
    assert beats.shape == (len(values) * stream.beats, -(-stream.lanes * stream.bits // 32))
    for beat, elements in zip(beats.tolist(), values.reshape(-1, stream.lanes).tolist(), strict=True):
        number = sum(word << 32 * place for place, word in enumerate(beat))
        assert number == sum(x % 2**stream.bits << stream.bits * lane for lane, x in enumerate(elements))


rationals = st.fractions(-1000, 1000, max_denominator=4096)


@always
@given(st.lists(rationals, min_size=1, max_size=6))
def test_the_common_grid_is_the_coarsest_that_holds_all_numbers(numbers):
    grid = common_grid(numbers)
    if not any(numbers):
        assert grid == 0
        return
    steps = [number / grid for number in numbers]
    assert all(step.denominator == 1 for step in steps)
    assert gcd(*(int(step) for step in steps)) == 1


@always
@given(
    a=st.builds(Fraction, st.integers(-300, 300), st.sampled_from([1, 2, 8, 1024, 3])),
    b=st.builds(lambda n, d: Fraction(n << 15 | 1, d), st.integers(-1000, 1000), st.sampled_from([1, 64, 5])),
    ends=st.tuples(st.integers(-300, 300), st.integers(-300, 300)),
    common=st.sampled_from([1, 3, 5, 7]),
)
def test_where_float32_is_said_to_hold_scores_it_holds_them(a, b, ends, common):
    (lo, hi), a, b = sorted(ends), a * common, b * common
    if fits_float32([a], [b], [float(abs(a) * max(abs(lo), abs(hi)) + abs(b))]):
        for n in range(lo, hi + 1):
            product = np.float32(float(a)) * np.float32(n)
            assert Fraction(float(product + np.float32(float(b)))) == a * n + b


corners = arrays.arrays(np.int64, st.tuples(st.integers(1, 4), st.just(4)), elements=st.integers(0, 12))


@always
@given(corners, corners)
def test_the_overlap_of_boxes_is_that_of_their_pixels(a, b):
    def pixels(box):
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    found = iou(a.astype(float), b.astype(float))
    for one, row in zip(a.tolist(), found, strict=True):
        for other, value in zip(b.tolist(), row, strict=True):
            both, any_ = pixels(one) & pixels(other), pixels(one) | pixels(other)
            assert value == pytest.approx(len(both) / len(any_) if any_ else 0)
    np.testing.assert_allclose(found, iou(b.astype(float), a.astype(float)).T)


@always
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    target=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    places=arrays.arrays(np.float64, (3, 4), elements=st.floats(0, 1, allow_subnormal=False)),
)
def test_boxes_come_back_from_the_letterbox_where_they_were(size, target, places):
    wide, tall = size
    framed, fit = letterbox(np.full((tall, wide, 3), 200, np.uint8), *target)
    assert framed.shape == (target[1], target[0], 3)
    boxes = places * np.tile(size, 2)
    inside = fit.into(boxes)
    assert (inside >= 0).all() and (inside <= np.tile(target, 2) + 1e-9).all()
    np.testing.assert_allclose(fit.back(inside), boxes, atol=1e-9 * prod(size))


@always
@given(st.text("ab=.1 é", max_size=8))
def test_a_setting_is_split_at_its_first_equals_sign_or_refused(text):
    try:
        name, value = assignment(text)
    except UserError as error:
        assert text in str(error) and ("=" not in text or text.startswith("=") or text.endswith("="))
    else:
        assert f"{name}={value}" == text and name and value and "=" not in name
