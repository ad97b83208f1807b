"""Accuracy rows, as used in cards and records: `stage`, `set` (a description of the images), `images`, and

for classes  `correct`, `top1` in per cent
for others   `figures` {name: 0..1}, the task's main figure first, and `intervals` {name: [low, high]}
"""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import read_json
from xnorforge.core.types import Record

CELLS = "cells right"


def main(row: Record) -> tuple[str, float]:
    """The figure by which networks are compared: its name, and its value in per cent."""
    if "top1" in row:
        return "top-1", row["top1"]
    name, value = next(iter(row["figures"].items()))
    return name, round(100 * value, 2)


def wilson(correct: int, images: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1 (E. B. Wilson, 1927)."""
    n, share, z = images, correct / images, 1.96
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation (divisor n - 1); "-" instead of the deviation of a single value."""
    deviation = f"{statistics.stdev(values):.2f}" if len(values) > 1 else "-"
    return f"{statistics.mean(values):.2f} ± {deviation}"


def figures(row: Record) -> dict[str, float]:
    """All figures by name: for classes in per cent, others 0 to 1."""
    return {"top-1 in %": row["top1"]} if "top1" in row else row["figures"]


def short(row: Record) -> str:
    """All figures for a table cell."""
    if "top1" in row:
        return f"{row['top1']:.2f} %"
    return ", ".join(f"{name} {value:.3f}" for name, value in row["figures"].items())


def row_text(row: Record) -> str:
    """All figures of a row."""
    if "correct" in row:
        return f"{row['correct']:,} of {row['images']:,} right, {row['top1']:.2f} %"
    return ", ".join(_figure(row, name) for name in row["figures"])


def _figure(row: Record, name: str) -> str:
    ends = row.get("intervals", {}).get(name)
    return f"{name} {row['figures'][name]:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def task_of_export(net_dir: Path) -> str | None:
    """The task, of sw/tasks, of an exported network whose labels are not classes."""
    record = net_dir / "export.json"
    return read_json(record).get("task") if record.exists() else None


def of_stage(
    stage: str, scores: np.ndarray, labels: np.ndarray, words: str, task: str | None = None
) -> list[Record]:
    """The row of a stage over the images with a known label (not -1), empty if there are none; see above.

    Without a task, a single score or a map of more than one cell does not determine the class of an image:
    no row. If labels are maps of classes, the row counts cells with a known label.

    Args:
        scores: float (N, classes), optionally with axes of one, as (N, classes, 1, 1) or (N, 1, 1, classes),
            or (N, C, H, W) of a network that returns maps.
        labels: of these images and possibly more; int (N,), or (N, H, W) of the cells of maps.
        words: a description of the images.
        task: name in sw/tasks; None if labels are classes.
    """
    labels = labels[: len(scores)]
    if task and labels.ndim > 1:
        from xnorforge.core.plugins import load  # with torch, which classes do not need

        return [{"stage": stage, "set": words, **load("sw.tasks", task).Task().figures(scores, labels)}]
    known = labels >= 0
    count = int(known.sum())
    if count and labels.ndim == 3 and scores.ndim == 4 and scores.shape[1] > 1:
        share = float((scores.argmax(1) == labels)[known].mean())
        return [{"stage": stage, "set": words, "images": len(labels), "figures": {CELLS: round(share, 6)}}]
    if not count or labels.ndim > 1 or max(scores.shape[1:]) < 2 or scores[0].size > max(scores.shape[1:]):
        return []
    scores = scores.reshape(len(scores), -1)
    right = int((scores.argmax(1) == labels)[known].sum())
    top1 = round(100 * right / count, 2)
    return [{"stage": stage, "set": words, "images": count, "correct": right, "top1": top1}]
