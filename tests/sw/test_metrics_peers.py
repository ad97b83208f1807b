"""The tasks' figures equal those of the tools that define them, on seeded random cases; and of trackers, maps
and detectors that see no picture they are known, on the real data where it is.
"""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

from xnorforge.sw.datasets import camvid, penn_fudan, tracking
from xnorforge.sw.metrics import boxes, detection, pedestrian, segmentation
from xnorforge.sw.metrics import tracking as measure

from .data_sets import real


@pytest.mark.parametrize("classes, present", [(11, 11), (6, 4)])
def test_confusion_and_iou_equal_torchmetrics(classes, present):
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, present, (5, 30, 40))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, present, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = segmentation.VOID
    matrix = sum(segmentation.confusion(p, t, classes) for p, t in zip(predicted, truth))
    given = {"num_classes": classes, "ignore_index": segmentation.VOID}
    given |= {"preds": torch.from_numpy(predicted), "target": torch.from_numpy(truth)}
    np.testing.assert_array_equal(matrix, multiclass_confusion_matrix(**given))
    per_class = multiclass_jaccard_index(**given, average="none").numpy()
    np.testing.assert_allclose(np.nan_to_num(segmentation.class_iou(matrix)), per_class, atol=1e-6)
    assert segmentation.mean_iou(matrix) == pytest.approx(
        float(multiclass_jaccard_index(**given, average="macro")), abs=1e-6
    )


@pytest.fixture(scope="module")
def got10k():
    """The toolkit; its drawing of pictures is not needed, so no window system is asked for."""
    import matplotlib

    matplotlib.use("Agg")
    from got10k import experiments
    from got10k.utils import metrics

    return experiments, metrics


def walks(seed, length):
    """A true box that wanders over the border of 200 x 100, and a tracker that follows with errors."""
    rng = np.random.default_rng(seed)
    centre = np.cumsum(rng.normal(0, 4, (length, 2)), 0) + np.array([100, 50])
    side = rng.uniform(10, 60, (length, 2))
    truth = np.hstack([centre - side / 2, centre + side / 2])
    shift = np.tile(np.cumsum(rng.normal(0, 3, (length, 2)), 0), 2)
    predicted = truth + shift + rng.normal(0, 2, (length, 4))
    predicted[:, 2:] = np.maximum(predicted[:, 2:], predicted[:, :2] + 1)
    return predicted, truth


def corners_to_sides(boxes):
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


@pytest.mark.parametrize("seed", range(4))
def test_one_pass_evaluation_equals_the_toolkit(got10k, seed):
    experiments, _ = got10k
    otb = experiments.ExperimentOTB.__new__(experiments.ExperimentOTB)
    otb.nbins_iou, otb.nbins_ce = 21, 51
    overlaps, errors, curves = [], [], []
    for number, length in enumerate((5, 40, 90)):
        predicted, truth = walks(10 * seed + number, length)
        overlaps.append(measure.overlap(predicted, truth))
        errors.append(measure.centre_error(predicted, truth))
        found = otb._calc_metrics(corners_to_sides(predicted), corners_to_sides(truth))
        np.testing.assert_allclose(overlaps[-1], found[0], atol=1e-9)
        np.testing.assert_allclose(errors[-1], found[1], atol=1e-9)
        curves.append(otb._calc_curves(*found))
    success, precision = (np.mean([curve[i] for curve in curves], 0) for i in range(2))
    np.testing.assert_allclose(measure.success_curve(overlaps), success)
    np.testing.assert_allclose(measure.precision_curve(errors), precision)
    assert measure.success(overlaps) == pytest.approx(success.mean())
    assert measure.precision(errors) == pytest.approx(precision[20])


@pytest.mark.parametrize("seed", range(4))
def test_average_overlap_equals_the_toolkit(got10k, seed):
    experiments, metrics = got10k
    sequences, frames = [], []
    for number, length in enumerate((5, 40, 90)):
        predicted, truth = walks(50 + 10 * seed + number, length)
        visible = np.random.default_rng(seed).random(length) < 0.9
        sequences.append(measure.overlap(predicted, truth, size=(200, 100), visible=visible))
        sides = [corners_to_sides(boxes)[1:] for boxes in (predicted, truth)]
        theirs = metrics.rect_iou(*sides, bound=(200, 100))
        frames.append(theirs[visible[1:]])
    evaluate = experiments.ExperimentGOT10k._evaluate
    average, rate, _, _ = evaluate(None, np.concatenate(frames), np.array([]))
    assert measure.average_overlap(sequences) == pytest.approx(average)
    assert measure.success_rate(sequences) == pytest.approx(rate)


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
