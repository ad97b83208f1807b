"""The operator on packed bits, for the bit simulator."""

from xnorforge.sim.bits.packed import as_integers, pack


def step(op):
    """One neuron after the other, each address from bits that lie side by side in memory."""
    places, tables = op.checked

    def run(x):
        x = as_integers(x, op.in_stream())
        frames = x.reshape(len(x), -1).T.astype("uint8", order="C")
        found = [table[sum(frames[k] << j for j, k in enumerate(at))] for at, table in zip(places, tables)]
        return pack(list(zip(*found)))

    return run
