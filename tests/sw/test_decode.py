"""The host's side of a task, on maps and pictures made by hand, and against torch's interpolation."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from documents import python

from xnorforge.sw.decode import heatmap, labels, track
from xnorforge.sw.decode.letterbox import letterbox


@pytest.mark.parametrize("wide, tall, inner, offset", [
    (80, 60, (160, 120), (0, 4)), (200, 400, (64, 128), (48, 0)), (160, 128, (160, 128), (0, 0)),
])  # fmt: skip
def test_a_letterbox_keeps_proportions_and_fills_with_grey(wide, tall, inner, offset):
    picture = np.full((tall, wide, 3), [250, 10, 90], np.uint8)
    out, fit = letterbox(picture, 160, 128)
    assert out.shape == (128, 160, 3) and fit.offset == offset
    inside = np.zeros((128, 160), bool)
    inside[offset[1] : offset[1] + inner[1], offset[0] : offset[0] + inner[0]] = True
    assert (out[inside] == [250, 10, 90]).all() and (out[~inside] == 127).all()


def test_boxes_return_from_a_letterbox():
    rng = np.random.default_rng(0)
    for wide, tall in rng.integers(20, 900, (50, 2)):
        _, fit = letterbox(np.zeros((tall, wide, 3), np.uint8), 160, 128)
        corner = rng.uniform(0, 0.5, (9, 2)) * [wide, tall]
        boxes = np.hstack([corner, corner + rng.uniform(0.1, 0.5, (9, 2)) * [wide, tall]])
        np.testing.assert_allclose(fit.back(fit.into(boxes)), boxes, atol=1e-9)
        sides = fit.into(np.array([[0, 0, wide, tall]]))[0].round(6).reshape(2, 2)
        assert (sides[1] - sides[0] == [160, 128]).any()
        assert (sides >= 0).all() and (sides <= [160, 128]).all()
    assert fit.back(np.array([[-50.0, -50, 500, 500]])).tolist() == [[0, 0, wide, tall]]


def empty_maps(classes=1):
    maps = np.full((classes + 4, 16, 20), -100)
    maps[classes:] = 0
    return maps


def test_a_cell_becomes_a_box_around_its_centre():
    maps = empty_maps(classes=2)
    maps[1, 3, 5] = 40
    maps[2:, 3, 5] = [0, 10, -10, 20]  # times 0.1: exp(0), exp(1), exp(-1), exp(2), each times 16 pixels
    found = heatmap.boxes(maps, 0.1, [-1, -1, 0, 0, 0, 0], stride=8)
    x, y, e = 44, 28, np.e
    np.testing.assert_allclose(found.boxes, [[x - 16, y - 16 * e, x + 16 / e, y + 16 * e**2]])
    assert found.labels.tolist() == [1] and found.scores[0] == pytest.approx(1 / (1 + np.exp(-3)))


def test_distances_are_cut():
    maps = empty_maps()
    maps[0, 0, 0], maps[1:, 0, 0] = 100, [-999, 999, 0, 0]
    box = heatmap.boxes(maps, 1, 0, stride=8).boxes[0]
    np.testing.assert_allclose(4 - box[:2], [16 * np.exp(-3), 16 * np.exp(3)])


@pytest.mark.parametrize("probability", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("scale, bias", [(0.013, -2.5), (1.0, 0.3), (0.2, 4.0)])
def test_the_whole_threshold_is_the_probability(probability, scale, bias):
    q = np.arange(-2000, 2000)
    sure = 1 / (1 + np.exp(-np.clip(q * scale + bias, -50, 50))) >= probability
    assert q[sure].min() == heatmap.least_score(probability, scale, bias)
    assert (np.diff(sure.astype(int)) >= 0).all()


def test_no_cell_is_no_box():
    found = heatmap.boxes(empty_maps(classes=3), 0.1, 0, stride=8)
    assert found.boxes.shape == (0, 4) and found.scores.shape == found.labels.shape == (0,)


def test_the_surer_of_two_near_boxes_stays_and_classes_do_not_meet():
    maps = empty_maps(classes=2)
    # Boxes of 32 pixels, 8 apart: IoU 0.6 of neighbours, 1/3 of every second.
    maps[0, 8, [8, 9, 11]] = 50, 60, 40
    maps[1, 8, 8] = 55
    given = {"scale": 0.1, "bias": [-3, -3, 0, 0, 0, 0], "stride": 8}
    found = heatmap.boxes(maps, **given)
    assert found.boxes[:, 0].tolist() == [76 - 16, 92 - 16, 68 - 16] and found.labels.tolist() == [0, 0, 1]
    assert heatmap.boxes(maps, **given, overlap=0.3).boxes[:, 0].tolist() == [76 - 16, 68 - 16]
    assert heatmap.boxes(maps, **given, most=1).labels.tolist() == [0, 1]


def test_of_equal_scores_the_first_stays():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60]], float)
    assert heatmap.nms(boxes, np.array([5, 5, 5]), 0.45).tolist() == [0, 2]
    assert heatmap.nms(boxes, np.array([5, 6, 7]), 0.45).tolist() == [2, 1]


def test_boxes_lie_in_the_picture_they_came_from():
    maps = empty_maps()
    maps[0, 8, 10] = 50
    _, fit = letterbox(np.zeros((256, 320, 3), np.uint8), 160, 128)
    found = heatmap.in_picture(heatmap.boxes(maps, 0.1, 0, stride=8), fit)
    np.testing.assert_allclose(found.boxes, [[2 * (84 - 16), 2 * (68 - 16), 2 * (84 + 16), 2 * (68 + 16)]])


def test_boxes_in_the_bars_beside_a_picture_are_left_out():
    """320x64 has bars of 48 pixels above and below; cells in row 1 and 8, boxes of 32 by 32 pixels."""
    maps = np.full((5, 16, 20), -1000)
    maps[1:] = 0
    maps[0, 1, 10], maps[0, 8, 10] = 90, 50
    _, fit = letterbox(np.zeros((64, 320, 3), np.uint8), 160, 128)
    found = heatmap.in_picture(heatmap.boxes(maps, 0.1, 0, stride=8), fit)
    assert found.boxes.tolist() == [[136, 8, 200, 64]]
    assert found.scores == pytest.approx([1 / (1 + np.exp(-5))])


@pytest.mark.parametrize("factor", [1, 2, 5, 12])
def test_bilinear_labels_equal_torch(factor):
    scores = np.random.default_rng(factor).integers(-2400, 2500, (11, 6, 8))
    given = torch.from_numpy(scores).double()[None]
    fine = F.interpolate(given, scale_factor=factor, mode="bilinear", align_corners=False)[0]
    top = fine.topk(2, 0).values
    clear = (top[0] - top[1] > 1e-6).numpy()
    out = labels.bilinear(scores, factor)
    assert out.shape == (6 * factor, 8 * factor) and out.dtype == np.uint8 and clear.mean() > 0.99
    np.testing.assert_array_equal(out[clear], fine.argmax(0).numpy()[clear])


def test_a_border_between_classes_lies_half_way_and_ties_go_to_the_first():
    scores = np.array([[[8, 0]], [[0, 8]]])
    assert labels.bilinear(scores, 4)[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert labels.bilinear(scores, 3)[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert labels.bilinear(np.zeros((3, 2, 2)), 2).max() == 0
    # Equal 3/4 of the way from the first centre: 1.5 + 3 pixels of 4.
    unequal = np.array([[[9, 0]], [[0, 3]]])
    assert labels.bilinear(unequal, 4)[0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_nearest_labels_repeat_cells():
    scores = np.array([[[1, 5], [7, 7]], [[2, 4], [7, 8]]])
    assert labels.nearest(scores, 2).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_cubic_interpolation_equals_torch_and_rounds_nothing():
    response = np.random.default_rng(1).integers(-8192, 8193, (17, 17))
    resize = track._cubic(17, 8)
    fine = resize @ response @ resize.T
    assert fine.shape == (129, 129) and (fine * 2.0**24 == np.round(fine * 2.0**24)).all()
    given = torch.from_numpy(response).double()[None, None]
    theirs = F.interpolate(given, size=(129, 129), mode="bicubic", align_corners=True)[0, 0].numpy()
    np.testing.assert_allclose(fine, theirs, atol=1e-6)
    np.testing.assert_array_equal(fine[::8, ::8], response)


def test_the_state_starts_with_the_context_of_the_box():
    state = track.start_track([10, 20, 40, 80])
    # Width 30, height 60, mean 45: side sqrt((30 + 45) * (60 + 45)).
    assert state.side == pytest.approx(np.sqrt(75 * 105)) and state.box.tolist() == [10, 20, 40, 80]


def spot(row, column, window=1, height=8000):
    """Responses of three windows, flat but for one cell."""
    responses = np.full((3, 17, 17), -2000)
    responses[window, row, column] = height
    return responses


@pytest.mark.parametrize("row, column", [(8, 8), (5, 9), (11, 4)])
def test_a_peak_moves_the_box_by_its_distance_from_the_middle(row, column):
    window, away = track.peak(spot(row, column))
    assert window == 1 and away.tolist() == [4 * (column - 8), 4 * (row - 8)]
    assert track.peak(spot(row, column, height=-1500))[0] == 1, "a penalty never helps, below 0 neither"
    frame, state = np.zeros((400, 600, 3), np.uint8), track.start_track([250, 150, 314, 214])
    moved = track.follow(state, spot(row, column), frame)
    # A window of 128 pixels shows twice the side, so a pixel of it is side / 64 pixels of the picture: here
    # 2.
    assert state.side == 128
    np.testing.assert_allclose(moved.box - state.box, np.tile([8 * (column - 8), 8 * (row - 8)], 2))


def test_a_better_window_changes_the_size_slowly_and_between_bounds():
    frame, state = np.zeros((400, 600, 3), np.uint8), track.start_track([250, 150, 314, 214])
    larger, smaller = (track.follow(state, spot(8, 8, window), frame) for window in (2, 0))
    assert larger.side / state.side == pytest.approx(0.6 + 0.4 * 1.05)
    np.testing.assert_allclose(smaller.size / state.size, 0.6 + 0.4 / 1.05)
    for window, bound in ((0, 0.3), (2, 3.0)):
        now = state
        for _ in range(120):
            now = track.follow(now, spot(8, 8, window), frame)
        assert now.side / state.side == pytest.approx(bound)


def test_the_penalty_decides_between_nearly_equal_windows():
    responses = spot(8, 8, 1, 7800)
    responses[2, 8, 8] = 8000
    assert track.peak(responses)[0] == 1 and track.peak(responses, track.Rules(penalty=0.99))[0] == 2


def test_without_an_answer_the_box_stays_and_the_centre_never_leaves():
    frame, state = np.zeros((100, 100, 3), np.uint8), track.start_track([60, 60, 90, 90])
    assert track.follow(state, np.zeros((3, 17, 17), int), frame).box.tolist() == [60, 60, 90, 90]
    for _ in range(20):
        state = track.follow(state, spot(16, 16, height=100_000), frame)
    assert state.centre.tolist() == [100, 100]


def test_an_object_is_lost_where_too_few_bits_agree_five_frames_in_a_row():
    """8,192 bits: a response of 8,192 - 2 d has d that differ; at 65 %, 2,867 differ."""
    frame, state = np.zeros((400, 600, 3), np.uint8), track.start_track([250, 150, 314, 214])
    seen = []
    for differ in (0, 2867, 2868, 2868, 2868, 2868, 2868, 4096, 2867):
        state = track.follow(state, spot(8, 8, height=8192 - 2 * differ), frame)
        assert state.confidence == 1 - differ / 8192
        seen.append(state.lost)
    assert seen == [False] * 6 + [True] * 2 + [False]


def test_a_crop_shows_the_square_asked_for_and_the_mean_beyond_the_border():
    y, x = np.mgrid[0:100, 0:200]
    picture = np.stack([x, y, (x + y) % 2 * 120], -1).astype(np.uint8)
    square = track.crop(picture, (70, 50), 64, 64)
    np.testing.assert_array_equal(square, picture[18:82, 38:102])
    corner = track.crop(picture, (0, 0), 64, 64)
    assert (corner[:31, :31] == [99, 49, 60]).all() and (corner[33, 33] == picture[1, 1]).all()
    # A fourth of the size: each pixel is the mean of about 4 x 4.
    wide = track.crop(picture, (100, 50), 80, 20)
    np.testing.assert_allclose(wide[10, :, 0], 60 + 4 * np.arange(20) + 1.5, atol=1)


def test_a_matched_filter_follows_a_moving_patch():
    """The whole loop with a template of pixels: a patch moves 3 pixels a frame, and its box with it."""
    rng = np.random.default_rng(0)
    ground = rng.integers(90, 130, (120, 300, 3))
    patch = rng.integers(0, 256, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
    boxes, state, template = [], None, None
    for step in range(20):
        frame = ground.copy()
        frame[40:72, 20 + 3 * step : 52 + 3 * step] = patch
        frame = frame.astype(np.uint8)
        if state is None:
            state = track.start_track([20, 40, 52, 72])
            template = track.exemplar(frame, state).astype(float) - 110
        else:
            looked = torch.from_numpy(track.search_windows(frame, state) - 110.0).permute(0, 3, 1, 2)
            given = torch.from_numpy(template).permute(2, 0, 1)[None]
            state = track.follow(state, F.conv2d(looked, given, stride=4)[:, 0].numpy(), frame)
        boxes.append(state.box)
    error = np.abs(np.array(boxes) - [[20 + 3 * i, 40, 52 + 3 * i, 72] for i in range(20)])
    assert error.max() < 4


def test_the_host_needs_no_torch():
    program = (
        "import sys; from xnorforge.sw.decode import heatmap, labels, letterbox, track; "
        "from xnorforge.sw.datasets import synthetic; "
        "sys.exit(' '.join({'torch', 'requests', 'pooch', 'scipy'} & set(sys.modules)) or 0)"
    )
    python("-c", program, check=True)
