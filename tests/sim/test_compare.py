"""A difference is reported by image, position, channel and both values."""

import numpy as np
import pytest

from xnorforge.core.errors import MismatchError
from xnorforge.sim import compare


def test_the_first_difference_is_reported_by_place_and_values():
    expected = np.arange(3 * 2 * 2 * 4).reshape(3, 2, 2, 4)
    got = expected.copy()
    got[1, 0, 1, 2] = -7
    got[2] = 0
    with pytest.raises(MismatchError, match=r"^conv1 \(XnorMvu\): RTL ") as error:
        compare.equal("conv1 (XnorMvu)", "RTL", got, expected)
    values = ("2 of 3 images", "image 1", "position (0, 1)", "channel 2", "got -7", "expected 22")
    assert all(value in str(error.value) for value in values)


def test_vectors_have_no_position():
    text = compare.describe("fc", "RTL", [[1, 2], [3, 5]], [[1, 2], [3, 4]])
    values = ("fc: RTL ", "1 of 2 images", "image 1", "channel 1", "got 5", "expected 4")
    assert all(value in text for value in values) and "position" not in text


def test_other_shapes_are_a_difference():
    with pytest.raises(MismatchError, match=r"^fc: RTL .*\(2, 3\).*\(2, 4\)"):
        compare.equal("fc", "RTL", np.zeros((2, 3)), np.zeros((2, 4)))


@pytest.mark.parametrize("shapes", [((1, 4), (100, 4)), ((100, 4), (1, 4)), ((100, 1), (100, 4))])
def test_one_frame_is_not_a_hundred_equal_ones(shapes):
    """numpy compares such shapes by repeating the smaller one."""
    got, expected = map(np.zeros, shapes)
    assert compare.compare_arrays("a", got, expected, "w")["mismatches"] == 100
    assert compare.first_difference(got, expected) == (0,)


def test_equal_arrays_pass_and_are_counted():
    values = np.arange(12).reshape(4, 3)
    compare.equal("fc", "RTL", values, values)
    assert compare.compare_arrays("a", values, values, "w") == {
        "name": "a", "images": 4, "mismatches": 0, "integers": 12, "what": "w",
    }  # fmt: skip
    assert compare.frames_unequal(values, values + (values == 4)) == 1
