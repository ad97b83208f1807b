"""A tracker on its accelerator: whole sequences in the bit simulator, the first steps once more as RTL."""

from typing import Any

import numpy as np

from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim import compare, cosim, loading
from xnorforge.sim.device import Device
from xnorforge.sim.machine import Machine

STEPS = 5  # of the first sequence, as RTL


def evaluate_sets(machine: Machine) -> list[Record]:
    """Rows of the task's figures on its test sets; the machine keeps the first steps."""
    machine.keep = 1 + STEPS
    rows = ({"set": one.what, **machine.task.judged(machine, one)} for one in machine.task.test_sets())
    return [{"stage": "bit simulator", **row} for row in rows]


def as_rtl(machine: Machine, device: Device, stall: Any = 0.0) -> dict:
    """The check that the RTL answers the first steps as the bit simulator did, and so goes the same way.

    A template is learnt from the exemplar on the host, which loads it; then the windows come without a pause.

    Raises:
        MismatchError: it does not, or a write is refused.
    """
    simulator, loads, count = machine.simulator, list[tuple[int, list[HwOp]]](), 0
    for frames, answers in machine.kept:
        if answers is None:
            loads.append((count, loading.learnt(simulator.ops, simulator.run, frames)))
        else:
            count += len(frames)
    steps = [(frames, answers) for frames, answers in machine.kept if answers is not None]
    frames, expected = map(np.concatenate, zip(*steps))
    feed = loading.feed_in_turn(simulator.ops, graph.enter(simulator.ops[0], frames), loads)
    run = cosim.run(device, feed, stall)
    if run.outputs[1].any() or compare.frames_unequal(run.output, expected):
        raise MismatchError(compare.describe("tracker", "RTL", run.output, expected))
    what = f"{len(steps)} steps of the first test sequence, template of an exemplar loaded; "
    what += f"pauses {stall or 'none'}"
    name = f"RTL tracker{' stalled' if stall else ''} = bit simulator"
    return compare.compare_arrays(name, run.output, expected, what)
