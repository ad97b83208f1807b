"""What the folded graph itself says of its operators: shapes, lanes, cycles, memories, and its next steps.

Only formulas and attributes are read here, nothing was measured: every figure of this module is tagged est.
"""

from math import prod
from typing import Any

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.ops.base import SITES, HwOp, Stream
from xnorforge.hw.streams import divisors


def attribute(op: HwOp, name: str) -> Any:
    """An attribute of the operator, or None where its kind has none of that name."""
    return op.get_nodeattr(name) if name in op.declared else None


def stream(s: Stream) -> Record:
    """A stream as the report lists it."""
    return {"shape": list(s.shape), "lanes": s.lanes, "bits": s.bits, "width": s.width, "beats": s.beats}


def macs(op: HwOp) -> int:
    """Multiplications by a weight per frame, whatever its bits: with one bit an XNOR and a count."""
    weights = np.shape(op.arrays_of.get("weights", ()))
    return weights[0] * prod(op.out_stream().shape) if weights else 0  # (products of a sum, sums)


def lanes(op: HwOp) -> int:
    """Products side by side; what is not folded has all of them, several vectors at a time meet a row."""
    pe, simd, mh, mw = (attribute(op, name) for name in ("pe", "simd", "mh", "mw"))
    pixels = attribute(op, "pixels") or 1
    return (pe or mh if pixels == 1 else pixels) * (simd or mw or 1)


def facts(op: HwOp, family: str) -> Record:
    """One operator's row: everything that follows from its attributes and the part's family alone."""
    pe, simd, mw = (attribute(op, name) for name in ("pe", "simd", "mw"))
    estimate = op.estimate(family)
    return {
        "name": op.name, "op": type(op).__name__, "module": op.rtl()[0],
        "input": stream(op.in_stream()), "output": stream(op.out_stream()),
        "in_bits": [one.bits for one in op.in_streams()], "out_bits": op.out_stream().bits,
        "w_bits": (attribute(op, "w_bits") or 1) if mw else None, "pe": pe, "simd": simd,
        "lanes": lanes(op) if mw else 0, "macs": macs(op), "cycles": op.cycles(),
        "weight_bits": int(np.size(op.arrays_of.get("weights", ()))) * (attribute(op, "w_bits") or 1),
        "lut_estimate": round(estimate["lut"], 1), "bram36_estimate": round(estimate["bram36"], 1),
        **{f"{name}_estimate": estimate[name] for name in SITES},
        "memories": [
            {"what": key, "width": bits, "depth": len(words), "bits": bits * len(words)}
            for key, (bits, words) in op.memories().items()
        ],
    }  # fmt: skip


def buffers(ops: list[HwOp]) -> list[Record]:
    """One row per FIFO and per input buffer: the operators on both sides, stream, depth in beats."""
    before = {tensor: op.name for op in ops for tensor in op.results}
    behind = {tensor: op.name for op in ops for tensor in op.sources}
    return [
        {
            "name": op.name, "from": before.get(op.sources[0], "input"),
            "to": behind.get(op.results[0], "output") if op.identity else op.name,
            "kind": "FIFO" if op.identity else "input buffer", "width": op.in_stream().width,
            "beats": op.in_stream().beats, "depth": depth,
        }
        for op in ops
        if (depth := op.input_buffer())
    ]  # fmt: skip


def wider(op: HwOp) -> dict[str, HwOp]:
    """The operator with the next larger Pe, and with the next larger Simd, that divide the matrix and go
    with the rest; of several vectors at a time, with the next number of these that Pe lets through."""
    found = {}
    stated = {a.name for a in op.onnx_node.attribute}
    given = {key: op.get_nodeattr(key) for key in op.declared if key in stated}
    several = (attribute(op, "pixels") or 1) > 1
    for name, length in (("pixels", "vectors"),) if several else (("pe", "mh"), ("simd", "mw")):
        now, total = attribute(op, name), attribute(op, length)
        if now and total:
            folding = given | {key: attribute(op, key) for key in ("simd", "pe")}
            most = attribute(op, "pe") if several else total
            larger = (n for n in divisors(total) if now < n <= most)
            step = next((n for n in larger if op.together(given, folding | {name: n})), None)
            if step:
                found[name] = type(op).make(op.name, op.arrays_of, **{**given, name: step})
    return found
