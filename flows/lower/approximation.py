"""Sums of branches rounded to fewer bits, if requested: how few bits suffice, and what the rounding changes.

The exact graph is verified first; the rounded graph is compared with it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.types import Record

from . import checks
from .walk import Lowered

BITS = range(8, 25, 2)  # of rounded sums, tried in turn
IMAGES = 32  # on which activations are compared


@dataclass
class Rounded:
    """A graph with rounded sums, its ONNX form and its results for all images; `bits` is the requested width
    of the sums, `classes_differ` the number of images (or cells of maps) whose largest score changes.
    """

    graph: Lowered
    lowered: ModelWrapper
    integers: np.ndarray
    bits: int
    classes_differ: int


def fewest_bits(
    make: Callable[[int], tuple[Lowered, ModelWrapper]],
    exact: Lowered,
    frames: np.ndarray,
    integers: np.ndarray,
) -> Rounded | None:
    """The graph with the fewest bits in its sums that changes the class of no image, or else the graph with
    the most bits; None if no sum is wide enough to be rounded.

    Args:
        make: bits -> (graph, ONNX form).
        exact: the graph without rounding. frames: its images; integers: its results.
    """
    found, wanted = None, checks.chosen_classes(exact, integers)
    for bits in BITS:
        graph, lowered = make(bits)
        if not graph.approximate:
            return None
        answer = checks.run_all(graph, frames)
        differ = int((checks.chosen_classes(graph, answer) != wanted).sum())
        found = Rounded(graph, lowered, answer, bits, differ)
        if not differ:
            break
    return found


def effect(
    rounded: Rounded,
    exact: Lowered,
    frames: np.ndarray,
    integers: np.ndarray,
    golden: np.ndarray,
    labels: np.ndarray | None = None,
) -> Record:
    """How far the rounded graph is from the exact one, and both from the network.

    Args:
        frames: all images; integers: the exact results; golden: the network's scores, float32 (N, outputs) or
            (N, C, H, W); labels: of the images, -1 where unknown.

    Returns:
        `sums`: {node of the network: `bits`, `exact_bits`, `bound` per channel: the largest error of the sum
            in units of its value}; `bits` requested; `activations`, `activations_differ` on `images`;
            `classes`, `classes_differ` from the exact graph (largest scores, of an image or of every cell of
            a map); `agreement` with the network's classes and `top1` against the labels, each for the exact
            and for the rounded graph; `summary`: what it changes, in words.
    """
    few = frames[:IMAGES]
    before, after = exact.run(few), rounded.graph.run(few)
    pairs = [(before[leaf], after[leaf]) for leaf in activation_leaves(exact) if leaf in after]
    activations, differ = sum(x.size for x, _ in pairs), sum(int((x != y).sum()) for x, y in pairs)
    wanted, of_network = checks.chosen_classes(exact, integers), checks.channels_last(golden).argmax(-1)
    classes = wanted, checks.chosen_classes(rounded.graph, rounded.integers)
    cells = "images" if wanted.ndim == 1 else "cells"
    return {
        "sums": {
            one.node: {
                "bits": rounded.graph.leaves[leaf].bits,
                "exact_bits": exact.leaves[leaf].bits,
                "bound": one.bound.tolist(),
            }
            for leaf, one in rounded.graph.approximate.items()
        },
        "bits": rounded.bits,
        "images": len(few),
        "activations": activations,
        "activations_differ": differ,
        "classes": wanted.size,
        "classes_differ": rounded.classes_differ,
        "agreement": [float((found == of_network).mean()) for found in classes],
        "top1": [_top1(found, labels) for found in classes],
        "summary": f"{differ:,} of {activations:,} activations differ on {len(few):,} images, "
        f"and the class of {rounded.classes_differ:,} of {wanted.size:,} {cells}",
    }


def activation_leaves(graph: Lowered) -> list[str]:
    """Leaves of the network's quantised activations."""
    return [value.single[0] for value in graph.activations.values()]


def _top1(found: np.ndarray, labels) -> float | None:
    known = None if labels is None or found.ndim > 1 else labels >= 0
    return None if known is None or not known.any() else float((found == labels)[known].mean())
