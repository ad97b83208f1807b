"""QONNX graphs run by qonnx, many images at a time, and the accuracy of their scores."""

from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes

from xnorforge.artifacts import read_json

BATCH = 100


def qonnx_scores(network: ModelWrapper, inputs: np.ndarray) -> np.ndarray:
    """Scores from qonnx's execution, float32 (N, classes) or (N, C, H, W); a copy of the graph takes 100 images at a time.

    The graph of one image costs mostly Python per node: 1,000 images take seconds in batches, minutes one by one.
    """
    parts, batched = [], None
    for at in range(0, len(inputs), BATCH):
        part = inputs[at : at + BATCH]
        if batched is None or len(part) != BATCH:
            batched = network.transform(ChangeBatchSize(len(part))).transform(InferShapes())
        result = execute_onnx(batched, {batched.graph.input[0].name: part})
        parts.append(result[batched.graph.output[0].name])
    scores = np.concatenate(parts).astype(np.float32)
    return scores if scores.ndim == 4 else scores.reshape(len(inputs), -1)


def task_of(net_dir: Path) -> str | None:
    """The task, of sw/tasks, of an exported network whose labels are no classes."""
    record = net_dir / "export.json"
    return read_json(record).get("task") if record.exists() else None


def accuracy(stage: str, scores: np.ndarray, labels: np.ndarray, words: str, task: str | None = None) -> list[dict]:
    """The row of a stage over the images whose label is known (not -1), none if none is; see `xnorforge.accuracy`.

    Args:
        scores: float (N, classes), or (N, C, H, W) of a task whose networks give maps.
        labels: of these images and perhaps more.
        words: which images these are.
        task: name in sw/tasks; None where labels are classes.
    """
    labels = labels[: len(scores)]
    if task and labels.ndim > 1:
        from xnorforge.plugins import load  # with torch, which classes do not need

        return [{"stage": stage, "set": words, **load("sw.tasks", task).Task().figures(scores, labels)}]
    known = labels >= 0
    count = int(known.sum())
    if not count:
        return []
    right = int((scores.argmax(1) == labels)[known].sum())
    return [{"stage": stage, "set": words, "images": count, "correct": right, "top1": round(100 * right / count, 2)}]
