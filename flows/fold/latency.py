"""The latency of a folded graph estimated from its operators' own data, without a simulation."""

import numpy as np

from xnorforge.hw.ops.base import HwOp


def frame_latency(ops: list[HwOp]) -> int:
    """Cycles from the first input beat of a frame to its last output beat, in an empty graph at full rate.

    A beat leaves when the beats that it needs have arrived (`needs`), no sooner after the previous beat than
    the operator's average cycles allow, and later by the pipeline registers, taken as two; if vectors are
    processed in parallel, by the time that one takes. Back-pressure is ignored, because each operator keeps
    up with the interval. The RTL simulation gives the exact number.

    Args:
        ops: in order, including width converters and FIFOs.
    """
    first = ops[0].in_stream().beats
    times = {ops[0].sources[0]: np.arange(first) * max(1.0, ops[0].cycles() / first)}
    last = times[ops[0].sources[0]]
    for op in ops:
        ready = [times.pop(tensor) for tensor in op.sources]
        if op.identity and op.inputs == 1 and op.in_stream() == op.out_stream():
            given = [ready[0] + 1] * op.outputs
        else:
            given = [_leaving(op, ready, stream.beats) for stream in op.out_streams()]
        times.update(zip(op.results, given))
        last = given[0]
    return round(float(last[-1]))


def _leaving(op: HwOp, ready: list[np.ndarray], beats: int) -> np.ndarray:
    """The cycle in which each output beat leaves."""
    late = op.latency() if op.places() > 1 else 2
    needed = np.max([arrived[op.needs(port) - 1] for port, arrived in enumerate(ready)], axis=0)
    pace = np.arange(beats) * (op.cycles() / beats)
    return np.maximum.accumulate(needed + float(late or 0) - pace) + pace
