"""Pedestrian detection in street pictures (Penn-Fudan; without it, made-up figures)."""

from typing import ClassVar

from xnorforge.sw.datasets import penn_fudan, synthetic
from xnorforge.sw.metrics.boxes import match
from xnorforge.sw.metrics.detection import ap_area
from xnorforge.sw.metrics.pedestrian import lamr
from xnorforge.sw.tasks._boxes import BoxTask
from xnorforge.sw.tasks._maps import either
from xnorforge.sw.tasks.base import Images

USUAL = "tinyped"
WATCHED = 34


class Task(BoxTask):
    """136 pictures to train on; the last 34 by name are the test set. The first 34 training pictures,
    letterboxed, monitor the training.
    """

    main = "AP"
    measures: ClassVar = {"AP": ap_area, "LAMR": lamr}

    def train_sets(self):
        split = either(lambda: penn_fudan.scenes("train"), lambda: synthetic.pedestrians(200, seed=1))
        images = self.images(split, split.what)
        watched = Images(
            images.images[:WATCHED], images.labels[:WATCHED], f"{WATCHED} of the training pictures, whole"
        )
        return images, watched

    def tested(self):
        return either(lambda: penn_fudan.scenes("test"), lambda: synthetic.pedestrians(40))

    def names(self, _trained_on):
        return ("person",)

    def items(self, scores, labels):
        return [match(found, truth) for found, truth in zip(self.found(scores), self.truths(labels))]
