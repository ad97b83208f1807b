"""Verification of a lowering: its integers against the scores and FINN, image by image."""

from math import prod

import numpy as np

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record
from xnorforge.flows import finn_execution
from xnorforge.flows.finn_graph import as_finn
from xnorforge.hw.lowering.exact import UNIT
from xnorforge.hw.lowering.tails import differences, host_function
from xnorforge.hw.lowering.values import fits_float32, reach_of
from xnorforge.hw.lowering.walk import Lowered

from .reference import dequantise, report_mismatch, scale_and_bias

__all__ = [
    "chosen_classes", "class_ties", "finn_is_equal", "run_all", "scale_and_bias",
    "scores_are_equal",
]  # fmt: skip

CHUNK = 32  # largest number of images per batch: bounds the memory of the windows
BATCH_NUMBERS = 1 << 24  # elements of all tensors of a batch: half a gigabyte with temporaries
RELATIVE = 1e-6  # tolerance where the reference itself rounds its scores
TIMES = 32  # the largest error of float32 on a few images; on 200 it was up to 10 times as large
TIED_IMAGES = 10  # images listed in the record whose class float32 does not determine


def run_all(graph: Lowered, frames: np.ndarray) -> np.ndarray:
    """The output's integers for many frames (N, H, W, C), every tensor asserted inside its range."""
    leaf, parts = graph.output.single[0], []
    numbers = sum(prod(tensor.shape) for tensor in graph.leaves.values())
    batch = max(1, min(CHUNK, BATCH_NUMBERS // numbers))
    for start in range(0, len(frames), batch):
        tensors = graph.run(frames[start : start + batch])
        for name, x in tensors.items():
            known = graph.leaves[name]
            if (x < known.lo).any() or (x > known.hi).any():
                raise MismatchError(
                    f"lower: {name} is outside its range {known.range}, found {x.min()} .. {x.max()}."
                )
        parts.append(tensors[leaf])
    return np.concatenate(parts)


def integers_are_equal(rolled: Lowered, frames: np.ndarray, integers: np.ndarray) -> Record:
    """Check the graph with a loop against the integers (N, …) of the one without, on all frames."""
    wrong = run_all(rolled, frames) != integers
    if wrong.any():
        raise MismatchError(
            f"lower: the loop differs from its steps at image {int(np.argwhere(wrong)[0][0])} "
            f"({int(wrong.sum()):,} of {wrong.size:,} integers)."
        )
    return check("loop = its steps", len(frames), 0, int(wrong.size), "scores of rolled.onnx, all images")


def scores_are_equal(
    graph: Lowered, integers: np.ndarray, golden: np.ndarray, judge=None, tails=()
) -> Record:
    """Check (a): scale * integers + bias against the golden scores of every image.

    Where float32 represents the scores exactly they must be equal; where the reference rounds, no image may
    be off by more than `TIMES` the largest error that float32 makes on the judged images, or its resolution.

    Args:
        judge: (bound, judged, explains): the largest possible float32 error per score, a function that
            returns indices of images whose activations are equal, and one of an image's index that tells
            whether ties before the scores explain their difference (`reference.py`). Without it no difference
            is explained, and scores that float32 rounds agree to `RELATIVE`.
        tails: the functions after the network's scores. If they return numbers, the golden scores are those
            numbers; if they return indices, the golden scores are the inputs of those functions.
    """
    leaf = graph.leaves[graph.output.single[0]]
    scores, ours = dequantise(graph.output, integers)
    if tails and tails[-1].compute:
        if scores.ndim < golden.ndim:  # a list of pixels or boxes
            scores, golden = scores.reshape(golden.shape), np.moveaxis(golden, -1, 1)
        wrong = differences(list(tails), np.moveaxis(scores, -1, 1), golden)
        name = host_function(list(tails))
        if wrong:
            raise MismatchError(
                f"lower: {wrong} of {golden.size} scores in golden.npz differ from our {name}."
            )
        what = f"{name} of scores to {RELATIVE:g}, classes ==, golden.npz, all images"
        return check("lowered = qonnx", len(golden), 0, int(golden.size), what)
    given = (channels_last(golden) if scores.ndim > 2 else golden.reshape(scores.shape)).astype(np.float64)
    terms = graph.output.single[1], graph.output.offset
    if leaf.name not in graph.rounded and fits_float32(*terms, reach_of(graph.output)):
        wrong, what = scores != given, "scores =="
    else:
        off, largest = abs(scores - given), max(abs(given).max(initial=0), 1e-30)
        most = RELATIVE * largest
        if judge:
            alike = judge[1]()
            real = max(off[alike].max(initial=0), UNIT * largest) if alike else np.inf
            most = np.minimum(judge[0], TIMES * real)
        wrong, what = off > most + ours, f"scores to {np.max(most):.2g}, the rounding of float32 sums"
    tied = 0
    for image in np.flatnonzero(wrong.reshape(len(wrong), -1).any(1)):
        if judge and judge[2](image):
            wrong[image], tied = False, tied + 1
    if wrong.any():
        first = image, *place, channel = tuple(np.argwhere(wrong)[0].tolist())
        where = f"score {channel}" + (f" at (y {place[0]}, x {place[1]})" if place else "")
        raise MismatchError(
            f"lower: {where} of image {image} is {scores[first]:.9g} in the integer graph "
            f"(integer {integers[first]}) and {given[first]:.9g} in golden.npz."
        )
    what += f", except {tied:,} images with ties before the scores" if tied else ""
    return check("lowered = qonnx", len(given), 0, int(wrong.size), f"{what}, golden.npz, all images")


def channels_last(scores: np.ndarray) -> np.ndarray:
    """Scores of the network, (N, outputs) or (N, C, H, W), in the layout of the integer graph."""
    return np.moveaxis(scores, 1, -1)


def chosen_classes(graph: Lowered, integers: np.ndarray) -> np.ndarray:
    """Indices of the largest scores of images, or of every cell of maps; of equal ones the first."""
    scale, bias = scale_and_bias(graph.output)
    if len(set(scale)) == len(set(bias)) == 1 and scale[0] > 0:
        return integers.argmax(-1)  # exact where float64 would round wide integers
    return dequantise(graph.output, integers)[0].argmax(-1)


def class_ties(graph: Lowered, integers: np.ndarray, golden: np.ndarray) -> Record | None:
    """Where the largest float32 score does not determine the largest class; None for a single score.

    Args:
        integers: the graph's results (N, classes) or (N, H, W, classes); golden: scores (N, classes, …).

    Returns:
        Number of `classes` compared, of `what` ("images" or "cells"); `shared`: how many have several largest
        scores in float32; `differ`: how many exact arithmetic puts elsewhere, `first`: such images.
    """
    scores = channels_last(golden).reshape(integers.shape)
    if integers.shape[-1] < 2:
        return None
    shared = (scores == scores.max(-1, keepdims=True)).sum(-1) > 1
    differ = chosen_classes(graph, integers) != scores.argmax(-1)
    images = np.flatnonzero(differ.reshape(len(differ), -1).any(1))
    return {
        "classes": int(differ.size), "what": "images" if differ.ndim == 1 else "cells",
        "shared": int(shared.sum()), "differ": int(differ.sum()),
        "first": images[:TIED_IMAGES].tolist(),
    }  # fmt: skip


def finn_is_equal(graph: Lowered, frames: np.ndarray) -> tuple[Record, list[str]]:
    """Check (b): every tensor that FINN's Python execution can hold, against the integers.

    FINN computes in float32. Nodes with a tensor of more than 24 bits are skipped; if their outputs have at
    most 24 bits, later nodes read them from the integer graph.

    Returns:
        The check, and the names of the operators that FINN could not run.
    """
    compared = 0
    producers = {f"{node.name}_out": node.out for node in graph.nodes}
    lowered = as_finn(graph)
    part = finn_execution.within_float32(lowered)[0]
    made, whole = ({x for node in one.graph.node for x in node.output} for one in (part, lowered))
    left_out = [node.name for node in graph.nodes if f"{node.name}_out" in whole - made]
    expected = graph.run(frames)
    first, name = next(iter(graph.leaves)), lowered.graph.input[0].name
    for image in range(len(frames)):
        sources = producers | {name: first}
        given = {one.name: expected[sources[one.name]][image] for one in part.graph.input}
        context = finn_execution.execute_with_finn(part, given)
        for tensor, leaf in producers.items():
            if tensor in made:
                report_mismatch(graph, leaf, expected[leaf][image], context[tensor][0], image, "FINN")
                compared += context[tensor].size
    what = "every tensor"
    if left_out:
        names = ", ".join(left_out[:3]) + (", …" if len(left_out) > 3 else "")
        what += f" except those of {len(left_out)} operators, which exceed float32 ({names})"
    return check("lowered = FINN execution", len(frames), 0, compared, what), left_out
