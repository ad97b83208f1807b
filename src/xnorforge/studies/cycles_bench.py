"""How much faster than the Verilated RTL the cycle model says in which cycle every beat is transferred.

Same accelerator, same frames, same pauses, of both the cycles of the streams at the ends. Processor time of
the program that Verilator built, from its start to its end, and of a run of the model; neither what Verilator
and the compiler take for the program nor what the model takes for its rows is counted, as both are done once.
Each turn measures both, the quick model several times, so that others who are busy on the machine slow down
both; what counts is the median of their ratios.
"""

import resource
import time
from pathlib import Path

import numpy as np

from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.sim import cosim, pauses
from xnorforge.sim.device import Device

TURNS = 7
RUNS = 8  # of the model in a turn
FLOWING = 100  # frames at full rate that the stage `sim` takes
SEED = 1


def measure_cycles(acc: Path, device: Device, frames: int) -> list[dict]:
    """Measure the accelerator in a folder, which is `device` in RTL, at full rate and with pauses in every
    stream; `frames` of each, and at full rate besides as many as the stage `sim` takes.

    Returns:
        Rows: `pauses`, `frames`, `cycles` that they take; `ratio`, time of the RTL over that of the model;
        `rtl_s`, `model_s`, processor time; `beats` into and out of the network, `wrong` of them in another
        cycle.
    """
    ops = graph.operators(acc / "folded.onnx")
    pictures = np.load(acc.parent / "golden.npz")["images"]
    model = CycleModel(ops)
    everywhere = pauses.in_every_stream(ops, frames)
    cases = [("none", FLOWING, 0.0), ("none", frames, 0.0), ("in every stream", frames, everywhere)]
    return [_measure(model, device, pictures, *case) for case in cases]


def _measure(model: CycleModel, device: Device, pictures: np.ndarray, name: str, frames: int, stall) -> dict:
    given = graph.enter(model.ops[0], np.resize(pictures, (frames, *pictures.shape[1:])))
    theirs, ours = np.empty(TURNS), np.empty(TURNS)
    course = model.run(frames, stall, SEED, watched=())  # compiles the kernel
    for turn in range(TURNS):
        before = _of_children()
        run = cosim.run(device, given, stall, SEED)
        theirs[turn] = _of_children() - before
        before = time.process_time()
        for _ in range(RUNS):
            course = model.run(frames, stall, SEED, watched=())
        ours[turn] = (time.process_time() - before) / RUNS
    want = [*run.taken, *run.given]
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


def cycles_table(rows: list[dict]) -> str:
    """The rows as a table, the ratio first."""
    named = ["cycle model over Verilator", "pauses", "frames", "cycles", "Verilator, s", "model, s"]
    named += ["beats in another cycle"]
    lines = [named, ["---"] * len(named)]
    for row in rows:
        ratio, wrong = f"x{row['ratio']:.1f}", f"{row['wrong']} of {row['beats']:,}"
        counts, times = (f"{row['frames']}", f"{row['cycles']:,}"), (row["rtl_s"], row["model_s"])
        lines.append([ratio, row["pauses"], *counts, *(f"{seconds:.5f}" for seconds in times), wrong])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
