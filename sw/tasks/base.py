"""What a task is: images, a loss, and figures that say how good a network is.

A task is one file `sw/tasks/<name>.py` whose class is bound to the module name `Task`, and whose `USUAL`
names the network that the task's name alone stands for. Its networks are files
`sw/networks/<task>_<network>.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from xnorforge.core import networks, plugins
from xnorforge.core.errors import UserError
from xnorforge.sw.decode.square import fitted
from xnorforge.sw.draw import bars


@dataclass(frozen=True)
class Images:
    """Pictures with labels, and the words that say which they are.

    Attributes:
        images: uint8, (N, C, H, W), raw 0..255.
        labels: what the task measures by, (N, …); of classes int64 (N,), -1 where unknown.
        what: for cards and reports, e.g. "10,000 test images of MNIST"; of pictures that a program drew it
            says `made-up` (datasets/base.py, MADE_UP), and no build takes such a training unasked.
        source: what the pictures were made from, where a task makes new ones of it to train on; else None.
    """

    images: np.ndarray
    labels: np.ndarray
    what: str
    source: object = None

    def first(self, count: int) -> "Images":
        """The first `count` of them; all if that is 0.

        Raises:
            UserError: there are fewer, or they are made anew in each epoch.
        """
        if not count:
            return self
        if self.source is not None or count > len(self.images):
            made_anew = self.source is not None
            there = "they are made anew in each epoch" if made_anew else f"there are {len(self.images):,}"
            raise UserError(f"RECIPE: images={count} cannot be chosen of {self.what}: {there}; leave it out.")
        return Images(
            self.images[:count], self.labels[:count], f"{count:,} images, the first, of {self.what}"
        )


class Task:
    """Classification; a subclass states the data, and another kind of task what is different.

    Attributes:
        shape: of an image, (C, H, W).
        main: the figure that networks are compared by.
        classifies: labels are classes; `figures` is then what the rest of the pipeline computes by itself.
        together: so many pictures of a batch in a row belong together.
        pipeline_tag: the kind of task in the words of Hugging Face's model cards.
        follows: pictures are frames in a row, and what is looked for is shown by a box in the first.
        reach: pixels by which `augment` moves an image each way, at most; None where it does something else.
        moved_words: `recipe_words` with {} for that number.
        data_option: of a command line, where the pictures are the user's own.
    """

    shape: tuple[int, int, int]
    recipe_words = ""
    main = "top1"
    classifies = True
    pipeline_tag = "image-classification"
    together = 1
    follows = False
    reach: int | None = None
    moved_words = ""
    data_option = ""

    def move_by(self, shift: int) -> None:
        """Let `augment` move images by up to `shift` pixels; by as many as ever where it is -1.

        Raises:
            UserError: this task does not move images by pixels.
        """
        if shift < 0:
            return
        if self.reach is None:
            raise UserError(
                f"RECIPE: shift={shift}, but {type(self).__module__.rpartition('.')[2]} does not vary its "
                "pictures by moving them; leave shift out."
            )
        self.reach, self.recipe_words = shift, self.moved_words.format(shift)

    def train_sets(self) -> tuple[Images, Images]:
        """Images to train on, and images to watch the training by, which no step is made on unless `what`
        says so.
        """
        raise NotImplementedError

    def test_sets(self) -> list[Images]:
        """The sets on which accuracy is stated, each on its own; no choice is ever made by them."""
        raise NotImplementedError

    def golden(self, count: int | None = None) -> Images:
        """The images that go with an export: the first `count`, or all of them."""
        raise NotImplementedError

    def augment(self, images: torch.Tensor, _rng: torch.Generator) -> torch.Tensor:
        """Varied copies of training images, uint8 (N, C, H, W)."""
        return images

    def sampler(self, training: Images, device) -> Callable[[torch.Tensor, torch.Generator], tuple]:
        """What makes a batch of the training images at some places: uint8 (N, C, H, W), and what `loss`
        compares with.
        """
        images, labels = (
            torch.from_numpy(part.copy()).to(device) for part in (training.images, training.labels)
        )
        return lambda at, rng: (self.augment(images[at], rng), labels[at])

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """What training makes small: the cross entropy."""
        return F.cross_entropy(scores, labels)

    def correct(self, scores: np.ndarray, labels: np.ndarray) -> int:
        """Images whose largest score (the first of equal ones) is that of their label."""
        return int((np.argmax(scores, 1) == labels).sum())

    def figures(self, scores: np.ndarray, labels: np.ndarray, _intervals: bool = True) -> dict:
        """A row of a card or report: `images`, and `correct` and `top1` in per cent, or `figures` {name:
        0..1}.

        Args:
            scores: float (N, classes) or (N, C, H, W), of the first N images.
            labels: of `Images`.
            intervals: of figures that are no shares of images, add `intervals`, 5 % to 95 %.
        """
        known = labels[: len(scores)] >= 0
        count, right = int(known.sum()), self.correct(scores[known], labels[: len(scores)][known])
        return {"images": count, "correct": right, "top1": round(100 * right / count, 2)}

    def judged(self, run: Callable, images: Images, intervals: bool = True) -> dict:
        """The same of a network that is run on a set; `run` is float (N, …) scores of uint8 images."""
        return self.figures(run(images.images), images.labels, intervals)

    def calibration_images(self, _training: Images) -> np.ndarray | None:
        """Images as deployment sees them, over which batch norms take their statistics at the end; None:
        leave them.
        """
        return None

    def learn(self, network: torch.nn.Module, exemplar: np.ndarray) -> None:
        """Give a network what it compares pictures with, in tasks that have such a thing."""
        raise NotImplementedError

    def as_frame(self, exemplar: np.ndarray) -> np.ndarray:
        """The frame, uint8 (C, H, W), from which an accelerator learns the same."""
        raise NotImplementedError

    def stamp(self) -> dict:
        """What a card notes of pictures that are no published set, so that weights are not taken for others;
        else nothing.
        """
        return {}

    def names(self, _trained_on: str) -> tuple[str, ...]:
        """What the first classes are called, for a network trained on the pictures that a card describes
        so.
        """
        return ()

    def as_input(self, picture: np.ndarray) -> np.ndarray:
        """A picture of any size, uint8 (H, W, 3), as the network sees it, uint8 `shape`."""
        return fitted(picture, self.shape)

    def shown(
        self, run: Callable, pictures: Iterable[np.ndarray], names: tuple[str, ...], _box=None
    ) -> Iterator[tuple]:
        """Draw what a network finds in pictures of any size; of classes the likeliest, below the picture.

        Args:
            run: as `judged` takes it.
            pictures: uint8 (H, W, 3), RGB.
            names: of the classes.
            box: where `follows`, x0, y0, x1, y1 in the first picture.

        Yields:
            For each picture the drawing, uint8 (H, W, 3), and what it shows, in numbers, for a record.
        """
        for picture in pictures:
            [scores] = run(self.as_input(picture)[None])
            scores = scores.ravel()
            yield bars.draw_bars(picture, scores, names), bars.describe_bars(scores, names)

    def examples(self) -> list[tuple]:
        """What a report shows of the test set: (name, pictures, box) each, as `shown` takes them; the last
        picture's drawing is shown. Chosen by their place in the set, never by what is found in them."""
        return []

    def true_examples(self, _names: tuple[str, ...]) -> list[np.ndarray]:
        """What is true of each of `examples`, drawn as `shown` draws what is found, uint8 (H, W, 3); empty
        where a drawing would only repeat a class.
        """
        return []

    def prepared(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network with all it needs beyond training to give its scores."""
        return network


def main_figure(row: dict) -> float:
    """The main figure of a row, 0 to 1."""
    return row["correct"] / row["images"] if "correct" in row else next(iter(row["figures"].values()))


def shifted(
    images: torch.Tensor, reach: int, mirrored: bool, fill: int, rng: torch.Generator
) -> torch.Tensor:
    """Each image moved by up to `reach` pixels each way, borders `fill`; half of them mirrored if asked."""
    count, channels, height, width = images.shape
    padded = F.pad(images, (reach,) * 4, value=fill)
    dy, dx = (torch.randint(0, 2 * reach + 1, (count, 1), generator=rng) for _ in range(2))
    rows, columns = torch.arange(height) + dy, torch.arange(width).expand(count, width)
    if mirrored:
        columns = torch.where(torch.rand(count, 1, generator=rng) < 0.5, width - 1 - columns, columns)
    at = ((rows * padded.shape[3])[:, :, None] + (columns + dx)[:, None, :]).reshape(count, 1, -1)
    at = at.to(images.device)
    return padded.flatten(2).gather(2, at.expand(-1, channels, -1)).reshape(images.shape)


def task_of(net: str) -> Task:
    """The task a network is for.

    Raises:
        UserError: no such network or task; the text names those that exist and the nearest.
    """
    networks.plugin(net)
    return plugins.load("sw.tasks", networks.task_name(net)).Task()
