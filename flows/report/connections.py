"""How the operators of a folded graph are connected: the streams between them, and the layers they form."""

from collections.abc import Sequence

from xnorforge.core.types import Record
from xnorforge.flows.report.operators import macs
from xnorforge.hw.ops.base import HwOp, Stream


def is_fifo(op: HwOp) -> bool:
    """Whether an operator is a FIFO, and not a unit with a buffer at its input."""
    return op.identity and bool(op.input_buffer())


def connections(ops: Sequence[HwOp], fills: dict[str, int]) -> list[Record]:
    """One row per stream between two operators, those of FIFOs joined: `from` and `to` (operators, "input",
    "output"), `width` in bits, `beats` per frame, `fifo` (the name of what stores it on its way: a FIFO, or a
    reader with a buffer, else null), its `depth` in beats and its highest `fill` (null: not observed).

    Args:
        fills: highest fill of every buffer by its name, as the simulation saw it.
    """
    source = ops[0].in_stream()
    given: dict[str, tuple[str, Stream, str | None, int | None]] = {
        ops[0].sources[0]: ("input", source, None, None)
    }
    rows = []
    for op in ops:
        if is_fifo(op):
            name, wire, _, _ = given.pop(op.sources[0])
            given[op.results[0]] = (name, wire, op.name, op.input_buffer())
            continue
        for tensor in op.sources:
            rows.append(_row(given.pop(tensor), op, fills))
        for tensor, wire in zip(op.results, op.out_streams(), strict=True):
            given[tensor] = (op.name, wire, None, None)
    return [*rows, *(_row(left, None, fills) for left in given.values())]


def _row(given: tuple[str, Stream, str | None, int | None], reader: HwOp | None, fills: Record) -> Record:
    name, wire, fifo, depth = given
    if fifo is None and reader is not None and reader.input_buffer():
        fifo, depth = reader.name, reader.input_buffer()
    return {
        "from": name,
        "to": reader.name if reader else "output",
        "width": wire.width,
        "beats": wire.beats,
        "fifo": fifo,
        "depth": depth,
        "fill": fills.get(fifo) if fifo else None,
    }


def layer_groups(ops: Sequence[HwOp]) -> dict[str, str]:
    """The layer of every operator, as the name of its unit: {operator: unit}.

    Units are the matrices, and operators with several inputs or outputs. A window and converters before a
    unit belong to it, and so do later operators that carry its name: thresholds, a pool. Any other operator
    is a layer of its own. The operators of a layer are consecutive.
    """
    found: dict[str, str] = {}
    for chain in _chains(ops):
        units = [op.name for op in chain if macs(op) or op.inputs > 1 or op.outputs > 1]
        behind = ""  # the unit that was last, as long as what follows is its own
        for op in chain:
            if op.name in units:
                behind = found[op.name] = units.pop(0)
            elif op.identity:
                continue  # see below: it goes with what reads it
            elif behind and op.name.startswith(f"{behind}_"):
                found[op.name] = behind
            else:
                behind = ""
                found[op.name] = units[0] if units else op.name
        after = next((found[op.name] for op in reversed(chain) if op.name in found), chain[-1].name)
        for op in reversed(chain):
            after = found.setdefault(op.name, after)
    return found


def _chains(ops: Sequence[HwOp]) -> list[list[HwOp]]:
    """The operators in rows without a branch: each but the last has one reader, which reads nothing else."""
    makers = {tensor: op.name for op in ops for tensor in op.results}
    rows: dict[str, list[HwOp]] = {}
    chains: list[list[HwOp]] = []
    for op in ops:
        before = makers.get(op.sources[0])
        row = rows.get(before, []) if before else []
        if op.inputs > 1 or not row or row[-1].outputs > 1:
            chains.append(row := [])
        row.append(op)
        rows[op.name] = row
    return chains
