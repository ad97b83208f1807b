"""The operator on packed bits, for the bit simulator."""

from xnorforge.sim.bits import step_of
from xnorforge.sim.bits.packed import as_integers, as_stream


def step(op):
    """The steps of its body, one after the other."""
    calls = {one.name: step_of(one) for one in op.inner}

    def run(one, *given):
        results = calls[one.name](*map(as_stream, given, one.in_streams()))
        return list(map(as_stream, results if isinstance(results, list) else [results], one.out_streams()))

    return lambda x: as_stream(op.run_steps(as_integers(x, op.in_stream()), run), op.out_stream())
