"""`xnorforge.build` from Python: what it gives says what a person should know of the network."""

import numpy as np
import pytest
import torch
from graphs import Graph

import xnorforge
from xnorforge import accelerator
from xnorforge.core.errors import UserError

from .refusals import stops
from .sw.test_data import photos

pytestmark = pytest.mark.usefixtures("stages_here")


def test_what_is_left_to_the_host_and_what_is_doubted_comes_with_the_accelerator(tmp_path, capfd):
    """Nothing in this graph says what a step of its input is worth, and it ends in a softmax."""
    net = Graph((12,))
    net.real("MatMul", net.weights(12, 8)).sign().real("MatMul", net.weights(8, 3)).node("Softmax", axis=1)
    net.model((3,)).save(str(tmp_path / "soft.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (6, 12)).astype(np.uint8)
    built = xnorforge.build(tmp_path / "soft.onnx", images=images, folder=tmp_path / "out", until="fold")
    assert built.host_function == "softmax"
    (doubt,) = built.doubts
    assert doubt.startswith("the input: ") and f"export      {doubt}\n" in capfd.readouterr().err
    said = ["  left to the host: softmax of the scores", f"  doubt: {doubt}"]
    assert str(built).splitlines() == [f"accelerator of soft in {built.folder}", *said]
    assert (built.scores(images).sum(1) != 1).any()  # in front of the softmax


@pytest.fixture(scope="module")
def dense(tmp_path_factory, stages_here):
    """Twelve inputs worth 1/255 each, in a network from a file, and what numpy makes of them."""
    folder = tmp_path_factory.mktemp("dense")
    rng = np.random.default_rng(1)
    first, last = rng.choice([-1.0, 1.0], (12, 8)), rng.choice([-1.0, 1.0], (8, 3))
    net = Graph((12,))
    net.real("MatMul", first).sign().real("MatMul", last)
    net.model((3,)).save(str(folder / "dense.onnx"))
    images = rng.integers(0, 256, (2 * accelerator.BATCH + 7, 12)).astype(np.uint8)
    built = xnorforge.build(
        str(folder / "dense.onnx"), images=images[:50], folder=folder / "out", until="fold", scale="1/255"
    )
    sums = images.astype(np.int64) @ first.astype(np.int64)
    return built, images, np.where(sums >= 0, 1, -1) @ last


def test_scores_are_those_of_numpy_in_every_batch(dense):
    built, images, wanted = dense
    np.testing.assert_array_equal(built.scores(images), wanted)
    np.testing.assert_array_equal(built.predict(images), wanted.argmax(1))
    assert built.input_shape == (12,) and (built.input_format.lo, built.input_format.hi) == (0, 255)


def test_integers_of_any_type_and_floats_of_their_values_are_the_same_input(dense):
    built, images, wanted = dense
    for given in (images.astype(np.int64), images.astype(np.float64) / 255, images.astype(np.float32) / 255):
        np.testing.assert_array_equal(built.scores(given[:100]), wanted[:100])
    nearly = images[:100] / 255 + np.random.default_rng(0).uniform(-0.49, 0.49, (100, 12)) / 255
    np.testing.assert_array_equal(built.scores(nearly), wanted[:100])


@pytest.mark.parametrize("images, answer", [
    (np.zeros((2, 3, 4), np.uint8), r"uint8 \(2, 3, 4\)"), (np.zeros((0, 12), np.uint8), r"uint8 \(0, 12\)"),
    (np.zeros((2, 12), complex), r"complex128 \(2, 12\)"), (np.full((2, 12), 256), "256"),
    (np.full((2, 12), 255.0), "255.*numpy.clip"), (np.full((2, 12), np.nan), "nan"),
])  # fmt: skip
def test_what_the_input_does_not_hold_is_one_sentence(dense, images, answer):
    with pytest.raises(UserError, match=rf"^predict: .*{answer}") as refused:
        dense[0].predict(images)
    assert "(N, 12)" in str(refused.value)


@pytest.mark.parametrize("model, given, answer", [
    ("mnist-cnm", {}, "NET: .*'mnist-cnm'.*'mnist-cnn'"), ("none.onnx", {}, "MODEL: 'none.onnx' .*QONNX"),
    ("mnist-tfc", {"bord": 1}, "build: .*bord.*backend"), ("mnist-tfc", {"scale": 0.5}, "build: scale "),
    ("mnist-tfc", {"images": np.zeros((2, 1, 28, 28), np.uint8)}, "build: images"),
    (torch.nn.Linear(3, 2), {}, r"build: .*input_shape=\(3, 32, 32\)"),
    ("none.onnx", {"data": "p"}, "build: data "), ("none.onnx", {"scale": "wide"}, "SCALE: .*'wide'"),
    ("folder-small", {}, "DATA: folder-small "), ("mnist-tfc", {"frames": 1}, "IMAGES: '1' "),
    ("mnist-tfc", {"spare": "luts"}, "SPARE: .*'luts'"),
    ("mnist-tfc", {"board": "pynq-z9"}, "BOARD: .*'pynq-z9'"),
])  # fmt: skip
def test_what_cannot_be_built_is_one_sentence_and_leaves_nothing(here, tmp_path, model, given, answer):
    stops(f"^{answer}", xnorforge.build, model, **given)
    assert not (tmp_path / "out").exists()


def test_networks_and_boards_are_those_of_the_command_line():
    assert {"mnist-cnn", "digits-cnn", "folder-small"} <= set(xnorforge.networks())
    assert {"pynq-z2", "ulx3s"} <= set(xnorforge.boards())
    with pytest.raises(AttributeError, match="has no attribute 'builds'"):
        _ = xnorforge.builds


def test_training_from_python_says_what_is_wrong(here, tmp_path):
    stops(r"^NET: 'digits' is a task; .*--task digits", xnorforge.train, "digits")
    stops("DATA: 'nowhere'", xnorforge.train, "folder-small", data="nowhere")
    assert not (tmp_path / "out").exists()


@pytest.mark.full
def test_one_call_trains_on_a_folder_and_a_second_one_takes_its_weights(here, tmp_path):
    """Three classes, each darker than the next; what is new is seen as the class of its brightness."""
    data = photos(tmp_path / "photos")
    built = xnorforge.build("folder-small", data=data, until="fold")
    assert built.class_names == ["cat", "dog", "eel"]
    rng = np.random.default_rng(3)
    new = [rng.integers(60 * k, 60 * k + 60, (5, 3, 32, 32)).astype(np.uint8) for k in range(3)]
    assert built.predict(np.concatenate(new)).tolist() == [0] * 5 + [1] * 5 + [2] * 5
    card = tmp_path / "out/folder-small-photos/train/card.json"
    before = card.stat().st_mtime_ns
    again = xnorforge.build("folder-small", data=data, until="fold")
    assert again.folder == built.folder and card.stat().st_mtime_ns == before
