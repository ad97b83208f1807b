"""Frames with flags: the template that each frame sees, in both simulators and as traffic for the RTL.

A frame carries `bank` and `learn` (docs/guide/operators.md). It is compared with the template of its bank; if
it learns, its first window becomes the template of the other bank, for all frames after it. A host loads a
template between two frames.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.cycles.pauses import Stall
from xnorforge.hw.ops._templates import BANKS, template_of
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim import compare, cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import Device


@dataclass(frozen=True)
class Load:
    """A template, (mw, mh) of 0/1, that a host has written into a bank before a frame starts."""

    frame: int
    bank: int
    weights: np.ndarray


class Reference:
    """The reference walk with a template that can be loaded, as `BitSimulator` has it."""

    def __init__(self, ops: list[HwOp]):
        self.ops: list[HwOp] = list(ops)

    def load_template(self, weights: np.ndarray) -> None:
        """Compare the frames of later runs with another template."""
        template = template_of(self.ops)
        self.ops[self.ops.index(template)] = template.holding(weights)

    def run(self, images: np.ndarray, keep: Collection[str] = ()) -> dict[str, np.ndarray]:
        """As `xnorforge.hw.graph.execute`."""
        return graph.execute(self.ops, images, keep)


def responses(
    machine: BitSimulator | Reference | list[HwOp],
    frames: np.ndarray,
    flags: np.ndarray,
    loads: Sequence[Load] = (),
) -> np.ndarray:
    """The outputs of a network for a sequence of frames with flags, starting at power-up.

    Args:
        machine: a `BitSimulator`, or a list of operators for the reference walk.
        frames: uint8 (N, C, H, W).
        flags: (N, 2) of bank, learn.
        loads: `Load`s.

    Returns:
        The last operator's output, int64 (N, *shape).
    """
    machine = Reference(machine) if isinstance(machine, list) else machine
    flags, given = np.asarray(flags), template_of(machine.ops).arrays_of["weights"]
    learning = np.flatnonzero(flags[:, 1])
    templates = dict(zip(learning.tolist(), learnt(machine, frames[learning]) if len(learning) else []))
    banks, seen = [given] * BANKS, []
    for frame, (bank, _) in enumerate(flags.tolist()):
        for load in loads:
            if load.frame == frame:
                banks[load.bank] = load.weights
        seen.append(banks[bank])
        banks[1 - bank] = templates.get(frame, banks[1 - bank])
    outputs = []
    for _, same in groupby(range(len(frames)), lambda frame: id(seen[frame])):
        group = list(same)
        machine.load_template(seen[group[0]])
        outputs.append(machine.run(frames[group])[machine.ops[-1].name])
    machine.load_template(given)
    return np.concatenate(outputs)


def learnt(machine: BitSimulator | Reference, frames: np.ndarray) -> np.ndarray:
    """The templates (N, mw, mh) that are learnt from frames: the features of their first window.

    Args:
        machine: a `BitSimulator` or a `Reference`.
        frames: uint8 (N, C, H, W).
    """
    template = template_of(machine.ops)
    before = [op.name for op in machine.ops if template.sources[0] in op.results]
    found = machine.run(frames, before)[before[0]] if before else graph.enter(template, frames)
    return template.learnt(found)


def traffic(
    ops: list[HwOp], frames: np.ndarray, flags: np.ndarray, loads: Sequence[Load] = (), seed: int = 0
) -> cosim.Feed:
    """The same sequence as what goes into `xf_top`: a host that reads the registers, loads templates, and
    sends frames.

    It keeps the rule: a bank is written when all earlier frames that use it have come out, and the next frame
    that uses it waits for the answer to the last write. Where no frame starts, tuser is noise.
    """
    template, flags = template_of(ops), np.asarray(flags)
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    more = np.random.default_rng(seed).integers(0, 4, (len(frames), source.beats))
    more[:, 0] = flags[:, 0] + 2 * flags[:, 1]
    writes: list[tuple[int, int]] = []
    gates: list[tuple[int, int, int, int]] = []
    for load in sorted(loads, key=lambda load: load.frame):
        using = np.flatnonzero((flags[:, 0] == load.bank) | (flags[:, 1] == 1))
        earlier, later = using[using < load.frame], using[using >= load.frame]
        if len(earlier):
            gates.append((1, len(writes), 0, int(earlier[-1] + 1) * sink.beats))
        writes += template.writes(load.weights, load.bank)
        if len(later):
            gates.append((0, int(later[0]) * source.beats, 1, len(writes)))
    places, words = np.array(writes, np.int64).reshape(-1, 2).T[:, :, None]
    reads = 4 * np.arange(len(template.registers))[:, None]
    inputs = [graph.enter(ops[0], frames), places, words, reads]
    counts = [len(frames), len(writes), len(reads)]
    return cosim.Feed(inputs, counts, {0: more.ravel(), 2: np.full(len(writes), 15)}, gates)


def random_flags(ops: list[HwOp], frames: int, seed: int) -> tuple[np.ndarray, list[Load]]:
    """Random flags (frames, 2), and random templates before one frame in four.

    The second frame sees what the first taught, the third a template that was loaded.
    """
    rng, shape = np.random.default_rng(seed), template_of(ops).arrays_of["weights"].shape
    flags, loaded = rng.integers(0, 2, (frames, 2)), rng.random(frames) < 0.25
    flags[:2] = [(0, 1), (1, 0)][:frames]
    loaded[:3] = [False, False, True][:frames]
    banks = rng.integers(0, 2, frames)
    banks[2:3] = flags[2:3, 0]
    places = np.flatnonzero(loaded).tolist()
    return flags, [Load(frame, int(banks[frame]), rng.integers(0, 2, shape)) for frame in places]


def check_templates(
    device: Device, simulator: BitSimulator, pictures: np.ndarray, count: int, runs: Record, seed: int
) -> list[Record]:
    """The checks that `xf_top` follows a sequence of frames, learnt and loaded templates as the bit simulator
    does.

    Args:
        pictures: uint8 (N, C, H, W), of which `count` frames are sent in turn.
        runs: {name: chance of a pause}, a check each.

    Raises:
        MismatchError: it does not; the text names the first frame, position and both values.
    """
    ops, found, frames = simulator.ops, [], pictures[np.arange(count) % len(pictures)]
    flags, loads = random_flags(ops, count, seed)
    wanted = responses(simulator, frames, flags, loads)
    for name, stall in runs.items():
        got = run_frames(device, ops, frames, flags, loads, stall, seed).output
        compare.equal("xf_top", name, got, wanted)
        changes = f"{flags[:, 1].sum()} templates learnt, {len(loads)} loaded between frames"
        what = f"{changes}; pauses {stall or 'none'}"
        found.append(compare.compare_arrays(f"{name} = bit simulator", got, wanted, what))
    return found


def run_frames(
    device: Device,
    ops: list[HwOp],
    frames: np.ndarray,
    flags: np.ndarray,
    loads: Sequence[Load] = (),
    stall: Stall = 0.0,
    seed: int = 0,
) -> cosim.Run:
    """Run such a sequence on `xf_top`; its output as `responses` gives it.

    Raises:
        MismatchError: a register or an answer on AXI4-Lite is wrong, or the RTL hangs or breaks a rule.
    """
    run = cosim.run(device, traffic(ops, frames, flags, loads, seed), stall=stall, seed=seed, probe=True)
    _, answers, registers = (output.ravel() for output in run.outputs)
    wanted = template_of(ops).registers
    if answers.any() or run.more[2].any() or registers.tolist() != wanted:
        raise MismatchError(
            f"xf_top: AXI4-Lite refused {int((answers != 0).sum())} of {len(answers)} writes, and its "
            f"registers are {registers.tolist()}, expected {wanted}."
        )
    return run
