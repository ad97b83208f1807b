"""Which matrices use distributed arithmetic (da4ml's adder graphs) instead of folded units: none of them,
every matrix that supports it, or the matrices for which it takes less of the part.

Operators themselves state which of them replaces which (`HwOp.instead_of`). Whether distributed arithmetic is
cheaper for a layer is decided on the whole network: both networks are folded for the same initiation
interval, and the operators that only one of them has, width converters included, are synthesised and counted.
"""

from dataclasses import replace
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.flows import synth
from xnorforge.flows.backends import base
from xnorforge.flows.bind import OPS, Bound
from xnorforge.flows.fold.search import Part, search
from xnorforge.flows.synth import cells
from xnorforge.hw.ops.base import HwOp

WITHIN_REACH = 2  # times the folded unit's estimate; anything more expensive is not synthesised
COUNTED = ("lut", "ff", "bram36", "dsp")


def choose(
    bounds: list[Bound], backend: str, family: str, part: Part, interval: int, fixed: dict[str, Record]
) -> tuple[list[Bound], list[Record]]:
    """Replace layers by adders.

    Args:
        bounds: operators as returned by `bind`.
        backend: its `matrices` say which: "folded" none, "adders" every layer that supports it, "cheaper"
            each layer whose adders take a smaller share of the part.
        family: of the part, for the synthesis.
        part: the reference for shares.
        interval: cycles per frame that the folded units are chosen for.
        fixed: {operator: {"simd", "pe"}} given by the user; these layers stay folded.

    Returns:
        The operators, and a row per matrix {"layer", "chosen": "folded" or "da4ml", "why", "folded",
        "da4ml"}. The last two are the resources of operators that only one of the networks has, {"lut", "ff",
        "bram36", "dsp"}; None if nothing was counted.

    Raises:
        UserError: an unknown backend, or "adders" for a network in which no layer supports it.
    """
    matrices = base.load(backend).matrices
    if matrices == "folded":
        return bounds, []
    decisions: list[dict[str, Any]] = []
    plain = search(bounds, interval, part, fixed) if matrices == "cheaper" else []
    for place, bound in enumerate(bounds):
        if bound.make_alone().matrix() is None:
            continue
        row = {
            "layer": bound.name,
            "chosen": "folded",
            "why": "its folding was set by the user",
            "folded": None,
            "da4ml": None,
        }
        decisions.append(row)
        if bound.name in fixed:
            continue
        try:
            other = alternative(bound, "adders")
        except UserError as error:
            row["why"] = str(error)
            continue
        if other is None:
            row["why"] = "no adder operator can replace it"
            continue
        changed = [*bounds[:place], other, *bounds[place + 1 :]]
        if matrices == "adders":
            row |= {"chosen": "da4ml", "why": "requested"}
        else:
            folded = search(changed, interval, part, fixed)
            row |= cheaper(plain, folded, family, part)
            plain = folded if row["chosen"] == "da4ml" else plain
        bounds = changed if row["chosen"] == "da4ml" else bounds
    if matrices == "adders" and not any(row["chosen"] == "da4ml" for row in decisions):
        why = decisions[0]["why"].rstrip(".") if decisions else "it has no matrix"
        raise UserError(f"{backend}: no layer of this network can use adders ({why}); use BACKEND=rtl.")
    return bounds, decisions


def alternative(bound: Bound, structure: str) -> Bound | None:
    """The same layer as an operator of another structure; None if there is no such operator.

    Raises:
        UserError: there is one, but not for this layer; the text gives the reason.
    """
    unit = bound.make_alone()
    for cls in OPS.values():
        op = cls.instead_of(unit) if cls.structure == structure else None
        if op is not None:
            given = {one.name: op.get_nodeattr(one.name) for one in op.onnx_node.attribute}
            return replace(bound, op=cls.__name__, attributes=given, arrays=op.arrays_of)
    return None


def cheaper(folded: list[HwOp], other: list[HwOp], family: str, part: Part) -> Record:
    """Fields of a row: which of two networks uses less of the part, by the operators that only one has."""
    sides = {"folded": _beyond(folded, other), "da4ml": _beyond(other, folded)}
    guess = {side: sum(map(part.price, ops)) for side, ops in sides.items()}
    if guess["da4ml"] > WITHIN_REACH * guess["folded"]:
        return {"why": "cost models: {da4ml:.2%} of the part as adders, {folded:.2%} folded".format(**guess)}
    counts = {side: cells.add(synth.count(ops, family)) for side, ops in sides.items()}
    used = {side: part.utilisation(count) for side, count in counts.items()}
    return {
        "chosen": min(used, key=lambda side: used[side]),  # folded on a tie
        "why": "counted: {da4ml:.2%} of the part as adders, {folded:.2%} folded".format(**used),
        **{side: {name: count[name] for name in COUNTED} for side, count in counts.items()},
    }


def _beyond(ops: list[HwOp], others: list[HwOp]) -> list[HwOp]:
    """The operators without a counterpart of the same name and attributes among the others."""
    known = {(op.name, str(op)) for op in others}
    return [op for op in ops if (op.name, str(op)) not in known]
