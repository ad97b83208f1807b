"""Verification that FINN's graph, folded and with inserted nodes, computes our integers in every tensor."""

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError
from xnorforge.core.indexed_model import indexed
from xnorforge.core.types import Record
from xnorforge.flows.finn_execution import execute_with_finn
from xnorforge.hw import graph
from xnorforge.hw.ops.base import HwOp

GOLDEN, RANDOM, SEED = 5, 5, 2026  # images


def check_graph(
    model: ModelWrapper, lowered: ModelWrapper, ops: list[HwOp], images: np.ndarray
) -> tuple[Record, list[dict[str, np.ndarray]]]:
    """Execute FINN's graph on golden and on random images, and compare every tensor that ours also has.

    Args:
        model: FINN's graph, specialised.
        lowered: the network; the random images use its input range.
        ops: the folded network.
        images: golden ones (N, C, H, W) or (N, F).

    Returns:
        The check, over all integers compared, and the tensors of FINN's graph, image by image.

    Raises:
        MismatchError: a number differs, or lies outside FINN's data type for it; the text names the first
            such node in FINN's order.
    """
    from finn.util.verification import despecialize_model

    plain = indexed(despecialize_model(model))
    source = plain.graph.input[0].name
    kind = lowered.get_tensor_datatype(lowered.graph.input[0].name)
    least, end, shape = int(kind.min()), int(kind.max()) + 1, (RANDOM, *images.shape[1:])
    drawn = np.random.default_rng(SEED).integers(least, end, shape)
    compared, every = 0, np.concatenate([images[:GOLDEN].astype(np.int64), drawn])
    tensors = []
    for number in range(len(every)):
        ours = graph.tensors(ops, every[number : number + 1])
        ours[lowered.graph.output[0].name] = _scores(ops, ours)
        theirs = execute_with_finn(plain, {source: graph.enter(ops[0], every[number : number + 1])})
        tensors.append(theirs)
        for node in plain.graph.node:
            for tensor in node.output:
                compared += _equal(plain, node, tensor, theirs[tensor], ours.get(tensor), number)
        last = plain.graph.output[0].name
        compared += _equal(plain, plain.graph.node[-1], last, theirs[last], _scores(ops, ours), number)
    what = f"every tensor of FINN's graph, {min(GOLDEN, len(images))} golden and {RANDOM} random images"
    return check("FINN's graph = folded", len(every), 0, compared, what), tensors


def _scores(ops: list[HwOp], ours: dict[str, np.ndarray]) -> np.ndarray:
    """The network's results before the index of the largest score is appended."""
    return ours[ops[-1].sources[0] if ops[-1].indices else ops[-1].results[0]]


def _equal(model: ModelWrapper, node, tensor: str, got: np.ndarray, want, image: int) -> int:
    """Compare one tensor; returns how many numbers were compared, 0 if ours has no such tensor.

    Raises:
        MismatchError: a number differs, or exceeds its data type.
    """
    kind = model.get_tensor_datatype(tensor)
    if kind.is_integer() and not (kind.min() <= got.min() and got.max() <= kind.max()):
        raise MismatchError(
            f"finn: {node.name} of FINN's graph exceeds its data type {kind.name} on image {image}: "
            f"{got.min():g} .. {got.max():g}."
        )
    if want is None:
        return 0
    flat, wanted = got.reshape(-1), np.asarray(want).reshape(-1)
    wrong = np.flatnonzero(flat != wanted) if flat.shape == wanted.shape else [0]
    if len(wrong):
        first = int(wrong[0])
        raise MismatchError(
            f"finn: {node.name} of FINN's graph differs from the folded network, first at image {image}, "
            f"element {first}: {flat[first]:g} instead of {wanted[first]} ({len(wrong):,} of {flat.size:,} "
            "differ)."
        )
    return int(flat.size)
