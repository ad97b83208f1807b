"""What to do instead of an ONNX ArgMax behind the scores."""

from xnorforge.flows.lower.registry import CURES

CURES["ArgMax"] = (
    "drop it: the build adds the index of the largest score itself, and OUTPUT=labels gives of a map the "
    "channel with the largest score of every cell"
)
