"""Import of a foreign network: any QONNX file becomes the same artefacts as an export of our own."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import measured, sha256, whole, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.indexed_model import IndexedModel
from xnorforge.core.input_format import InputFormat
from xnorforge.core.progress import now_at, say
from xnorforge.core.types import Record
from xnorforge.flows.clean_up import change_batch, cleaned_up, leave_entries
from xnorforge.flows.importing.doubts import judged, scale_doubts
from xnorforge.flows.importing.estimators import without_estimators
from xnorforge.flows.importing.fold_constants import fold_constants
from xnorforge.flows.importing.graph_checks import check_form, check_layers
from xnorforge.flows.importing.input_range import input_of
from xnorforge.flows.importing.input_wanted import Wanted, chosen_format, classes_of
from xnorforge.flows.importing.layout import gives_channels_first, standard_nodes, takes_channels_first
from xnorforge.flows.importing.model_file import loaded
from xnorforge.flows.importing.ports import host_functions, one_frame
from xnorforge.flows.importing.samples import Samples, rounding_error, sample_integers
from xnorforge.flows.importing.scores import host_function_check, reference_scores
from xnorforge.flows.lower.graph import LAYERS, integer_graph
from xnorforge.flows.qonnx_execution import qonnx_scores
from xnorforge.hw.lowering.registry import RULES
from xnorforge.hw.lowering.tails import gives_last, host_function, without_tails

NO_MEMORY = ("bad_alloc", "Failed to allocate memory", "bad allocation")  # messages of onnxruntime


def import_model(
    model: Path | str, images: np.ndarray, labels: np.ndarray | None, out_dir: Path | str,
    input_scale: float | None = None, provenance: str = "images as given", **wanted: Any,
) -> Record:  # fmt: skip
    """Like `import_network`, on images in an array: uint8 pixels, other integers as they are, or floats."""
    images = np.asarray(images)
    samples = Samples(images, np.asarray(labels, np.int64), provenance, pixels=images.dtype == np.uint8)
    return import_network(model, samples, out_dir, Wanted(scale=input_scale, **wanted))


def import_network(
    model: Path | str, samples: Samples, out_dir: Path | str, wanted: Wanted | None = None,
    asked: Record | None = None,
) -> Record:  # fmt: skip
    """Clean a QONNX file, run it on samples with qonnx, and write model.onnx, golden.npz and export.json.

    Args:
        model: path of the file.
        samples: what it is run on, images (N, C, H, W) or vectors (N, F).
        out_dir: folder of the three files.
        wanted: the requested input format; unspecified parts are inferred from the graph (`input_range.py`).
        asked: further settings of the request, as make variables, for the record.

    Returns:
        The record written to export.json.

    Raises:
        UserError: the file is missing, is not an ONNX model, does not fit the samples, or scores an image
            differently in a batch than alone, by more than float32 rounding; the text says what would work.
    """
    model, out_dir, wanted = Path(model), Path(out_dir), wanted or Wanted()
    if wanted.scale is not None and not (np.isfinite(wanted.scale) and np.float32(wanted.scale) > 0):
        raise UserError(
            f"SCALE: '{wanted.scale}' is not a positive float32 number; give the value of one input step, "
            "such as SCALE=0.0039."
        )
    with measured("qonnx", "onnxruntime", "onnx") as run:
        with _run_by_others(model):
            now_at("reading the file")
            network, ports = one_frame(_cleaned(model), wanted, model)
            given = None if samples.values is None else samples.values.shape[1:]
            own = tuple(network.get_tensor_shape(input_of(network))[1:])
            network, input_last = takes_channels_first(network, given)
            if input_last and samples.values is not None and given == own:
                samples = replace(samples, values=np.moveaxis(samples.values, -1, 1))
            whole_network, (network, tails) = network, without_tails(network)
            network, channels_last = gives_channels_first(network)
            shape = tuple(network.get_tensor_shape(input_of(network))[1:])
            found = (ports and ports.found) or chosen_format(network, samples, wanted, model)
        form = found.form
        integers = sample_integers(samples, form, shape, found.quantiser or form.fixed_point, model)
        inputs = form.values(integers).reshape(len(integers), *shape)
        # What cannot be built is refused before the images are run.
        graph = integer_graph(network, form.lo, form.hi, form.scale, offset=form.offset)
        *image, channels = graph.leaves[graph.output.single[0]].shape
        with _run_by_others(model):
            now_at(f"qonnx on {len(integers):,} images")
            scores, same = reference_scores(network, inputs, integers.reshape(len(integers), *shape), graph)
            scores = scores.reshape(len(scores), channels, *image) if np.prod(image) > 1 else scores
            lost = _lost_by_rounding(network, samples, form, integers, scores)
            scores, first, listed = _as_list(network, scores)
            end = whole_network.graph.output[0].name, tails, first, channels_last or listed
            ends, host = [end], host_function(tails)
            stated = ports and ports.record(loaded(model).graph)
            if ports and len(ports.outputs) > 1:  # none of them is said to be the classes
                ends, host = ports.ends(scores), host_functions(stated)
                samples = replace(samples, labels=samples.labels[:0])
            rows = [same, *host_function_check(whole_network, ends, host, inputs)]
        labels, accuracy, unsaid = judged(samples, scores, model)
        with _run_by_others(model):
            doubts = scale_doubts(network, samples, found, wanted, shape, accuracy, scores)
        with whole(out_dir / "model.onnx") as aside:
            network.save(str(aside))
        with whole(out_dir / "golden.npz") as aside, aside.open("wb") as file:
            frames = form.stored(integers)
            np.savez(
                file, images=frames.reshape(*frames.shape, *[1] * (4 - frames.ndim)), labels=labels,
                scores=scores,
            )  # fmt: skip
    for line in doubts:
        say(f"export      {line}")
    record = {
        "stage": "export",
        "net": model.stem,
        "method": "imported",
        "source": {"file": model.name, "sha256": sha256(model)},
        "input": {**form.record(), "because": found.why, "rounding": lost},
        "asked": {**wanted.words(), **(asked or {})},
        "images": samples.what if samples.values is not None else f"{len(integers):,} {samples.what}",
        "trained_on": "unknown", "task": None, "class_names": samples.names, "accuracy": accuracy,
        "not_measured": unsaid, "doubts": doubts, "host_function": host, "ports": stated, "checks": rows,
        "run": run,
    }  # fmt: skip
    write_json(out_dir / "export.json", record)
    return record


def _as_list(network, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Scores as the network lists them, (N, boxes, C), the same with C first, and whether it does."""
    name = network.graph.output[0].name
    if scores.ndim > 2 or not gives_last(network, name):
        return scores, scores, False
    scores = scores.reshape(-1, *network.get_tensor_shape(name)[1:])
    return scores, np.moveaxis(scores, -1, 1), True


def _lost_by_rounding(network, samples: Samples, form: InputFormat, integers, scores) -> Record | None:
    """Effect of rounding float samples to the input's integers; None if the samples are integers."""
    if samples.values is None or samples.values.dtype.kind != "f":
        return None
    shape = network.get_tensor_shape(input_of(network))[1:]
    exact = qonnx_scores(network, samples.values.astype(np.float32).reshape(-1, *shape))
    given, kept = classes_of(exact), classes_of(scores)
    classes = {"classes": int(given.size), "classes_differ": int((given != kept).sum())}
    return {**rounding_error(form, samples.values, integers), **classes}


@contextmanager
def _run_by_others(path: Path):
    """Turn what onnx, qonnx and onnxruntime raise for a file that they cannot handle into a sentence."""
    try:
        yield
    except (UserError, MismatchError, OSError, MemoryError):
        raise
    except Exception as error:
        if any(word in str(error) for word in NO_MEMORY):
            raise MemoryError(str(error)) from error
        said = " ".join(str(error).split())[:200] or type(error).__name__
        cure = "export it again with brevitas export_qonnx and opset 13"
        try:
            onnx.checker.check_model(loaded(path))
        except (UserError, onnx.checker.ValidationError, UnicodeDecodeError):
            cure = "check it with onnx.checker, and export it again with opset 13"
        raise UserError(f"{path}: qonnx cannot run this file ({said}); {cure}.") from error


def looked_at(path: Path) -> ModelProto:
    """The model in a file after all structural checks, with constants folded.

    Raises:
        UserError: the file exceeds a limit or is not valid ONNX; reports the first fault.
    """
    raw = loaded(path)
    with _run_by_others(path):
        _known(path, raw)
        standard_nodes(raw)
        check_form(path, raw)
        estimators = without_estimators(raw)
        fold_constants(path, raw)
        check_layers(path, raw.graph)
    if estimators:
        say(f"export      {estimators} straight-through estimators a - c + c of the training are read as a")
    return raw


def _known(path: Path, raw: ModelProto) -> None:
    """Check that a model has nodes of known operators, whose inputs exist."""
    if not raw.graph.node or not raw.graph.output:
        raise UserError(f"{path}: an ONNX model without nodes; export it again with brevitas export_qonnx.")
    for node in raw.graph.node:
        if node.domain not in ("", "ai.onnx") and node.op_type not in (*RULES, *LAYERS):
            known = ", ".join(sorted(RULES))
            raise UserError(f"{path}: unknown operator {node.op_type} of domain {node.domain}; use {known}.")
    there = {one.name for one in (*raw.graph.input, *raw.graph.initializer)}
    there |= {name for node in raw.graph.node for name in node.output}
    for node in raw.graph.node:
        if lost := [name for name in node.input if name and name not in there]:
            raise UserError(
                f"{path}: {node.op_type} reads '{lost[0]}', which no operator produces; export the whole "
                "network again."
            )


def _cleaned(path: Path) -> IndexedModel:
    """The file's model: constants folded, shapes inferred, names unique."""
    raw = looked_at(path)
    constants = {i.name for i in raw.graph.initializer}
    for entry in raw.graph.input:
        shape = [d.dim_value for d in entry.type.tensor_type.shape.dim]
        if entry.name not in constants and (not shape or 0 in shape[1:]):
            given = ", ".join(d.dim_param or str(d.dim_value) for d in entry.type.tensor_type.shape.dim)
            raise UserError(
                f"{path}: input {entry.name} has a dynamic shape [{given}]; export it with a fixed "
                "shape; only the first dimension (batch) may vary."
            )
        if entry.name not in constants and shape[0] != 1:
            change_batch(raw, 1)
    network = cleaned_up(ModelWrapper(raw, fix_missing_initializer_valueinfo=False))
    # Constants are not results: a network that ends in a Brevitas quantiser is exported with its scale, zero
    # point and width as outputs.
    given = {one.name for one in network.graph.input}
    leave_entries(network.graph.output, lambda one: one.name in given or network.find_producer(one.name))
    return IndexedModel(network)
