"""Float sums of a stranger's network: rounded in another order for another batch, and no worse."""

import brevitas.nn as qnn
import numpy as np
import onnx
import pytest
import torch
from brevitas.export import export_qonnx
from brevitas.inject.enum import StatsOp
from brevitas.quant import Int8WeightPerTensorFloat
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from graphs import Graph
from onnx import helper
from torch import nn

from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower, rounding
from xnorforge.flows.lower.graph import integer_graph

from ..refusals import refuses

SHAPE = (1, 12, 12)


class PerChannel(SignedBinaryWeightPerTensorConst):
    """Scales measured on the weights, one per output."""

    scaling_impl_type = "stats"
    scaling_stats_op = StatsOp.AVE
    scaling_per_output_channel = True
    scaling_const = None
    scaling_stats_permute_dims = None


def dense(weights=SignedBinaryWeightPerTensorConst, head=None, norm=True, **more):
    """Two hidden layers; all activations have Brevitas' default scale of 0.1."""
    layers, inputs = [nn.Flatten(), _sign()], 144
    for _ in range(2):
        layers.append(qnn.QuantLinear(inputs, 128, bias=False, weight_quant=weights))
        layers += [*([nn.BatchNorm1d(128)] if norm else []), _sign()]
        inputs = 128
    head = qnn.QuantLinear(128, 10, weight_quant=head or weights, bias=more.get("bias", False))
    return nn.Sequential(*layers, head)


def conv(weights=SignedBinaryWeightPerTensorConst, head=None):
    """A convolution and a pool in front of a dense layer."""
    first = qnn.QuantConv2d(1, 16, 3, bias=False, weight_quant=weights)
    layers = [_sign(), first, nn.BatchNorm2d(16), _sign()]
    head = qnn.QuantLinear(400, 10, bias=False, weight_quant=head or weights)
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), head)


def _sign():
    return qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)


class Centred(nn.Module):
    """The network of pixels 0 to 1."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x - 0.5)


def imported(folder, network):
    """Export with random weights and statistics, import, lower: the checks of both."""
    torch.manual_seed(3)
    for part in network.modules():
        if isinstance(part, (qnn.QuantLinear, qnn.QuantConv2d)):
            nn.init.normal_(part.weight)
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(part.running_mean, 0, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 2)
    path = folder / "net.onnx"
    export_qonnx(Centred(network).eval(), args=torch.zeros(1, *SHAPE), export_path=str(path), dynamo=False)
    pixels = np.random.default_rng(0).integers(0, 256, (60, *SHAPE)).astype(np.uint8)
    record = import_model(path, pixels, [-1] * 60, folder / "out")
    made = lower(folder / "out/model.onnx", folder / "out/golden.npz", folder / "out")
    return record["checks"] + made["checks"]


NETWORKS = {
    "dense": dense,
    "dense, 8-bit head": lambda: dense(head=Int8WeightPerTensorFloat),
    "dense, scales per channel": lambda: dense(weights=PerChannel),
    "dense, bias": lambda: dense(bias=True),
    "convolution": conv,
    "convolution, 8-bit head": lambda: conv(head=Int8WeightPerTensorFloat),
    "convolution, scales per channel": lambda: conv(weights=PerChannel),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_brevitas_default_scales_are_imported_and_lowered(tmp_path, name):
    checks = imported(tmp_path, NETWORKS[name]())
    assert [check["name"] for check in checks] == [
        "batch = single image", "lowered = qonnx", "lowered = exact network", "lowered = FINN execution",
    ]  # fmt: skip
    assert not any(check["mismatches"] for check in checks)
    assert checks[1]["images"] == 60


def test_refused_a_quantiser_whose_bits_hang_on_the_order_of_a_sum(tmp_path):
    """Without a batch norm even sums of +-0.01 lie on the threshold; float32 misses zero either way."""
    with refuses("BipolarQuant_ … thresholds … scaling_const=1.0 … batch norm"):
        imported(tmp_path, dense(norm=False))
    assert not (tmp_path / "out").exists()


def test_refused_a_batch_norm_exported_while_training(tmp_path):
    """It takes its statistics from the batch, so that an image's scores depend on its neighbours."""
    graph = Graph((4, 6, 6)).real("Sub", 0.5).sign()
    graph.node("Conv", graph.weights(5, 4, 3, 3)).norm(5).sign().node("Flatten")
    graph.node("MatMul", graph.weights(80, 3))
    proto = graph.onnx((3,))
    proto.opset_import[0].version = 15
    (norm,) = [node for node in proto.graph.node if node.op_type == "BatchNormalization"]
    norm.attribute.append(helper.make_attribute("training_mode", 1))
    norm.output.extend(["mean", "variance"])
    onnx.save(proto, tmp_path / "net.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 6, 6)).astype(np.uint8)
    with refuses("BatchNormalization_0 (BatchNormalization): … 80 of its 80 … image 0 … batch"):
        import_model(tmp_path / "net.onnx", pixels, [-1] * 30, tmp_path / "out")


@pytest.mark.parametrize(
    "weights, scale", [("signs", 0.1), ("bytes", 0.1), ("signs", 1 / 3), ("bytes", 1e-4)]
)
def test_float32_sums_in_any_order_are_within_the_bound(weights, scale):
    """Scores added up one by one in 20 random orders, against the exact ones."""
    rng = np.random.default_rng(5)
    graph = Graph((300,)).real("Sub", 0.5).sign(scale)
    sums = rng.integers(-128, 128, (300, 6)) if weights == "bytes" else graph.weights(300, 6)
    model = graph.real("MatMul", sums).real("Mul", 0.3).model((6,))
    lowered = integer_graph(model, 0, 1, 1.0)
    bound = rounding.bound(lowered, len(model.graph.node))
    signs = rng.choice([-1, 1], (300, 1))
    terms = np.float32(scale) * (signs * sums).astype(np.float32)
    exact = np.float64(np.float32(0.3)) * np.float64(np.float32(scale)) * (signs * sums).sum(0)
    worst = 0.0
    for _ in range(20):
        total = np.zeros(6, np.float32)
        for row in rng.permutation(300):
            total += terms[row]
        worst = np.maximum(worst, abs((total * np.float32(0.3)).astype(np.float64) - exact))
    assert (worst <= bound).all() and (worst > 0).any()
    step = abs(lowered.output.single[1].astype(np.float64))
    assert (bound < step / 4).all() or weights == "bytes"
