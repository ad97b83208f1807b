"""One operator of an accelerator in five lines: type, folding, bottleneck, cost, next step."""

from pathlib import Path

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError, unknown
from xnorforge.flows.report import operators
from xnorforge.hw import families, graph
from xnorforge.hw.ops.base import HwOp


def explain(acc: Path, layer: str) -> list[str]:
    """Five lines on the operator `layer` of the accelerator in `acc`.

    Cycles and the price of a step come from the operator's formulas and cost model; cells are Yosys' count,
    from the report.

    Raises:
        UserError: no such operator (the text has the nearest match), or no report.
    """
    try:
        report = read_json(acc / "report.json")
        total, counted = report["resources"], report["resources"]["per_operator"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"explain: {acc} has no report with counted cells; run `make build` with BACKEND=rtl first."
        ) from error
    op, ops = _operators(acc, layer)
    bound = max(one.cycles() for one in ops.values())
    row = next(row for row in counted if row["name"] == layer)
    return [
        _what(op), f"folding   {_folding(op)}", f"bound     {_bound(op, list(ops.values()), bound)}",
        f"cost      {_cost(row, total)}",
        f"next      {_next(op, list(ops.values()), total, report['clock_mhz']['value'])}",
    ]  # fmt: skip


def modules_of(acc: Path, layer: str) -> list[str]:
    """The SystemVerilog of the operator `layer`, line by line: its instance, the module that it names, others
    that are generated.

    Raises:
        UserError: no such operator, or no RTL.
    """
    try:
        files = {row["node"]: row["file"] for row in read_json(acc / "rtl/rtl.json")["layers"]}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"explain: {acc} has no RTL; run `make generate` first.") from error
    op, _ = _operators(acc, layer)
    names = dict.fromkeys((files[layer], f"{op.rtl()[0]}.sv", *op.generated()))
    return "\n".join((acc / "rtl" / name).read_text() for name in names).splitlines()


def _operators(acc: Path, layer: str) -> tuple[HwOp, dict[str, HwOp]]:
    """An operator of an accelerator, and all by name."""
    ops = {op.name: op for op in graph.operators(acc / "folded.onnx")}
    if layer not in ops:
        raise unknown("LAYER", layer, ops)
    return ops[layer], ops


def _what(op: HwOp) -> str:
    source, result = (
        f"{'x'.join(map(str, one.shape))} of {one.bits} bit{'s' if one.bits > 1 else ''}"
        for one in (op.in_stream(), op.out_stream())
    )
    return f"{op.name:<9} {type(op).__name__}, {source} -> {result}"


def _folding(op: HwOp) -> str:
    pe, simd, mh, mw = (operators.attribute(op, name) for name in ("pe", "simd", "mh", "mw"))
    if not mw:
        lanes = f"{op.in_stream().lanes} in, {op.out_stream().lanes} out"
        found = f"elements per beat: {lanes};"
    elif not pe:
        found = f"unfolded, all {mh} sums of {mw} products in one cycle;"
    elif (pixels := operators.attribute(op, "pixels") or 1) > 1:
        found = f"{pixels} vectors of {mw} at a time, one of {mh} rows per cycle;"
    else:
        each = f"{mh // pe} x {mw // simd} cycles per vector,"
        found = f"pe {pe} of {mh} outputs, simd {simd} of {mw} inputs: {each}"
    return f"{found} {op.cycles():,} cycles per frame"


def _bound(op: HwOp, ops: list[HwOp], bound: int) -> str:
    slowest = [one.name for one in ops if one.cycles() == bound]
    share = f"busy {100 * op.cycles() / bound:.1f} % of the {bound:,} cycles of a frame"
    if op.name not in slowest:
        return f"{share}, set by {' and '.join(slowest)}"
    others = [name for name in slowest if name != op.name]
    return f"{share}: a bottleneck{', with ' + ' and '.join(others) if others else ''}"


def _cost(row: dict, total: dict) -> str:
    share = f" ({100 * row['lut'] / total['lut']:.1f} % of the network)" if total["lut"] else ""
    return f"{row['lut']:,} LUT{share}, {row['ff']:,} FF, {row['bram36']:g} BRAM36, {row['dsp']:g} DSP"


def _next(op: HwOp, ops: list[HwOp], total: dict, clock_mhz: float) -> str:
    steps = operators.wider(op)
    if not steps:
        return "no further step: pe and simd are at their maximum, or it has neither"
    said, family = [], total["family"]
    kind = ", ".join(filter(None, ["est", families.doubt(family, op.priced_as)]))
    for name, new in steps.items():
        more = round(new.estimate(family)["lut"] - op.estimate(family)["lut"])
        after = max(new.cycles() if one.name == op.name else one.cycles() for one in ops)
        fits = "fits" if total["lut"] + more <= total["capacity"]["lut"] else "does not fit"
        said.append(
            f"{name} {operators.attribute(op, name)} -> {operators.attribute(new, name)}: {new.cycles():,} "
            f"cycles for {more:+,} LUT ({kind}), {fits}; the network {clock_mhz * 1e6 / after:,.0f} frames/s"
        )
    return " | ".join(said)
