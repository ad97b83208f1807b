"""Average precision: the area under the precision envelope."""

import numpy as np

from xnorforge.sw.metrics.boxes import Outcome, pooled


def precision_recall(outcomes: list[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall (nan without positives), (n,), after each detection by falling score."""
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
    return float((np.maximum.accumulate(precision[::-1])[::-1] * np.diff(recall, prepend=0)).sum())
