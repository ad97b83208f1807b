"""Speed of the cycle model relative to the Verilated RTL in computing the cycle of every transfer.

Both use the same accelerator, frames and pauses, and report the cycles of the streams at the ends. Measured
is the processor time of the Verilator program, from start to end, and of a run of the model; the time to
compile the program and to compute the model's rows is excluded, because both are done once. Each turn
measures both, the fast model several times, so that other load on the machine affects both; the result is the
median of the ratios.
"""

import resource
import time
from pathlib import Path

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.sim import cosim, pauses
from xnorforge.sim.device import Device

TURNS = 7
RUNS = 8  # of the model per turn
FLOWING = 100  # frames at full rate in the stage `sim`
SEED = 1


def measure_cycles(acc: Path, device: Device, frames: int) -> list[Record]:
    """Measure the accelerator in a folder, which is `device` in RTL, at full rate and with pauses in every
    stream; `frames` of each, and at full rate also as many as the stage `sim` uses.

    Returns:
        Rows: `pauses`, `frames`, their `cycles`; `ratio`, time of the RTL over that of the model;
        `rtl_s`, `model_s`, processor time; `beats` into and out of the network, `wrong` of them in another
        cycle.
    """
    ops = graph.operators(acc / "folded.onnx")
    pictures = np.load(acc.parent / "golden.npz")["images"]
    model = CycleModel(ops)
    everywhere = pauses.in_every_stream(ops, frames)
    cases = [("none", FLOWING, 0.0), ("none", frames, 0.0), ("in every stream", frames, everywhere)]
    return [_measure(model, device, pictures, *case) for case in cases]


def _measure(
    model: CycleModel, device: Device, pictures: np.ndarray, name: str, frames: int, stall
) -> Record:
    given = graph.enter(model.ops[0], np.resize(pictures, (frames, *pictures.shape[1:])))
    theirs, ours, want = np.empty(TURNS), np.empty(TURNS), []
    course = model.run(frames, stall, SEED, watched=())  # compiles the kernel
    for turn in range(TURNS):
        before = _of_children()
        run = cosim.run(device, given, stall, SEED)
        theirs[turn], want = _of_children() - before, [*run.taken, *run.given]
        before = time.process_time()
        for _ in range(RUNS):
            course = model.run(frames, stall, SEED, watched=())
        ours[turn] = (time.process_time() - before) / RUNS
    got = [course.transfers(tensor) for tensor in (*model.sources, *model.sinks)]
    return {
        "pauses": name,
        "frames": frames,
        "cycles": int(max(cycles[-1] for cycles in want)) + 1,
        "ratio": float(np.median(theirs / ours)),
        "rtl_s": float(np.median(theirs)),
        "model_s": float(np.median(ours)),
        "beats": sum(map(len, want)),
        "wrong": sum(int((a != b).sum()) for a, b in zip(got, want, strict=True)),
    }


def _of_children() -> float:
    """Processor time of the programs that this process ran."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cycles_table(rows: list[Record]) -> str:
    """The rows as a table, the ratio first."""
    named = ["cycle model over Verilator", "pauses", "frames", "cycles", "Verilator, s", "model, s"]
    named += ["beats in another cycle"]
    lines = [named, ["---"] * len(named)]
    for row in rows:
        ratio, wrong = f"x{row['ratio']:.1f}", f"{row['wrong']} of {row['beats']:,}"
        counts, times = (f"{row['frames']}", f"{row['cycles']:,}"), (row["rtl_s"], row["model_s"])
        lines.append([ratio, row["pauses"], *counts, *(f"{seconds:.5f}" for seconds in times), wrong])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
