"""Export: the QONNX file is the module, bit for bit, and the same each time; of networks from a Python file,
which class is meant, which weights fit, which shapes run."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from qonnx.core.modelwrapper import ModelWrapper
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows import export
from xnorforge.flows.importing.modules import export_module, load_weights
from xnorforge.flows.qonnx_execution import qonnx_scores
from xnorforge.sw.modules import module_of

from ..refusals import refuses, stops

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
    parts = (QuantConv2d(2, 4, 3, bias=False, **BINARY), norm, sign, nn.Flatten(),
             QuantLinear(64, 3, bias=False, **BINARY))  # fmt: skip
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


NETS = """
import brevitas.nn as qnn
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import nn
from widths import HIDDEN

class Net(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.bits = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)
        self.dense = qnn.QuantLinear(16, HIDDEN, bias=False, weight_quant=SignedBinaryWeightPerTensorConst)
        self.norm = nn.BatchNorm1d(HIDDEN)
        self.scores = qnn.QuantLinear(HIDDEN, classes, bias=True, weight_bit_width=4)

    def forward(self, x):
        return self.scores(self.bits(self.norm(self.dense(self.bits(x - 0.5)))))

class Sized(nn.Module):
    def __init__(self, width):
        super().__init__()

def five():
    return Net(classes=5)

def broken():
    return 1 / 0

def nothing():
    return None

WIDTH = 3
"""


@pytest.fixture
def nets(tmp_path):
    (tmp_path / "widths.py").write_text("HIDDEN = 12\n")  # a file beside it
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path / "nets.py"


def test_a_class_or_a_function_of_a_file_exports_what_torch_computes(nets, tmp_path):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    torch.manual_seed(0)
    trained = module_of(f"{nets}:five")
    for values in trained.state_dict().values():
        if values.dtype == torch.float32:
            values.copy_(torch.rand_like(values) + 0.1)
    torch.save({"epoch": 3, "state_dict": trained.state_dict()}, tmp_path / "five.pt")
    fresh = module_of(f"{nets}:five")
    load_weights(fresh, tmp_path / "five.pt")
    export_module(fresh, (16,), tmp_path / "five.onnx")
    inputs = np.random.default_rng(0).uniform(0, 1, (20, 16)).astype(np.float32)
    with torch.no_grad():
        wanted = trained.eval()(torch.from_numpy(inputs)).numpy()
    scores = qonnx_scores(cleanup_model(ModelWrapper(str(tmp_path / "five.onnx"))), inputs)
    np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)
    assert type(module_of(str(nets))).__name__ == "Net"  # the one class that needs no arguments


SLIPS = {
    "nets.py:Ned": "nets.py: … 'Ned' … Net", "nets.py:Sized": "nets.py: Sized … width … function",
    "nets.py:broken": "nets.py: broken() … ZeroDivisionError (division by zero)",
    "nets.py:nothing": "nets.py: nothing … NoneType … nn.Module … return the network",
    "nets.py:WIDTH": "nets.py: 'WIDTH' … nn.Module",
    "lost.py:Net": "lost.py: … no such Python file … file.py:Name", "two.py": "two.py: … A, B … two.py:A",
    "wrong.py:Net": "wrong.py: … ModuleNotFoundError (No module named 'nowhere')",
}  # fmt: skip


@pytest.mark.parametrize("target", SLIPS)
def test_refused_a_name_that_gives_no_network(nets, target):
    (nets.parent / "two.py").write_text(
        "from torch import nn\nclass A(nn.Module):\n    pass\nclass B(nn.Module):\n    pass\n"
    )
    (nets.parent / "wrong.py").write_text("import nowhere\n")
    with refuses(f"{nets.parent}/{SLIPS[target]}"):
        module_of(f"{nets.parent}/{target}")


def test_refused_weights_of_another_network_name_what_differs(nets, tmp_path):
    net = module_of(f"{nets}:Net")
    values = net.state_dict()
    del values["norm.bias"]
    torch.save(values | {"head.weight": torch.zeros(2), "scores.bias": torch.zeros(5)}, tmp_path / "w.pt")
    stops("w.pt: … head.weight … norm.bias … scores.bias is 5 … 3", load_weights, net, tmp_path / "w.pt")


def test_a_scale_that_brevitas_has_measured_is_taken_by_a_network_that_has_measured_none(tmp_path):
    import brevitas.nn as qnn

    trained, fresh = qnn.QuantReLU(bit_width=2), qnn.QuantReLU(bit_width=2)
    for _ in range(301):
        trained(torch.rand(4, 3))
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    load_weights(fresh, tmp_path / "w.pt")
    assert torch.equal(fresh.eval()(torch.ones(1, 3)), trained.eval()(torch.ones(1, 3)))


def test_refused_weights_saved_before_brevitas_has_measured_its_scales(tmp_path):
    import brevitas.nn as qnn

    torch.save(qnn.QuantReLU(bit_width=2).state_dict(), tmp_path / "w.pt")
    stops("scaling_impl.value; … 300 steps", load_weights, qnn.QuantReLU(bit_width=2), tmp_path / "w.pt")


def test_refused_a_shape_that_does_not_run(nets, tmp_path):
    with pytest.raises(UserError, match=r"^Net: .*3x4x4 .*give the shape of one"):
        export_module(module_of(f"{nets}:Net"), (3, 4, 4), tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


class Twice(nn.Module):
    """Signs, and twice the sign from 0.5 on, in steps of 1; `step`: all of them times 0.3."""

    def __init__(self, step: float):
        super().__init__()
        self.step = step

    def forward(self, x):
        found = x.sign() * (1.0 + (x.abs() >= 0.5)) * self.step
        return found, torch.ones(()), torch.zeros(()), torch.tensor(3.0)


@pytest.mark.parametrize("step", [1.0, 0.3])
def test_weights_are_those_of_a_quantiser_that_does_not_round_or_refused(step, tmp_path):
    layer = qnn.QuantLinear(4, 2, bias=False, weight_bit_width=3).eval()
    layer.weight_quant.tensor_quant = Twice(step)
    weights = torch.tensor([[0.1, -0.2, 0.6, -0.7], [0.9, 0.4, -0.5, -0.1]])
    layer.weight.data.copy_(weights)
    if step != 1.0:
        stops(r"weight.* multiples", export_module, layer, (4,), tmp_path / "net.onnx")
        return
    export_module(layer, (4,), tmp_path / "net.onnx")
    x = np.arange(4, dtype=np.float32)[None]
    found = qonnx_scores(ModelWrapper(str(tmp_path / "net.onnx")), x)
    assert found.tolist() == [[-1 + 4 - 6, 1 - 4 - 3]]
