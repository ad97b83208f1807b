"""The operator on packed bits, for the bit simulator."""

from xnorforge.sim.bits.packed import as_integers


def step(op):
    """The contract itself."""
    streams = op.in_streams()
    return lambda *given: op.run(*(as_integers(x, stream) for x, stream in zip(given, streams)))
