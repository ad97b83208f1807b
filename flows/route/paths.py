"""Critical paths by operator: cell names survive synthesis, and their first parts name the layer."""

import re
from collections.abc import Mapping
from itertools import groupby

from xnorforge.core.types import Record
from xnorforge.hw.routing import LateNet, TimingPath

# The instance of a layer in a name of a cell or net; Yosys' own names are preceded by a backslash.
LAYER = re.compile(r"(?:^|[.\\])u_(layer_\d+_\w+)")
OWN = re.compile(r"[\\]|^\$flatten")  # what Yosys puts into names that it makes


def operator(name: str, layers: Mapping[str, str], instance: str) -> str:
    """The operator that a cell belongs to.

    Args:
        name: from the tool.
        layers: {module of a layer: its operator}.
        instance: of the accelerator's top, with which the names of all its cells begin.

    Returns:
        The operator's name, "top" for connections between operators, or "shell" for all around them.
    """
    found = LAYER.search(name)
    if found and found[1] in layers:
        return layers[found[1]]
    return "top" if OWN.sub("", name).startswith(f"{instance}.") else "shell"


def row(path: TimingPath, seed: int, layers: Mapping[str, str], instance: str) -> Record:
    """A path for the record: the operators of its cells in order, and where the time is spent. Nets
    do not count, because one between two operators may be named after either."""
    cells = [hop for hop in path.hops if hop.kind != "routing"]
    named = [operator(hop.name, layers, instance) for hop in cells]
    inside = [name for name in named if name != "top"] or named
    return {
        "seed": seed, "ns": round(path.ns, 3), "logic_ns": round(path.delay(routing=False), 3),
        "routing_ns": round(path.delay(routing=True), 3),
        "operators": [name for name, _ in groupby(inside)], "cells": len(cells),
        "from": cells[0].name if cells else "", "to": cells[-1].name if cells else "",
    }  # fmt: skip


def net_row(net: LateNet, seed: int, layers: Mapping[str, str], instance: str) -> Record:
    """A late net for the record: the operators of its driver and of the register that it reaches."""
    named = [operator(cell, layers, instance) for cell in (net.driver, net.last)]
    return {
        "seed": seed, "ns": round(net.ns, 3), "operators": [name for name, _ in groupby(named)],
        "ends": net.ends, "net": net.net,
    }  # fmt: skip
