"""The index of the largest score behind the scores."""

import numpy as np

from xnorforge.flows.bind.network import Bound
from xnorforge.flows.bind.registry import ending


@ending("scores")
def top_k(last: Bound, scale, bias) -> list[Bound]:
    """The index of the largest score, where that is the class with the largest logit."""
    stream = last.make().out_stream()
    if scale is None or len(stream.shape) != 1 or stream.shape[0] < 2:
        return []
    if np.ptp(scale) or np.ptp(bias) or np.min(scale) <= 0:
        return []
    attributes = {"n": stream.shape[0], "k": 1, "in_bits": stream.bits, "in_signed": int(stream.signed)}
    return [Bound("TopK", "top_k", attributes, inputs=last.outputs, outputs=["top_k_out"])]
