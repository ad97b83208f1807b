"""Plausibility of an imported network: its accuracy, and doubts about its input's scale where that is low."""

from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.accuracy import of_stage
from xnorforge.core.errors import UserError
from xnorforge.core.input_format import InputFormat
from xnorforge.core.types import Record
from xnorforge.flows.importing.input_range import Found, annotated
from xnorforge.flows.importing.input_wanted import Wanted
from xnorforge.flows.importing.samples import Samples, sample_integers
from xnorforge.flows.qonnx_execution import qonnx_scores

TRIED = 500  # labelled images on which other scales are tried
SIGMAS = 3


def judged(
    samples: Samples, scores: np.ndarray, where: str | Path
) -> tuple[np.ndarray, list[Record], str | None]:
    """Labels that apply, accuracy rows, and the reason if accuracy cannot be computed.

    Raises:
        UserError: the labels do not fit the samples or the scores.
    """
    labels, classes = np.asarray(samples.labels, np.int64), int(scores.shape[1])
    outputs = int(np.prod(scores.shape[1:]))
    unknown, unsaid = np.full(len(scores), -1, np.int64), "accuracy of the imported network: "
    if not labels.size:
        return unknown, [], unsaid + "the images have no labels"
    if samples.classes is not None and samples.classes != outputs:
        why = f"the labels have {samples.classes} classes, but the network has {outputs} outputs"
        return unknown, [], unsaid + why
    if len(labels) != len(scores):
        raise UserError(
            f"{where}: got {len(scores):,} images but {len(labels):,} labels; give one label per image."
        )
    if labels.ndim == 3 and (scores.ndim != 4 or labels.shape[1:] != scores.shape[2:]):
        cells = "x".join(map(str, scores.shape[2:])) if scores.ndim == 4 else "no"
        raise UserError(
            f"{where}: the labels are maps of {labels.shape[1]}x{labels.shape[2]} cells, but the network "
            f"returns {cells} cells; give one label per cell of its output."
        )
    vector = outputs == max(scores.shape[1:])  # one score per class, not a map
    most = classes if labels.ndim == 3 else outputs
    if most > 1 and labels.max() >= most and (labels.ndim == 3 or vector):
        raise UserError(
            f"{where}: label {labels.max()} is out of range for a network with {most} classes, "
            f"0 .. {most - 1}; give labels of this network (-1 where unknown)."
        )
    rows = of_stage("qonnx", scores, labels, samples.what)
    if rows:
        return labels, rows, None
    known = bool((labels >= 0).any())
    unsaid += "its scores do not select a class per image" if known else "the images have no labels"
    return labels, [], unsaid


def scale_doubts(
    network: ModelWrapper, samples: Samples, found: Found, wanted: Wanted, shape: tuple[int, ...],
    accuracy: list[Record], scores: np.ndarray,
) -> list[str]:  # fmt: skip
    """Warnings about the input's scale: the graph does not state it, accuracy is at chance, or
    another usual scale gives clearly higher accuracy."""
    said = []
    if not found.sure and wanted.scale is None:
        other = "SCALE=1 selects 0 .. 255" if found.form.name == "uint8" else "SCALE= selects another scale"
        said.append(f"the input: {found.why} ({other}, INPUT= another format)")
    if not accuracy or "top1" not in accuracy[0]:
        return said
    (row,), classes = accuracy, int(np.prod(scores.shape[1:]))
    share, count = row["correct"] / row["images"], row["images"]
    chance = share <= _beyond(1 / classes, count)
    if chance:
        said.append(
            f"accuracy is at chance: {row['top1']:.2f} % of {count:,} labelled images; random guessing among "
            f"{classes} classes gives {100 / classes:.1f} %"
        )
    elif not (found.quantiser and samples.pixels):  # the graph does not say how pixels reach its quantiser
        return said
    assert samples.values is not None  # made-up samples have no labels
    rows = np.flatnonzero(samples.labels >= 0)[:TRIED]
    few = replace(samples, values=samples.values[rows], labels=samples.labels[rows])
    best, most = None, max(_beyond(1 / classes, len(rows)), _beyond(share, len(rows)))
    # Where the file states the integers of its input, qonnx takes no others.
    for form in () if annotated(network) else usual_formats(found.form, few):
        try:
            integers = sample_integers(few, form, shape, True, "")
        except UserError:
            continue
        other = qonnx_scores(network, form.values(integers).reshape(-1, *shape))
        (tried,) = of_stage("", other, few.labels, "")
        if tried["correct"] / len(rows) > most:
            best, most = (form, tried), tried["correct"] / len(rows)
    if best is None:
        if chance:
            said.append("no usual input scale gives a better result; check the labels and their order")
        return said
    form, tried = best
    kind = f"INPUT={form.name} " if form.name == "uint8" != found.form.name else ""
    other = f"{kind}{form.words}"
    said.append(f"{other} gives {tried['top1']:.2f} % of {len(rows):,}; to use it, build with {other}")
    return said


def _beyond(share: float, count: int) -> float:
    """The largest share of `count` images that chance explains: three binomial standard deviations above."""
    return share + SIGMAS * sqrt(max(share * (1 - share), 1 / count) / count)


def usual_formats(form: InputFormat, samples: Samples) -> list[InputFormat]:
    """Other common input scales: plain integers, fractions of full scale, and -1 .. 1."""
    if samples.values is not None and samples.values.dtype.kind == "f":
        return []
    base = InputFormat() if samples.pixels else form
    if base.lo < 0:
        steps = [(1.0, 0.0), (1 / (base.hi + 1), 0.0), (1 / base.hi, 0.0)]
    else:
        top = base.hi
        steps = [(1.0, 0.0), (1 / top, 0.0), (2 / (top + 1), -1.0), (2 / top, -1.0)]
    found = [replace(base, scale=scale, offset=offset, fixed_point=False) for scale, offset in steps]
    return [one for one in found if (one.name, one.scale, one.offset) != (form.name, form.scale, form.offset)]
