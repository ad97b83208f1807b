"""Images for a network of others: the user's own, a real set that fits, or noise that says so."""

import re
from math import prod
from pathlib import Path

import numpy as np

from xnorforge.core import networks, plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.flows.importing.model_file import loaded
from xnorforge.flows.importing.samples import SEED, Samples
from xnorforge.pipeline.own_data import own_samples, samples_of_classes
from xnorforge.sw import zoo
from xnorforge.sw.datasets.base import without_downloads
from xnorforge.sw.tasks.base import task_of

SETS = {(1, 28, 28): "mnist", (784,): "mnist", (3, 32, 32): "cifar10", (3072,): "cifar10"}
CLASSES = 10  # of both
NAMED = {
    "mnist": re.compile(r"(?<![a-z])(?<!fashion[-_])mnist"),
    "cifar10": re.compile(r"cifar[-_]?10(?!0)"),
}  # in a file's name
NOTHING = np.zeros(0, np.int64)


def input_shape(path: Path) -> tuple[int, ...]:
    """The shape of an ONNX file's data input, without the batch; of several that of their frame, a vector
    (flows/importing/ports.py).

    Raises:
        UserError: the file is missing or cannot be read, or leaves its size open.
    """
    graph = loaded(path).graph
    if not graph.node:
        raise UserError(f"{path}: empty, or not an ONNX file; export the network again.")
    known = {tensor.name for tensor in graph.initializer}
    inputs = [given for given in graph.input if given.name not in known]
    shapes = []
    for given in inputs:
        shapes.append(tuple(axis.dim_value for axis in given.type.tensor_type.shape.dim)[1:])
        if not shapes[-1] or not all(shapes[-1]):
            raise UserError(f"{path}: input '{given.name}' has a dynamic shape; export it with a fixed size.")
    return shapes[0] if len(shapes) == 1 else (sum(map(prod, shapes)),)


def for_model(
    path: Path, task: str | None = None, images_from: str | None = None, labels: str | None = None,
    data: str | None = None,
) -> Samples:  # fmt: skip
    """Samples for the network in an ONNX file.

    Labels of a set come with its images only where the request or the file's name says that the network is
    for that task; a network of other outputs does not use them either (`Samples.classes`).

    Args:
        task: of sw/tasks, that the network is for.
        images_from, labels: the user's own data, see `own_data.py`.
        data: a folder of pictures for each class, of which the test pictures are taken, fitted to the input
            as in a training.

    Raises:
        UserError: see `input_shape` and `own_data.py`; or the task's images do not fit the input.
    """
    shape = input_shape(path)
    if images_from:
        return own_samples(images_from, labels, shape)
    if data:
        return samples_of_classes(Path(data), shape)
    if task:
        return _of_task(path, task, shape)
    found = SETS.get(shape)
    why = f"no set of images fits the input {shape}"
    if found:
        try:
            with without_downloads():
                images, known, which = zoo.golden(networks.usual(found))
        except UserError as error:
            why = str(error).rstrip(".")
        else:
            said = NAMED[found].search(path.stem.lower())
            unused = f"; labels not used, because the network's task is unknown (TASK={found} uses them)"
            return Samples(
                images.reshape(len(images), *shape), known if said else NOTHING,
                which if said or (known < 0).all() else which + unused, pixels=True, classes=CLASSES,
            )  # fmt: skip
    return Samples(None, NOTHING, f"random images, seed {SEED}: {why}")


def _of_task(path: Path, task: str, shape) -> Samples:
    """The images and labels of a task of classes."""
    if task not in plugins.names("sw.tasks"):
        raise unknown("TASK", task, plugins.names("sw.tasks"))
    net = networks.usual(task)
    kind = task_of(net)
    if not kind.classifies:
        raise UserError(
            f"TASK: '{task}' does not classify images, but MODEL can use only labels of tasks that do; "
            "give IMAGES_FROM and LABELS."
        )
    if shape not in (kind.shape, (int(np.prod(kind.shape)),)):
        given, wanted = ("x".join(map(str, one)) for one in (kind.shape, shape))
        raise UserError(f"TASK: images of '{task}' are {given}, but {path} takes {wanted}; give IMAGES_FROM.")
    images, labels, which = zoo.golden(net)
    return Samples(images.reshape(len(images), *shape), labels, which, pixels=True, classes=CLASSES)
