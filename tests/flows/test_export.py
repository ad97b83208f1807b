"""Export: the QONNX file is the module, bit for bit, and the same each time."""

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from qonnx.core.modelwrapper import ModelWrapper
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError
from xnorforge.flows import export
from xnorforge.flows.qonnx_execution import qonnx_scores

META = {"net": "small", "method": "ste", "source": "a test", "images": "random images"}
BINARY = {"weight_quant": SignedBinaryWeightPerTensorConst, "weight_scaling_const": 1.0}


def module(seed=0) -> nn.Module:
    """A convolution and a dense layer, binary, with a folded batch norm between."""
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(4, eps=1e-30)
    norm.running_mean.copy_(torch.tensor([0.5, -2.5, 3.5, 0.5]) / 128)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -1.0, 1.0, -1.0]))
    sign = QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=1.0)
    parts = (
        QuantConv2d(2, 4, 3, bias=False, **BINARY), norm, sign, nn.Flatten(),
        QuantLinear(64, 3, bias=False, **BINARY),
    )  # fmt: skip
    return nn.Sequential(Scaled(), *parts).eval()


class Scaled(nn.Module):
    def forward(self, x):
        return x / 128 - 1


TRAINED = {"stage": "trained", "set": "other images", "images": 2, "correct": 1, "top1": 50.0}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    images = np.random.default_rng(0).integers(0, 256, (150, 2, 6, 6), np.uint8)
    labels = np.arange(150) % 3
    record = export.export(module(), images, labels, folder, META | {"accuracy": [TRAINED]})
    return folder, images, labels, record


def test_every_score_of_every_image_is_compared(exported):
    _, _, _, record = exported
    (check,) = record["checks"]
    assert (check["images"], check["integers"], check["mismatches"]) == (150, 450, 0)


@pytest.mark.parametrize("more, wrong", [(0, 0), (1, 1), (-53, 1)])
def test_training_and_export_state_the_same_accuracy_of_the_same_images(exported, tmp_path, more, wrong):
    _, images, labels, record = exported
    row = record["accuracy"][-1] | {"stage": "trained"}
    row |= {"correct": row["correct"] + more}
    found = export.export(module(), images, labels, tmp_path, META | {"accuracy": [row]})
    assert [check["mismatches"] for check in found["checks"]] == [0, wrong]


def test_figures_of_a_task_are_compared_each():
    row = {"set": "s", "images": 20, "figures": {"AP": 0.5, "LAMR": 0.25}}
    for figures, wrong in (({"AP": 0.5, "LAMR": 0.25}, 0), ({"AP": 0.32, "LAMR": 0.2}, 2), ({"AP": 0.5}, 1)):
        (check,) = export._equal_accuracy([row | {"figures": figures}], [row], False)
        assert check["mismatches"] == wrong


def test_golden_scores_are_the_modules(exported):
    folder, images, labels, _ = exported
    with np.load(folder / "golden.npz") as golden:
        np.testing.assert_array_equal(golden["images"], images)
        np.testing.assert_array_equal(golden["labels"], labels)
        with torch.no_grad():
            wanted = module()(torch.from_numpy(images).float()).as_subclass(torch.Tensor).numpy()
        np.testing.assert_array_equal(golden["scores"], wanted)
        types = {"scores": np.float32, "images": np.uint8, "labels": np.int64}
        assert {name: golden[name].dtype for name in types} == types


def test_the_record_states_input_images_and_accuracy(exported):
    folder, _, labels, record = exported
    assert read_json(folder / "export.json") == record
    assert record["stage"] == "export" and record["input"] == {"lo": 0, "hi": 255, "scale": 1.0}
    assert {key: record[key] for key in META} == META
    trained, measured = record["accuracy"]
    assert trained == TRAINED
    with np.load(folder / "golden.npz") as golden:
        assert measured["correct"] == (golden["scores"].argmax(1) == labels).sum()
    assert (measured["set"], measured["images"]) == ("random images", 150)
    assert record["not_measured"] is None


def test_the_graph_takes_uint8_and_has_binary_weights(exported):
    model = ModelWrapper(str(exported[0] / "model.onnx"))
    assert model.get_tensor_datatype(model.graph.input[0].name).name == "UINT8"
    assert model.get_tensor_shape(model.graph.input[0].name) == [1, 2, 6, 6]
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("BipolarQuant") == 3 and "Quant" not in kinds


def test_batches_score_like_single_images(exported):
    folder, images, _, _ = exported
    model, few = ModelWrapper(str(folder / "model.onnx")), images[:3].astype(np.float32)
    alone = np.concatenate([qonnx_scores(model, few[at : at + 1]) for at in range(3)])
    np.testing.assert_array_equal(qonnx_scores(model, few), alone)


def test_a_graph_that_computes_something_else_is_refused(exported, tmp_path, monkeypatch):
    _, images, labels, _ = exported
    right = export.as_qonnx

    def wrong(network, shape):
        model = right(network, shape)
        name = next(node for node in model.graph.node if node.op_type == "BatchNormalization").input[3]
        model.set_initializer(name, model.get_initializer(name) + 1)
        return model

    monkeypatch.setattr(export, "as_qonnx", wrong)
    said = r"export: \d+ scores differ, first image 0, class \d: module .*, QONNX .*\."
    with pytest.raises(MismatchError, match=said):
        export.export(module(), images, labels, tmp_path, META)
    assert not (tmp_path / "model.onnx").exists() and not (tmp_path / "export.json").exists()


def test_without_labels_no_accuracy_is_claimed(exported, tmp_path):
    _, images, _, _ = exported
    record = export.export(module(), images[:4], np.full(4, -1), tmp_path, META)
    assert record["accuracy"] == []
    assert record["not_measured"] == "accuracy of the exported network: the images have no labels"
