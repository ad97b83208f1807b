"""FINN's folding files (`folding_config.json`, `auto_folding_config.json`) read as our folding.

    {"Defaults": {}, "MVAU_hls_0": {"PE": 16, "SIMD": 3, "ram_style": "auto"}, …}

FINN numbers the nodes of each type in the order of its graph, so the n-th MVAU is the n-th matrix of the
lowered network. PE and SIMD of a node are Pe and Simd of the operator that implements it. All other settings
of a file are ignored, and a message lists them.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core import extras
from xnorforge.core.errors import UserError, several
from xnorforge.flows.finn_execution import specialised_names
from xnorforge.flows.finn_graph import operator_of
from xnorforge.hw.bind import OPS
from xnorforge.hw.bind.network import Bound

NAME = re.compile(r"(?P<type>[A-Za-z_]+?)(?:_Batch)?(?:_(?P<style>hls|rtl))?_(?P<number>[0-9]{1,9})")
OLD_TYPES = {  # names in earlier releases of FINN
    "MatrixVectorActivation": "MVAU", "StreamingFCLayer": "MVAU", "VectorVectorActivation": "VVAU",
    "Vector_Vector_Activate": "VVAU", "StreamingMaxPool": "Pool", "AddStreams": "ElementwiseAdd",
}  # fmt: skip
MATRICES, WINDOWS = ("MVAU", "VVAU"), "ConvolutionInputGenerator"
ATTRIBUTES = {"PE": "pe", "SIMD": "simd"}
DEFAULTS = ("auto", "", 0)  # values of FINN's other attributes that request nothing


@dataclass(frozen=True)
class Taken:
    """What a FINN folding file sets for a network.

    Attributes:
        folding: {operator: {"pe", "simd"}}, in the form of FOLDING.
        left: what was ignored, and why; one phrase each.
    """

    folding: dict[str, dict[str, int]]
    left: list[str]


def is_of_finn(given: Mapping[str, Any]) -> bool:
    """Whether a folding file is FINN's: its attributes are upper case, or it has "Defaults"."""
    rows = [row for row in given.values() if isinstance(row, dict)]
    return "Defaults" in given or any(name in row for row in rows for name in ATTRIBUTES)


def _rows_of(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row for name, row in given.items() if name != "Defaults"}


def check_finn_folding(given: Mapping[str, Any], path: Path) -> None:
    """Check a FINN folding file, {node: {attribute: value}}, for any network; `path` is for messages.

    Raises:
        UserError: a name is no FINN node's, a value no positive integer, or defaults are given.
    """
    if given.get("Defaults"):
        raise UserError(f"{path}: Defaults are not supported; give PE and SIMD per node.")
    for name, row in _rows_of(given).items():
        if not NAME.fullmatch(name):
            raise UserError(f"{path}: {name} is not the name of a FINN node; use names such as MVAU_hls_0.")
        if not isinstance(row, dict):
            raise UserError(f"{path}: {name} is {row!r}; give an object with attributes such as PE and SIMD.")
        for key in ATTRIBUTES:
            if type(value := row.get(key, 1)) is not int or value < 1:
                raise UserError(f"{path}: {name} has {key}: {value!r}; give a positive integer.")


def read_finn_folding(
    given: Mapping[str, Any], model: ModelWrapper, bounds: list[Bound], path: Path, part: str
) -> Taken:
    """The folding of a network in a FINN folding file.

    Args:
        given: content of the file.
        model: the lowered network; bounds: its operators.
        path: of the file, for messages.
        part: the device, which decides which nodes FINN builds as HLS and which as RTL, and so their numbers
            if a file has both of one type.

    Raises:
        UserError: a file numbers more matrices than the network has.
    """
    rows = _rows_of(given)
    numbered = _numbered(rows, model, path, part)
    working = {one.name: one for one in bounds}
    inside = {node: f"part of {one.name}" for one in bounds for node in one.nodes}
    folding: dict[str, dict[str, int]] = {}
    left: list[str] = []
    other = Counter[str]()
    for name, row in rows.items():
        other.update(key for key, value in row.items() if key not in ATTRIBUTES and value not in DEFAULTS)
        asked = {key: row[key] for key in ATTRIBUTES if key in row}
        node = numbered[name]
        if node is None or node not in working:
            why = inside.get(operator_of(node or "", inside), "not an operator")
            left += [f"{' and '.join(asked)} of {name} ({why} here)"] if asked else []
            continue
        has = OPS[working[node].op].extents
        fits = {ATTRIBUTES[key]: value for key, value in asked.items() if ATTRIBUTES[key] in has}
        left += [f"{key} of {name} (not a setting of {node})" for key in asked if ATTRIBUTES[key] not in has]
        if fits:
            folding[node] = fits
    left += [f"{key} of {several(count, 'node')}" for key, count in other.items()]
    return Taken(folding, left)


def _numbered(rows: Mapping, model: ModelWrapper, path: Path, part: str) -> dict[str, str | None]:
    """{name in the file: lowered node}, None if the network has no such node.

    Raises:
        UserError: a file numbers more matrices than the network has.
    """
    parts = {}
    for name in rows:
        if found := NAME.fullmatch(name):
            kind = OLD_TYPES.get(found["type"], found["type"])
            parts[name] = (kind, found["style"], int(found["number"]))
    styles: dict[str, set[str]] = {}
    for kind, style, _ in parts.values():
        styles.setdefault(kind, set()).add(style)
    mixed = {kind for kind, found in styles.items() if len(found) > 1}
    if mixed:
        extras.require("finn", f"a FINN folding with {min(mixed)} in HLS and in RTL")
    exact = specialised_names(model, part) if mixed else {}
    numbered = {}
    for name, (kind, _, number) in parts.items():
        nodes = _of_type(kind, list(parts.values()), model)
        node = exact.get(name) if kind in mixed else dict(enumerate(nodes)).get(number)
        if kind in MATRICES and node is None:
            raise UserError(
                f"{path}: {name} does not exist in this network, which has {len(nodes)} {kind} nodes; give a "
                "folding of this network."
            )
        numbered[name] = node
    return numbered


def _of_type(kind: str, named: list[tuple[str, str | None, int]], model: ModelWrapper) -> list[str]:
    """The lowered nodes of a type in the order of the file's numbers; empty if the order is not known.

    Windows of pools count only if a file names pools, or more windows than there are others: earlier releases
    of FINN built pools without them. Nodes other than matrices, windows and pools count only if the file
    names all of them, as FINN may place thresholds inside matrices and one at its input, and add products."""
    nodes = [node for node in model.graph.node if node.op_type == kind]
    if kind == WINDOWS:
        pooled = {node.input[0] for node in model.graph.node if node.op_type == "Pool"}
        alone = [node for node in nodes if node.output[0] not in pooled]
        most = max(number for each, _, number in named if each == kind)
        if most < len(alone) and not any(each == "Pool" for each, _, _ in named):
            nodes = alone
    if kind not in (*MATRICES, WINDOWS, "Pool") and sum(each == kind for each, _, _ in named) != len(nodes):
        return []
    return [node.name for node in nodes]
