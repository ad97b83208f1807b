"""Images for a network that somebody else made: which real set fits its input, else seeded noise that says
so.
"""

from pathlib import Path

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.limits import most
from xnorforge.flows.model_file import loaded
from xnorforge.sw import zoo

SETS = {
    1 * 28 * 28: "mnist-tfc",
    3 * 32 * 32: "cifar10-cnv",
}  # input elements -> a network whose task has such images
NOISE = 1000  # images made up where no set fits, fewer of large ones
SEED = 1


def input_shape(path: Path) -> tuple[int, ...]:
    """The shape of an ONNX file's one data input, without the batch.

    Raises:
        UserError: the file is missing or cannot be read, has several inputs, or leaves its size open.
    """
    graph = loaded(path).graph
    if not graph.node:
        raise UserError(f"{path}: holds no network, it is empty or no ONNX file; export it again.")
    known = {tensor.name for tensor in graph.initializer}
    inputs = [given for given in graph.input if given.name not in known]
    if len(inputs) != 1:
        raise UserError(
            f"{path}: the graph has {len(inputs)} inputs without a value; one is taken, the image."
        )
    shape = tuple(axis.dim_value for axis in inputs[0].type.tensor_type.shape.dim)[1:]
    if not shape or not all(shape):
        raise UserError(
            f"{path}: input '{inputs[0].name}' leaves its size open; export it with a fixed image size."
        )
    return shape


def for_model(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Images for the network in an ONNX file.

    Returns:
        uint8 (N, *input shape), labels int64 (N,) (-1: unknown), and a sentence that says which images they
        are.

    Raises:
        UserError: see `input_shape`.
    """
    shape = input_shape(path)
    net = SETS.get(int(np.prod(shape)))
    try:
        if net:
            images, labels, which = zoo.golden(net)
            return images.reshape(len(images), *shape), labels, which
        why = f"no set of images fits the input {shape}"
    except UserError as error:
        why = str(error).rstrip(".")
    count = max(2, min(NOISE, most("ELEMENTS") // int(np.prod(shape))))
    noise = np.random.default_rng(SEED).integers(0, 256, (count, *shape), dtype=np.uint8)
    return noise, np.full(count, -1, np.int64), f"{count:,} random images, seed {SEED}: {why}"
