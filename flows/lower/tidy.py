"""Rearrangements of the integer graph that keep every integer; operators register them (`registry.py`)."""

from copy import deepcopy

from .registry import TIDYINGS
from .walk import Lowered


def tidied(graph: Lowered) -> Lowered:
    """Apply all of them in place; the original is kept (`Lowered.walked`)."""
    graph.walked = deepcopy(graph)
    for _, rearrange in TIDYINGS:
        rearrange(graph)
    return graph
