"""Object detection with the 80 classes of COCO, scored on pictures that training has not seen."""

from typing import Any

import numpy as np

from xnorforge.core.types import Record
from xnorforge.sw.datasets import coco, synthetic
from xnorforge.sw.datasets._records import Split
from xnorforge.sw.datasets.base import MADE_UP, Absent
from xnorforge.sw.metrics import detection
from xnorforge.sw.tasks._boxes import BoxTask
from xnorforge.sw.tasks._maps import either
from xnorforge.sw.tasks.base import Images

USUAL = "tinydet"


class Task(BoxTask):
    """COCO's train2017 and val2017 if XNORFORGE_DATA contains them; otherwise those parts of COCO128."""

    main = "AP50"
    classes = 80

    def train_sets(self) -> tuple[Images, Images]:
        split = self._of("train2017")
        images = self.images(split, split.what)
        return images, Images(
            images.images[:128], images.labels[:128], "the first 128 of the training pictures, whole"
        )

    def tested(self) -> Split:
        return self._of("val2017")

    def _of(self, part: str) -> Split:
        try:
            return coco.scenes(part)
        except Absent:
            return either(
                lambda: coco.scenes_128(part), lambda: synthetic.shapes(128, int(part == "val2017"))
            )

    def names(self, trained_on: str) -> tuple[str, ...]:
        return synthetic.SHAPES if MADE_UP in trained_on else coco.CLASSES

    def measured_row(self, items: list[Any], _intervals: bool) -> Record:
        """Add no intervals: a thousand draws take hours."""
        found, truths = map(list, zip(*items))
        figures = detection.coco(found, truths, self.classes)
        return {"figures": {name: round(figures[name], 5) for name in ("AP50", "AP")}}

    def items(self, scores: np.ndarray, labels: np.ndarray) -> list[Any]:
        return list(zip(self.found(scores), self.truths(labels)))
