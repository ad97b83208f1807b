"""The stage `sim`: the bit simulator and the RTL against the integers of the lowered graph."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.accuracy import of_stage, task_of_export
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.plugins import load
from xnorforge.core.types import Record
from xnorforge.hw import graph, memory
from xnorforge.hw.cycles.pauses import Pauses
from xnorforge.hw.loads import load_chain
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim import alone, compare, cosim, examples, loading, memories, pauses, tracking
from xnorforge.sim import waves as wave_files
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.cycles import record as cycle_record
from xnorforge.sim.device import FRAMES, Device, layers, network, optimisation
from xnorforge.sim.machine import Machine, scored

STALL = (0.3, 0.3)  # chance of a pause per cycle at source and sink, where weights change
SEED = 1
STEADY = 1.01  # of the slowest operator's cycles: a frame that takes longer waits for the memory


def simulate(
    acc: Path, net_dir: Path, images: int = 100, stalled: int = 20, waves: bool = False,
    progress: Callable[..., object] = lambda _: None,
) -> Record:  # fmt: skip
    """Check the accelerator in `acc` on `net_dir`'s golden images, count its cycles, write `sim.json`.

    Args:
        acc: folder with `folded.onnx` and `rtl/`.
        net_dir: folder with `golden.npz` and `lowered.npz`.
        images: number of images for the RTL without pauses, back to back.
        stalled: number of these that are run again with pauses in every stream (`pauses.in_every_stream`).
        waves: whether to write waveforms of the first two images too, `acc/waves.vcd` (`.fst` with lz4), and
            a GTKWave view, `acc/waves.gtkw`; the clock is that of `acc/fold.json`.
        progress: called with a line of text before each long step.

    Returns:
        The record; see docs/guide/simulation.md.

    Raises:
        MismatchError: a simulator disagrees; the text names the operator, channel, position and both values.
        UserError: a file of an earlier stage is missing.
        ToolMissing: no C++ compiler.
    """
    for path in (acc / "folded.onnx", acc / "rtl" / "rtl.f", net_dir / "golden.npz", net_dir / "lowered.npz"):
        if not path.exists():
            raise UserError(f"sim: {path} is missing; run `make sim`, which also runs the earlier stages.")
    with artifacts.measured("verilator", "numpy") as run:
        ops = graph.operators(acc / "folded.onnx")
        golden, lowered = np.load(net_dir / "golden.npz"), np.load(net_dir / "lowered.npz")
        pictures, expected = golden["images"], graph.answers(ops, lowered)
        images = min(images, len(pictures))
        stalled = min(stalled, images)

        progress("memory files")
        written, reach = memories.check_memories(acc / "rtl", ops)
        if some := alone.not_decoded(ops, reach):
            progress(f"{len(some)} layers alone in RTL")
            bench = layers(acc / "rtl", ops, some)
            written.append(alone.try_layers("RTL of layers = folded.onnx", bench, some, reach))
        progress(f"bit simulator on {len(pictures):,} images")
        simulator = BitSimulator(ops)
        bits, equal = packed_words(simulator, pictures, expected)

        progress(f"building the RTL model of {len(ops)} operators")
        level = optimisation(ops, max(images + stalled, FRAMES))
        device = network(acc / "rtl", ops, level=level)
        everywhere = pauses.in_every_stream(ops, stalled)
        progress(f"RTL on {images:,} images at full rate, then {stalled:,} under stalls")
        flowing = run_network(device, acc, ops, pictures[:images], expected)
        paused = run_network(device, acc, ops, pictures[:stalled], expected, stall=everywhere)
        middle = flowing.answer + max(op.cycles() for op in ops) // 2  # frames are in every layer
        again = run_network(device, acc, ops, pictures[: min(3, images)], expected, reset_at=middle)
        moves = {"cycles of the RTL": (flowing, 0.0), "cycles of the RTL stalled": (paused, everywhere)}
        changing, load_cycles, reads = [], None, None
        if graph.outside(ops):
            folded = artifacts.read_json(acc / "fold.json")
            few = min(images, max(2, stalled))  # two have an interval
            progress(f"RTL on {few:,} images with a memory of {folded['memory']['gb_per_s']:g} GB/s")
            rate, clock = folded["memory"]["gb_per_s"], folded["clock_mhz"]["value"]
            stall = Pauses(memory=memory.word_times(rate, clock))
            slow = run_network(device, acc, ops, pictures[:few], expected, stall=stall)
            moves["cycles of the RTL with a memory"] = slow, stall
            reads, equal_slow = _with_memory(slow, ops, expected[:few], folded["memory"])
            changing.append(equal_slow)
        progress("cycle model")
        model, same_cycles = cycle_record.of_network(ops, moves, SEED)
        if load_chain(ops):
            progress(f"RTL on {loading.FRAMES} frames while weights are loaded, twice")
            runs = {"RTL with a load": 0.0, "RTL stalled with a load": STALL}
            empty = loading.first_load(ops)
            begins = network(acc / "rtl", ops, loaded=False, level=level) if empty else device
            some, load_cycles = loading.check_loading(begins, ops, pictures, runs, SEED)
            changing += some
        task, rows, drawn = task_of_export(net_dir), [], []
        if task:
            machine = Machine(simulator, lowered["scale"], lowered["bias"], load("sw.tasks", task).Task())
            if machine.task.follows:
                progress("tracker on the test sequences, its first steps also in RTL")
                rows = tracking.evaluate_sets(machine)
                changing += [tracking.as_rtl(machine, device, stall) for stall in (0.0, STALL)]
            progress("example pictures")
            trained_on = artifacts.read_json(net_dir / "export.json")["trained_on"]
            drawn = examples.draw_examples(machine, trained_on, acc / "examples")
        if waves:
            progress(f"waveforms of {wave_files.IMAGES} images")
            clock_mhz = artifacts.read_json(acc / "fold.json")["clock_mhz"]["value"]
            progress(f"waveforms in {wave_files.write_waves(acc, ops, pictures, SEED, clock_mhz)}")

    what, stalls = equal["what"], stall_figures(ops, flowing, paused)
    record = {
        "stage": "sim",
        "checks": [
            equal,
            compare.compare_arrays(
                "RTL = lowered", flowing.output, expected[:images], f"{what}; full rate, back to back"
            ),
            compare.compare_arrays(
                "RTL stalled = lowered", paused.output, expected[:stalled], f"{what}; {in_words(stalls)}"
            ),
            compare.compare_arrays(
                "RTL after a reset = lowered", again.output, expected[: len(again.output)],
                f"{what}; sent again",
            ),
            *same_cycles, *changing, *written,
        ],
        **cycle_figures(ops, flowing), "stalls": stalls, "load_cycles": load_cycles,
        "memory": reads, "model": model, "reach": reach,
        "accuracy": rows + accuracy_rows(golden, lowered, bits, flowing.output, task),
        "examples": drawn, "unpacked": simulator.plain, "run": run,
    }  # fmt: skip
    artifacts.write_json(acc / "sim.json", record)
    return record


def packed_words(
    simulator: BitSimulator, pictures: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, Record]:
    """The bit simulator's output on pictures, and the check that it is what is expected.

    Raises:
        MismatchError: it is not; the text names the operator, channel, position and both values.
    """
    last = simulator.ops[-1]
    bits = simulator.run(pictures)[last.name]
    if compare.frames_unequal(bits, expected):
        raise MismatchError(locate_bits(simulator, pictures, bits, expected))
    what = "every score" if expected.ndim == 2 else "every integer of the map"
    what += " and index" if last.indices else ""
    return bits, compare.compare_arrays("bit simulator = lowered", bits, expected, what)


def bits_alone(acc: Path, net_dir: Path) -> Record:
    """The check of `packed_words` on all golden images of a folded network, without RTL."""
    golden, lowered = np.load(net_dir / "golden.npz"), np.load(net_dir / "lowered.npz")
    simulator = BitSimulator(acc / "folded.onnx")
    return packed_words(simulator, golden["images"], graph.answers(simulator.ops, lowered))[1]


def run_network(
    device: Device, acc: Path, ops: list[HwOp], pictures: np.ndarray, expected: np.ndarray, **how: Any
) -> cosim.Run:
    """One RTL run of the whole network; an error or a difference is traced to its operator."""
    [result] = cosim.attempt(device, [graph.enter(ops[0], pictures)], seed=SEED, probe=True, **how)
    if isinstance(result, cosim.Hang) and (ring := cycle_record.deadlock_ring(ops, len(pictures))):
        raise MismatchError(f"{result} {ring}")
    if isinstance(result, MismatchError):
        raise MismatchError(f"{result} {locate_rtl(acc, ops, pictures[:1])}")
    wrong = compare.first_difference(result.output, expected[: len(pictures)])
    if wrong:
        seen = compare.describe("xf_top", "RTL", result.output, expected[: len(pictures)])
        raise MismatchError(f"{seen} {locate_rtl(acc, ops, pictures[wrong[0] : wrong[0] + 1])}")
    return result


def _with_memory(slow: cosim.Run, ops, wanted: np.ndarray, reads: Record) -> tuple[Record, Record]:
    """Of a run with a memory behind the constants from outside, as `fold.json` states it: what it gave
    and what bound the frames; the check of the results."""
    most = max(slow.gaps, default=None)
    bound = STEADY * max(op.cycles() for op in ops)
    found = reads | {"interval": most, "binds": "memory" if most and most > bound else "operators"}
    what = "weights from a memory of {gb_per_s} GB/s, {needed_gb_per_s} needed; {interval} cycles"
    what = what.format(**found)
    return found, compare.compare_arrays("RTL with a memory = lowered", slow.output, wanted, what)


def locate_rtl(acc: Path, ops: list[HwOp], pictures: np.ndarray) -> str:
    """Feed every generated layer alone with the reference's tensor and describe the first that differs."""
    tensors = graph.tensors(ops, pictures)
    inputs = [[tensors[tensor] for tensor in op.sources] for op in ops]
    results = cosim.attempt(layers(acc / "rtl", ops), inputs, seed=SEED)
    for op, result in zip(ops, results):
        if isinstance(result, MismatchError):
            return f"First operator that fails on its own: {result}"
        for output, tensor in zip(result.outputs, op.results):
            if compare.frames_unequal(output, tensors[tensor]):
                text = compare.describe(op_title(op), "RTL", output, tensors[tensor])
                return f"First operator that differs on its own: {text}"
    return "Every operator agrees on its own, so the fault is in rtl/top.sv or between two operators."


def locate_bits(simulator: BitSimulator, pictures: np.ndarray, bits: np.ndarray, expected: np.ndarray) -> str:
    """Where the bit simulator leaves the reference walk, or that both agree against the lowered graph."""
    image = (compare.first_difference(bits, expected) or (0,))[0]
    one = pictures[image : image + 1]
    reference, got = graph.execute(simulator.ops, one, keep="all"), simulator.run(one, keep="all")
    for op in simulator.ops:
        if compare.frames_unequal(got[op.name], reference[op.name]):
            return compare.describe(op_title(op), "bit simulator", got[op.name], reference[op.name])
    text = compare.describe("output", "bit simulator", bits, expected)
    return f"folded.onnx and lowered.onnx compute different integers: {text}"


def op_title(op: HwOp) -> str:
    """An operator in a message."""
    return f"{op.name} ({op.onnx_node.op_type})"


def cycle_figures(ops: list[HwOp], flowing: cosim.Run) -> Record:
    """Cycles and FIFO fills of the run at full rate."""
    bound = max(op.cycles() for op in ops)
    buffers = {index: op for index, op in enumerate(ops) if op.input_buffer()}
    return {
        "interval_bound": bound,
        "bound_by": [op.name for op in ops if op.cycles() == bound],
        **cycle_record.course_figures(flowing),
        "fifos": {op.name: fill(flowing.fills, index) for index, op in buffers.items()},
        "fifo_depths": {op.name: op.input_buffer() for op in buffers.values()},
    }


def stall_figures(ops: list[HwOp], flowing: cosim.Run, paused: cosim.Run) -> Record:
    """How far the pauses of a run reached."""
    buffers = {index: op.input_buffer() for index, op in enumerate(ops) if op.input_buffer()}
    full = [sum(fill(run.fills, k) == depth for k, depth in buffers.items()) for run in (flowing, paused)]
    return {
        "streams": len(graph.inner_tensors(ops)) + 2, "cycles": int(paused.cycles[-1, -1]) + 1,
        "frames": len(paused.cycles), "buffers": len(buffers), "full": full[1],
        "full_at_full_rate": full[0],
    }  # fmt: skip


def in_words(stalls: Record) -> str:
    """The figures of `stall_figures` for a person."""
    each = round(stalls["cycles"] / stalls["frames"])
    return (
        f"pauses in all {stalls['streams']:,} streams, {each:,} cycles per image; {stalls['full']} of "
        f"{stalls['buffers']} buffers became full ({stalls['full_at_full_rate']} at full rate)"
    )


def fill(fills: dict[str, int], index: int) -> int | None:
    """Highest fill of the FIFO or input buffer of layer `index` of xf_top, None where it printed none."""
    own = re.compile(rf"\.u_layer_{index:02d}_\w+\.u_op(\.|$)")
    return next((entries for path, entries in fills.items() if own.search(path)), None)


def accuracy_rows(
    golden: Mapping[str, np.ndarray], lowered: Mapping[str, np.ndarray], bits: np.ndarray,
    rtl: np.ndarray, task: Any = None,
) -> list[Record]:  # fmt: skip
    """Rows of the images whose label is known, see `accuracy.of_stage`."""
    stages = [("bit simulator", bits), ("RTL", rtl)]
    if task and len(rtl) < len(bits):
        stages.insert(1, ("bit simulator", bits[: len(rtl)]))  # figures of a part are no part of the whole's
    rows = []
    for stage, answers in stages:
        scores = scored(answers, lowered["scale"], lowered["bias"])
        rows += of_stage(stage, scores, golden["labels"], "golden images", task)
    return rows
