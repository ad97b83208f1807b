"""The tasks' figures on cases worked out by hand, and what must hold whatever the boxes are. They equal those
of the tools that define them, on seeded random cases; and of trackers, maps and detectors that see no picture
they are known, on the real data where it is."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

from xnorforge.sw.datasets import camvid, penn_fudan
from xnorforge.sw.datasets.tracking import clips as tracking_clips
from xnorforge.sw.metrics import bootstrap, boxes, detection, pedestrian, segmentation, tracking
from xnorforge.sw.metrics.boxes import Found, Truth

from .data_sets import real

A, B, AWAY = [0, 0, 10, 20], [50, 0, 60, 20], [70, 70, 80, 90]


def found(*rows):
    """Detections of one picture: rows (box, score[, label])."""
    return Found(
        np.array([row[0] for row in rows], float).reshape(-1, 4), np.array([row[1] for row in rows], float),
        np.array([row[2] if len(row) > 2 else 0 for row in rows], int),
    )  # fmt: skip


def truth(*rows, ignore=(), labels=None):
    given = [*rows, *ignore]
    flags = np.arange(len(given)) >= len(rows)
    labels = np.zeros(len(given), int) if labels is None else np.array(labels)
    return Truth(np.array(given, float).reshape(-1, 4), labels, flags)


def outcomes(detections, truths, threshold=0.5):
    return [boxes.match(one, true, threshold) for one, true in zip(detections, truths, strict=True)]


def scenes(seed, count=12, classes=1, spread=60):
    """Random pictures: true boxes, some to ignore; detections near them or anywhere, unequal scores."""
    rng = np.random.default_rng(seed)
    detections, truths = [], []
    for _ in range(count):
        corner = rng.uniform(0, spread, (rng.integers(0, 6), 2))
        true = np.hstack([corner, corner + rng.uniform(5, 40, corner.shape)])
        near = true[rng.random(len(true)) < 0.8]
        near = np.repeat(near, 2, 0) + rng.normal(0, 3, (2 * len(near), 4))
        anywhere = rng.uniform(0, spread, (rng.integers(0, 4), 2))
        all_ = np.vstack([near, np.hstack([anywhere, anywhere + 15])])
        all_[:, 2:] = np.maximum(all_[:, 2:], all_[:, :2] + 1)
        detections.append(Found(all_, rng.random(len(all_)), rng.integers(classes, size=len(all_))))
        truths.append(Truth(true, rng.integers(classes, size=len(true)), rng.random(len(true)) < 0.2))
    return detections, truths


def test_overlap_of_boxes_by_hand():
    a = np.array([A, [5, 0, 15, 20]], float)
    b = np.array([A, AWAY, [0, 0, 10, 10]], float)
    np.testing.assert_allclose(boxes.iou(a, b), [[1, 0, 1 / 2], [1 / 3, 0, 50 / 250]])
    np.testing.assert_allclose(boxes.inside(a, b), [[1, 0, 1 / 2], [1 / 2, 0, 1 / 4]])
    line = np.array([[3, 3, 3, 9]], float)
    assert boxes.iou(line, line) == boxes.inside(line, line) == 0, "a box without area overlaps nothing"


# What is found, what is there, log-average miss rate, area under all points.
CASES = {
    "nothing found": ([found()], [truth(A)], 1, 0), "all found": ([found((A, 0.9))], [truth(A)], 1e-10, 1),
    "one of two": ([found((A, 0.9))], [truth(A, B)], 0.5, 0.5),
    "hit, then false alarm": ([found((A, 0.9), (B, 0.5))], [truth(A)], 1e-10, 1),
    "false alarm, then hit": ([found((A, 0.5), (B, 0.9))], [truth(A)], 1e-10 ** (1 / 9), 0.5),
    "a doubled hit is a false alarm": ([found((A, 0.9), (A, 0.8))], [truth(A, B)], 0.5, 0.5),
    "half of a hundred, then false alarms": (
        [found((A, 0.9), (AWAY, 0.1)) if i < 50 else found((AWAY, 0.1)) for i in range(100)],
        [truth(A)] * 100, 0.5, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_miss_rate_and_precision_by_hand(case):
    detections, truths, lamr, area = case
    assert pedestrian.lamr(outcomes(detections, truths)) == pytest.approx(lamr, rel=1e-9)
    assert detection.ap_area(outcomes(detections, truths)) == pytest.approx(area)


def test_a_person_to_ignore_changes_nothing():
    there = truth(A, ignore=[[49, 49, 60, 70]])
    one, two = ((50, 50, 58, 66), 0.95), ((49, 49, 55, 60), 0.97)
    for extra in ([], [one], [one, two]):
        assert pedestrian.lamr(outcomes([found((A, 0.9), *extra)], [there])) == pytest.approx(1e-10)
    half_out = ((50, 62, 58, 78), 0.95)  # half of it, 8 of 16 rows, lies inside
    more_out = ((50, 62.2, 58, 78.2), 0.95)
    assert boxes.match(found(half_out), there).hit.tolist() == []
    assert boxes.match(found(more_out), there).hit.tolist() == [False]


def test_a_person_goes_before_one_to_ignore_and_is_used_up():
    both = truth(A, ignore=[[0, 0, 10, 21]])
    one = boxes.match(found(([0, 0, 10, 21], 0.9), (A, 0.8)), both)
    assert one.hit.tolist() == [True] and one.scores.tolist() == [0.9], "the second goes to the box to ignore"


def test_nine_points_are_read_exactly():
    assert pedestrian.FPPI[[0, 4, 8]].tolist() == [0.01, 0.1, 1.0] and len(pedestrian.FPPI) == 9
    # Ten pictures with a person each, by falling score: a false alarm (1/10), nine hits, nine false alarms
    # (10/10), a hit.
    detections = [found((A, 0.9 - i / 100), (AWAY, 0.5 - i / 100)) for i in range(9)]
    detections.append(found((AWAY, 0.99), (A, 0)))
    rates = pedestrian.miss_rates(outcomes(detections, [truth(A)] * 10))
    np.testing.assert_allclose(rates, [1] * 4 + [0.1] * 4 + [0], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_pictures_does_not_matter(seed):
    detections, truths = scenes(seed, classes=2)
    order = np.random.default_rng(seed).permutation(len(truths))
    mixed = [detections[i] for i in order], [truths[i] for i in order]
    assert pedestrian.lamr(outcomes(detections, truths)) == pytest.approx(pedestrian.lamr(outcomes(*mixed)))
    area = detection.ap_area(outcomes(detections, truths))
    assert area == pytest.approx(detection.ap_area(outcomes(*mixed)))


@pytest.mark.parametrize("seed", range(3))
def test_miss_rates_equal_a_search_over_all_score_thresholds(seed):
    detections, truths = scenes(seed, count=6)
    persons = sum((~true.ignore).sum() for true in truths)
    rates = []
    for limit in pedestrian.FPPI:
        best = 0
        for least in [2, *np.concatenate([one.scores for one in detections])]:
            kept = [Found(*(column[one.scores >= least] for column in one)) for one in detections]
            hits = [boxes.match(one, true).hit for one, true in zip(kept, truths)]
            if sum((~hit).sum() for hit in hits) / len(truths) <= limit:
                best = max(best, sum(hit.sum() for hit in hits))
        rates.append(1 - best / persons)
    np.testing.assert_allclose(pedestrian.miss_rates(outcomes(detections, truths)), rates, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_the_area_is_the_mean_over_true_boxes_of_the_best_precision_that_reaches_them(seed):
    detections, truths = scenes(seed)
    hit, positives = boxes.pooled(outcomes(detections, truths))
    total = 0
    for k in range(1, positives + 1):
        total += max((hit[:n].sum() / n for n in range(1, len(hit) + 1) if hit[:n].sum() >= k), default=0)
    assert detection.ap_area(outcomes(detections, truths)) == pytest.approx(total / positives)


def test_nothing_to_find_is_no_number():
    assert np.isnan(pedestrian.lamr(outcomes([found((A, 1))], [truth()])))
    assert np.isnan(detection.ap_area(outcomes([found((A, 1))], [truth()])))


def test_mean_iou_by_hand():
    void = segmentation.VOID
    matrix = segmentation.confusion([0, 0, 1, 1, 7], [0, 1, 1, 1, void], 2)
    assert matrix.tolist() == [[1, 0], [1, 2]]
    assert segmentation.mean_iou(matrix) == pytest.approx(7 / 12)
    assert segmentation.pixel_accuracy(matrix) == 0.75


def test_an_absent_class_is_left_out():
    matrix = segmentation.confusion([0, 1], [0, 1], 4)
    np.testing.assert_array_equal(segmentation.class_iou(matrix), [1, 1, np.nan, np.nan])
    assert segmentation.mean_iou(matrix) == 1
    assert np.isnan(segmentation.mean_iou(np.zeros((4, 4), int)))


@pytest.mark.parametrize("predicted, true, said", [
    ([0], [0, 1], "must be equal"), ([2], [0], "0 to 1"), ([0], [-1], "or 255 in the truth"),
])  # fmt: skip
def test_labels_out_of_range_are_refused(predicted, true, said):
    with pytest.raises(ValueError, match=said):
        segmentation.confusion(predicted, true, 2)


def test_tracks_by_hand():
    still = np.array([[0, 0, 10, 10], [5, 5, 15, 15]], float)
    perfect = [tracking.overlap(still, still)]
    assert tracking.success(perfect) == pytest.approx(20 / 21), "no overlap is above 1"
    assert tracking.average_overlap(perfect) == tracking.success_rate(perfect, 0.75) == 1
    beside = tracking.overlap(still, still + np.array([5, 0, 5, 0]))
    np.testing.assert_allclose(beside, 1 / 3)
    assert tracking.success([beside]) == pytest.approx(7 / 21) and tracking.success_rate([beside]) == 0
    for distance, share in ((0, 1), (20.0, 1), (20.1, 0)):
        error = tracking.centre_error(still, still + np.array([distance, 0, distance, 0]))
        assert tracking.precision([error]) == share


def test_frames_without_the_target_do_not_count():
    still = np.tile([[0.0, 0, 10, 10]], (4, 1))
    seen = np.array([True, True, False, True])
    overlap = tracking.overlap(still, np.where(seen[:, None], still, still + 50), visible=seen)
    assert tracking.average_overlap([overlap]) == 1 and tracking.success([overlap]) == pytest.approx(20 / 21)


def test_a_lost_object_is_given_again_five_frames_later_by_hand():
    """40 frames; the tracker keeps half of the object and loses it in frame 12; started in 17 it keeps all of
    it until frame 20; started in 25 it keeps all to the end. Ten frames from each start on do not count."""
    truth = np.tile([[0.0, 0, 10, 10]], (40, 1))
    starts = []

    def follow(start):
        starts.append(start)
        for at in range(start, 40):
            if at == start or start > 0:
                yield truth[at] + (50 if at == 20 and start == 17 else 0)
            else:
                yield truth[at] + (50 if at == 12 else [0, 0, 10, 0])

    every = np.ones(40, bool)
    found = tracking.reset_overlap(follow, truth, every)
    expected = np.full(40, np.nan)
    expected[[10, 11]], expected[[12, 20]], expected[35:] = 0.5, 0, 1
    np.testing.assert_array_equal(found, expected)
    assert starts == [0, 17, 25]
    assert tracking.accuracy_with_resets([found]) == pytest.approx((0.5 * 2 + 5) / 7)
    assert tracking.reliability([found]) == pytest.approx(np.exp(-100 * 2 / 40))
    assert tracking.reliability([found, np.ones(60)]) == pytest.approx(np.exp(-2)), "frames weigh equally"
    assert tracking.accuracy_with_resets([found[:9]]) == 0, "no frame counts"
    starts.clear()
    hidden = every.copy()
    hidden[[12, 17, 18]] = False
    found = tracking.reset_overlap(follow, truth, hidden)
    assert starts == [0] and np.nanmin(found) == 0.5, "a hidden object is not lost"
    hidden[12] = True
    tracking.reset_overlap(follow, truth, hidden)
    assert starts == [0, 0, 19], "nor is a tracker started on it"


def test_a_tracker_that_always_loses_is_started_until_the_frames_end():
    truth = np.tile([[0.0, 0, 10, 10]], (13, 1))
    found = tracking.reset_overlap(lambda at: [truth[0], *truth[at + 1 :] + 50], truth, np.ones(13, bool))
    assert (np.flatnonzero(found == 0) == [1, 7]).all() and np.isnan(np.delete(found, [1, 7])).all()


def test_an_interval_is_seeded_and_holds_the_binomial_share():
    hits = [float(i < 40) for i in range(100)]
    low, high = bootstrap.confidence_interval(hits, np.mean, seed=3)
    again = [bootstrap.confidence_interval(hits, np.mean, seed=seed) for seed in (3, 4)]
    assert (low, high) == again[0] != again[1]
    # Mean 0.4, standard deviation sqrt(0.4 * 0.6 / 100) = 0.049; 5 % and 95 % lie 1.645 of these away.
    assert [0.4 - low, high - 0.4] == pytest.approx([1.645 * 0.049] * 2, abs=0.011)


def test_the_interval_of_a_miss_rate_surrounds_it():
    detections, truths = scenes(0, count=40)
    pictures = outcomes(detections, truths)
    low, high = bootstrap.confidence_interval(pictures, pedestrian.lamr, draws=200)
    assert low < pedestrian.lamr(pictures) < high


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
        overlaps.append(tracking.overlap(predicted, truth))
        errors.append(tracking.centre_error(predicted, truth))
        found = otb._calc_metrics(corners_to_sides(predicted), corners_to_sides(truth))
        np.testing.assert_allclose(overlaps[-1], found[0], atol=1e-9)
        np.testing.assert_allclose(errors[-1], found[1], atol=1e-9)
        curves.append(otb._calc_curves(*found))
    success, precision = (np.mean([curve[i] for curve in curves], 0) for i in range(2))
    np.testing.assert_allclose(tracking.success_curve(overlaps), success)
    np.testing.assert_allclose(tracking.precision_curve(errors), precision)
    assert tracking.success(overlaps) == pytest.approx(success.mean())
    assert tracking.precision(errors) == pytest.approx(precision[20])


@pytest.mark.parametrize("seed", range(4))
def test_average_overlap_equals_the_toolkit(got10k, seed):
    experiments, metrics = got10k
    sequences, frames = [], []
    for number, length in enumerate((5, 40, 90)):
        predicted, truth = walks(50 + 10 * seed + number, length)
        visible = np.random.default_rng(seed).random(length) < 0.9
        sequences.append(tracking.overlap(predicted, truth, size=(200, 100), visible=visible))
        sides = [corners_to_sides(boxes)[1:] for boxes in (predicted, truth)]
        theirs = metrics.rect_iou(*sides, bound=(200, 100))
        frames.append(theirs[visible[1:]])
    evaluate = experiments.ExperimentGOT10k._evaluate
    average, rate, _, _ = evaluate(None, np.concatenate(frames), np.array([]))
    assert tracking.average_overlap(sequences) == pytest.approx(average)
    assert tracking.success_rate(sequences) == pytest.approx(rate)


def test_a_box_that_never_moves():
    clips = real(tracking_clips, "test").items
    overlaps = [tracking.overlap(np.repeat(clip.boxes[:1], len(clip.boxes), 0), clip.boxes) for clip in clips]
    assert tracking.success(overlaps) == pytest.approx(0.107, abs=5e-4)


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
