"""Tasks of maps: what training is shown, what the loss wants, the figures of perfect answers."""

import numpy as np
import pytest
import torch
from PIL import Image

from xnorforge.sw import networks
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.decode import track as decode
from xnorforge.sw.decode.heatmap import UNIT
from xnorforge.sw.records import Scene, Split
from xnorforge.sw.tasks import _boxes, pedestrian, segment, track
from xnorforge.sw.tasks._boxes import target


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("XNORFORGE_DATA", raising=False)


def as_scores(maps: np.ndarray) -> np.ndarray:
    """Scores that say what target maps (heat, four distances, weight) want."""
    heat, sides = maps[:-5], maps[-5:-1]
    return np.concatenate([np.where(heat == 1, 6.0, -6.0), np.log(sides / UNIT)])


def test_the_target_of_a_box_by_hand():
    maps = target(np.array([[32.0, 24.0, 48.0, 72.0]]), np.array([0]), 1)
    heat, sides, weight = maps[0], maps[1:5], maps[5]
    assert np.argwhere(heat == 1).tolist() == [[6, 5]]  # centre 40, 48 lies in the cell of column 5, row 6
    assert sides[:, 6, 5].tolist() == [44 - 32, 52 - 24, 48 - 44, 72 - 52]  # from its middle, 44, 52
    # One cell up, 8 pixels of a bell 0.09 * 48 = 4.32 high.
    assert heat[5, 5] == pytest.approx(np.exp(-0.5 * (8 / 4.32) ** 2)) and weight[6, 5] == 1
    assert (weight > 0).sum() == 1, "the bell of the neighbours is below 0.3"


def test_a_centre_out_of_the_cut_wants_nothing():
    maps = target(np.array([[-60.0, 0.0, 50.0, 100.0]]), np.array([0]), 1)
    assert not maps[0].any() and not maps[5].any()


def test_boxes_that_the_target_wants_are_found_again():
    known = np.array([[10.0, 20.0, 40.0, 100.0], [90.0, 8.0, 130.0, 120.0]])
    scores = as_scores(target(known, np.array([0, 0]), 1))
    labels = np.array([[[*box, 0, 0] for box in known]], np.float32)
    row = pedestrian.Task().figures(scores[None], labels)
    assert row["images"] == 1 and row["figures"] == {"AP": 1.0, "LAMR": 0.0}
    assert row["intervals"]["AP"] == [1.0, 1.0]


def test_the_loss_falls_towards_the_target():
    task, maps = pedestrian.Task(), target(np.array([[30.0, 20.0, 70.0, 110.0]]), np.array([0]), 1)
    wanted, labels = torch.from_numpy(as_scores(maps))[None].float(), torch.from_numpy(maps)[None]
    losses = [task.loss(wanted * share, labels).item() for share in (1.0, 0.7, 0.3, 0.0)]
    assert losses == sorted(losses) and losses[0] < 0.02 < losses[-1]


def test_cuts_take_their_boxes_along():
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[60:140, 120:160] = 255
    one = np.array([[120.0, 60.0, 160.0, 140.0]])
    scene = Scene("white", picture, (300, 200), one, np.zeros(1, int), np.zeros(1, bool))
    task, rng, seen = pedestrian.Task(), np.random.default_rng(0), 0
    source = task.images(Split([scene], ("person",), ""), "").source
    for _ in range(40):
        image, maps = task.sample(source, rng, 0)
        assert image.shape == (128, 160, 3) and maps.shape == (6, 16, 20) and image.dtype == np.uint8
        for row, column in np.argwhere(maps[0] == 1):
            left, top, right, bottom = maps[1:5, row, column]
            x, y = (column + 0.5) * 8, (row + 0.5) * 8
            white = image.mean(2) > image.min() + 0.75 * (float(image.max()) - image.min())
            inside = white[max(0, int(y - top)) : int(y + bottom), max(0, int(x - left)) : int(x + right)]
            assert inside.mean() > 0.85 and white.sum() < 1.3 * inside.size
            seen += 1
    assert seen > 20


def test_whole_pictures_settle_the_statistics_of_detectors():
    task = pedestrian.Task()
    images = task.images(synthetic.pedestrians(3), "three")
    whole = task.calibration_images(images)
    assert len(whole) == 6 and np.array_equal(whole[3:, :, :, ::-1], images.images)


def test_without_data_pictures_are_made_up_and_said_to_be(capsys):
    for task in (pedestrian.Task(), segment.Task()):
        images = task.golden(2)
        assert len(images.images) == len(images.labels) == 2
        assert "made-up" in images.what and "no real data" in images.what
        assert images.images.shape[1:] == task.shape and images.images.dtype == np.uint8
    assert "Synthetic pictures are used instead" in capsys.readouterr().err


def test_cuts_of_labels_lie_on_their_pictures():
    labels = np.arange(360 * 480).reshape(360, 480) // 480 // 45
    picture = np.repeat(labels[..., None] * 20 + 40, 3, 2).astype(np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in (picture, labels.astype(np.uint8))]
    source = [(pictures[0].resize((240, 180)), pictures[1].resize((240, 180), 0))]
    rng, task = np.random.default_rng(0), segment.Task()
    for _ in range(10):
        image, truth = task.sample(source, rng, 0)
        assert image.shape == (120, 160, 3) and truth.shape == (60, 80)
        grey = image[::2, ::2].mean(2)
        means = [grey[truth == label].mean() for label in np.unique(truth)]
        assert means == sorted(means), "classes grow from top to bottom, and so do their greys"


def test_a_perfect_segmentation_and_a_swapped_one():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 30, 40)).repeat(12, 1).repeat(12, 2).astype(np.uint8)
    scores = np.eye(11)[labels[:, ::12, ::12]].transpose(0, 3, 1, 2)
    row = segment.Task().figures(scores, labels)
    assert row["figures"]["mean IoU"] > 0.6, "bilinear corners alone differ"
    rolled = segment.Task().figures(np.roll(scores, 1, 1), labels, False)
    assert rolled["figures"]["mean IoU"] < 0.1


def test_void_pixels_cost_nothing():
    scores, labels = torch.randn(1, 11, 30, 40), torch.full((1, 60, 80), 255)
    labels[0, 0, 0] = 4
    other = labels.clone()
    other[0, 30:] = 255
    assert segment.Task().loss(scores, labels) == segment.Task().loss(scores, other)


def test_a_pair_says_where_the_object_is():
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[100:140, 150:190] = 255
    places = np.array([[150.0, 100, 190, 140], [136.0, 109, 176, 149]])
    seen = track.Sighting([picture, np.roll(picture, (9, -14), (0, 1))], places)
    rng = np.random.default_rng(1)
    for _ in range(20):
        exemplar, search, near = track._pair([seen], [], rng)
        assert exemplar.shape == (64, 64, 3) and search.shape == (128, 128, 3) and near.shape == (17, 17)
        cells = (np.argwhere(near) - 8) * 4
        found = np.argwhere(search.max(2) > 120).mean(0) - 63.5
        assert np.abs(cells.mean(0) - found).max() < 4, "the cells that are right lie on the object"


def test_training_compares_each_search_with_its_own_exemplar_first():
    network = networks.build("track-tinytrk")
    searches, exemplars = (torch.randint(0, 256, (4, 3, side, side)) for side in (128, 64))
    tiles = torch.cat([torch.cat([*exemplars[:2]], 2), torch.cat([*exemplars[2:]], 2)], 1)
    correlation = network[-1]
    features = torch.nn.Sequential(*list(network.eval())[:-1])
    bits = features(torch.cat([searches, tiles[None]]).float() / 128 - 1)
    scores = correlation.train()(bits)
    assert scores.shape == (4, 4, 17, 17)
    network.eval()
    for own in range(4):
        track.Task().learn(network, exemplars[own].permute(1, 2, 0).numpy())
        expected = network(searches.float())
        for search in range(4):
            assert torch.equal(scores[search, (own - search) % 4], expected[search, 0])


def test_a_tracker_that_sees_the_object_follows_it():
    """A network that answers where the patch is: the exemplar's mean colour against that of each window."""
    clips = synthetic.clips(1, seed=3, frames=25)
    exemplars = {}

    def run(frames, exemplar=None):
        if exemplar is not None:
            exemplars["middle"] = exemplar[24:40, 24:40].mean((0, 1))
        frames = frames.astype(float)
        found = np.zeros((len(frames), 1, 17, 17))
        for row in range(17):
            for column in range(17):
                y, x = 32 + 4 * row - 8 + 0, 32 + 4 * column - 8
                part = frames[:, :, y : y + 16, x : x + 16].mean((2, 3))
                found[:, 0, row, column] = -np.abs(part - exemplars["middle"]).sum(1)
        return found

    empty = np.zeros((1, 17, 17))
    still = track.Task().judged(lambda x, _exemplar=None: np.stack([empty] * len(x)), base_images(clips))
    seen = track.Task().judged(run, base_images(clips))
    assert seen["images"] == 25 and set(seen["sequences"]) == {clips.items[0].name}
    for name in ("success AUC", "AO with resets"):
        assert seen["figures"][name] > still["figures"][name]


def base_images(clips):
    return track.Images(np.empty(0), np.empty(0), clips.what, clips.items)


def test_decoders_and_tasks_agree_on_sizes():
    shape = networks.build("pedestrian-tinyped").eval()(torch.zeros(1, *pedestrian.Task.shape)).shape
    assert shape[2:] == (_boxes.HEIGHT // _boxes.STRIDE, _boxes.WIDTH // _boxes.STRIDE)
    assert (decode.RULES.search, decode.RULES.exemplar) == (track.SEARCH, track.EXEMPLAR)
