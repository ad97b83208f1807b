"""The bit simulator: a folded graph on packed words, whole test sets in seconds.

An operator's `bits.py`, next to its `op.py`, defines what it does to packed bits or plain integers: its
`step(op)` returns a function of a value per input stream, which gives one, or a list, one per output stream.
A value between operators is `Packed` if the stream carries single unsigned bits, else integers (N, *shape).
Operators without `bits.py` that state a matrix multiply by it, others run `execute_node`; those that only
change timing pass their input on.
"""

import ctypes
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.hw.graph import enter, operators
from xnorforge.hw.ops import part
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.sim.bits.kernels import interleave_planes
from xnorforge.sim.bits.matrices import products
from xnorforge.sim.bits.packed import Packed, Step, as_integers, as_stream
from xnorforge.sim.bits.patches import Patches, reads_patches
from xnorforge.sim.bits.plans import Call, planned
from xnorforge.sim.bits.wide import Wide

BLOCK = 64  # images that a thread takes through all operators, so that they stay in its caches


class BitSimulator:
    """A folded graph made ready to run.

    Attributes:
        ops: the operators in order.
        plain: names of operators without a packed form, which run `execute_node` (exact, but slow).
    """

    def __init__(self, folded: ModelWrapper | Path | list[HwOp]):
        keep_freed_memory()
        self.ops = folded if isinstance(folded, list) else operators(folded)
        known = [op.identity or part(op, "bits") or op.matrix() for op in self.ops]
        self.plain = [op.name for op, how in zip(self.ops, known) if not how]
        self.steps = [step_of(op) for op in self.ops]
        self.entry = self.ops[0].in_stream()
        self.plans: dict[frozenset[str], list[Call]] = {}

    def load(self, ops: list[HwOp]) -> None:
        """Run later frames with the constants of these operators, which are otherwise those of the graph."""
        self.ops, self.steps, self.plans = ops, [step_of(op) for op in ops], {}

    def run(
        self, images: np.ndarray, keep: Collection[str] = (), block: int = BLOCK, workers: int | None = None
    ) -> dict[str, np.ndarray]:
        """As `hw.graph.execute`: {operator name: int64 (N, *shape)} of the last and the kept operators.
        Blocks of images run in `workers` threads, as many as `threads()` says if None."""
        wanted = {op.name for op in self.ops if keep == "all" or op.name in keep or op is self.ops[-1]}
        workers = workers or threads()
        block = min(block, max(1, -(-len(images) // workers)))
        blocks = [images[start : start + block] for start in range(0, len(images), block)]
        if workers == 1:
            parts = [self.walk(part, wanted) for part in blocks]
        else:
            with ThreadPoolExecutor(workers) as pool:
                parts = list(pool.map(lambda part: self.walk(part, wanted), blocks))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def walk(self, images: np.ndarray, wanted: Collection[str]) -> dict[str, np.ndarray]:
        """One block of images: {operator name: integers} of the wanted operators, in their order."""
        found, kept = {self.ops[0].sources[0]: entered(self.ops[0], self.entry, images)}, {}
        for call in self.calls(frozenset(wanted)):
            values = [found.pop(tensor) for tensor in call.sources]  # read once, so not needed any more
            if not call.reads_patches:
                values = [x.cut() if isinstance(x, Patches | Wide) else x for x in values]
            given = call.step(*values)
            given = given if isinstance(given, list) else [given]
            for tensors, x, stream in zip(call.results, given, call.streams, strict=True):
                x = as_stream(x, stream)
                for tensor in tensors:
                    found[tensor] = x
            if call.kept:
                kept[call.kept] = as_integers(found[call.results[0][0]], call.streams[0])
        return kept

    def calls(self, wanted: frozenset[str]) -> list[Call]:
        """What a block of images takes, made once for the same wanted operators."""
        if wanted not in self.plans:
            self.plans[wanted] = planned(self.ops, self.steps, wanted)
        return self.plans[wanted]


def entered(op: HwOp, stream: Stream, images: ArrayLike) -> Packed | np.ndarray:
    """Images as the first operator takes them from its stream, see `hw.graph.enter`; bytes stay bytes."""
    images = np.asarray(images)
    if images.dtype == np.uint8 and images.ndim == 4 and not stream.signed:
        frames, channels, height, breadth = images.shape
        pixels = np.empty((frames, height * breadth, channels), np.uint8)
        interleave_planes(np.ascontiguousarray(images).reshape(frames, channels, -1), pixels)
        return as_stream(pixels.reshape(-1, *stream.shape), stream)
    return as_stream(enter(op, images), stream)


def step_of(op: HwOp) -> Step:
    """What an operator does to its values, see above."""
    module = part(op, "bits")
    if module is not None:
        return module.step(op)
    if (matrix := op.matrix()) is not None:
        return products(op, matrix.weights, matrix.bias)
    if op.identity:
        return reads_patches(lambda x: [x] * op.outputs)  # nothing changes a value in place
    return lambda *inputs: op.run_all(*(as_integers(x, stream) for x, stream in zip(inputs, op.in_streams())))


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next who asks: each block of images asks for the
    same again, and pages filled with zeros take longer than most operators."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # of glibc
    if set_option:
        set_option(-3, 2**25)  # M_MMAP_THRESHOLD: its greatest value
        set_option(-1, 2**28)  # M_TRIM_THRESHOLD


def threads() -> int:
    """As many as OMP_NUM_THREADS says, else one per core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else len(os.sched_getaffinity(0))


def simulate_bits(folded: ModelWrapper | Path | list[HwOp], images: np.ndarray) -> np.ndarray:
    """Run a folded graph on images uint8 (N, C, H, W); returns the last one's output, int64 (N, *shape)."""
    simulator = BitSimulator(folded)
    return simulator.run(images)[simulator.ops[-1].name]
