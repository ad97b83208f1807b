"""Scores of the file as qonnx runs it: differences due to float32 rounding are counted, others refused."""

from typing import TypeAlias

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.types import Record
from xnorforge.flows.importing.layout import channels_to_front
from xnorforge.flows.lower.proof import rounding
from xnorforge.flows.lower.proof.reference import Reference
from xnorforge.flows.qonnx_execution import BATCH, qonnx_scores, qonnx_tensors
from xnorforge.hw.lowering.tails import Tail, differences
from xnorforge.hw.lowering.walk import Lowered, refuse

SINGLE = 2  # images that are also run one by one
FEW = 0.01  # of an operator's activations: sums of arbitrary scales lie on a threshold only by chance
TAIL_IMAGES = 20  # images on which a function after the scores is compared
COARSE = 1e-4  # of a tensor's largest value: more than float32 rounding, less than a quantiser's step
# Name of an output, the functions behind its scores (N, classes, …), whether its classes are last there
End: TypeAlias = tuple[str, list[Tail], np.ndarray, bool]
QUANTISERS = ("BipolarQuant", "Quant", "Trunc", "MultiThreshold")


def reference_scores(
    network: ModelWrapper, inputs: np.ndarray, images: np.ndarray, graph: Lowered
) -> tuple[np.ndarray, Record]:
    """Scores of all images, in batches, and the check that batching changes them by no more than float32
    rounding (`lower.rounding`). The two runs may round differently, and a few activations whose sums lie
    within that rounding of a threshold may come out on opposite sides of it (`lower.reference`).

    Args:
        images: integers (N, C, H, W) or (N, F); graph: the integer graph of the network.
    """
    scores, bound = qonnx_scores(network, inputs), rounding.bound(graph, len(network.graph.node))
    equal, tried, ties = True, min(SINGLE, len(inputs)), 0
    allowed = 2 * np.repeat(bound, scores[0].size // len(bound)).reshape(scores[0].shape)
    for image in range(tried):
        alone = qonnx_scores(network, inputs[image : image + 1])[0]
        far = ~(abs(alone.astype(np.float64) - scores[image]) <= allowed)
        if far.any():
            found = _few_ties(network, inputs[:BATCH], images, image, graph)
            if not found:
                raise _batch_matters(network, inputs[:BATCH], image)
            ties += found
        equal = equal and bool((alone == scores[image]).all())
    what = "scores ==" if equal else "scores to the rounding of their float32 sums"
    what += f", after {ties:,} activations that float32 rounding decides" if ties else ""
    return scores, check("batch = single image", tried, 0, scores[:tried].size, f"qonnx execution, {what}")


def _few_ties(network: ModelWrapper, inputs: np.ndarray, images: np.ndarray, image: int, graph) -> int:
    """How many activations of an image differ between a single run and its batch only by rounding;
    0 if its scores have another reason, or if these are more than `FEW` of an operator's."""
    shape = next(iter(graph.leaves.values())).shape
    frame = np.moveaxis(images[image], 0, -1).reshape(shape).astype(np.int64)
    reference, among = Reference(graph, network), qonnx_tensors(network, inputs)
    try:
        reference.judge(frame, qonnx_tensors(network, inputs[image : image + 1]), image)
        own = {name: x[image : image + 1] for name, x in among.items() if np.ndim(x)}
        reference.judge(frame, own, image)
    except (MismatchError, KeyError):
        return 0
    sizes = {node.name: 2 * np.prod(graph.leaves[node.out].shape) for node in graph.nodes}
    many = any(count > max(FEW * sizes[name], 2) for name, count in reference.ties.items())
    return 0 if many else reference.ties.total()


def host_function_check(
    network: ModelWrapper, ends: list[End], name: str | None, inputs: np.ndarray
) -> list[Record]:
    """The check that the file's outputs are what the host computes from the scores, if it ends in functions.

    Args:
        network: that of the file. ends: one per output. name: what the host computes; None for nothing.
    """
    if not name:
        return []
    few, wrong, size = min(TAIL_IMAGES, len(inputs)), 0, 0
    tensors = qonnx_tensors(network, inputs[:few])
    for output, tails, scores, last in ends:
        if tails:
            given = channels_to_front(tensors[output], last)
            wrong, size = wrong + differences(tails, scores[:few], given), size + given.size
    if wrong:
        raise MismatchError(f"import: {wrong} of {size} results differ from {name} of the file's scores.")
    what = f"{name} of the scores, to float32 rounding; classes =="
    return [check(f"{name} = file", few, 0, size, what)]


def _batch_matters(network: ModelWrapper, inputs: np.ndarray, image: int) -> UserError:
    """The error for an image whose scores depend on the other images of the batch; it names the
    first operator with such a dependence."""
    alone, among = qonnx_tensors(network, inputs[image : image + 1]), qonnx_tensors(network, inputs)
    for node in network.graph.node:
        name = node.output[0]
        if alone[name].shape != (1, *among[name].shape[1:]) or len(among[name]) != len(inputs):
            continue
        one, other = alone[name][0].astype(np.float64), among[name][image].astype(np.float64)
        differ = ~(abs(one - other) <= COARSE * abs(other).max(initial=0))
        if not differ.any():
            continue
        count = f"{int(differ.sum()):,} of its {differ.size:,} results"
        what = f"{count} for image {image} differ between a batch and a single image"
        if node.op_type in QUANTISERS:
            return refuse(
                node,
                f"{what}, because the sums before it lie on its thresholds and float32 rounding goes either "
                "way",
                "use scales that are powers of two (Brevitas: scaling_const=1.0), or put a batch norm "
                "before it",
            )
        return refuse(node, what, "export a network whose operators treat each image of a batch separately")
    return UserError(
        f"import: scores of image {image} differ between a batch and a single image; export the network "
        "again."
    )
