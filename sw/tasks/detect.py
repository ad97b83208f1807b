"""Object detection, 80 classes of COCO. With COCO128, which is what is at hand, a smoke test: trained and scored on its own
128 pictures, it shows that head, loss, decoder and measure work, and nothing about other pictures."""

from typing import ClassVar

from xnorforge.sw.data import Absent
from xnorforge.sw.datasets import coco, synthetic
from xnorforge.sw.metrics import detection
from xnorforge.sw.tasks._boxes import BoxTask
from xnorforge.sw.tasks._maps import either
from xnorforge.sw.tasks.base import Images, Recipe

OVERFITTED = "the training's own pictures: an overfit smoke test"


class Task(BoxTask):
    """COCO's train2017 and val2017 where XNORFORGE_DATA holds them; else COCO128's training pictures, for everything."""

    nets: ClassVar = {"detect-tinydet": Recipe(epochs=60, batch=16, lr=5e-3, warmup=50, passes=16)}
    main = "AP50"
    classes = 80
    measures: ClassVar = {
        "AP50": lambda those: _coco(those)["AP50"],
        "AP": lambda those: _coco(those)["AP"],
    }

    def train_sets(self):
        images = self._of("train")
        return images, Images(images.images[:128], images.labels[:128], "the first 128 of the training pictures, whole")

    def test_sets(self):
        return [self.golden()]

    def golden(self, count=None):
        images = self._of("test")
        first = "" if count is None else f"the first {count} of "
        return Images(images.images[:count], images.labels[:count], first + images.what)

    def _of(self, part: str) -> Images:
        try:
            split = coco.scenes({"train": "train2017", "test": "val2017"}[part])
            return self.images(split, split.what)
        except Absent:
            split = either(lambda: coco.scenes_128("train2017"), lambda: synthetic.shapes(128))
        return self.images(split, split.what if part == "train" else f"{split.what}; {OVERFITTED}")

    def names(self, trained_on):
        return synthetic.SHAPES if synthetic.MADE_UP in trained_on else coco.CLASSES

    def items(self, scores, labels):
        return list(zip(self.found(scores), self.truths(labels)))


def _coco(pairs: list) -> dict[str, float]:
    return detection.coco(*map(list, zip(*pairs)), Task.classes)
