"""Average precision: the area under the precision envelope."""

import numpy as np

from xnorforge.sw.metrics.boxes import Outcome, pooled


def ap_area(outcomes: list[Outcome]) -> float:
    """Area under the precision envelope at all points (VOC since 2010), 0 to 1.

    The envelope at a recall r is the largest precision at a recall of r or more (Everingham et al., "The
    Pascal Visual Object Classes Challenge: A Retrospective", IJCV 2015, section 3.2)."""
    hit, positives = pooled(outcomes)  # after each detection by falling score
    if not positives:
        return float("nan")
    hits = np.cumsum(hit)
    precision, recall = hits / np.arange(1, len(hit) + 1), hits / positives
    return float((np.maximum.accumulate(precision[::-1])[::-1] * np.diff(recall, prepend=0)).sum())
