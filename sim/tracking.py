"""A tracker on its accelerator: whole sequences in the bit simulator, the first steps once more as RTL."""

from typing import Any

import numpy as np

from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record
from xnorforge.sim import compare, templates
from xnorforge.sim.device import Device
from xnorforge.sim.machine import Machine

STEPS = 5  # of the first sequence, as RTL


def evaluate_sets(machine: Machine) -> list[Record]:
    """Rows of the task's figures on its test sets; the machine keeps the first steps."""
    machine.keep = 1 + STEPS
    return [
        {"stage": "bit simulator", "set": images.what, **machine.task.judged(machine, images)}
        for images in machine.task.test_sets()
    ]


def as_rtl(machine: Machine, device: Device, stall: Any = 0.0) -> dict:
    """The check that the RTL answers the first steps as the bit simulator did, and so goes the same way.

    The exemplar is a frame to learn from, the windows follow it without a pause and use the other bank.

    Raises:
        MismatchError: it does not.
    """
    frames = np.concatenate([frames for frames, _ in machine.kept])
    learnt = np.concatenate([np.full(len(frames), answers is None) for frames, answers in machine.kept])
    flags = np.stack([~learnt, learnt], 1).astype(int)
    expected = np.concatenate([answers for _, answers in machine.kept if answers is not None])
    run = templates.run_frames(device, machine.simulator.ops, frames, flags, stall=stall)
    found = run.output[~learnt]
    if compare.frames_unequal(found, expected):
        raise MismatchError(compare.describe("tracker", "RTL", found, expected))
    steps = sum(answers is not None for _, answers in machine.kept)
    what = f"{steps} steps of the first test sequence, template learnt from a frame; "
    what += f"pauses {stall or 'none'}"
    return compare.compare_arrays(
        f"RTL tracker{' stalled' if stall else ''} = bit simulator", found, expected, what
    )
