"""What tasks share whose networks produce maps: pictures are cut out and varied for each step."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from xnorforge.core.progress import say
from xnorforge.core.types import Record
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.metrics import bootstrap
from xnorforge.sw.records import Split
from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images

EXAMPLES = 4  # pictures in a report, at most


class MapTask(base.Task):
    """A task whose labels are not classes of whole pictures."""

    classifies = False
    measures: ClassVar[dict[str, Callable[[list[Any]], float]]]

    def tested(self) -> Split:
        """Return the test set, or its replacement."""
        raise NotImplementedError

    def test_sets(self) -> list[Images]:
        return [self.golden()]

    def chosen(self) -> list[Any]:
        """Return the items of the test set that a report shows."""
        found = self.tested().items
        return found[:: -(-len(found) // EXAMPLES)]

    def examples(self) -> list[tuple[Any, ...]]:
        return [(one.name, [one.image], None) for one in self.chosen()]

    def items(self, scores: np.ndarray, labels: np.ndarray) -> list[Any]:
        """Return the input of the figures: one entry per picture."""
        raise NotImplementedError

    def figures(self, scores: np.ndarray, labels: np.ndarray, intervals: bool = True) -> Record:
        items = self.items(scores, labels[: len(scores)])
        return {"images": len(scores), **self.measured_row(items, intervals)}

    def measured_row(self, items: list[Any], intervals: bool, /) -> Record:
        """Return `figures` and, if requested, `intervals`: 5 % and 95 % of each over resampled pictures."""
        figures = {name: round(measure(items), 5) for name, measure in self.measures.items()}
        row: dict[str, dict] = {"figures": figures}
        if intervals:
            interval = bootstrap.confidence_interval
            ends = {name: interval(items, measure) for name, measure in self.measures.items()}
            row["intervals"] = {name: [round(end, 5) for end in pair] for name, pair in ends.items()}
        return row

    def sample(self, source, rng: np.random.Generator, at: int) -> tuple[np.ndarray, np.ndarray]:
        """A varied cut of training picture `at`: uint8 (H, W, 3), and what `loss` compares with."""
        raise NotImplementedError

    def sampler(self, training: Images, device: torch.device):
        def batch(at, generator):
            rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator).item()))
            pairs = [self.sample(training.source, rng, index) for index in at.tolist()]
            images, labels = (torch.from_numpy(np.stack(column)) for column in zip(*pairs))
            return images.permute(0, 3, 1, 2).contiguous().to(device), labels.to(device)

        return batch


def either(real, made_up):
    """Return `real()`, or `made_up()` if its data set is missing; the description of the set says which."""
    try:
        return real()
    except datasets.Absent as error:
        say(f"{error} Synthetic pictures are used instead.")
        return made_up()


def channels_first(pictures: list[np.ndarray]) -> np.ndarray:
    """Convert uint8 (H, W, 3) pictures to images (N, 3, H, W)."""
    return np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))


def tinted(picture: np.ndarray, rng: np.random.Generator, gain=(0.7, 1.3)) -> np.ndarray:
    """The picture in another light: a common gain, one per colour, an offset; uint8 (H, W, 3)."""
    light = picture * rng.uniform(*gain) * rng.uniform(0.9, 1.1, 3) + rng.uniform(-20, 20)
    return np.clip(light, 0, 255).astype(np.uint8)


def cut(
    picture: Image.Image, box: Sequence[float] | np.ndarray, width: int, height: int,
    how=Image.Resampling.BILINEAR,
) -> np.ndarray:  # fmt: skip
    """Return a part of a picture, x0, y0, x1, y1 in pixels, at another size."""
    left, top, right, bottom = map(float, box)
    return np.asarray(picture.resize((width, height), how, box=(left, top, right, bottom)))
