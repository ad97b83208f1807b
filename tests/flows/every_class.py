"""Networks of every class that builds, drawn from seeds and written as files."""

import logging
import warnings
from functools import partial
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from authors_networks import BiRealBlock, ReActBlock, drawn, eight_bits
from graphs import Graph
from onnx import helper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from random_graphs import Products, RandomGraph
from test_ports import Drawn, Several, frames_of
from torch import nn


class Signs(RandomGraph):
    """Float norms and torch.sign everywhere, on sums of up to three terms too; shortcuts of quantised
    elements, or 1x1 convolutions of several bits of them."""

    def quantise(self, norm=True):
        if norm:
            self.norm()
        if self.chance(0.6):
            self.graph.node("Sign")
            self.bits = 1
            return
        self.bits = self.pick(2, 4, 8)
        self.graph.quant(float(self.rng.uniform(0.05, 0.5)), self.bits, signed=1)

    def shortcut(self):
        self.drawn.add("shortcut")
        start, channels = self.graph.at, self.shape[0]
        if self.chance(0.5):
            weights = self.rng.integers(-127, 128, (channels, channels, 1, 1))
            self.graph.real("Conv", weights).real("Mul", self.rng.uniform(0.001, 0.01))
            self.norm()
        around, self.graph.at = self.graph.at, start

        def signs(_):
            self.graph.node("Sign")
            self.bits = 1
            scale = np.float32(self.rng.uniform(0.05, 0.3, (channels, 1, 1, 1)))
            self.graph.real("Conv", self.graph.weights(channels, channels, 3, 3) * scale, pads=[1] * 4)
            self.norm()

        self.add_up([around, *self.fork(self.rng.integers(1, 3), signs)])
        self.shape[0] = channels
        if self.chance(0.3):
            self.graph.real("PRelu", self.rng.uniform(0, 0.5, (channels, 1, 1)))
        self.quantise(norm=False)

    def branches(self):
        self.shortcut()

    def pool(self):
        """Of levels, not of signs with a zero."""
        if self.bits > 1:
            super().pool()


def keras(seed: int) -> tuple[Graph, list[int], list[int]]:
    """As tf2onnx writes Keras and Larq: images channels last, a Transpose around groups of convolutions, a
    map flattened in that order, Larq's sign of a sign plus a tenth; with the shapes of input and scores."""
    rng = np.random.default_rng(seed)
    h, w, c = (int(x) for x in rng.integers([6, 6, 1], [11, 11, 4]))
    graph, shape = Graph((h, w, c), seed), [c, h, w]
    for layer in range(int(rng.integers(1, 4))):
        graph.node("Transpose", perm=[0, 3, 1, 2])
        outputs, side = int(rng.choice([4, 6, 8])), 3 if min(shape[1:]) > 2 else 1
        pads = int(rng.integers(2)) if side == 3 and layer else 0
        if pads:
            beside = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
            graph.node("Pad", beside, np.float32(rng.choice([0.0, 1.0])))
        graph.node("Conv", graph.weights(outputs, shape[0], side, side), kernel_shape=[side] * 2)
        shape = [outputs, *(n + 2 * pads - side + 1 for n in shape[1:])]
        if min(shape[1:]) > 3 and rng.random() < 0.5:
            graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
            shape = [outputs, *(n // 2 for n in shape[1:])]
        graph.norm(outputs).node("Transpose", perm=[0, 2, 3, 1])
        if rng.random() < 0.5:
            graph.node("Sign").real("Add", 0.1)
        graph.node("Sign")
    length = int(np.prod(shape))
    graph.node("Reshape", np.array([-1, length], np.int64))
    if rng.random() < 0.5:
        graph.node("MatMul", graph.weights(length, 12)).norm(12).node("Sign")
        length = 12
    graph.node("MatMul", graph.weights(length, 5)).norm(5)
    return graph, [h, w, c], [5]


def residual(seed: int) -> nn.Module:
    """One to three blocks of Bi-Real or ReActNet in plain torch, of images (3, 8, 8)."""
    rng = np.random.default_rng(seed)
    kind, width = (BiRealBlock, ReActBlock)[rng.integers(2)], int(rng.choice([2, 4]))
    quantised = bool(rng.random() < 0.8)

    def build():
        parts, inputs = [], width
        for _ in range(int(rng.integers(1, 4))):
            wider = bool(rng.random() < 0.4)
            parts.append(kind(inputs, inputs << wider, 1 + wider, quantised))
            inputs <<= wider
        return nn.Sequential(
            qnn.QuantConv2d(3, width, 3, padding=1, bias=False, weight_bit_width=8), nn.BatchNorm2d(width),
            *parts, eight_bits(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            qnn.QuantLinear(inputs, 5, bias=True, weight_bit_width=8),
        )  # fmt: skip

    return drawn(build, (3, 8, 8), seed)


def _of_graph(net, folder: Path):
    """A graph with pixels: file, images, value of a step."""
    net.model.save(str(folder / "net.onnx"))
    return folder / "net.onnx", net.pixels.astype(np.uint8), 1.0


def _ports(seed: int, folder: Path):
    net = Several(seed)
    onnx.save(net.model, folder / "net.onnx")
    return folder / "net.onnx", frames_of(net), None


def _keras(seed: int, folder: Path):
    graph, shape, scores = keras(seed)
    graph.model(scores).save(str(folder / "net.onnx"))
    return folder / "net.onnx", np.random.default_rng(seed).integers(0, 256, (6, *shape), np.uint8), 1.0


EVERY = {  # attributes that qonnx wants to see
    "Conv": {"strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4, "group": 1},
    "MaxPool": {"pads": [0] * 4, "dilations": [1, 1], "ceil_mode": 0},
}


def _channels_last(seed: int, folder: Path):
    """A random graph as qonnx itself converts it."""
    net = RandomGraph(seed)
    for node in net.graph.nodes:
        stated = {one.name for one in node.attribute}
        every = EVERY.get(node.op_type, {})
        node.attribute.extend(helper.make_attribute(key, every[key]) for key in every.keys() - stated)
    convert = ConvertToChannelsLastAndClean(make_input_channels_last=bool(seed % 2))
    net.model.transform(convert).save(str(folder / "net.onnx"))
    return folder / "net.onnx", net.pixels.astype(np.uint8), 1.0


def _of_torch(seed: int, folder: Path, dynamo: bool):
    from brevitas.export import export_qonnx

    net, images = residual(seed), np.random.default_rng(seed).integers(0, 256, (6, 3, 8, 8), np.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(net, args=torch.zeros(1, 3, 8, 8), export_path=str(folder / "net.onnx"), dynamo=dynamo)
    return folder / "net.onnx", images, None


# {class: (seed, folder) -> file, images or vectors of integers, value of one step of them or None}
CLASSES = {
    "layouts": lambda seed, folder: _of_graph(Drawn(seed), folder),
    "inputs and outputs": _ports,
    "products": lambda seed, folder: _of_graph(Products(seed), folder),
    "signs, wide shortcuts": lambda seed, folder: _of_graph(Signs(seed), folder),
    "keras": _keras, "channels last by qonnx": _channels_last, "torch": partial(_of_torch, dynamo=False),
    "torch, dynamo": partial(_of_torch, dynamo=True),
}  # fmt: skip
