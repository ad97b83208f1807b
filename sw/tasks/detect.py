"""Object detection with the 80 classes of COCO. With COCO128 alone this is a smoke test: trained and scored
on its own 128 pictures, it shows that head, loss, decoder and figures work, and nothing about other pictures.
"""

from dataclasses import replace

from xnorforge.sw.datasets import coco, synthetic
from xnorforge.sw.datasets._records import Split
from xnorforge.sw.datasets.base import MADE_UP, Absent
from xnorforge.sw.metrics import detection
from xnorforge.sw.tasks._boxes import BoxTask
from xnorforge.sw.tasks._maps import either
from xnorforge.sw.tasks.base import Images

USUAL = "tinydet"
OVERFITTED = "the training's own pictures: an overfit smoke test"


class Task(BoxTask):
    """COCO's train2017 and val2017 if XNORFORGE_DATA contains them; otherwise COCO128's training pictures,
    for training and scoring.
    """

    main = "AP50"
    classes = 80

    def train_sets(self):
        split = self._of("train2017")
        images = self.images(split, split.what)
        return images, Images(
            images.images[:128], images.labels[:128], "the first 128 of the training pictures, whole"
        )

    def tested(self):
        return self._of("val2017", f"; {OVERFITTED}")

    def _of(self, part: str, caution: str = "") -> Split:
        try:
            return coco.scenes(part)
        except Absent:
            few = either(lambda: coco.scenes_128("train2017"), lambda: synthetic.shapes(128))
            return replace(few, what=few.what + caution)

    def names(self, trained_on):
        return synthetic.SHAPES if MADE_UP in trained_on else coco.CLASSES

    def measured_row(self, items, _intervals):
        """Add no intervals: on the training's own pictures they would say nothing, and a thousand draws take
        hours.
        """
        found, truths = map(list, zip(*items))
        figures = detection.coco(found, truths, self.classes)
        return {"figures": {name: round(figures[name], 5) for name in ("AP50", "AP")}}

    def items(self, scores, labels):
        return list(zip(self.found(scores), self.truths(labels)))
