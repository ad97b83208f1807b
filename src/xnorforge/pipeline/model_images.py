"""Images for a network that somebody else made: which real set fits its input, else seeded noise that says
so.
"""

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from xnorforge.core.errors import UserError
from xnorforge.sw import zoo

SETS = {
    1 * 28 * 28: "mnist-tfc",
    3 * 32 * 32: "cifar10-cnv",
}  # input elements -> a network whose task has such images
NOISE = 1000  # images made up where no set fits
SEED = 1


def input_shape(path: Path) -> tuple[int, ...]:
    """The shape of an ONNX file's one data input, without the batch.

    Raises:
        UserError: the file is missing or cannot be read, has several inputs, or leaves its size open.
    """
    try:
        graph = onnx.load(str(path)).graph
    except (OSError, DecodeError, ValueError, onnx.checker.ValidationError) as error:
        raise UserError(
            f"{path}: no readable ONNX file ({str(error).strip() or 'it is cut short'}); export it again."
        ) from error
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
    noise = np.random.default_rng(SEED).integers(0, 256, (NOISE, *shape), dtype=np.uint8)
    return noise, np.full(NOISE, -1, np.int64), f"{NOISE:,} random images, seed {SEED}: {why}"
