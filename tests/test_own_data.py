"""IMAGES_FROM and LABELS: a user's own samples, read as they are or refused; whose labels are used. A data
set that is there and broken ends training and export with one sentence and nothing written; an absent one is
replaced by made-up pictures, and that is said."""

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import pooch
import pytest
from onnx import TensorProto, helper
from PIL import Image

from xnorforge.cli import asked as builds
from xnorforge.core.errors import UserError
from xnorforge.pipeline import checks
from xnorforge.pipeline.model_images import for_model
from xnorforge.pipeline.own_data import calibration_rows, own_samples
from xnorforge.pipeline.request import Request
from xnorforge.sw.datasets import cifar10, tracking

from .refusals import refuses, says
from .sw import data_sets as write

SHAPE = (3, 4, 5)


def picture(path, seed, mode="RGB", size=(5, 4)):
    """A random picture; its pixels as (C, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = {"RGB": 3, "L": 1}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], colours), np.uint8)
    Image.fromarray(pixels.squeeze()).save(path)
    return pixels.transpose(2, 0, 1)


def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path):
    names = ("bee/1.png", "cat/0.png", "cat/2.png")
    wanted = [picture(tmp_path / "set" / name, k) for k, name in enumerate(names)]
    found = own_samples(f"{tmp_path}/set", None, SHAPE)
    np.testing.assert_array_equal(found.values, wanted)
    assert found.labels.tolist() == [0, 1, 1] and found.names == ["bee", "cat"] and found.pixels
    assert found.what == "3 images of set, 2 classes by folder"


def test_a_file_of_labels_goes_with_a_folder_line_by_line_or_by_name(tmp_path):
    for k in range(3):
        picture(tmp_path / f"set/{k}.png", k, "L")
    assert own_samples(f"{tmp_path}/set", None, (1, 4, 5)).labels.size == 0
    for text in ("2\n0\n1\n", "1.png,0\n0.png,2\n2.png,1\n"):
        (tmp_path / "labels.txt").write_text(text)
        assert own_samples(f"{tmp_path}/set", f"{tmp_path}/labels.txt", (1, 4, 5)).labels.tolist() == [
            2, 0, 1,
        ]  # fmt: skip


def test_arrays_are_taken_as_they_are(tmp_path):
    values, labels = np.arange(-30, 30, dtype=np.int8).reshape(3, 4, 5), np.array([0, -1, 1])
    np.savez(tmp_path / "a.npz", images=values, labels=labels)
    found = own_samples(f"{tmp_path}/a.npz", None, (1, 4, 5))
    np.testing.assert_array_equal(found.values[:, 0], values)
    assert found.labels.tolist() == [0, -1, 1] and not found.pixels and found.values.dtype == np.int8
    np.save(tmp_path / "other.npy", [1, 1, 0])
    assert own_samples(f"{tmp_path}/a.npz", f"{tmp_path}/other.npy", (1, 4, 5)).labels.tolist() == [1, 1, 0]
    np.savez(tmp_path / "rows.npz", np.zeros((4, 2)))
    assert calibration_rows(tmp_path / "rows.npz").shape == (4, 2)


@pytest.mark.parametrize("header", ["", "a,b,c,kind\n"])
def test_rows_are_numbers_with_the_label_last_where_that_is_said(tmp_path, header):
    (tmp_path / "t.csv").write_text(f"{header}1,2,3,0\n-4,5,6,1\n")
    found = own_samples(f"{tmp_path}/t.csv", "last", (3,))
    assert found.values.tolist() == [[1, 2, 3], [-4, 5, 6]] and found.values.dtype == np.int64
    assert found.labels.tolist() == [0, 1]
    (tmp_path / "t.csv").write_text(f"{header}1,2,3,0.5\n-4,5,6,1\n")
    assert own_samples(f"{tmp_path}/t.csv", None, (4,)).values.dtype == np.float64


def net(path, shape, outputs=10):
    """A file that takes `shape`."""
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *shape])]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, outputs]))
    node = helper.make_node("Identity", ["x"], ["y"])
    onnx.save(helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:])), path)
    return path


@pytest.mark.parametrize(("name", "labelled"), [
    ("my_mnist_net", True), ("MNIST-4bit", True), ("net", False), ("fashion-mnist", False),
    ("fashion_mnist", False), ("emnist", False), ("kmnist", False),
])  # fmt: skip
def test_labels_of_a_set_need_a_name_that_says_so(tmp_path, name, labelled):
    path = net(tmp_path / f"{name}.onnx", (1, 28, 28))
    found = for_model(path)
    assert len(found.values) == 1000 and found.pixels and found.classes == 10
    assert (len(found.labels) == 1000) == labelled
    assert ("labels not used" in found.what and "TASK=mnist" in found.what) != labelled
    assert len(for_model(path, task="mnist").labels) == 1000


def test_images_that_fit_nothing_are_left_to_be_made_up(tmp_path):
    found = for_model(net(tmp_path / "mnist.onnx", (5, 7)))
    assert found.what == "random images, seed 1: no set of images fits the input (5, 7)"
    assert found.values is None


@pytest.mark.parametrize("there", [False, True])
def test_a_set_that_fits_is_downloaded_only_if_its_task_is_named(tmp_path, monkeypatch, there):
    tried, archive = [], tmp_path / "xnorforge" / pooch.utils.unique_file_name(cifar10._URL)
    monkeypatch.delenv("XNORFORGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        pooch, "retrieve", lambda *given, **_: tried.append(given) or Path("none").read_text()
    )
    monkeypatch.setattr(cifar10, "_ARCHIVE", hashlib.md5(b"").hexdigest())
    path = net(tmp_path / "net.onnx", (3, 32, 32))
    archive.parent.mkdir()
    if there:
        archive.touch()
    assert for_model(path).what.startswith("100 random images") and len(tried) == there
    assert for_model(path, task="cifar10").what.startswith("100 random images") and len(tried) == there + 1


@pytest.mark.parametrize("task, text", [
    ("mnist", "TASK: … 'mnist' … 1x28x28 … m.onnx … 5x7 … IMAGES_FROM"),
    ("segment", "TASK: 'segment' … IMAGES_FROM … LABELS"), ("minst", "TASK: … 'minst'"),
])  # fmt: skip
def test_a_task_that_does_not_fit_is_refused(here, tmp_path, task, text):
    with refuses(text):
        for_model(net(tmp_path / "m.onnx", (5, 7)).relative_to(tmp_path), task=task)


def test_a_request_is_checked_at_once(here, tmp_path):
    asked = Request(model="none.onnx", board="pynq-z9", input_format="int99", images_from="no",
                    labels="l.txt", folding="f.json")  # fmt: skip
    with pytest.raises(UserError) as raised:
        checks.check_request(asked)
    said = str(raised.value)
    parts = {"BOARD": "… 'pynq-z9'", "INPUT": "'int99' … 99 bits … 16", "IMAGES_FROM": "'no' … .npz … .csv"}
    parts |= {"LABELS": "'l.txt'", "MODEL": "'none.onnx' … QONNX", "FOLDING": "'f.json' … JSON"}
    for name, facts in parts.items():
        says(said, f"{name}: {facts}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given, text", [
    ({"images_from": "x.npz"}, "IMAGES_FROM: … QONNX"),
    ({"model": "m", "labels": "l"}, "LABELS: … IMAGES_FROM"),
    ({"model": "m", "images_from": "x.npz"}, "IMAGES_FROM: 'x.npz' … folder"),
    ({"model": "m", "images_from": "x.txt"}, "IMAGES_FROM: 'x.txt' … .npz"),
    ({"model": "m", "input_format": "float:c.npz"}, "INPUT: 'c.npz' … .npz"),
])  # fmt: skip
def test_data_of_a_request_that_cannot_be_are_named(tmp_path, monkeypatch, given, text):
    from xnorforge.pipeline import model_request

    monkeypatch.chdir(tmp_path)
    with refuses(text):
        model_request.given_data(Request(**given))


def test_words_of_a_command_line_become_a_request():
    words = {"model": "m.onnx", "scale": "2/255-1", "input_format": "uint4", "task": "mnist", "net": ""}
    asked = builds.resolve(words)
    assert (asked.scale, asked.offset, asked.input_format, asked.task) == (2 / 255, -1.0, "uint4", "mnist")
    assert builds.resolve({"model": "m.onnx", "input_format": "float:a.npz"}).calibration == "a.npz"
    assert Request(model="m", labels="last").labels_file is None


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def sequences(root, frames=3, lines=("2,3,10,5",) * 3):
    for name in (*tracking.SPLITS["train"], *tracking.SPLITS["test"]):
        write.sequence(root / "tracking" / name, "groundtruth_xywh.csv", lines, frames=frames)


def pedestrians_with_an_empty_picture(root):
    write.penn_packed(root)
    for name in ("PennPed00000", "PennPed00002"):
        (root / f"penn_fudan/images/{name}.jpg").write_bytes(b"")


def pedestrians_of_another_size(root):
    write.penn_packed(root)
    for name in ("PennPed00000", "PennPed00002"):
        write.picture(root / f"penn_fudan/images/{name}.jpg", (50, 30))


def streets_without_labels(root):
    write.camvid_published(root)
    for split in ("train", "test"):
        (root / f"CamVid/{split}annot/a.png").unlink()


def streets_with_labels_of_another_size(root):
    write.camvid_published(root)
    for split in ("train", "test"):
        write.numbers(root / f"CamVid/{split}annot/a.png", [[0, 1, 2]])


BROKEN = [
    ("pedestrian-tinyped", lambda root: (root / "penn_fudan").mkdir(), r"penn_fudan/annotations\.json: .*"),
    ("pedestrian-tinyped", lambda root: write.penn_packed(root, corners=(3, 5, 45, 30)),
    r"PennPed00000: box 1 of 1, x 2 to 45 and y 4 to 30, .* 40 x 30 .*"),
    ("pedestrian-tinyped", pedestrians_with_an_empty_picture, r"PennPed0000[02]\.jpg: .* empty.*"),
    ("pedestrian-tinyped", pedestrians_of_another_size, r"PennPed0000[02]\.jpg: .*50 x 30 .*40 x 30.*"),
    ("segment-tinyseg", streets_without_labels, r"CamVid/(train|test): 'a' .*labels.*"),
    ("segment-tinyseg", streets_with_labels_of_another_size, r"a\.png: .*3 x 1 .*2 x 2.*"),
    ("segment-tinyseg", lambda root: write.camvid_published(root, ((0, 40), (3, 10))),
    r"a\.png: .*40.*"),
    ("track-tinytrk", lambda root: (root / "tracking").mkdir(), r"tracking: .*(DragonBaby|Crossing).*"),
    ("track-tinytrk", lambda root: sequences(root, frames=2),
    r"groundtruth_xywh\.csv: .*3 boxes .*2 frames.*"),
    ("track-tinytrk", lambda root: sequences(root, lines=["2,3,10,5", "2,3,10,5", "41,3,10,5"]),
    r"groundtruth_xywh\.csv: box 3 of 3, x 41 to 51 and y 3 to 8, .*40 x 30.*"),
]  # fmt: skip


def answered(code, said, tmp_path, wanted):
    assert code == 2 and [line for line in said if re.search(rf"^/.*{wanted}$", line)], said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("net", "make", "wanted"), BROKEN)
@pytest.mark.parametrize("verb", ["train", "export"])
def test_a_broken_data_set_is_one_sentence(call, perform, root, tmp_path, verb, net, make, wanted):
    make(root)
    if verb == "train":
        code, said = call(verb, net, "-o", tmp_path / "out")
    else:
        given = {"net": net, "method": "ste", "weights": None, "model": None, "scale": None}
        code, said = perform(verb, tmp_path / "out", tmp_path / "out/acc", **given)
    answered(code, said, tmp_path, wanted)


def test_objects_of_a_class_that_the_set_does_not_have(call, root, tmp_path):
    """What a tracker also trains on is looked at as well."""
    write.coco128(root, "7 0.5 0.5 0.25 0.2")
    wanted = r"000000000009\.txt: line 1 .*'7 0\.5 0\.5 0\.25 0\.2'.*"
    sequences(root)
    answered(*call("train", "track-tinytrk", "-o", tmp_path / "out"), tmp_path, wanted)


def test_a_folder_of_data_that_is_none(call, root, tmp_path, monkeypatch, stages_here):
    monkeypatch.setenv("XNORFORGE_DATA", str(root / "nowhere"))
    code, said = call("export", "pedestrian-tinyped", "-o", tmp_path / "out")
    assert code == 2 and said[-1].startswith(f"XNORFORGE_DATA: '{root}/nowhere' is not a folder;")
    assert not (tmp_path / "out").exists()


@pytest.mark.quick("!segment")
@pytest.mark.parametrize("task", ["pedestrian", "segment", "track"])
def test_made_up_pictures_take_the_place_of_an_absent_set(root, capsys, task):
    """And what the card and the report say of them is that they are no real data."""
    from xnorforge.core.plugins import load

    found = load("sw.tasks", task).Task().golden(2)
    said = capsys.readouterr().err
    said_of = rf"no folder .* in XNORFORGE_DATA \({re.escape(str(root))}\); unpack it there from"
    assert re.search(rf"{said_of} .* Synthetic pictures are used instead\.", said)
    assert "made-up" in found.what and "no real data" in found.what and len(found.images) == 2
