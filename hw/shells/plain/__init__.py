"""The plain synchronous port: a frame and a valid bit in, its result and a valid bit out a fixed number of
cycles later; no ready and no back-pressure.

It is no logic: `xf_top` with its reader always ready. The contract that makes this possible is computed here
with the cycle model, and asserted in simulation by `hw/rtl/xf_check_timing.sv`.
"""

from dataclasses import dataclass

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.loads import load_chain
from xnorforge.hw.ops.base import HwOp

FRAMES = 32  # of a run, as many as to size FIFOs
OTHER = "use INTERFACE=axis"


@dataclass(frozen=True)
class Contract:
    """The timing of a plain port.

    Attributes:
        latency: cycles from the edge that takes a frame to the edge at which its result can be taken.
        interval: least number of cycles between two frames; 1: a frame in every cycle.
    """

    latency: int
    interval: int


def contract(ops: list[HwOp]) -> Contract:
    """The timing that a network keeps whenever frames come, at most one per interval.

    If frames that come at exactly the interval all leave after the latency of a single frame, then so do
    frames with any longer pauses between them: as no operator's order of reads and writes depends on time, a
    frame that comes later delays no other.

    Args:
        ops: of the folded network with its FIFOs, in order.

    Raises:
        UserError: a frame or a result has several beats, weights can be loaded, or the latency depends on
            the frames before.
    """
    into, out = ops[0].in_stream(), ops[-1].out_stream()
    beats = into.beats, out.beats
    if beats != (1, 1):
        raise UserError(
            f"INTERFACE=plain: this folding takes a frame in {beats[0]:,} beats and gives its result in "
            f"{beats[1]:,}, but a plain port has no ready to pace beats; build with INTERVAL=1, fold whole "
            f"frames with STREAM={max(one.whole.axis_bits for one in (into, out))}, or {OTHER}."
        )
    if outside := graph.outside(ops):
        raise UserError(f"INTERFACE=plain: the weights of {outside[0][0].name} need a port; {OTHER}.")
    if chain := load_chain(ops):
        raise UserError(f"INTERFACE=plain: loads of {chain.ops[-1].name} need an AXI4-Lite port; {OTHER}.")
    interval, model = max(op.cycles() for op in ops), CycleModel(ops)
    course = model.run(FRAMES, pace=interval)
    ends = (course.transfers(tensor) for tensor in (course.given, course.result))
    even = not course.stopped and all((np.diff(cycles) == interval).all() for cycles in ends)
    if course.answer is None or not even or any(work.shuts for row in model.timings for work in row.works):
        raise UserError(
            f"INTERFACE=plain: frames that come every {interval:,} cycles wait for each other in FIFOs, "
            f"which need ready; build with INTERVAL=1, or {OTHER}."
        )
    return Contract(course.answer, interval)
