"""Drawings: what is where on them, and that the rest of the picture stays as it is."""

import json

import numpy as np
import pytest
import torch

from xnorforge.core import plugins
from xnorforge.core.networks import usual
from xnorforge.sw import networks
from xnorforge.sw.draw import bars, boxes, masks, tracks
from xnorforge.sw.draw.canvas import COLOURS, Canvas, colour, on
from xnorforge.sw.metrics.boxes import Found
from xnorforge.sw.tasks.base import task_of

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 100, (600, 800, 3), np.uint8)  # darker than every ink
NAMES = ("person", "dog")


def found(*rows):
    """Boxes x0, y0, x1, y1, score, label."""
    rows = np.array(rows, float).reshape(-1, 6)
    return Found(rows[:, :4], rows[:, 4], rows[:, 5].astype(int))


def test_a_frame_lies_on_the_border_of_its_box_and_nothing_else_changes():
    drawn = boxes.draw_boxes(PICTURE, found((100, 200, 300, 400, 0.5, 0)), NAMES)
    assert drawn.shape == PICTURE.shape
    edges = [(300, 100), (300, 299), (200, 250), (399, 250)]
    assert [tuple(drawn[y, x]) for y, x in edges] == [colour(0)] * 4
    line = Canvas(PICTURE).line
    changed = np.argwhere((drawn != PICTURE).any(2))
    frame = ((changed[:, 0] >= 200 - line) & (changed[:, 0] < 400 + line) & (changed[:, 1] >= 100 - line)
             & (changed[:, 1] < 300 + line))  # fmt: skip
    inside = ((changed > [200 + line, 100 + line]) & (changed < [400 - line, 300 - line])).all(1)
    label = changed[~frame]
    assert not inside.any() and 160 < label[:, 0].min() <= label[:, 0].max() < 200
    assert label[:, 1].max() < 300


@pytest.mark.parametrize("corner", [(0, 0), (760, 0), (0, 580), (760, 580)])
def test_a_label_stays_in_the_picture_whole(corner):
    x, y = corner
    drawn = boxes.draw_boxes(PICTURE, found((x, y, x + 40, y + 20, 0.876, 1)), NAMES)
    plate = (drawn == colour(1)).all(2)
    inner = boxes.draw_boxes(PICTURE, found((300, 300, 340, 320, 0.876, 1)), NAMES)
    assert plate.sum() > 0.7 * (inner == colour(1)).all(2).sum()


def test_the_surest_lies_on_top_and_first_in_the_record():
    two = found((100, 200, 300, 400, 0.9, 1), (100, 200, 300, 400, 0.41, 0))
    assert (boxes.draw_boxes(PICTURE, two, NAMES)[300, 100] == colour(1)).all()
    assert boxes.describe_boxes(two, NAMES)["found"] == [
        {"class": "dog", "percent": 90.0, "box": [100.0, 200.0, 300.0, 400.0]},
        {"class": "person", "percent": 41.0, "box": [100.0, 200.0, 300.0, 400.0]},
    ]


def test_a_class_without_a_name_has_its_number():
    assert boxes.describe_boxes(found((0, 0, 9, 9, 0.5, 17)), NAMES)["found"][0]["class"] == "class 17"


def test_nothing_found_is_the_picture_itself():
    assert (boxes.draw_boxes(PICTURE, found(), NAMES) == PICTURE).all() and boxes.describe_boxes(
        found(), NAMES
    ) == {"found": []}


def test_small_pictures_are_drawn_larger_with_their_boxes_in_place():
    small = PICTURE[:50, :100]
    canvas = Canvas(small)
    assert (canvas.zoom, canvas.picture.shape) == (5, (250, 500, 3))
    drawn = boxes.draw_boxes(small, found((20, 20, 60, 40, 0.5, 0)), NAMES)
    assert [tuple(drawn[y, x]) for y, x in ((150, 100), (150, 299), (199, 250))] == [colour(0)] * 3


def test_words_and_lines_grow_with_the_picture():
    sizes = [Canvas(np.zeros((600 * k, 800 * k, 3), np.uint8)) for k in (1, 2, 4)]
    assert [one.font.size for one in sizes] == [22, 44, 89] and [one.line for one in sizes] == [2, 5, 10]


def test_a_mask_mixes_the_colour_of_its_class_and_the_legend_tells_its_share():
    labels = np.zeros((600, 800), np.uint8)
    labels[:150] = 1
    drawn = masks.draw_labels(PICTURE, labels, NAMES)
    for number, row in ((1, 100), (0, 300)):
        wanted = 0.5 * PICTURE[row] + 0.5 * np.array(colour(number))
        assert np.abs(drawn[row] - wanted).max() < 1
    assert masks.describe_labels(labels, NAMES) == {"percent_of_pixels": {"person": 75.0, "dog": 25.0}}
    legend = drawn[600:]
    shown = [(legend == colour(number)).all(2).any() for number in range(3)]
    assert shown == [True, True, False]


def test_a_legend_keeps_its_size_whatever_is_seen():
    names = tuple(f"a long name {number}" for number in range(9))
    seen = [np.full((600, 800), number, np.uint8) for number in range(9)]
    sizes = {masks.draw_labels(PICTURE, labels, names).shape for labels in seen}
    assert len(sizes) == 1
    shares = masks.describe_labels(np.full((2, 2), 10, np.uint8), names)["percent_of_pixels"]
    assert shares["class 10"] == 100 and sum(shares.values()) == 100


def test_a_track_shows_where_it_is_and_the_way_it_came():
    way = [np.array([100.0 + 40 * k, 300, 140 + 40 * k, 360]) for k in range(10)]
    first, last = tracks.draw_track(PICTURE, way[:1]), tracks.draw_track(PICTURE, way)
    assert (first[330, 100] == tracks.GIVEN).all() and (last[330, 460] == tracks.FOUND).all()
    assert (last[330, 130:440] == tracks.FOUND).all()
    assert (first[330, 130:440] == PICTURE[330, 130:440]).mean() > 0.9


def test_a_bar_is_as_long_as_its_class_is_likely():
    """Scores log 6, log 3, log 1: 60, 30 and 10 % of the widest bar's room."""
    drawn = bars.draw_bars(PICTURE, np.log([3, 6, 1]), ("a", "bb", "ccc"))
    assert (drawn[:600] == PICTURE).all() and drawn.shape[1] == 800
    below, found = drawn[600:], []
    for at in (1, 0, 2):
        rows, columns = np.nonzero((below == colour(at)).all(2))
        found.append((rows.min(), columns.max() - columns.min() + 1, columns.min()))
    (first, *_), (second, *_), (third, *_) = found
    assert first < second < third and len({left for _, _, left in found}) == 1
    room = ((below == colour(1)).all(2) | (below == 235).all(2)).sum(1).max()
    assert [wide / room for _, wide, _ in found] == pytest.approx([0.6, 0.3, 0.1], abs=1 / room)


def test_five_classes_of_many_are_shown_and_the_first_of_equal_ones():
    scores = np.array([0.0, 7, 1, 7, 2, 3, 4])
    rows = bars.describe_bars(scores, ("a", "b"))["likeliest"]
    assert [row["class"] for row in rows] == ["b", "class 3", "class 6", "class 5", "class 4"]
    assert [row["score"] for row in rows] == [7, 7, 4, 3, 2]


def test_a_long_name_is_cut_and_a_video_keeps_its_size():
    names = ("a" * 200, "b", "c")
    sizes = {bars.draw_bars(PICTURE[:50, :70], np.roll([9.0, 1, 0], k), names).shape for k in range(3)}
    assert len(sizes) == 1


def test_words_can_be_read_on_every_ink():
    luma = np.array([list(ink) for ink in COLOURS]) @ [0.299, 0.587, 0.114]
    words = np.array([on(tuple(ink)) for ink in COLOURS])[:, 0]
    assert (np.abs(luma - words) > 100).all() and len(set(COLOURS)) == len(COLOURS) >= 11


@pytest.mark.quick(
    "(97, 211)-*-tiny*", "(97, 211)-tiny*", "(97, 211)-segment*", "(97, 211)-pedestrian*", "(97, 211)-mnist*",
    "(97, 211)-track*", "(640, 480)-mnist-cnn",
)  # fmt: skip
@pytest.mark.parametrize("net", [usual(name) for name in plugins.names("sw.tasks")])
@pytest.mark.parametrize("size", [(97, 211), (640, 480), (30, 20)], ids=str)
def test_every_task_that_draws_takes_pictures_of_any_size(net, size):
    """Answers of a network that knows nothing: places lie in the picture, and the record is plain JSON."""
    task, rng = task_of(net), np.random.default_rng(0)
    with torch.no_grad():
        shape = networks.build(net).eval()(torch.zeros(1, *task.shape)).shape[1:]
    pictures = rng.integers(0, 256, (3, size[1], size[0], 3), np.uint8)
    box = (5.0, 5.0, size[0] - 5.0, size[1] - 5.0) if task.follows else None

    def run(images, _exemplar=None):
        assert images.dtype == np.uint8 and images.shape[1:] == task.shape
        return rng.normal(0, 1, (len(images), *shape))

    shown = list(task.shown(run, iter(pictures), task.names("real"), box))
    assert len(shown) == 3
    for drawing, found in shown:
        assert drawing.dtype == np.uint8 and drawing.shape[1] % size[0] == 0 and drawing.shape[0] >= size[1]
        places = [row["box"] for row in json.loads(json.dumps(found)).get("found", [])]
        assert all(0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1] for x0, y0, x1, y1 in places)
