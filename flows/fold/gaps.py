"""Width converters that may pause: a converter next to a matrix unit that needs at least as long for every
vector as the converter that pauses one cycle per wide beat (`gap` of hw/ops/width) saves registers and costs
no cycle.

After the unit, results come so far apart that each wide beat leaves in between. Before the unit, or before
several units after a fork, only directly after a window, whose ring of rows holds what waits; pauses could
hold up an operator that gives beats in bursts, as pools do, even if the total of cycles is enough.
"""

from xnorforge.hw.bind import OPS
from xnorforge.hw.ops.base import HwOp


def with_gaps(ops: list[HwOp]) -> list[HwOp]:
    """The operators, with pauses enabled where they cost nothing."""
    gives = {tensor: op for op in ops for tensor in op.results}
    takes = {tensor: op for op in ops for tensor in op.sources}
    width, fork = OPS["Width"], OPS["Fork"]

    def readers(op: HwOp) -> list[HwOp | None]:
        found = [takes.get(tensor) for tensor in op.results]
        return [last for one in found for last in (readers(one) if isinstance(one, fork) else [one])]

    for op in ops:
        if not isinstance(op, width) or op.in_stream() == op.out_stream():
            continue
        source = gives.get(op.sources[0])
        while isinstance(source, fork):
            source = gives.get(source.sources[0])
        cycles = op.in_stream().beats + op.out_stream().beats
        ring = source.timing().waiting if source is not None else None
        units = readers(op) if ring and ring.even else [source]
        paused = all(unit is not None and unit.timing().paced and unit.cycles() >= cycles for unit in units)
        op.set_nodeattr("gap", int(paused))
    return ops
