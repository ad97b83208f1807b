"""The operator on packed bits, for the bit simulator."""

from xnorforge.sim.bits import step_of
from xnorforge.sim.bits.packed import as_integers, as_stream


def step(op):
    """The steps of its body, one after the other."""
    calls = [(one, step_of(one)) for one in op.inner]
    part, *states = op.body_inputs()
    source = op.in_stream()

    def run(x):
        values = op.starts(len(x))
        for given in op.parts_of(as_integers(x, source)):
            found = dict(zip((part, *states), (given, *values)))
            for one, call in calls:
                streams = zip(one.sources, one.in_streams())
                results = call(*(as_stream(found.pop(name), stream) for name, stream in streams))
                results = results if isinstance(results, list) else [results]
                for name, value, stream in zip(one.results, results, one.out_streams(), strict=True):
                    found[name] = as_stream(value, stream)
            values = [as_integers(found[name], stream) for name, stream in op.state_streams().items()]
        return as_stream(values[0], op.out_stream())

    return run
