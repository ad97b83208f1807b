"""Trackers, maps and detectors that see no picture: sets, splits and figures together, on the real data where
it is.

The expected figures were measured beforehand by another implementation of reader and measure.
"""

import numpy as np
import pytest

from xnorforge.sw.datasets import camvid, penn_fudan, tracking
from xnorforge.sw.metrics import boxes, detection, pedestrian, segmentation
from xnorforge.sw.metrics import tracking as measure

from .data_sets import real


def test_a_box_that_never_moves():
    clips = real(tracking.clips, "test").items
    overlaps = [measure.overlap(np.repeat(clip.boxes[:1], len(clip.boxes), 0), clip.boxes) for clip in clips]
    assert measure.success(overlaps) == pytest.approx(0.107, abs=5e-4)


def test_thirty_boxes_from_the_training_pictures():
    """Greedily, those that meet most of the training boxes not yet met, at an overlap of a half."""
    train, test = (real(penn_fudan.scenes, split).items for split in ("train", "test"))
    relative = np.concatenate([one.boxes / np.tile(one.size, 2) for one in train])
    meets, left, chosen, scores = boxes.iou(relative, relative) >= 0.5, np.ones(len(relative), bool), [], []
    for _ in range(30):
        best = np.argmax((meets & left).sum(1))
        chosen.append(relative[best])
        scores.append((meets[best] & left).sum())
        left &= ~meets[best]
    found = [boxes.Found(chosen * np.tile(one.size, 2), np.array(scores), np.zeros(30, int)) for one in test]
    outcomes = [boxes.match(one, scene.truth) for one, scene in zip(found, test)]
    assert detection.ap_area(outcomes) == pytest.approx(0.243, abs=5e-4)
    assert pedestrian.lamr(outcomes) == pytest.approx(0.936, abs=5e-4)


def test_the_usual_class_of_each_pixel():
    classes, train = np.arange(11)[:, None, None], real(camvid.frames, "train").items
    counts = sum((one.labels[None] == classes).astype(np.int32) for one in train)
    usual = counts.argmax(0)
    matrix = sum(segmentation.confusion(usual, one.labels, 11) for one in real(camvid.frames, "test").items)
    assert segmentation.mean_iou(matrix) == pytest.approx(0.170, abs=5e-4)
    assert segmentation.pixel_accuracy(matrix) == pytest.approx(0.615, abs=5e-4)
