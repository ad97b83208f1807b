"""ONNX TopK after the scores: the build adds the index of the largest itself, the host sorts the rest."""

import numpy as np

from xnorforge.hw.lowering.registry import CURES, TAILS
from xnorforge.hw.lowering.tails import RELATIVE, Tail


def _differs(scores: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Where the given scores are not the largest k, by more than float32 rounds."""
    largest, found = (-np.sort(-x, axis=1) for x in (scores, given))
    return abs(largest[:, : given.shape[1]] - found) > RELATIVE * abs(scores).max(initial=0)


TAILS["TopK"] = Tail("top_k", _differs)
TAILS["TopK.1"] = Tail(  # of a file that returns the indices alone: their scores are not the largest
    "top_k", lambda scores, given: _differs(scores, np.take_along_axis(scores, given.astype(np.int64), 1))
)
CURES["TopK"] = "use it after the scores, along the classes: the host sorts them"
