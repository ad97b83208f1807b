"""Made-up pictures are the same everywhere, and their annotations say what is to be seen."""

import hashlib

import numpy as np
import pytest

from xnorforge.sw.datasets import synthetic
from xnorforge.sw.records import Clip, Scene, boxes_in

MAKERS = {"pedestrians": synthetic.pedestrians, "shapes": synthetic.shapes, "segments": synthetic.segments,
          "clips": lambda count, seed=0: synthetic.clips(count, seed, frames=6)}  # fmt: skip


def content(item) -> bytes:
    """All that a record holds."""
    if isinstance(item, Clip):
        return b"".join(part.tobytes() for part in (item.frames, item.boxes, item.visible))
    parts = (item.boxes, item.labels, item.ignore) if isinstance(item, Scene) else (item.labels,)
    return b"".join(np.ascontiguousarray(part).tobytes() for part in (item.image, *parts))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_picture_depends_on_its_seed_and_number_alone(make):
    few, many, other = make(2, 5).items, make(4, 5).items, make(2, 6).items
    assert [content(one) for one in few] == [content(one) for one in many[:2]]
    assert len({hashlib.sha256(content(one)).digest() for one in [*many, *other]}) == 6


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_words_say_that_it_is_made_up(make):
    assert make(3, 7).what.startswith("3 made-up ") and "synthetic, seed 7" in make(3, 7).what


def test_pedestrians_are_of_all_kinds_and_their_boxes_fit():
    items = synthetic.pedestrians(60).items
    assert all(one.image.shape == (128, 160, 3) and one.image.dtype == np.uint8 for one in items)
    boxes = np.vstack([boxes_in(one.boxes, one.size, one.name) for one in items])
    ignore = np.concatenate([one.ignore for one in items])
    height = boxes[:, 3] - boxes[:, 1]
    assert len(boxes) > 100 and 0.1 < ignore.mean() < 0.5 and height.min() < 128 / 5 < 80 < height.max()
    assert ignore[height < 128 / 5].all() and ignore[height >= 128 / 5].any(), "small ones, and hidden ones"
    for one in items:
        for k, (x0, y0, x1, y1) in enumerate(one.boxes.astype(int)):
            seen = one.mask == k + 1
            assert seen[y0:y1, x0:x1].sum() == seen.sum()
            # A whole figure covers 0.4 of its box or more; 0.65 of it is to be seen if it is to be found.
            assert one.ignore[k] or seen.sum() > 0.65 * 0.4 * (y1 - y0) * (x1 - x0)


def test_a_person_alone_touches_all_sides_of_its_box():
    touching = []
    for one in synthetic.pedestrians(60).items:
        if len(one.boxes) == 1:
            x0, y0, x1, y1 = one.boxes[0].astype(int)
            inside = one.mask[y0:y1, x0:x1] == 1
            touching.append(inside.any(1)[[0, -1]].all() and inside.any(0)[[0, -1]].all())
    assert len(touching) > 5 and np.mean(touching) > 0.8, "but for those behind a pole"


def test_shapes_have_every_class_and_lie_apart():
    items = synthetic.shapes(40).items
    assert set(np.concatenate([one.labels for one in items])) == {0, 1, 2, 3}
    for one in items:
        boxes_in(one.boxes, one.size, one.name)
        sides = one.boxes[:, 2:] - one.boxes[:, :2]
        square = np.isin(one.labels, (0, 1, 2))
        assert np.abs(sides[square] @ [1, -1]).max(initial=0) <= 2
        assert ((sides[~square, 0] / sides[~square, 1]) > 2).all()


def test_an_object_differs_from_the_ground_around_it():
    differences = []
    for one in synthetic.shapes(40).items:
        for x0, y0, x1, y1 in one.boxes.astype(int):
            middle = one.image[(y0 + y1) // 2, (x0 + x1) // 2].astype(int)
            differences.append(np.abs(middle - one.image.reshape(-1, 3).mean(0)).max())
    assert np.median(differences) > 50


def test_segments_have_every_class_and_a_bar_beside_each_marked_disc():
    items = synthetic.segments(60).items
    counts = sum(np.bincount(one.labels.ravel(), minlength=6) for one in items)
    assert (counts > 500).all() and counts[0] > 0.5 * counts.sum() and len(counts) == 6
    seen = 0
    for one in items:
        marked = one.labels == 5
        wide, tall = (np.ptp(axis) for axis in np.nonzero(marked)) if marked.any() else (0, 99)
        if abs(wide - tall) > 2:
            continue  # two of them
        x, y = np.flatnonzero(marked.any(0))[-1], int(np.argwhere(marked)[:, 0].mean())
        disc = one.image[y, x - 8 : x - 2].mean(0)
        beside = one.image[y, x + 8 : x + 17].astype(float)
        assert np.abs(beside - disc).max(1).min() < 35, "the disc's colour returns 8 to 15 pixels on"
        seen += 1
    assert seen >= 10


def test_a_patch_moves_and_stays_in_its_picture():
    items = synthetic.clips(4, frames=30).items
    for one in items:
        boxes_in(one.boxes, one.size, one.name)
        assert one.frames.shape == (30, 240, 320, 3) and len(one.boxes) == 30
        away = np.abs(np.diff((one.boxes[:, :2] + one.boxes[:, 2:]) / 2, axis=0))
        assert 0 < away.max() <= 8
        corners = [one.boxes[k].astype(int) for k in (0, 1)]
        first, later = (one.frame(k)[y0:y1, x0:x1] for k, (x0, y0, x1, y1) in enumerate(corners))
        tall, wide = np.minimum(first.shape, later.shape)[:2]
        difference = np.abs(first[:tall, :wide].astype(int) - later[:tall, :wide])
        elsewhere = np.abs(first.astype(int) - first[::-1, ::-1])
        assert difference.mean() < 0.6 * elsewhere.mean(), "the patch is the same one"
    sizes = np.array([one.boxes[:, 2] - one.boxes[:, 0] for one in items])
    assert (sizes.max(1) > sizes.min(1)).all(), "and its size drifts"
