"""The operator on packed bits, for the bit simulator."""

from xnorforge.hw.ops.join.op import Join
from xnorforge.sim.bits.elements import weighted
from xnorforge.sim.bits.packed import Step, as_integers


def step(op: Join) -> Step:
    """Sums in 32 bits; of wider ones the contract itself."""
    narrow = weighted(op, op.table())
    if narrow:
        return narrow
    streams = op.in_streams()
    return lambda *given: op.run(*(as_integers(x, stream) for x, stream in zip(given, streams)))
