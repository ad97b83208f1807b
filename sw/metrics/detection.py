"""Average precision: area under the precision envelope, and COCO's.

Pictures are lists: `found[i]` and `truth[i]` belong together. Results per class are nan where no box of the
class had to be found; means leave these out.
"""

import numpy as np

from xnorforge.sw.metrics.boxes import (
    FALSE,
    LEFT_OUT,
    Found,
    Outcome,
    Truth,
    area,
    assign,
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


def ap_coco(outcomes: list[Outcome]) -> float:
    """Mean of the envelope at the recalls 0, 0.01 … 1 (T.-Y. Lin et al., COCO's `cocoeval`), 0 to 1."""
    precision, recall = precision_recall(outcomes)
    if not sum(one.positives for one in outcomes):
        return float("nan")
    return float(np.append(_envelope(precision), 0)[np.searchsorted(recall, COCO_RECALL)].mean())


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
