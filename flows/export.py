"""Export of a trained module to QONNX and golden vectors, with a check that both are the same function.

module, images  ->  model.onnx, golden.npz, export.json
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import NodeProto, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from torch import nn

from xnorforge.core.accuracy import of_stage, row_text
from xnorforge.core.artifacts import check, measured, whole, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.networks import is_given
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows.clean_up import cleaned_up
from xnorforge.flows.qonnx_execution import BATCH, Runner, qonnx_scores

TEMPLATE = "template"
ROUNDING = 2.0**-14  # of the largest score of a network with real batch norms at its end
PIXELS = {"lo": 0, "hi": 255, "scale": 1.0}  # the integers that a module of ours takes


def export(
    module: nn.Module, images: np.ndarray, labels: np.ndarray, out_dir: Path | str, meta: Record
) -> Record:
    """Write a module as QONNX together with its scores, and run the QONNX file on every image.

    Args:
        module: Brevitas layers, evaluation mode; float32 (N, C, H, W) of raw pixels 0..255 to scores (N,
            classes) or a map (N, C, H, W).
        images: uint8 (N, C, H, W).
        labels: classes, int64 (N,), -1 where unknown; otherwise the ground truth of the task's metric.
        out_dir: folder of the three files.
        meta: `net`, `method`, `source`, `images` (a description of the images), `accuracy` (rows from other
            sources); `task`, its name in sw/tasks if labels are not classes; `trained_on`, the training
            images, `class_names`, `training` (sw/zoo.py, `history`), if known; `generated`: no accuracy.

    Returns:
        The record, also in export.json. Equal modules and images give equal model.onnx and golden.npz.

    Raises:
        MismatchError: a score of the QONNX file differs from the module's.
        UserError: a buffer called `template` is not the weight of one convolution.
    """
    out_dir, images, labels = Path(out_dir), np.asarray(images, np.uint8), np.asarray(labels)
    if meta.get("generated"):
        labels = np.full(len(labels), -1)
    with measured("torch", "brevitas", "qonnx", "onnxruntime") as run:
        now_at(f"scores of the trained network on {len(images):,} images")
        scores = module_scores(module, images)
        now_at("writing QONNX with Brevitas")
        network = as_qonnx(module, images.shape[1:])
        now_at(f"QONNX on {len(images):,} images")
        found = qonnx_scores(network, images.astype(np.float32))
        same = _compared(scores, found, is_given(meta["net"]))
        with whole(out_dir / "model.onnx") as aside:
            network.save(str(aside))
        with whole(out_dir / "golden.npz") as aside, aside.open("wb") as file:
            np.savez(file, images=images, labels=labels, scores=scores)
    task = meta.get("task")
    measured_now = of_stage("exported", scores, labels, meta["images"], task)
    record = {
        "stage": "export", **{key: meta[key] for key in ("net", "method", "source")},
        "input": dict(PIXELS), "writable": templates(network), "images": meta["images"],
        "trained_on": meta.get("trained_on", "unknown"), "task": task,
        "class_names": meta.get("class_names", []), "training": meta.get("training"),
        "accuracy": [*meta.get("accuracy", []), *measured_now],
        "not_measured": None if measured_now else _unmeasured(scores, meta.get("generated", False)),
        "checks": [same, *_equal_accuracy(meta.get("accuracy", []), measured_now, is_given(meta["net"]))],
        "run": run,
    }  # fmt: skip
    write_json(out_dir / "export.json", record)
    return record


def _equal_accuracy(trained: list[Record], exported: list[Record], rounded: bool) -> list[Record]:
    """Check that training and export state the same figures for the same images, where both do; if
    `rounded`, one image or figure in a thousand may differ, as training may have rounded elsewhere."""
    found = []
    for before, now in ((one, two) for one in trained for two in exported if one["set"] == two["set"]):
        both = (before, now)
        was, figures = ({"right": r["correct"]} if "correct" in r else r["figures"] for r in both)
        slack = rounded * (now["images"] / 1000 if "correct" in now else 1e-3)
        far = [name for name, value in figures.items() if not abs(was.get(name, np.inf) - value) <= slack]
        wrong = len(far) + (before["images"] != now["images"])
        what = f"accuracy on {now['set']}: {row_text(before)} trained, {row_text(now)} exported"
        found.append(check("exported = trained accuracy", 0, wrong, len(figures), what))
    return found


def _unmeasured(scores: np.ndarray, generated: bool) -> str:
    """Why a network has no accuracy figure."""
    if generated:
        return "accuracy of the exported network: its weights are generated, not trained"
    map_ = scores.ndim == 4 and scores.shape[2] * scores.shape[3] > 1
    why = "its scores are maps, and no task defines their meaning" if map_ else "the images have no labels"
    return f"accuracy of the exported network: {why}"


def as_qonnx(module: nn.Module, shape: tuple[int, ...]) -> ModelWrapper:
    """The module's graph, cleaned: constants folded, shapes inferred, names unique, input UINT8, batch 1.

    A convolution whose weights are a buffer called `template` has `TEMPLATE` as its doc_string: its weights
    are replaced at run time."""
    raw = by_brevitas(module, shape)
    _mark_templates(raw, module)
    network = ModelWrapper(cleaned_up(raw).model, fix_missing_initializer_valueinfo=False)
    # The exporter lists buffers that no node reads, such as the empty graph of a layer, as inputs.
    pixels, *others = network.graph.input
    read = {name for node in network.graph.node for name in node.input}
    del network.graph.input[:]
    network.graph.input.extend([pixels, *(tensor for tensor in others if tensor.name in read)])
    network.set_tensor_datatype(pixels.name, DataType["UINT8"])
    return network


def by_brevitas(module: nn.Module, shape: tuple[int, ...]) -> ModelWrapper:
    """The graph of a module as Brevitas exports it, for an input (1, *shape).

    Brevitas writes the weights of a layer, and a Quant node that rounds them. A quantiser that does more than
    round them, such as that of `rbcn`, has other values; the graph holds these instead.

    Raises:
        UserError: the Quant node changes such a value.
    """
    from brevitas.export import export_qonnx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch's tracer warns that it is not the new one; the new one writes other graphs
        # (docs/guide/training.md).
        warnings.simplefilter("ignore")
        path = str(Path(folder) / "raw.onnx")
        export_qonnx(module, args=torch.zeros(1, *shape), export_path=path, dynamo=False)
        graph = ModelWrapper(path)
    known = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    constants = graph.get_nodes_by_op_type("Constant")
    known |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in constants}
    runner = Runner(graph.model)
    layers = {f"{name}.weight".lstrip("."): part for name, part in module.named_modules()}
    for node in graph.graph.node:
        layer: Any = layers.get(node.input[0]) if node.op_type in ("Quant", "BipolarQuant") else None
        if not hasattr(layer, "quant_weight") or not known.keys() >= {*node.input}:
            continue
        values = layer.quant_weight().value.detach().numpy()
        if not _rounded_to(runner, node, known, values):
            known[node.input[0]] = values
            graph.set_initializer(node.input[0], values)
            if not _rounded_to(runner, node, known, values):
                raise UserError(
                    f"export: the quantiser of {node.input[0]} gives values between whole multiples of "
                    "its scale, which QONNX cannot hold; use one that rounds to such multiples."
                )
    return graph


def _rounded_to(runner: Runner, node: NodeProto, known: dict[str, np.ndarray], values: np.ndarray) -> bool:
    """Whether a quantiser of constants gives these values."""
    found = {name: known[name] for name in node.input}
    runner.run(node, found)
    return bool(np.allclose(found[node.output[0]], values, rtol=2.0**-20, atol=0))


def templates(network: ModelWrapper) -> list[str]:
    """The convolutions of an exported graph whose weights are replaced at run time."""
    return [node.name for node in network.graph.node if node.doc_string == TEMPLATE]


def _mark_templates(network: ModelWrapper, module: nn.Module) -> None:
    """Find templates by the exporter's names of buffers, which the clean-up changes."""
    buffers = {name for name, _ in module.named_buffers() if name.split(".")[-1] == "template"}
    for node in network.graph.node:
        if node.op_type == "Conv" and node.input[1] in buffers:
            buffers.remove(node.input[1])
            node.doc_string = TEMPLATE
    if buffers:
        raise UserError(
            f"export: the template {min(buffers)} is not the weight of exactly one convolution; "
            "use it only in F.conv2d."
        )


@torch.no_grad()
def module_scores(module: nn.Module, images: np.ndarray) -> np.ndarray:
    """Scores of uint8 images (N, C, H, W) from the module itself, float32 (N, classes) or (N, C, H, W)."""
    parts = (images[at : at + BATCH].astype(np.float32) for at in range(0, len(images), BATCH))
    return torch.cat([module(torch.from_numpy(x)).as_subclass(torch.Tensor) for x in parts]).numpy()


def _compared(scores: np.ndarray, found: np.ndarray, rounded: bool) -> Record:
    """Compare scores; with `rounded`, batch norms and scales of the user's own may round differently."""
    if scores.shape != found.shape:
        raise MismatchError(f"export: the module has scores {scores.shape}, QONNX {found.shape}.")
    most = ROUNDING * float(np.abs(scores).max()) if rounded else 0.0
    wrong = np.argwhere(~(np.abs(scores.astype(np.float64) - found) <= most))
    if len(wrong):
        first = image, at, *place = tuple(wrong[0].tolist())
        where = f"class {at}" + (f" at (y {place[0]}, x {place[1]})" if place else "")
        raise MismatchError(
            f"export: {len(wrong):,} scores differ, first image {image}, {where}: "
            f"module {scores[first]}, QONNX {found[first]}."
        )
    how = f"within {most:.2g}, the rounding of float32" if rounded else "float32 =="
    return check("qonnx = module", len(scores), 0, int(scores.size), f"full score vectors, {how}")
