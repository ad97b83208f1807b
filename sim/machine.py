"""A folded network as what a task's host runs: pictures in, scores out, exactly those of the accelerator."""

from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.loading import learnt


class Machine:
    """The bit simulator of an accelerator, or a board in its place, called by tasks as a network is.

    Args:
        simulator: of the folded network.
        scale, bias: per channel or class, from lowered.npz.
        task: of sw/tasks; says how an exemplar becomes a frame.

    Attributes:
        keep: of how many calls, and frames to learn from, `kept` holds the frames, uint8 (N, C, H, W), and
            the integers that were the answer, None where it was to learn.
    """

    keep = 0

    def __init__(self, simulator: BitSimulator, scale: np.ndarray, bias: np.ndarray, task: Any):
        self.simulator, self.scale, self.bias, self.task = simulator, scale, bias, task
        self.kept: list[tuple] = []

    @classmethod
    def of(cls, acc: Path, task: Any) -> "Machine":
        """That of the accelerator in a folder."""
        with np.load(acc.parent / "lowered.npz") as lowered:
            return cls(BitSimulator(acc / "folded.onnx"), lowered["scale"], lowered["bias"], task)

    def __call__(self, frames: np.ndarray, exemplar: np.ndarray | None = None) -> np.ndarray:
        """Scores, float64 (N, C, H, W), of frames uint8 (N, C, H, W); an exemplar is learnt first."""
        if exemplar is not None:
            frame = self.task.as_frame(exemplar)[None]
            self.simulator.load(learnt(self.simulator.ops, self.simulator.run, frame))
            self._keep(frame, None)
        answers = self.simulator.run(frames)[self.simulator.ops[-1].name]
        self._keep(frames, answers)
        return scored(answers, self.scale, self.bias)

    def _keep(self, frames, answers) -> None:
        if len(self.kept) < self.keep:
            self.kept.append((frames, answers))


def scored(answers: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Scores, float64 (N, classes) or of maps (N, C, H, W), of an accelerator's integers, channels last.

    Indices behind the integers of classes are left out. Of a map that holds labels alone, the score of a
    label is 1, of all others 0."""
    if answers.ndim < 4:
        return scale * answers.reshape(len(answers), -1)[:, : len(scale)].astype(np.float64) + bias
    if answers.shape[-1] < len(scale):
        return (answers == np.arange(len(scale))).astype(float).transpose(0, 3, 1, 2)
    return (scale * answers.astype(np.float64) + bias).transpose(0, 3, 1, 2)
