"""The index of the largest score behind the scores."""

import numpy as np

from xnorforge.hw.bind.network import Bound
from xnorforge.hw.bind.registry import ending


@ending("scores")
def top_k(last: Bound, scale: np.ndarray | None, bias: np.ndarray) -> list[Bound]:
    """The index of the largest score where that is the largest logit's: of a vector or one pixel."""
    stream = last.make().out_stream()
    *image, n = stream.shape
    if scale is None or np.prod(image) != 1 or n < 2:
        return []
    if np.ptp(scale) or np.ptp(bias) or np.min(scale) <= 0:
        return []
    attributes = {"n": n, "k": 1, "in_bits": stream.bits, "in_signed": int(stream.signed)}
    attributes |= {"pixel": 1} if image else {}
    return [Bound("TopK", "top_k", attributes, inputs=last.outputs, outputs=["top_k_out"])]
