"""Pedestrian detection in street pictures (Penn-Fudan; without it, made-up figures)."""

from typing import Any, ClassVar

import numpy as np

from xnorforge.sw.datasets import penn_fudan, synthetic
from xnorforge.sw.metrics.boxes import match
from xnorforge.sw.metrics.detection import ap_area
from xnorforge.sw.metrics.pedestrian import lamr
from xnorforge.sw.records import Split
from xnorforge.sw.tasks._boxes import BoxTask
from xnorforge.sw.tasks._maps import either
from xnorforge.sw.tasks.base import Images

USUAL = "tinyped"
WATCHED = 34


class Task(BoxTask):
    """136 pictures to train on; the last 34 by name are the test set. The first 34 training pictures,
    letterboxed, monitor the training."""

    main = "AP"
    measures: ClassVar = {"AP": ap_area, "LAMR": lamr}

    def train_sets(self) -> tuple[Images, Images]:
        split = either(lambda: penn_fudan.scenes("train"), lambda: synthetic.pedestrians(200, seed=1))
        images = self.images(split, split.what)
        words = f"{WATCHED} of the training pictures, whole"
        return images, Images(images.images[:WATCHED], images.labels[:WATCHED], words)

    def tested(self) -> Split:
        return either(lambda: penn_fudan.scenes("test"), lambda: synthetic.pedestrians(40))

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return ("person",)

    def items(self, scores: np.ndarray, labels: np.ndarray) -> list[Any]:
        return [match(found, truth) for found, truth in zip(self.found(scores), self.truths(labels))]
