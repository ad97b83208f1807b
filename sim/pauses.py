"""Pauses in proportion to a network, for the stage `sim`."""

import math

from xnorforge.hw import graph
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import HwOp, Stream

CHANCE = 0.3
BEFORE_STOP = 2  # intervals that pass before the sink stands still, so that there is something to back up


def in_every_stream(ops: list[HwOp], frames: int) -> Pauses:
    """Pauses in proportion to a network's interval, at its ends and in each of its streams, so that every
    operator starves and is blocked.

    Time is divided into slots as long as the distance of a stream's beats at full rate. Each stream pauses in
    three of ten slots at random; every second inner stream in three of ten cycles. In addition the inner
    streams stop one after the other for up to an interval each, within the time of the given frames. The sink
    stops for more intervals than the network holds frames, so that it backs up to the source."""
    interval = max(op.cycles() for op in ops)

    def slot(stream: Stream) -> int:
        return max(1, interval // stream.beats)

    made = {tensor: stream for op in ops for tensor, stream in zip(op.results, op.out_streams())}
    inner = [made[tensor] for tensor in graph.inner_tensors(ops)]
    turn = max(2, (frames - 1) * interval // max(len(inner), 1))  # cycles from a stop to that of the next
    stop, every = min(turn // 2, interval), turn * len(inner)
    still = (math.ceil(sum(map(frames_inside, ops))) + 1) * interval
    return Pauses(
        Pause(CHANCE, slot(ops[0].in_stream())),
        Pause(CHANCE, slot(ops[-1].out_stream()), still, 3 * still, 2 * still - BEFORE_STOP * interval),
        tuple(
            Pause(CHANCE, slot(stream) if k % 2 else 1, stop, every, turn * k)
            for k, stream in enumerate(inner)
        ),
        (Pause(),) * len(graph.outside(ops)),  # a memory is a run of its own
    )


def frames_inside(op: HwOp) -> float:
    """Frames that an operator holds, about: in its buffer, or twice what its first result needs."""
    buffer = op.timing().waiting
    return (buffer.room if buffer else 2 * int(op.needs()[0])) / op.in_stream().beats
