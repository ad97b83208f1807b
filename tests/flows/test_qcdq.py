"""QuantizeLinear, Clip, DequantizeLinear, as Brevitas's export_onnx_qcdq has them, against qonnx."""

import brevitas.nn as qnn
import numpy as np
import onnx
import pytest
import torch
from brevitas.export import export_onnx_qcdq
from brevitas.quant import Int8Bias
from graphs import Graph, compare
from pipeline import proven
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

CHANNELS = 4
SHAPE = (CHANNELS, 1, 256)
EVERY_BYTE = np.tile(np.arange(256), (1, CHANNELS, 1, 1))
PER_CHANNEL = np.float32([0.37, 0.5, 0.8, 0.11])


def qcdq(graph, scale, zero, clip=None, **at):
    """The three nodes; zero has the type of the integers."""
    graph.node("QuantizeLinear", np.float32(scale), zero, **at)
    if clip is not None:
        graph.node("Clip", *(np.asarray(end, zero.dtype) for end in clip))
    return graph.node("DequantizeLinear", np.float32(scale), zero, **at)


QUANTISERS = {
    "unsigned": (0.37, np.uint8(0), None, {}), "signed": (0.37, np.int8(0), None, {}),
    "zero point": (0.25, np.uint8(117), None, {}), "four bits": (4.0, np.int8(0), (-8, 7), {}),
    "narrow": (0.5, np.int8(0), (-127, 127), {}),
    "three bits and a zero point": (8.0, np.uint8(2), (0, 7), {}),
    "per channel": (PER_CHANNEL, np.zeros(CHANNELS, np.int8), (-32, 31), {"axis": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", QUANTISERS)
def test_levels_are_those_of_onnx_on_every_integer(name):
    """Ties among them: halves of the scales 0.5 and 4 and 8 are reached."""
    scale, zero, clip, at = QUANTISERS[name]
    graph = qcdq(Graph(SHAPE).real("Sub", 128.0).real("Mul", 0.25), scale, zero, clip, **at)
    compare(graph.sign().model(SHAPE), EVERY_BYTE)
    graph = qcdq(Graph(SHAPE).real("Sub", 128.0).real("Mul", 0.25), scale, zero, clip, **at)
    found = compare(graph.model(SHAPE), EVERY_BYTE)
    assert {node.op for node in found.nodes} <= {"Threshold"}


def weights(graph, shape, axis=0, narrow=3):
    """Integers of few bits behind a DequantizeLinear with one scale per output, and the tensor's name."""
    before, name = graph.at, f"w{len(graph.nodes)}"
    graph.constants[name] = graph.rng.integers(-narrow, narrow + 1, shape).astype(np.int8)
    scale = np.float32(2.0 ** -graph.rng.integers(1, 4, shape[axis]))
    graph.node("DequantizeLinear", scale, np.zeros(shape[axis], np.int8), inputs=[name], axis=axis)
    found, graph.at = graph.at, before
    return found


def network(seed):
    """Convolution with bias, quantiser, pool, dense layer: all weights and biases behind DequantizeLinear."""
    graph = qcdq(Graph((3, 8, 8), seed), 1.0, np.uint8(0), (0, 255))
    source = graph.at
    kernel = weights(graph, (6, 3, 3, 3))
    graph.constants["b"] = graph.rng.integers(-500, 500, 6).astype(np.int32)
    given = np.full(6, 2.0**-4, np.float32), np.zeros(6, np.int32)
    bias = graph.node("DequantizeLinear", *given, inputs=["b"], axis=0).at
    graph.node("Conv", inputs=[source, kernel, bias]).node("Relu")
    graph = qcdq(graph, 16.0, np.uint8(0), (0, 7)).node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    source = graph.node("Flatten").at
    return graph.node("Gemm", inputs=[source, weights(graph, (5, 54), narrow=1)], transB=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_of_them_is_that_of_qonnx(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 3, 8, 8))
    assert "Threshold" in {node.op for node in compare(network(seed).model((5,)), pixels).nodes}


def test_the_rtl_of_a_network_of_them_gives_the_scores_of_qonnx(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 8, 8))
    proven(network(0).model((5,)), pixels, 1, tmp_path)


def test_what_brevitas_exports_is_lowered(tmp_path):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantConv2d(3, 6, 3, weight_bit_width=2, bias=True, bias_quant=Int8Bias),
        qnn.QuantReLU(bit_width=3, return_quant_tensor=True),
        torch.nn.Flatten(),
        qnn.QuantLinear(6 * 36, 5, bias=False, weight_bit_width=4),
    )
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8))
    with torch.no_grad():
        layers(torch.from_numpy(pixels / 255).float())
    layers.eval()
    export_onnx_qcdq(layers, torch.zeros(1, 3, 8, 8), export_path=str(tmp_path / "net.onnx"), dynamo=False)
    model = cleanup_model(ModelWrapper(onnx.load(tmp_path / "net.onnx")))
    assert {"QuantizeLinear", "DequantizeLinear", "Clip"} <= {node.op_type for node in model.graph.node}
    compare(model, pixels, scale=1 / 255)
