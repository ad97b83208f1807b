"""QONNX graphs run by qonnx, many images at a time."""

from math import prod

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes

BATCH = 100
AT_ONCE = 1 << 27  # numbers in all tensors of a batch


def qonnx_scores(network: ModelWrapper, inputs: np.ndarray) -> np.ndarray:
    """Scores from qonnx's execution, float32 (N, classes) or (N, C, H, W); a copy of the graph takes 100
    images at a time.

    The graph of one image costs mostly Python per node: 1,000 images take seconds in batches, minutes one by
    one.
    """
    parts, batched = [], network
    size = _images_at_once(network)
    for at in range(0, len(inputs), size):
        part = inputs[at : at + size]
        if batched.get_tensor_shape(batched.graph.input[0].name)[0] != len(part) or not at:
            batched = _of_batch(network, len(part))
        result = execute_onnx(batched, {batched.graph.input[0].name: part})
        parts.append(result[batched.graph.output[0].name])
    scores = np.concatenate(parts).astype(np.float32)
    return scores if scores.ndim == 4 else scores.reshape(len(inputs), -1)


def qonnx_tensors(network: ModelWrapper, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of the graph for one batch of images, by name."""
    batched = _of_batch(network, len(inputs))
    return execute_onnx(batched, {batched.graph.input[0].name: inputs}, return_full_exec_context=True)


def _images_at_once(network: ModelWrapper) -> int:
    """Images of a batch: 100, or fewer where the tensors of so many would not fit."""
    constants = {tensor.name for tensor in network.graph.initializer}
    frame = sum(
        prod(axis.dim_value for axis in entry.type.tensor_type.shape.dim)
        for entry in (*network.graph.input, *network.graph.value_info, *network.graph.output)
        if entry.name not in constants
    )
    return max(1, min(BATCH, AT_ONCE // max(1, frame)))


def _of_batch(network: ModelWrapper, images: int) -> ModelWrapper:
    return network.transform(ChangeBatchSize(images)).transform(InferShapes())
