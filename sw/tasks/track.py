"""Tracking of one object through a sequence, as SiamFC does it (L. Bertinetto et al., ECCV 2016 workshops),
on bits.

Training pairs an exemplar of 64x64 with a search window of 128x128 around the same object, up to 26 pixels
off. Half of the pairs are from two frames of a sequence, half from single pictures with boxes. Frames come in
groups of five, see `Correlation` in sw/nn/building_blocks.py.
"""

from dataclasses import dataclass
from itertools import tee
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.core.types import Record
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import coco, penn_fudan, synthetic, tracking, voc
from xnorforge.sw.decode import track
from xnorforge.sw.draw import tracks as draw
from xnorforge.sw.metrics import tracking as metrics
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.records import Split
from xnorforge.sw.tasks._maps import MapTask, channels_first, either, tinted
from xnorforge.sw.tasks.base import Box, Images, Names, Pictures, Run, Shown

USUAL = "tinytrk"
EXEMPLAR, SEARCH, CELLS, STRIDE = track.RULES.exemplar, track.RULES.search, 17, track.RULES.stride
SHIFT = 26  # pixels of the search input by which an object is off its centre, at most
NEAR = 6.5  # pixels of the search input: cells this near to the object's place are right
APART = 25  # frames between the two of a pair, at most
PAIRS = 4096  # of an epoch
TEMPERATURE, OFFSET = 8.0, -2.0  # of the logistic loss, over the mean product of bits
NEGATIVES = 0.2  # weight of the answers to other exemplars
SEEN = 40  # frames of a sequence, the last of which a report shows
STILL = "success AUC of a box that never moves"
EVERY = 4  # golden frames: every fourth of each test sequence


@dataclass(frozen=True)
class Sighting:
    """An object that is visible in pictures, with its box in each."""

    pictures: list[np.ndarray]
    boxes: np.ndarray


class Task(MapTask):
    """Four sequences to train on and four to test, with single pictures of COCO128 and Penn-Fudan."""

    shape: tuple[int, int, int] = (3, SEARCH, SEARCH)
    recipe_words = "each pair up to 26 pixels off, at 0.9 to 1.1 of its size, mirrored half the time, relit"
    main = "success AUC"
    follows = True
    measures: ClassVar = {
        "success AUC": lambda those: metrics.success([one["overlap"] for one in those]),
        "precision at 20 px": lambda those: metrics.precision([one["error"] for one in those]),
        "AO": lambda those: metrics.average_overlap([one["inside"] for one in those]),
        "SR 0.5": lambda those: metrics.success_rate([one["inside"] for one in those]),
        "AO with resets": lambda those: metrics.accuracy_with_resets([one["reset"] for one in those]),
        "reliability": lambda those: metrics.reliability([one["reset"] for one in those]),
    }

    def train_sets(self) -> tuple[Images, Images]:
        clips = either(lambda: tracking.clips("train"), lambda: synthetic.clips(8, seed=1))
        moving = [
            Sighting([clip.frame(at) for at in range(len(clip.frames))], clip.boxes) for clip in clips.items
        ]
        single, sources = _single_pictures()
        what = " and ".join([clips.what, *sources])
        watched = self._windows(clips.items, f"windows of {clips.what}, also used for training")
        return Images(np.empty((PAIRS * 5 // 4, 0)), np.empty(0), what, (moving, single)), watched

    def tested(self) -> Split:
        return either(lambda: tracking.clips("test"), lambda: synthetic.clips(4))

    def examples(self) -> list[tuple[Any, ...]]:
        """Return the box after some frames of each test sequence."""
        clips = self.tested().items
        return [(f"{clip.name}, frame {SEEN}", map(clip.frame, range(SEEN)), clip.boxes[0]) for clip in clips]

    def true_examples(self, _names: tuple[str, ...]) -> list[np.ndarray]:
        return [
            draw.draw_track(clip.frame(SEEN - 1), list(clip.boxes[:SEEN]))
            if clip.visible[SEEN - 1]
            else clip.frame(SEEN - 1)  # its box says nothing
            for clip in self.tested().items
        ]

    def test_sets(self) -> list[Images]:
        clips = self.tested()
        return [Images(np.empty(0), np.empty(0), clips.what, clips.items)]

    def golden(self, count: int | None = None) -> Images:
        """Return windows around the object, at its size, of every fourth frame of the test sequences; without
        labels, because one template is compared with all of them."""
        [clips] = self.test_sets()
        found = self._windows(clips.source, f"windows of {clips.what}, every fourth frame")
        images = found.images[:count]
        return Images(images, np.full(len(images), -1), f"{len(images)} {found.what}")

    def _windows(self, clips, what: str) -> Images:
        """Windows around the last place; labels (N, 2): the object, in pixels off the centre."""
        frames, labels, exemplars = [], [], []
        for clip in clips:
            exemplars.append(track.exemplar(clip.frame(0), track.start_track(clip.boxes[0])))
            for at in range(1, len(clip.frames), EVERY):
                before = track.start_track(clip.boxes[at - 1])
                frames.append(track.search_windows(clip.frame(at), before)[1])
                away = track.start_track(clip.boxes[at]).centre - before.centre
                labels.append([*(away * EXEMPLAR / before.side), len(exemplars) - 1])
        return Images(channels_first(frames), np.array(labels), what, exemplars)

    def sampler(self, training: Images, device: torch.device):
        moving, single = training.source

        def batch(at, generator):
            rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator).item()))
            frames, labels = [], []
            for _ in range(len(at) // 5):
                pairs = [_pair(moving, single, rng) for _ in range(4)]
                tiles = [pair[0] for pair in pairs]
                frames += [pair[1] for pair in pairs]
                frames.append(np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])]))
                labels += [pair[2] for pair in pairs]
            return torch.from_numpy(channels_first(frames)).to(device), torch.from_numpy(np.stack(labels)).to(
                device
            )

        return batch

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Balanced logistic loss of responses: to the own exemplar, and none to the other three."""
        logits = scores / 8192 * TEMPERATURE + OFFSET
        near = labels.sum((1, 2), keepdim=True)
        weight = torch.where(
            labels > 0, 0.5 / near.clamp(min=1), 0.5 / (1 - labels).sum((1, 2), keepdim=True)
        )
        own = F.binary_cross_entropy_with_logits(logits[:, 0], labels, weight, reduction="sum") / len(labels)
        return own + NEGATIVES * F.softplus(logits[:, 1:]).mean()

    def prepared(self, network: AnyModule) -> nn.Module:
        """Set the template of the first test sequence, until another is learnt."""
        [clips] = self.test_sets()
        first = clips.source[0]
        self.learn(network, track.exemplar(first.frame(0), track.start_track(first.boxes[0])))
        return network

    @torch.no_grad()
    def learn(self, network: Any, exemplar: np.ndarray) -> None:
        mode, device = network.training, next(network.parameters()).device
        frame = torch.from_numpy(self.as_frame(exemplar)[None].astype(np.float32)).to(device)
        network.eval()[-1].learn(nn.Sequential(*list(network)[:-1])(frame / 128 - 1))
        network.train(mode)

    def as_frame(self, exemplar: np.ndarray) -> np.ndarray:
        """uint8 (3, 128, 128) with the exemplar top left: its features are the first ones."""
        frame = np.zeros(self.shape, np.uint8)
        frame[:, :EXEMPLAR, :EXEMPLAR] = exemplar.transpose(2, 0, 1)
        return frame

    def shown(self, run: Run, pictures: Pictures, _names: Names, box: Box = None) -> Shown:
        frames, again = tee(pictures)
        boxes = []
        for frame, state in zip(frames, follow_sequence(run, again, box)):
            boxes.append(state.box)
            yield (
                draw.draw_track(frame, boxes, state.confidence, state.lost),
                {
                    "box": [round(value, 1) for value in state.box.tolist()],
                    "confidence": round(state.confidence, 3), "lost": state.lost,
                },
            )  # fmt: skip

    def judged(self, run: Run, images: Images, intervals: bool = True) -> Record:
        """Score whole sequences, in one pass and with resets; for windows, count how often the object is
        found within two cells.

        `run` takes an exemplar (64, 64, 3) before a new one is to be learnt: `run(frames, exemplar)`."""
        if len(images.images):
            return self._hits(run, images)
        items = [self.followed(run, clip) for clip in images.source]
        frames = sum(len(clip.frames) for clip in images.source)
        each = {
            clip.name: self.measured_row([item], False)["figures"] | {STILL: round(_still(clip), 5)}
            for clip, item in zip(images.source, items)
        }
        return {"images": frames, **self.measured_row(items, intervals), "sequences": each}

    def followed(self, run: Run, clip) -> Record:
        """Figures by frame: `overlap` (OTB), `error`, `inside` (GOT-10k) and `reset` (VOT)."""

        def follow(start: int):
            frames = (clip.frame(at) for at in range(start, len(clip.frames)))
            return (state.box for state in follow_sequence(run, frames, clip.boxes[start]))

        boxes, seen = np.array(list(follow(0))), clip.visible
        return {
            "overlap": metrics.overlap(boxes, clip.boxes, visible=seen),
            "error": metrics.centre_error(boxes, clip.boxes, seen),
            "inside": metrics.overlap(boxes, clip.boxes, clip.size, seen),
            "reset": metrics.reset_overlap(lambda at: follow(at) if at else boxes, clip.boxes, seen),
        }

    def _hits(self, run, images) -> Record:
        right = 0
        for number, exemplar in enumerate(images.source):
            mine = images.labels[:, 2] == number
            responses = run(images.images[mine], exemplar)[:, 0]
            rows, columns = np.unravel_index(responses.reshape(len(responses), -1).argmax(1), (CELLS, CELLS))
            places = (np.stack([columns, rows], 1) - CELLS // 2) * STRIDE
            right += int((np.abs(places - images.labels[mine, :2]) <= 2 * STRIDE).all(1).sum())
        share = round(right / len(images.images), 5)
        return {"images": len(images.images), "figures": {"found within 2 cells": share}}


def _still(clip) -> float:
    boxes = np.repeat(clip.boxes[:1], len(clip.boxes), 0)
    return metrics.success([metrics.overlap(boxes, clip.boxes, visible=clip.visible)])


def follow_sequence(run: Run, frames, box):
    """Yield the state in each frame, that of the given box first; `run` as for `Task.judged`."""
    state = exemplar = None
    for frame in frames:
        if state is None:
            state = track.start_track(box)
            exemplar = track.exemplar(frame, state)
        else:
            windows = channels_first(list(track.search_windows(frame, state)))
            state = track.follow(state, run(windows, exemplar)[:, 0], frame)
            exemplar = None
        yield state


def _single_pictures() -> tuple[list[Sighting], list[str]]:
    """Return objects of still pictures, and which pictures these are; none if the data sets are missing."""
    found, sources = [], []
    for read in (
        lambda: coco.scenes_128("train2017"),
        lambda: coco.scenes_128("val2017"),
        lambda: voc.scenes("trainval"),
        lambda: penn_fudan.scenes("train"),
    ):
        try:
            split = read()
        except datasets.Absent:
            continue
        sources.append(split.what)
        for scene in split.items:
            picture, size = scene.image, scene.boxes[:, 2:] - scene.boxes[:, :2]
            narrow = (
                size.min(1) >= 16, size.max(1) < 5 * size.min(1),
                size.prod(1) < 0.5 * picture.shape[0] * picture.shape[1],
            )  # fmt: skip
            found += [Sighting([picture], box[None]) for box in scene.boxes[np.all(narrow, 0)]]
    return found, sources


def _pair(moving: list[Sighting], single: list[Sighting], rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exemplar, search (H, W, 3), and float32 (17, 17), 1 where the object is."""
    pool = single if single and rng.random() < 0.5 else moving
    seen = pool[rng.integers(len(pool))]
    first = int(rng.integers(len(seen.pictures)))
    second = int(np.clip(first + rng.integers(-APART, APART + 1), 0, len(seen.pictures) - 1))
    near, far = track.start_track(seen.boxes[first]), track.start_track(seen.boxes[second])
    scaled = near.side * np.exp(rng.uniform(-0.05, 0.05))
    exemplar = track.crop(seen.pictures[first], near.centre, scaled, EXEMPLAR)
    side, away = far.side * SEARCH / EXEMPLAR * np.exp(rng.uniform(-0.1, 0.1)), rng.uniform(-SHIFT, SHIFT, 2)
    search = track.crop(seen.pictures[second], far.centre - away * side / SEARCH, side, SEARCH)
    if pool is single and rng.random() < 0.5:
        search = (255 * (search / 255.0) ** rng.uniform(0.6, 1.4)).astype(np.uint8)
    if rng.random() < 0.5:
        exemplar, search, away = exemplar[:, ::-1], search[:, ::-1], away * [-1, 1]
    cells = (np.arange(CELLS) - CELLS // 2) * STRIDE
    right = (cells[None] - away[0]) ** 2 + (cells[:, None] - away[1]) ** 2 <= NEAR**2
    return tinted(exemplar, rng, (0.75, 1.25)), tinted(search, rng, (0.75, 1.25)), right.astype(np.float32)
