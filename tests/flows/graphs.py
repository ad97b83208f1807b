"""Small QONNX graphs written by hand, run by qonnx, and lowered."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model
from qonnx.util.cleanup import cleanup_model

from xnorforge.flows.lower.graph import integer_graph, tidied
from xnorforge.flows.lower.proof import checks
from xnorforge.flows.lower.proof.reference import Reference

QONNX = "qonnx.custom_op.general"


class Graph:
    """Nodes in a row on the tensor `at`; methods return self, `fork()` remembers a tensor."""

    def __init__(self, shape, seed=0):
        self.rng = np.random.default_rng(seed)
        self.shape, self.at, self.nodes, self.constants = [1, *shape], "x", [], {}
        self.kind = TensorProto.FLOAT  # of the output

    def node(self, op, *constants, inputs=None, domain="", outputs=1, **attributes):
        """One node; constants become further inputs, None an absent one. Of several outputs, named t<k>,
        t<k>_1, …, the first is the next tensor."""
        names = []
        for given in constants:
            if given is None:
                names.append("")
                continue
            names.append(f"c{len(self.constants)}")
            self.constants[names[-1]] = np.asarray(given)
        out = f"t{len(self.nodes)}"
        given = [self.at] if inputs is None else list(inputs)
        outs = [out, *(f"{out}_{k}" for k in range(1, outputs))]
        self.nodes.append(helper.make_node(op, [*given, *names], outs, domain=domain, **attributes))
        self.at = out
        return self

    def index(self, op, **attributes):
        """A node that gives whole numbers, the last one."""
        self.kind = TensorProto.INT64
        return self.node(op, **attributes)

    def real(self, op, *constants, **more):
        """A node of the ONNX standard with float32 constants."""
        return self.node(op, *(None if c is None else np.float32(c) for c in constants), **more)

    def sign(self, scale=1.0):
        """BipolarQuant."""
        return self.node("BipolarQuant", np.float32(scale), domain=QONNX)

    def quant(self, scale, bits, zero=0.0, signed=1, narrow=0, mode="ROUND"):
        """Quant."""
        given = (np.float32(scale), np.float32(zero), np.float32(bits))
        return self.node("Quant", *given, domain=QONNX, signed=signed, narrow=narrow, rounding_mode=mode)

    def norm(self, channels):
        """Batch norm with random constants, some weights zero or negative."""
        rng = self.rng
        gamma = rng.choice([-1.5, -0.3, 0.0, 0.2, 1.0, 3.0], channels) * rng.uniform(0.5, 2, channels)
        beta, mean, var = (rng.normal(0, 1, channels), rng.uniform(0, 1, channels),
                           rng.uniform(0.01, 2, channels))  # fmt: skip
        return self.real("BatchNormalization", gamma, beta, mean, var, epsilon=1e-5)

    def weights(self, *shape):
        """Random -1 and +1."""
        return self.rng.choice([-1.0, 1.0], shape).astype(np.float32)

    def onnx(self, output):
        """The model proto without clean-up, with its constants; `output`: shape behind the batch, or None."""
        ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)]
        outs = [helper.make_tensor_value_info(self.at, self.kind, output and [1, *output])]
        constants = [numpy_helper.from_array(values, name) for name, values in self.constants.items()]
        graph = helper.make_graph(self.nodes, "net", ends, outs, constants)
        sets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
        return qonnx_make_model(graph, opset_imports=sets)

    def model(self, output) -> ModelWrapper:
        """The cleaned model."""
        return cleanup_model(ModelWrapper(self.onnx(output)))


def lowered(model, lo=0, hi=255, scale=1.0):
    """The tidied integer graph of a model."""
    return tidied(integer_graph(model, lo, hi, scale))


def activations_are_equal(graph, model, frames, inputs) -> Reference:
    """Hold every quantised activation of some images against qonnx; what was compared.
    `frames`: integers (N, H, W, C); `inputs`: as networks take them, float32 (N, C, H, W) or (N, F)."""
    reference = Reference(graph, model)
    for image, pair in enumerate(zip(frames, inputs)):
        reference.compare(*pair, image)
    return reference


def frames_of(pixels):
    """Images, rows or vectors as frames; a row is an image of one."""
    frames = np.moveaxis(pixels, 1, -1)
    return frames[:, None] if pixels.ndim == 3 else frames


def qonnx_scores_of(model, inputs):
    """What qonnx computes for each of some images, one behind the other."""
    name, out = model.graph.input[0].name, model.graph.output[0].name
    alone = inputs.astype(np.float32)[:, None]
    return np.concatenate([onnx_exec.execute_onnx(model, {name: x})[out] for x in alone])


def compare(model, pixels, lo=0, hi=255, scale=1.0):
    """The integer graph; every quantised activation and the scores are held against qonnx on integers
    (N, C, H, W), (N, C, L) or (N, F)."""
    graph = lowered(model, lo, hi, scale)
    frames = frames_of(pixels)
    inputs = pixels.astype(np.float32) * np.float32(scale)
    assert activations_are_equal(graph, model, frames, inputs).compared
    wanted = qonnx_scores_of(model, inputs)
    integers = checks.run_all(graph, frames)
    factor, offset = checks.scale_and_bias(graph.output)
    got = factor * integers.astype(np.float64) + offset
    got = got.transpose(0, 3, 1, 2) if got.ndim == 4 else got
    got = got.reshape(wanted.shape)  # axes of length 1
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6 * max(abs(wanted).max(), 1e-6))
    return graph
