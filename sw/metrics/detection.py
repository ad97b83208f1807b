"""Average precision, as VOC and COCO define it.

Pictures are lists: `found[i]` and `truth[i]` belong together. Results per class are nan where no box of the
class had to be found; means leave these out.
"""

import numpy as np

from xnorforge.sw.metrics.boxes import (
    FALSE,
    HIT,
    LEFT_OUT,
    Found,
    Outcome,
    Truth,
    area,
    assign,
    iou,
    outcome,
    overlaps,
    pooled,
)

COCO_IOU = np.linspace(0.5, 0.95, 10)
COCO_RECALL = np.linspace(0, 1, 101)
COCO_SIZES = {
    "": (0, 1e10),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e10),
}  # square pixels


def precision_recall(outcomes: list[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall, (n,) each, after each detection by falling score; recall is nan without
    positives.
    """
    hit, positives = pooled(outcomes)
    hits = np.cumsum(hit)
    return hits / np.arange(1, len(hit) + 1), hits / (positives or np.nan)


def ap_area(outcomes: list[Outcome]) -> float:
    """Area under the precision envelope at all points (VOC since 2010), 0 to 1.

    The envelope at a recall r is the largest precision at a recall of r or more (Everingham et al., "The
    Pascal Visual Object Classes Challenge: A Retrospective", IJCV 2015, section 3.2).
    """
    precision, recall = precision_recall(outcomes)
    if not sum(one.positives for one in outcomes):
        return float("nan")
    return float((_envelope(precision) * np.diff(recall, prepend=0)).sum())


def ap_voc07(outcomes: list[Outcome]) -> float:
    """Mean of the envelope at the recalls 0, 0.1 … 1 (VOC 2007), 0 to 1 (Everingham et al., IJCV 2010,
    section 4.2).

    Recalls are compared as whole numbers: 3 found of 10 reach 0.3.
    """
    hit, positives = pooled(outcomes)
    if not positives:
        return float("nan")
    hits = np.cumsum(hit)
    envelope = np.append(_envelope(hits / np.arange(1, len(hit) + 1)), 0)
    return float(envelope[np.searchsorted(10 * hits, np.arange(11) * positives)].mean())


def ap_coco(outcomes: list[Outcome]) -> float:
    """Mean of the envelope at the recalls 0, 0.01 … 1 (T.-Y. Lin et al., COCO's `cocoeval`), 0 to 1."""
    precision, recall = precision_recall(outcomes)
    if not sum(one.positives for one in outcomes):
        return float("nan")
    return float(np.append(_envelope(precision), 0)[np.searchsorted(recall, COCO_RECALL)].mean())


def match_voc(found: Found, truth: Truth, threshold: float = 0.5) -> Outcome:
    """Match the detections of one picture, all of one class, as VOC does.

    Each detection is compared with the true box it overlaps most. Below `threshold` it is a false alarm. If
    that box is to be ignored (VOC: difficult), the detection is excluded. A second hit on the same box is a
    false alarm, even if another box is free.
    """
    order = np.argsort(-np.asarray(found.scores, float), kind="stable")
    overlap, free = iou(found.boxes[order], truth.boxes), ~truth.ignore
    state = np.full(len(order), FALSE, np.int8)
    for row in np.flatnonzero((overlap >= threshold).any(1)):
        best = np.argmax(overlap[row])
        state[row] = LEFT_OUT if truth.ignore[best] else HIT if free[best] else FALSE
        free[best] = False
    return outcome(found.scores[order], state, int((~truth.ignore).sum()))


def voc(
    found: list[Found], truth: list[Truth], classes: int, ap=ap_area, threshold: float = 0.5
) -> np.ndarray:
    """Average precision per class, (classes,), by VOC's matching; `ap` is ap_area or ap_voc07. Its nanmean is
    mAP.
    """
    return np.array(
        [
            ap(
                [
                    match_voc(_of_class(one, c), _of_class(true, c), threshold)
                    for one, true in zip(found, truth)
                ]
            )
            for c in range(classes)
        ]
    )


def coco(found: list[Found], truth: list[Truth], classes: int, most: int = 100) -> dict[str, float]:
    """Return COCO's figures, 0 to 1: AP (mean over IoU 0.50:0.05:0.95 and classes), AP50, AP75, APsmall,
    APmedium, APlarge.

    True boxes to ignore are COCO's crowds. For a size, boxes of other sizes are ignored too, and so are
    detections of other sizes that match no box. nan if a size has no box. Only the `most` most certain
    detections of each picture and class count.
    """
    per_class = np.array(
        [_coco_class(found, truth, c, most) for c in range(classes)]
    )  # (classes, sizes, thresholds)
    figures = {f"AP{name}": _mean(per_class[:, i]) for i, name in enumerate(COCO_SIZES)}
    return figures | {"AP50": _mean(per_class[:, 0, 0]), "AP75": _mean(per_class[:, 0, 5])}


def _coco_class(found, truth, label, most) -> np.ndarray:
    """Average precision at each size and threshold, (sizes, thresholds)."""
    outcomes: list[list[list]] = [[[] for _ in COCO_IOU] for _ in COCO_SIZES]
    for one, true in zip(found, truth):
        one, true = _of_class(one, label), _of_class(true, label)
        if not len(one.scores) and not len(true.boxes):
            continue  # in a set of many classes, most of them
        order = np.argsort(-np.asarray(one.scores, float), kind="stable")[:most]
        boxes, scores = one.boxes[order], one.scores[order]
        overlap, sizes = overlaps(boxes, true.boxes, true.ignore), area(boxes)
        areas = area(true.boxes) if true.areas is None else true.areas
        for by_size, (low, high) in zip(outcomes, COCO_SIZES.values()):
            ignore = true.ignore | (areas < low) | (areas > high)
            for by_threshold, threshold in zip(by_size, COCO_IOU):
                state = assign(overlap, ignore, true.ignore, threshold)
                state[(state == FALSE) & ((sizes < low) | (sizes > high))] = LEFT_OUT
                by_threshold.append(outcome(scores, state, int((~ignore).sum())))
    return np.array([[ap_coco(those) for those in by_size] for by_size in outcomes])


def _of_class(record, label):
    """The rows of a Found or Truth with one label."""
    rows = record.labels == label
    return type(record)(*(None if column is None else column[rows] for column in record))


def _envelope(precision) -> np.ndarray:
    return np.maximum.accumulate(precision[::-1])[::-1]


def _mean(values) -> float:
    """Return the mean without nan; nan if nothing is left."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
