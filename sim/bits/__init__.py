"""The bit simulator: a folded graph on packed words, whole test sets in seconds."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.hw.graph import enter, operators
from xnorforge.hw.ops.correlate.op import correlation
from xnorforge.sim.bits.steps import STEPS, held, integers, reference, xnor_mvu


class BitSimulator:
    """A folded graph made ready to run.

    Attributes:
        ops: the operators in order.
        plain: names of operators without a packed form, which run their `execute_node` (exact, slow).
    """

    def __init__(self, folded: ModelWrapper | Path | list):
        self.ops = folded if isinstance(folded, list) else operators(folded)
        self.plain = [op.name for op in self.ops if type(op).__name__ not in STEPS]
        self.steps = [STEPS.get(type(op).__name__, reference)(op) for op in self.ops]

    def load(self, weights) -> None:
        """Compare the frames of later runs with another template, (mw, mh) of 0/1; see sim/templates.py."""
        template = correlation(self.ops)
        self.steps[self.ops.index(template)] = xnor_mvu(template.holding(weights))

    def run(self, images, keep=(), block: int = 64) -> dict[str, np.ndarray]:
        """As `xnorforge.hw.graph.execute`: {operator name: int64 (N, *shape)} of the last and the kept
        operators.
        """
        wanted = {op.name for op in self.ops if keep == "all" or op.name in keep or op is self.ops[-1]}
        blocks = [images[start : start + block] for start in range(0, len(images), block)]
        with ThreadPoolExecutor(threads()) as pool:
            parts = list(pool.map(lambda part: self.walk(part, wanted), blocks))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def walk(self, images, wanted) -> dict[str, np.ndarray]:
        """One block of images: {operator name: integers} of the wanted operators, in their order."""
        found, kept = {self.ops[0].sources[0]: held(enter(self.ops[0], images), self.ops[0].in_stream())}, {}
        for op, step in zip(self.ops, self.steps):
            results = step(*(found.pop(tensor) for tensor in op.sources))  # read once, so not needed any more
            results = results if isinstance(results, list) else [results]
            given = zip(op.results, results, op.out_streams(), strict=True)
            found.update((tensor, held(x, stream)) for tensor, x, stream in given)
            if op.name in wanted:
                kept[op.name] = integers(found[op.results[0]], op.out_stream())
        return kept


def threads() -> int:
    """As many as OMP_NUM_THREADS says, else one per core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else len(os.sched_getaffinity(0))


def simulate_bits(folded: ModelWrapper | Path | list, images) -> np.ndarray:
    """Run a folded graph on images uint8 (N, C, H, W); returns the last one's output, int64 (N, *shape)."""
    simulator = BitSimulator(folded)
    return simulator.run(images)[simulator.ops[-1].name]
