"""Small networks for the tests of the hls4ml back end, and the folders that it reads."""

import json

import numpy as np
import onnx
import pipeline
from graphs import QONNX, Graph, lowered

from xnorforge.flows.fold import folded_graph, with_fifos
from xnorforge.flows.lower.proof import checks


def folded(model, pixels, folder):
    """Lower and fold a QONNX model; write its network's folder; `pixels` uint8 (N, C, H, W) or (N, F).

    The scores in `lowered.npz` are those of the integer graph, which knows nothing of operators or of hls4ml.
    """
    graph = lowered(model)
    ops = with_fifos(pipeline.smallest(pipeline.bounds_of(graph)), {})
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(folded_graph(ops, "net"), folder / "folded.onnx")
    frames = pixels.transpose(0, 2, 3, 1) if pixels.ndim == 4 else pixels
    np.savez(folder / "lowered.npz", integers=checks.run_all(graph, frames).reshape(len(pixels), -1))
    np.savez(folder / "golden.npz", images=pixels.astype(np.uint8))
    (folder / "fold.json").write_text(json.dumps({"board": "pynq-z2", "clock_mhz": {"value": 100.0}}))
    return folder


def binary(graph, op, *shape, **attributes):
    """A matrix of ±1 behind BipolarQuant, as Brevitas exports it, and its node."""
    before = graph.at
    graph.node("BipolarQuant", graph.weights(*shape), np.float32(1), inputs=[], domain=QONNX)
    return graph.node(op, inputs=[before, graph.at], **attributes)


def norm(graph, channels):
    """Batch norm with thresholds between sums of binary layers, some weights negative."""
    gamma = graph.rng.choice([-1.5, -0.3, 0.2, 1.0, 3.0], channels)
    mean = graph.rng.normal(0, 2, channels)
    given = gamma, graph.rng.normal(0, 0.5, channels), mean, np.full(channels, 4.0)
    return graph.real("BatchNormalization", *given, epsilon=1e-5)


def mlp(seed=1, images=64):
    """16-8-8-4 on pixels made bits, in QONNX; with its images."""
    graph = Graph((16,), seed)
    graph.real("Sub", graph.rng.uniform(60, 200, 16)).sign()
    for inputs, outputs in ((16, 8), (8, 8)):
        norm(binary(graph, "MatMul", inputs, outputs), outputs).sign()
    binary(graph, "MatMul", 8, 4)
    return graph.model([4]), graph.rng.integers(0, 256, (images, 16))


def cnn(seed=2, images=24):
    """Two convolutions, the second padded with -1, a pool, two dense layers; bytes in."""
    graph = Graph((2, 8, 8), seed)
    binary(graph, "Conv", 4, 2, 3, 3, kernel_shape=[3, 3])
    mean, var = graph.rng.normal(0, 400, 4), np.full(4, 400.0**2)
    graph.real("BatchNormalization", [1.0, -0.5, 2.0, -1.0], np.zeros(4), mean, var, epsilon=1e-5).sign()
    graph.node("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(-1))
    norm(binary(graph, "Conv", 6, 4, 3, 3, kernel_shape=[3, 3]), 6).sign()
    graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Flatten", axis=1)
    norm(binary(graph, "MatMul", 54, 8), 8).sign()
    binary(graph, "MatMul", 8, 3)
    return graph.model([3]), graph.rng.integers(0, 256, (images, 2, 8, 8))
