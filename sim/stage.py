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
        one = _Simulation(acc, net_dir, images, stalled, progress)
        written = one.memory_files()
        checks = [
            one.bit_simulator(), one.full_rate(), one.stalls(), one.reset(), *one.memory(), *one.cycles(),
            *one.loads(), *one.examples(),
        ]  # fmt: skip
        if waves:
            progress(f"waveforms of {wave_files.IMAGES} images")
            clock_mhz = one.fold()["clock_mhz"]["value"]
            progress(f"waveforms in {wave_files.write_waves(acc, one.ops, one.pictures, SEED, clock_mhz)}")
    record = {"stage": "sim", "checks": [*checks, *written], **one.figures, "run": run}
    artifacts.write_json(acc / "sim.json", record)
    return record


class _Simulation:
    """The parts of the stage, each of which gives its checks and adds its `figures` to the record."""

    def __init__(self, acc: Path, net_dir: Path, images: int, stalled: int, progress: Callable[..., object]):
        self.acc, self.net_dir, self.progress = acc, net_dir, progress
        self.ops = graph.operators(acc / "folded.onnx")
        self.golden, self.lowered = np.load(net_dir / "golden.npz"), np.load(net_dir / "lowered.npz")
        self.pictures, self.expected = self.golden["images"], graph.answers(self.ops, self.lowered)
        self.images = min(images, len(self.pictures))
        self.stalled = min(stalled, self.images)
        self.bound = max(op.cycles() for op in self.ops)
        self.buffers = {at: op.input_buffer() for at, op in enumerate(self.ops) if op.input_buffer()}
        self.level = optimisation(self.ops, max(self.images + self.stalled, FRAMES))
        self.moves: dict[str, tuple[cosim.Run, Any]] = {}  # runs whose cycles the model has to give
        self.figures: Record = {"load_cycles": None, "memory": None, "examples": []}

    def fold(self) -> Record:
        """The record of the folding."""
        return artifacts.read_json(self.acc / "fold.json")

    def run(self, images: int, **how: Any) -> cosim.Run:
        """A run of the first images."""
        return run_network(self.device, self.acc, self.ops, self.pictures[:images], self.expected, **how)

    def equal(self, name: str, run: cosim.Run, what: str) -> Record:
        """The check of a run's results."""
        return compare.compare_arrays(name, run.output, self.expected[: len(run.output)], what)

    def memory_files(self) -> list[Record]:
        """Memory files, and in RTL the layers alone whose memories nothing reads back."""
        self.progress("memory files")
        written, reach = memories.check_memories(self.acc / "rtl", self.ops)
        if some := alone.not_decoded(self.ops, reach):
            self.progress(f"{len(some)} layers alone in RTL")
            bench = layers(self.acc / "rtl", self.ops, some)
            written.append(alone.try_layers("RTL of layers = folded.onnx", bench, some, reach))
        self.figures["reach"] = reach
        return written

    def bit_simulator(self) -> Record:
        """All golden images."""
        self.progress(f"bit simulator on {len(self.pictures):,} images")
        self.simulator = BitSimulator(self.ops)
        self.bits, equal = packed_words(self.simulator, self.pictures, self.expected)
        self.what, self.figures["unpacked"] = equal["what"], self.simulator.plain
        return equal

    def full_rate(self) -> Record:
        """Images back to back."""
        self.progress(f"building the RTL model of {len(self.ops)} operators")
        self.device: Device = network(self.acc / "rtl", self.ops, level=self.level)
        self.progress(f"RTL on {self.images:,} images at full rate, then {self.stalled:,} under stalls")
        self.flowing = self.run(self.images)
        self.moves["cycles of the RTL"] = self.flowing, 0.0
        buffers = self.buffers.items()
        self.figures |= {
            "interval_bound": self.bound,
            "bound_by": [op.name for op in self.ops if op.cycles() == self.bound],
            **cycle_record.course_figures(self.flowing),
            "fifos": {self.ops[at].name: fill(self.flowing.fills, at) for at, _ in buffers},
            "fifo_depths": {self.ops[at].name: depth for at, depth in buffers},
        }  # fmt: skip
        return self.equal("RTL = lowered", self.flowing, f"{self.what}; full rate, back to back")

    def stalls(self) -> Record:
        """Pauses in every stream."""
        everywhere = pauses.in_every_stream(self.ops, self.stalled)
        paused = self.run(self.stalled, stall=everywhere)
        self.moves["cycles of the RTL stalled"] = paused, everywhere
        full = [
            sum(fill(run.fills, at) == depth for at, depth in self.buffers.items())
            for run in (self.flowing, paused)
        ]
        streams, cycles = len(graph.inner_tensors(self.ops)) + 2, int(paused.cycles[-1, -1]) + 1
        self.figures["stalls"] = {
            "streams": streams, "cycles": cycles, "frames": len(paused.cycles),
            "buffers": len(self.buffers), "full": full[1], "full_at_full_rate": full[0],
        }  # fmt: skip
        text = (
            f"{self.what}; pauses in all {streams:,} streams, {round(cycles / len(paused.cycles)):,} cycles "
            f"per image; {full[1]} of {len(self.buffers)} buffers became full ({full[0]} at full rate)"
        )
        return self.equal("RTL stalled = lowered", paused, text)

    def reset(self) -> Record:
        """A reset while frames are in every layer."""
        middle = self.flowing.answer + self.bound // 2
        again = self.run(min(3, self.images), reset_at=middle)
        return self.equal("RTL after a reset = lowered", again, f"{self.what}; sent again")

    def memory(self) -> list[Record]:
        """A memory behind the constants from outside, as `fold.json` states it: what it gave and what bound
        the frames."""
        if not graph.outside(self.ops):
            return []
        folded = self.fold()
        reads, few = folded["memory"], min(self.images, max(2, self.stalled))  # two have an interval
        self.progress(f"RTL on {few:,} images with a memory of {reads['gb_per_s']:g} GB/s")
        stall = Pauses(memory=memory.word_times(reads["gb_per_s"], folded["clock_mhz"]["value"]))
        slow = self.run(few, stall=stall)
        self.moves["cycles of the RTL with a memory"] = slow, stall
        most = max(slow.gaps, default=None)
        waits = most and most > STEADY * self.bound
        found = reads | {"interval": most, "binds": "memory" if waits else "operators"}
        what = "weights from a memory of {gb_per_s} GB/s, {needed_gb_per_s} needed; {interval} cycles"
        self.figures["memory"] = found
        return [self.equal("RTL with a memory = lowered", slow, what.format(**found))]

    def cycles(self) -> list[Record]:
        """The cycle model's answers for all runs so far."""
        self.progress("cycle model")
        self.figures["model"], same = cycle_record.of_network(self.ops, self.moves, SEED)
        return same

    def loads(self) -> list[Record]:
        """Weights that a host replaces while frames run."""
        if not load_chain(self.ops):
            return []
        self.progress(f"RTL on {loading.FRAMES} frames while weights are loaded, twice")
        runs, empty = {"RTL with a load": 0.0, "RTL stalled with a load": STALL}, loading.first_load(self.ops)
        rtl = self.acc / "rtl"
        begins = network(rtl, self.ops, loaded=False, level=self.level) if empty else self.device
        some, taken = loading.check_loading(begins, self.ops, self.pictures, runs, SEED)
        self.figures["load_cycles"] = taken
        return some

    def examples(self) -> list[Record]:
        """What the task draws and measures with the bit simulator, a tracker's first steps also in RTL."""
        task, rows, checks = task_of_export(self.net_dir), [], []
        if task:
            scaled = self.lowered["scale"], self.lowered["bias"]
            machine = Machine(self.simulator, *scaled, load("sw.tasks", task).Task())
            if machine.task.follows:
                self.progress("tracker on the test sequences, its first steps also in RTL")
                rows = tracking.evaluate_sets(machine)
                checks = [tracking.as_rtl(machine, self.device, stall) for stall in (0.0, STALL)]
            self.progress("example pictures")
            trained_on = artifacts.read_json(self.net_dir / "export.json")["trained_on"]
            self.figures["examples"] = examples.draw_examples(machine, trained_on, self.acc / "examples")
        found = accuracy_rows(self.golden, self.lowered, self.bits, self.flowing.output, task)
        self.figures["accuracy"] = rows + found
        return checks


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
