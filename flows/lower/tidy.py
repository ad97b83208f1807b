"""Rearrangements of the integer graph that keep every integer; the operators state them (`registry.py`)."""

from copy import deepcopy

from .registry import TIDYINGS
from .walk import Lowered


def tidied(graph: Lowered) -> Lowered:
    """Apply all of them, in place. A graph whose reference rounds keeps what it was (`Lowered.walked`)."""
    if graph.rounded:
        graph.walked = deepcopy(graph)
    for _, rearrange in TIDYINGS:
        rearrange(graph)
    return graph
