"""ONNX ArgMax after the scores: the build adds the index of the largest score itself."""

import numpy as np

from xnorforge.hw.lowering.registry import CURES, TAILS
from xnorforge.hw.lowering.tails import RELATIVE, Tail


def _differs(scores: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Where the score of the given class is not the largest, by more than float32 rounds."""
    chosen = np.take_along_axis(scores, given.astype(np.int64), 1)
    return scores.max(1, keepdims=True) - chosen > RELATIVE * abs(scores).max(initial=0)


TAILS["ArgMax"] = Tail("arg_max", _differs, axis=0)
CURES["ArgMax"] = (
    "use it after the scores, along the classes: the build adds the index of the largest score itself, and "
    "for a map OUTPUT=labels returns the channel with the largest score of every cell"
)
