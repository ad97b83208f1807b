"""Pedestrian detection in street pictures (Penn-Fudan; without it, made-up figures)."""

from typing import Any, ClassVar

import numpy as np

from xnorforge.core.types import Record
from xnorforge.sw.datasets import penn_fudan, synthetic
from xnorforge.sw.metrics.boxes import Found, Outcome, Truth, match
from xnorforge.sw.metrics.detection import ap_area
from xnorforge.sw.metrics.pedestrian import lamr
from xnorforge.sw.records import Split
from xnorforge.sw.tasks._boxes import BoxTask
from xnorforge.sw.tasks._maps import either
from xnorforge.sw.tasks.base import Images

USUAL = "tinyped"
WATCHED = 34
# Heights of persons, pixels of the input of 128, for which the miss rate is also stated.
SIZES = {"below 64 px": (0, 64), "64 to 96 px": (64, 96), "above 96 px": (96, np.inf)}
SLACK = 1.25  # a detection counts for a range if its height is at most so many times outside (`bbEval`)


class Task(BoxTask):
    """136 pictures to train on; the last 34 by name are the test set. The first 34 training pictures,
    letterboxed, monitor the training."""

    main = "AP"
    measures: ClassVar = {"AP": ap_area, "LAMR": lamr}

    def train_sets(self) -> tuple[Images, Images]:
        split = either(lambda: penn_fudan.scenes("train"), lambda: synthetic.pedestrians(200, seed=1))
        images = self.images(split, split.what)
        words = f"{WATCHED} of the training pictures, whole"
        watched = Images(images.images[:WATCHED], images.labels[:WATCHED], words)
        return images, watched

    def tested(self) -> Split:
        return either(lambda: penn_fudan.scenes("test"), lambda: synthetic.pedestrians(40))

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return ("person",)

    def items(self, scores: np.ndarray, labels: np.ndarray) -> list[Any]:
        return [
            [match(found, truth), *(of_size(found, truth, *size) for size in SIZES.values())]
            for found, truth in zip(self.found(scores), self.truths(labels))
        ]

    def measured_row(self, items: list[Any], intervals: bool) -> Record:
        """Add the miss rates by size, without intervals: some draws have no person of a size."""
        everyone, *sizes = map(list, zip(*items))
        row = super().measured_row(everyone, intervals)
        rates = {f"LAMR {name}": lamr(one) for name, one in zip(SIZES, sizes)}
        row["figures"] |= {name: round(rate, 5) for name, rate in rates.items() if not np.isnan(rate)}
        return row


def of_size(found: Found, truth: Truth, least: float, most: float) -> Outcome:
    """Match the persons of a height of at least `least` and below `most` pixels; others are ignored, and
    detections of other heights are left out (P. Dollár et al., as `metrics/pedestrian.py`)."""
    own, true = (boxes[:, 3] - boxes[:, 1] for boxes in (found.boxes, truth.boxes))
    near = (own >= least / SLACK) & (own < most * SLACK)
    kept = Found(*(part[near] for part in found))
    return match(kept, truth._replace(ignore=truth.ignore | (true < least) | (true >= most)))
