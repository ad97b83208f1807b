"""Rearrangements of the integer graph that keep every integer; the operators state them (`registry.py`)."""

from .registry import TIDYINGS
from .walk import Lowered


def tidied(graph: Lowered) -> Lowered:
    """Apply all of them, in place."""
    for _, rearrange in TIDYINGS:
        rearrange(graph)
    return graph
