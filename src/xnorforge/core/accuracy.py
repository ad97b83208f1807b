"""Rows that state how good a network is, as cards and records hold them: `stage`, `set` (which images),
`images`, and

of classes   `correct`, `top1` in per cent
of others    `figures` {name: 0..1}, the first of which is the task's main one, and `intervals` {name: [low,
high]}
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import read_json

CELLS = "cells right"


def main(row: dict) -> tuple[str, float]:
    """The figure that networks are compared by: its name, and per cent."""
    if "top1" in row:
        return "top-1", row["top1"]
    name, value = next(iter(row["figures"].items()))
    return name, round(100 * value, 2)


def spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation (divisor n - 1), "-" in place of that of a single value."""
    deviation = f"{statistics.stdev(values):.2f}" if len(values) > 1 else "-"
    return f"{statistics.mean(values):.2f} ± {deviation}"


def figures(row: dict) -> dict[str, float]:
    """All figures by name: of classes per cent, others 0 to 1."""
    return {"top-1 in %": row["top1"]} if "top1" in row else row["figures"]


def short(row: dict) -> str:
    """All figures in a table's cell."""
    if "top1" in row:
        return f"{row['top1']:.2f} %"
    return ", ".join(f"{name} {value:.3f}" for name, value in row["figures"].items())


def row_text(row: dict) -> str:
    """All figures of a row."""
    if "correct" in row:
        return f"{row['correct']:,} of {row['images']:,} right, {row['top1']:.2f} %"
    return ", ".join(_figure(row, name) for name in row["figures"])


def _figure(row: dict, name: str) -> str:
    ends = row.get("intervals", {}).get(name)
    return f"{name} {row['figures'][name]:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def task_of_export(net_dir: Path) -> str | None:
    """The task, of sw/tasks, of an exported network whose labels are no classes."""
    record = net_dir / "export.json"
    return read_json(record).get("task") if record.exists() else None


def of_stage(
    stage: str, scores: np.ndarray, labels: np.ndarray, words: str, task: str | None = None
) -> list[dict]:
    """The row of a stage over the images whose label is known (not -1), none if none is; see above.

    Without a task a single score, and a map of more than one cell, say nothing about the class of an image:
    no row. Where labels are maps of classes, the row is about cells, over those whose label is known.

    Args:
        scores: float (N, classes), perhaps with axes of one, as (N, classes, 1, 1) or (N, 1, 1, classes), or
            (N, C, H, W) of a network that gives maps.
        labels: of these images and perhaps more; int (N,), or (N, H, W) of the cells of maps.
        words: which images these are.
        task: name in sw/tasks; None where labels are classes.
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
    return [
        {
            "stage": stage,
            "set": words,
            "images": count,
            "correct": right,
            "top1": round(100 * right / count, 2),
        }
    ]
