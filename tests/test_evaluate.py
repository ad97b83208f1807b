"""`evaluate`: the card's rows anew, from the bit simulator, compared with the module image by image."""

import numpy as np
import pytest
import torch

from xnorforge.core.errors import UserError
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.studies import evaluate
from xnorforge.sw import zoo
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.datasets.base import Absent
from xnorforge.sw.tasks import cifar10, digits, mnist
from xnorforge.sw.tasks.base import Images, task_of

from .refusals import says

NET = "mnist-tfc"


@pytest.fixture(scope="module")
def acc(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    module, meta = zoo.load(NET)
    images, labels, which = zoo.golden(NET, 20)
    export(module, images, labels, folder, {**meta, "images": which})
    lower(folder / "model.onnx", folder / "golden.npz", folder)
    fold(folder, "pynq-z2", folder / "acc")
    return folder / "acc"


@pytest.fixture
def shipped(monkeypatch):
    """The 1,000 MNIST images in the repository, as two test sets."""
    images, labels = mnist_images.shipped()
    sets = [Images(images[:600], labels[:600], "600"), Images(images[600:], labels[600:], "the rest")]
    monkeypatch.setattr(mnist.Task, "test_sets", lambda _self: sets)
    return sets


def classes(module, images) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(images).float()).as_subclass(torch.Tensor).argmax(1).numpy()


def test_each_set_has_the_right_answers_of_the_module(acc, shipped):
    module, _ = zoo.load(NET)
    rows = evaluate.evaluate_build(module, acc, task_of(NET))
    right = [int((classes(module, one.images) == one.labels).sum()) for one in shipped]
    assert [row["correct"] for row in rows] == right and [row["differ"] for row in rows] == [0, 0]
    assert [(row["set"], row["images"]) for row in rows] == [("600", 600), ("the rest", 400)]
    shares = [f"{100 * right[0] / 600:.2f} %", f"{100 * right[1] / 400:.2f} %"]
    assert evaluate.rows_as_text(rows) == (
        f"| 600 | {right[0]} of 600 right, {shares[0]} |\n| the rest | {right[1]} of 400 right, {shares[1]} |"
    )


def test_images_that_another_module_answers_otherwise_are_counted(acc, shipped):
    module, _ = zoo.load(NET)
    before = [classes(module, one.images) for one in shipped]
    with torch.no_grad():
        module[-1].dot.weight[3] *= -1
    after = [classes(module, one.images) for one in shipped]
    rows = evaluate.evaluate_build(module, acc, task_of(NET))
    apart = [int((one != two).sum()) for one, two in zip(before, after)]
    assert [row["differ"] for row in rows] == apart and all(apart)


def test_without_the_test_set_golden_images_stand_for_it_if_their_classes_are_known(monkeypatch):
    def absent(_self):
        raise Absent("nowhere")

    for kind in (mnist, cifar10, digits):
        monkeypatch.setattr(kind.Task, "test_sets", absent)
    monkeypatch.delenv("XNORFORGE_DATA", raising=False)
    monkeypatch.setattr(cifar10.Task, "_first", lambda _self, _count=None: absent(None))
    (found,) = evaluate.test_sets(digits.Task())
    assert len(found.images) == 400 and "the last 400" in found.what
    with pytest.raises(UserError):
        evaluate.test_sets(cifar10.Task())


@pytest.mark.parametrize("differ", [0, 3])
def test_the_command_prints_rows_and_fails_if_they_differ(call, monkeypatch, tmp_path, differ):
    monkeypatch.chdir(tmp_path)
    row = {"set": "ten", "images": 10, "correct": 9, "top1": 90.0, "differ": differ}
    monkeypatch.setattr(evaluate, "evaluate_build", lambda *_: [row])
    monkeypatch.setattr("xnorforge.pipeline.run.run_stages", lambda *_: None)
    code, said = call("evaluate", NET, "-q")
    if differ:
        assert code == 1
        says(said[-1], "mnist-tfc … 3 of 10 images")
    else:
        assert (code, said) == (0, [])


def test_a_file_has_no_test_sets(call):
    code, said = call("evaluate", "net.onnx")
    assert code == 2
    says(said[-1], "evaluate: … net.onnx … IMAGES_FROM")
