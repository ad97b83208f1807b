"""What a task is: images, a loss, and figures that say how good a network is.

A task is one file `sw/tasks/<name>.py` that defines a class named `Task` and the constant `USUAL`, the
network that the task's name alone stands for. Its networks are the files `sw/networks/<task>_<network>.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from xnorforge.core import networks, plugins
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.sw import modules
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.decode.square import fitted
from xnorforge.sw.draw import bars

Run: TypeAlias = Callable[..., np.ndarray]  # images to scores
Pictures: TypeAlias = Iterable[np.ndarray]  # of any size, uint8 (H, W, 3)
Names: TypeAlias = tuple[str, ...]  # of classes
Box: TypeAlias = Sequence[float] | np.ndarray | None  # x0, y0, x1, y1: what to follow
Shown: TypeAlias = Iterator[tuple[Any, Any]]  # a drawn picture, and what was found in it


@dataclass(frozen=True)
class Images:
    """Pictures with labels, and a description of them.

    Attributes:
        images: uint8, (N, C, H, W), raw 0..255; or what is indexed alike and gives them by `copy()`.
        labels: what the task compares with, (N, …); for classes int64 (N,), -1 where unknown.
        what: description for cards and reports, such as "10,000 test images of MNIST". For pictures drawn by
            a program it contains `made-up` (MADE_UP in datasets/base.py), and no build uses such a training
            unless its folder is named.
        source: what the pictures were made from, if a task makes new training pictures of it; else None.
    """

    images: Any
    labels: np.ndarray
    what: str
    source: Any = None

    def first(self, count: int) -> "Images":
        """The first `count` images, all for 0; UserError: fewer, or generated in each epoch."""
        if not count:
            return self
        if self.source is not None or count > len(self.images):
            few = f"there are only {len(self.images):,}"
            there = few if self.source is None else "they are generated in each epoch"
            raise UserError(
                f"RECIPE: images={count} cannot be taken from {self.what}: {there}; leave it out."
            )
        return Images(self.images[:count], self.labels[:count], f"the first {count:,} images of {self.what}")

    def apart(self, fold: int) -> tuple["Images", "Images"]:
        """All images but the `fold`-th fifth, 1 .. 5, and that fifth; UserError: they cannot be split so."""
        if fold > 5 or not isinstance(self.source, list | None):
            raise UserError(f"RECIPE: fold={fold} cannot be taken from {self.what}; use 1 .. 5, or none.")
        parts = np.array_split(np.arange(len(self.images)), 5)
        own, part = parts.pop(fold - 1), f"part {fold} of 5"
        others = np.concatenate(parts)
        source = self.source and [self.source[at] for at in others]
        left = Images(self.images[others], self.labels[others], f"{self.what}, but {part}", source)
        return left, Images(self.images[own], self.labels[own], f"{part} of {self.what}")


@dataclass(frozen=True)
class Ahead:
    """A sampler (`Task.sampler`) that makes a batch while another one trains.

    Attributes:
        ahead: as a sampler, but returns the Future of the batch.
    """

    ahead: Callable[..., Future[Any]]

    def __call__(self, at: torch.Tensor, rng: torch.Generator) -> tuple[Any, ...]:
        return self.ahead(at, rng).result()


class Task:
    """A classification task. A subclass states the data; other kinds of tasks override more.

    Attributes:
        shape: shape of an image, (C, H, W).
        main: name of the figure by which networks are compared.
        classifies: labels are classes; the rest of the pipeline then computes `figures` by itself.
        follows: pictures are consecutive frames, and a box in the first one shows what to follow.
        reach: largest number of pixels by which `augment` shifts an image; None if it does not shift.
        fill: of the border that appears; mirrored: whether it mirrors half of the shifted images.
        moved_words: `recipe_words` with {} in place of that number.
        data_option: command-line option that names the pictures, if they are the user's own.
    """

    shape: tuple[int, int, int]
    recipe_words: str = ""
    main = "top1"
    classifies = True
    follows = False
    reach: Any = None
    fill, mirrored = 0, False
    moved_words = ""
    data_option = ""

    def move_by(self, shift: int) -> None:
        """Let `augment` shift by up to `shift` pixels, -1 as usual; UserError if it does not."""
        if shift < 0:
            return
        if self.reach is None:
            raise UserError(
                f"RECIPE: shift={shift}, but {type(self).__module__.rpartition('.')[2]} does not shift its "
                "pictures; leave shift out."
            )
        self.reach, self.recipe_words = shift, self.moved_words.format(shift)

    def train_sets(self) -> tuple[Images, Images]:
        """Images to train on, and images to monitor, which no step uses unless `what` says so."""
        raise NotImplementedError

    def test_sets(self) -> list[Images]:
        """Return the sets on which accuracy is stated, each separately. No choice is ever based on them."""
        raise NotImplementedError

    def golden(self, count: int | None = None) -> Images:
        """Return the images that accompany an export: the first `count`, or all of them."""
        raise NotImplementedError

    def augment(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return varied copies of training images, uint8 (N, C, H, W)."""
        return images if self.reach is None else shifted(images, self.reach, self.mirrored, self.fill, rng)

    def sampler(
        self, training: Images, device: torch.device
    ) -> Callable[[torch.Tensor, torch.Generator], tuple[Any, ...]]:
        """A function from indices to a batch: uint8 (N, C, H, W), and what `loss` compares with."""
        given = training.images, training.labels
        images, labels = (torch.from_numpy(part.copy()).to(device) for part in given)
        return lambda at, rng: (self.augment(images[at], rng), labels[at])

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss to minimise: the cross entropy."""
        return F.cross_entropy(scores, labels)

    def correct(self, scores: np.ndarray, labels: np.ndarray) -> int:
        """The number of images whose (first) largest score is that of their label."""
        return int((np.argmax(scores, 1) == labels).sum())

    def figures(self, scores: np.ndarray, labels: np.ndarray, _intervals: bool = True) -> Record:
        """Return a row of a card or report: `images`, and `correct` and `top1` in per cent, or `figures`
        {name: 0..1}.

        Args:
            scores: float (N, classes) or (N, C, H, W), of the first N images.
            labels: labels of `Images`.
            intervals: for figures that are not shares of images, add `intervals` from 5 % to 95 %.
        """
        known = labels[: len(scores)] >= 0
        count, right = int(known.sum()), self.correct(scores[known], labels[: len(scores)][known])
        return {"images": count, "correct": right, "top1": round(100 * right / count, 2)}

    def judged(self, run: Run, images: Images, intervals: bool = True) -> Record:
        """The same row for a network run on a set; `run`: uint8 images to float (N, …) scores."""
        return self.figures(run(images.images), images.labels, intervals)

    def calibration_images(self, _training: Images) -> np.ndarray | None:
        """Images as seen after deployment, for batch norms' final statistics; None keeps them."""
        return None

    def learn(self, network: torch.nn.Module, exemplar: np.ndarray) -> None:
        """Give a network the exemplar that it compares pictures with, in tasks that have one."""
        raise NotImplementedError

    def as_frame(self, exemplar: np.ndarray) -> np.ndarray:
        """Return the frame, uint8 (C, H, W), from which an accelerator learns the same exemplar."""
        raise NotImplementedError

    def stamp(self) -> Record:
        """What a card notes about pictures that are not a published data set; else nothing."""
        return {}

    def names(self, _trained_on: str) -> tuple[str, ...]:
        """Names of the first classes, for a network trained on a card's pictures."""
        return ()

    def as_input(self, picture: np.ndarray) -> np.ndarray:
        """Convert a picture of any size, uint8 (H, W, 3), to the input of the network, uint8 `shape`."""
        return fitted(picture, self.shape)

    def shown(self, run: Run, pictures: Pictures, names: Names, _box: Box = None, /) -> Shown:
        """Draw what a network finds in pictures of any size; for classes, bars of the most likely ones below
        the picture.

        Args:
            run: as for `judged`.
            pictures: uint8 (H, W, 3), RGB.
            names: names of the classes.
            box: if `follows`, x0, y0, x1, y1 in the first picture.

        Yields:
            For each picture, the drawing, uint8 (H, W, 3), and its content in numbers, for a record.
        """
        for picture in pictures:
            [scores] = run(self.as_input(picture)[None])
            scores = scores.ravel()
            yield bars.draw_bars(picture, scores, names), bars.describe_bars(scores, names)

    def examples(self) -> list[tuple[Any, ...]]:
        """Return what a report shows of the test set: (name, pictures, box) each, as for `shown`; the drawing
        of the last picture is shown. They are chosen by their place in the set, never by the result."""
        return []

    def true_examples(self, _names: tuple[str, ...]) -> list[np.ndarray]:
        """Return the ground truth of each of `examples`, drawn like `shown`, uint8 (H, W, 3); empty if a
        drawing would only repeat a class."""
        return []

    def prepared(self, network: torch.nn.Module) -> torch.nn.Module:
        """Return the network with everything it needs, beyond training, to compute scores."""
        return network


class Published(Task):
    """Classes of a published data set, the last of whose training images are held out.

    Attributes:
        data: its name.
        apart: how many images are held out.
        read: its images and labels of "train" or "test", which may be absent.
    """

    data: str
    apart: int
    read: Callable[[str], tuple[np.ndarray, np.ndarray]]

    def train_sets(self) -> tuple[Images, Images]:
        return held_out(*type(self).read("train"), self.apart, self.data)

    def test_sets(self) -> list[Images]:
        images, labels = type(self).read("test")
        return [Images(images, labels, f"{len(images):,} test images of {self.data}")]

    def golden(self, count: int | None = None) -> Images:
        """Return the first 1,000 test images; where they are absent, 100 random ones without labels."""
        try:
            images, labels = (part[:1000][:count] for part in type(self).read("test"))
        except datasets.Absent:
            return unlabelled(min(count or 100, 100), self.shape, self.data)
        return Images(images, labels, f"the first {len(images):,} test images of {self.data}")


def held_out(images: np.ndarray, labels: np.ndarray, count: int, of: str) -> tuple[Images, Images]:
    """Return the images to train on, and the last ones, which are held out."""
    at = len(images) - count
    return (
        Images(images[:at], labels[:at], f"the first {at:,} training images of {of}"),
        Images(images[at:], labels[at:], f"the last {count:,} training images of {of}"),
    )


def unlabelled(count: int, shape: tuple[int, int, int], data: str) -> Images:
    """Return random images (seed 0) without labels, where a published data set is not at hand."""
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    why = f"as {data} is neither in XNORFORGE_DATA nor downloaded"
    return Images(images, np.full(count, -1), f"{count} random images (seed 0) without labels, {why}")


def main_figure(row: Record) -> float:
    """Return the main figure of a row, 0 to 1."""
    return row["correct"] / row["images"] if "correct" in row else next(iter(row["figures"].values()))


def shifted(
    images: torch.Tensor, reach: int, mirrored: bool, fill: int, rng: torch.Generator
) -> torch.Tensor:
    """Images shifted by up to `reach` pixels, with borders `fill`; half mirrored if requested."""
    count, channels, height, width = images.shape
    padded = F.pad(images, (reach,) * 4, value=fill)
    dy, dx = (torch.randint(0, 2 * reach + 1, (count, 1), generator=rng) for _ in range(2))
    rows, columns = torch.arange(height) + dy, torch.arange(width).expand(count, width)
    if mirrored:
        columns = torch.where(torch.rand(count, 1, generator=rng) < 0.5, width - 1 - columns, columns)
    rows, columns = (part.to(images.device) for part in (rows * padded.shape[3], columns + dx))
    at = (rows[:, :, None] + columns[:, None, :]).reshape(count, 1, -1)
    return padded.flatten(2).gather(2, at.expand(-1, channels, -1)).reshape(images.shape)


def task_of(net: str) -> Task:
    """The task of a network; UserError, with all names, if either does not exist."""
    if net.startswith(f"{networks.MEMORY}-"):
        return modules.MEMORY[net][1]
    if not networks.is_given(net):
        networks.plugin(net)
    task = plugins.load("sw.tasks", networks.task_name(net)).Task()
    if networks.is_given(net) and networks.takes_data(net):
        task.shape = modules.picture_shape(net.partition("-")[2], task.shape, len(task.names("")))
    return task
