"""The proof of a lowering: its integers against the scores, qonnx and FINN, image by image."""

import numpy as np
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError
from xnorforge.flows import finn_execution

from .values import Value, fits_float32
from .walk import Lowered

CHUNK = 32  # images per batch: bounds the memory of the windows
RELATIVE = 1e-6  # where the reference itself rounds its scores


def scale_and_bias(value: Value) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of a value of one leaf, float64 per channel."""
    return value.single[1].astype(np.float64), value.offset.astype(np.float64)


def run_all(graph: Lowered, frames: np.ndarray) -> np.ndarray:
    """The output's integers for many frames (N, H, W, C), every tensor asserted inside its range."""
    leaf, parts = graph.output.single[0], []
    for start in range(0, len(frames), CHUNK):
        tensors = graph.run(frames[start : start + CHUNK])
        for name, x in tensors.items():
            known = graph.leaves[name]
            if (x < known.lo).any() or (x > known.hi).any():
                raise MismatchError(
                    f"lower: {name} leaves its range {known.range}, found {x.min()} .. {x.max()}."
                )
        parts.append(tensors[leaf])
    return np.concatenate(parts)


def scores_are_equal(graph: Lowered, integers: np.ndarray, golden: np.ndarray) -> dict:
    """Check (a): scale * integers + bias against the golden scores of every image.

    Where float32 holds scores exactly they must be equal; where the reference rounds, the integers nearest to
    its scores must be equal and the scores must agree to `RELATIVE`.
    """
    leaf = graph.leaves[graph.output.single[0]]
    scale, bias = scale_and_bias(graph.output)
    scores = scale * integers + bias
    given = channels_last(golden).astype(np.float64)
    terms = graph.output.single[1], graph.output.offset
    if leaf.name not in graph.rounded and fits_float32(*terms, leaf.lo, leaf.hi):
        wrong, what = scores != given, "scores =="
    else:
        whole = np.rint((given - bias) / np.where(scale == 0, 1, scale))
        far = abs(scores - given) > RELATIVE * np.maximum(abs(given).max(), 1e-30)
        wrong = (whole != integers) & (scale != 0) | far
        what = f"integers ==, scores to {RELATIVE:g}: float32 rounds them"
    if wrong.any():
        first = image, *place, channel = tuple(np.argwhere(wrong)[0].tolist())
        where = f"score {channel}" + (f" at (y {place[0]}, x {place[1]})" if place else "")
        raise MismatchError(
            f"lower: {where} of image {image} is {scores[first]:.9g} in the integer graph "
            f"(integer {integers[first]}) and {given[first]:.9g} in golden.npz."
        )
    return check("lowered = qonnx", len(given), 0, int(wrong.size), f"{what}, golden.npz, all images")


def channels_last(scores: np.ndarray) -> np.ndarray:
    """Scores of the network, (N, outputs) or (N, C, H, W), as the integer graph has them."""
    return np.moveaxis(scores, 1, -1)


def activations_are_equal(graph: Lowered, model: ModelWrapper, frames, inputs) -> dict:
    """Every quantised activation against qonnx execution of the network.

    Args:
        frames: integers (N, H, W, C); inputs: the same images as the network takes them, float32 (N, C, H, W)
            or (N, F).
    """
    compared = 0
    for image, leaf, got, wanted in _activations(graph, model, frames, inputs):
        report_mismatch(graph, leaf, got, wanted, image, "qonnx")
        compared += got.size
    return check(
        "activations = qonnx", len(inputs), 0, compared, f"{len(graph.activations)} quantisers, every element"
    )


def approximation_error(graph: Lowered, model: ModelWrapper, frames, inputs, integers, golden) -> dict:
    """How far a graph with rounded sums is from the network.

    Args:
        frames, inputs: a few images, as for `activations_are_equal`.
        integers: the graph's answer to all images; golden: the network's, float32 (N, outputs) or (N, C, H,
            W).

    Returns:
        `sums`: rounded nodes of the network; `activations`, `activations_differ` on `images`; `classes`,
            `classes_differ`
        (largest scores, of an image or of every cell of a map); `summary`: all of it in one sentence.
    """
    found = [
        (got.size, int((got != wanted).sum()))
        for *_, got, wanted in _activations(graph, model, frames, inputs)
    ]
    activations, differ = map(sum, zip(*found))
    scale, bias = scale_and_bias(graph.output)
    largest = (scale * integers + bias).argmax(-1)
    classes = int((largest != channels_last(golden).argmax(-1)).sum())
    cells = "images" if largest.ndim == 1 else "cells"
    return {
        "sums": sorted(set(graph.approximate.values())),
        "images": len(inputs),
        "activations": activations,
        "activations_differ": differ,
        "classes": largest.size,
        "classes_differ": classes,
        "summary": f"{differ:,} of {activations:,} activations differ on {len(inputs):,} images, "
        f"and the class of {classes:,} of {largest.size:,} {cells}",
    }


def _activations(graph: Lowered, model: ModelWrapper, frames, inputs):
    """Image, leaf, our levels and qonnx's, for every quantiser and image."""
    tensors, name = graph.run(frames), model.graph.input[0].name
    for image, x in enumerate(inputs):
        reference = onnx_exec.execute_onnx(model, {name: x[None]}, return_full_exec_context=True)
        for tensor, value in graph.activations.items():
            leaf, (scale, offset) = value.single[0], scale_and_bias(value)
            got = tensors[leaf][image]
            given = _in_our_order(reference[tensor][0].astype(np.float64), graph.leaves[leaf])
            wanted = np.rint((given - offset) / np.where(scale == 0, 1, scale)).astype(np.int64)
            yield image, leaf, got, np.where(scale == 0, got, wanted)


def finn_is_equal(graph: Lowered, lowered: ModelWrapper, frames: np.ndarray) -> dict:
    """Check (b): every tensor of lowered.onnx in FINN's Python execution against the integer graph."""
    compared = 0
    producers = {f"{node.name}_out": node.out for node in graph.nodes}
    expected = graph.run(frames)
    for image, frame in enumerate(frames):
        context = finn_execution.execute_with_finn(lowered, frame)
        for tensor, leaf in producers.items():
            if tensor in context:
                report_mismatch(graph, leaf, expected[leaf][image], context[tensor][0], image, "FINN")
                compared += context[tensor].size
    return check("lowered = FINN execution", len(frames), 0, compared, "every tensor of lowered.onnx")


def _in_our_order(x: np.ndarray, leaf) -> np.ndarray:
    if x.ndim == 3:
        return x.transpose(1, 2, 0)
    return x if leaf.order is None else x[leaf.order]


def report_mismatch(graph: Lowered, leaf: str, got, wanted, image: int, other: str) -> None:
    """Raise where two machines differ, naming operator, channel, position and both values."""
    wrong = np.argwhere(got != wanted)
    if not len(wrong):
        return
    name = next((n.name for n in graph.nodes if n.out == leaf), leaf)
    *position, channel = wrong[0].tolist()
    where = f"channel {channel}" + (f", position (y {position[0]}, x {position[1]})" if position else "")
    values = f"{int(got[tuple(wrong[0])])} in the integer graph and {int(wanted[tuple(wrong[0])])} in {other}"
    raise MismatchError(
        f"lower: {name}, {where}, image {image}: {values}; {len(wrong)} of {got.size} differ."
    )
