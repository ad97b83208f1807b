"""Comparison of the generated C++ with the folded graph: weights, scores, the first layer that differs."""

from pathlib import Path

import numpy as np
from hls4ml.model.graph import ModelGraph

from xnorforge.core import artifacts
from xnorforge.core.errors import MismatchError
from xnorforge.core.progress import progress
from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.hls.net import Net
from xnorforge.hw.ops.base import HwOp

BLOCK = 50  # images between two reports of progress


def check_weights(model: ModelGraph, net: Net, folder: Path) -> Record:
    """Read the project's weight files and compare them with the folded graph, number by number.

    hls4ml 1.3.0 itself writes files that contain only ones where its pass `quantize_dense_output` runs
    (docs/guide/backends.md).

    Returns:
        A check for the record.

    Raises:
        MismatchError: a weight differs; the text names layer, input, channel and both values.
    """
    count = 0
    for name, given in net.weights.items():
        variable = model.graph[name].get_weights("weight")
        text = (Path(folder) / "firmware" / "weights" / f"{variable.name}.txt").read_text()
        # Files hold one row per output, and a bit for -1 and +1.
        got = np.array(text.split(","), float).reshape(given.shape[::-1]).T
        want = (given + 1) / 2 if variable.type.precision.width == 1 else given
        wrong = np.argwhere(got != want)
        if len(wrong):
            at = tuple(wrong[0])
            raise MismatchError(
                f"hls: {name}: the weight file {variable.name}.txt has {got[at]:g} instead of {want[at]:g} "
                f"at input {at[0]}, channel {at[1]} ({len(wrong):,} of {want.size:,} weights differ)."
            )
        count += want.size
    what = f"weights in the project's files, {net.io}, against the folded graph"
    return artifacts.check(f"written {net.io} weights = folded", 0, 0, count, what)


def check_scores(
    model: ModelGraph, net: Net, ops: list[HwOp], images: np.ndarray, wanted: np.ndarray
) -> Record:
    """Run the compiled network on images and compare every score with the folded graph's.

    Args:
        model: compiled.
        ops: operators of the folded graph.
        images: uint8 (N, C, H, W), raw 0 .. 255.
        wanted: int64 (N, outputs), the folded graph's results, without the indices after the scores.

    Returns:
        A check for the record.

    Raises:
        MismatchError: a score differs; the text names the first layer that does, its pixel and channel.
    """
    inputs, parts = np.ascontiguousarray(graph.enter(ops[0], images).astype(np.float64)), []
    with progress(f"hls: {net.io}", len(inputs), "images") as advance:
        for start in range(0, len(inputs), BLOCK):
            block = inputs[start : start + BLOCK]
            parts.append(np.asarray(model.predict(block)).reshape(len(block), -1))
            advance(len(block))
    got = np.concatenate(parts)
    wanted = wanted.reshape(len(images), -1)
    wrong = np.argwhere(got != wanted)
    if len(wrong):
        image, place = map(int, wrong[0])
        raise MismatchError(
            f"hls: {_first_layer(model, net, ops, images[image : image + 1])} at image {image}; score "
            f"{place} is {got[image, place]:g} instead of {wanted[image, place]} ({net.io}, {len(wrong):,} "
            f"of {wanted.size:,} scores differ)."
        )
    what = f"scores of the g++ emulation, {net.io}, against the folded graph"
    return artifacts.check(f"hls4ml {net.io} = folded", len(images), 0, int(wanted.size), what)


def _first_layer(model: ModelGraph, net: Net, ops: list[HwOp], image: np.ndarray) -> str:
    """Compile again with traces, and find the first layer with a whole tensor that differs."""
    wanted = graph.tensors(ops, image)
    model.config.config["Stamp"] += "_trace"  # a library of its own: the first is still loaded
    _, traces = model.trace(np.ascontiguousarray(graph.enter(ops[0], image).astype(np.float64)))
    for name, (op, tensor) in net.results.items():
        got, want = traces[name].ravel(), wanted[tensor].ravel()
        wrong = np.flatnonzero(got != want)
        if len(wrong):
            pixel, channel = divmod(int(wrong[0]), op.out_stream().shape[-1])
            value = f"{got[wrong[0]]:g} instead of {want[wrong[0]]}"
            return f"{op.name} ({name}) differs first, at pixel {pixel}, channel {channel}: {value}"
    return "no single layer differs, only the scores"
