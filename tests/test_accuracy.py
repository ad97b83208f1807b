"""Rows of accuracy: counted over the images whose class is known, whatever shape the scores come in."""

import numpy as np
import pytest

from xnorforge.core import accuracy

LABELS = np.array([2, 0, -1, 1, 1])
SCORES = np.eye(3)[[2, 0, 0, 1, 0]]  # right, right, unknown, right, wrong


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 1, 1), (5, 1, 1, 3)])
def test_a_class_may_stand_in_a_map_of_one_cell(shape):
    assert accuracy.of_stage("here", SCORES.reshape(shape), LABELS, "five images") == [
        {"stage": "here", "set": "five images", "images": 4, "correct": 3, "top1": 75.0}
    ]


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 1, 4, 4), (5, 1), (5, 1, 1, 1)])
def test_maps_and_single_scores_name_no_class(shape):
    assert accuracy.of_stage("here", np.ones(shape), LABELS, "five images") == []


def test_maps_with_labels_of_their_cells_are_counted_by_cell():
    scores = np.moveaxis(np.eye(3)[[[[0, 1], [2, 2]], [[1, 1], [0, 2]]]], -1, 1)
    labels = np.array([[[0, 1], [1, -1]], [[1, 0], [0, 2]], [[0, 0], [0, 0]]])
    assert accuracy.of_stage("here", scores, labels, "two maps") == [
        {"stage": "here", "set": "two maps", "images": 2, "figures": {"cells right": round(5 / 7, 6)}}
    ]
    assert accuracy.of_stage("here", scores, np.full((2, 2, 2), -1), "two maps") == []


def test_labels_of_more_images_than_ran_are_left_out():
    (row,) = accuracy.of_stage("here", SCORES[:2], LABELS, "two images")
    assert (row["images"], row["correct"]) == (2, 2)


def test_images_without_labels_have_no_row():
    assert accuracy.of_stage("here", SCORES, np.full(5, -1), "five images") == []
