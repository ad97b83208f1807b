"""The operator on packed bits, for the bit simulator."""

from xnorforge.hw.ops.loop.op import Loop
from xnorforge.sim.bits import step_of
from xnorforge.sim.bits.packed import Step, as_integers, as_stream


def step(op: Loop) -> Step:
    """The steps of its body, one after the other."""
    calls = {id(one): step_of(one) for ops in op.pages for one in ops}

    def run(one, *given):
        results = calls[id(one)](*map(as_stream, given, one.in_streams()))
        return list(map(as_stream, results if isinstance(results, list) else [results], one.out_streams()))

    return lambda x: as_stream(op.run_steps(as_integers(x, op.in_stream()), run), op.out_stream())
