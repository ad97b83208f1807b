"""Small lowered networks, handwritten as FINN nodes, with a reference that shares no code with ours."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper
from packaged import accelerator
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from xnorforge.flows.package import write_package

FINN = "finn.custom_op.fpgadataflow"


class Chain:
    """Appends layers to a lowered graph and computes them on `images` (N, H, W, C) along the way."""

    def __init__(self, shape, seed=0, images=6):
        self.rng = np.random.default_rng(seed)
        self.images = self.rng.integers(0, 256, (images, *shape))
        self.x, self.kind, self.tensor = self.images, "UINT8", "images"
        self.shapes, self.kinds = {"images": [1, *shape]}, {"images": "UINT8"}
        self.constants, self.nodes = {}, []

    def put(self, op, name, value, kind, /, constants=(), domain=FINN, **attributes):
        """One node; `value` is what it computes."""
        for key, array, kind_of in constants:
            self.constants[key], self.kinds[key] = np.asarray(array, np.float32), kind_of
        if domain == FINN:
            attributes["backend"] = "fpgadataflow"
        inputs = [self.tensor, *(key for key, _, _ in constants)]
        outputs = [f"{name}_out"]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes))
        self.x, self.kind, self.tensor = value, kind, f"{name}_out"
        self.shapes[self.tensor], self.kinds[self.tensor] = [1, *value.shape[1:]], kind
        return self

    def windows(self, kernel, stride, pads=(0, 0, 0, 0), value=0):
        """(N, OH, OW, kh kw C) of the present tensor, by loops."""
        x = np.pad(self.x, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)), constant_values=value)
        tall, wide = kernel
        rows = range(0, x.shape[1] - tall + 1, stride[0])
        columns = range(0, x.shape[2] - wide + 1, stride[1])
        cut = [[x[:, r : r + tall, c : c + wide].reshape(len(x), -1) for c in columns] for r in rows]
        return np.stack([np.stack(row, 1) for row in cut], 1)

    def conv(self, name, outputs, kernel=3, stride=1, pad=0, raw=False):
        """Convolution with thresholds."""
        kernel, stride, kind = [kernel, kernel], [stride, stride], self.kind
        if pad:
            padded = np.pad(self.x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
            size = list(self.x.shape[1:3])
            self.put("FMPadding", f"{name}_pad", padded, kind, ImgDim=size, Padding=[pad] * 4,
                     NumChannels=padded.shape[3], SIMD=1, inputDataType=kind)  # fmt: skip
        image, channels = list(self.x.shape[1:3]), self.x.shape[3]
        cut = self.windows(kernel, stride)
        if kernel != [1, 1] or stride != [1, 1]:
            self.put("ConvolutionInputGenerator", f"{name}_window", cut, kind, ConvKernelDim=kernel,
                     IFMChannels=channels, IFMDim=image, OFMDim=list(cut.shape[1:3]), SIMD=1, Stride=stride,
                     Dilation=[1, 1], inputDataType=kind, outputDataType=kind, depthwise=0)  # fmt: skip
        return self.matrix(name, outputs, raw)

    def dense(self, name, outputs, raw=False):
        """Dense layer on the frame as it is streamed."""
        self.x = self.x.reshape(len(self.x), -1)
        return self.matrix(name, outputs, raw)

    def matrix(self, name, outputs, raw):
        """MVAU and, unless raw, Thresholding."""
        x, length, bits = self.x, self.x.shape[-1], self.kind == "BINARY"
        weights = self.rng.choice([-1, 1], (length, outputs))
        signed = (2 * x - 1 if bits else x) @ weights
        result = (signed + length) // 2 if bits else signed
        kind = f"UINT{length.bit_length()}" if bits else f"INT{int(length * 255).bit_length() + 1}"
        stored = ((weights + 1) // 2, "BINARY") if bits else (weights, "BIPOLAR")
        self.put(
            "MVAU", name, result, kind, [(f"{name}_weights", *stored)], MW=length, MH=outputs, SIMD=1, PE=1,
            inputDataType=self.kind, weightDataType=stored[1], outputDataType=kind, accDataType=kind,
            noActivation=1, binaryXnorMode=int(bits), numInputVectors=[1, *x.shape[1:-1]],
        )  # fmt: skip
        if raw:
            return self
        flat = result.reshape(-1, outputs)
        steps = np.array([self.rng.integers(column.min(), column.max() + 2) for column in flat.T])[:, None]
        return self.put(
            "Thresholding", f"{name}_threshold", (result >= steps[:, 0]).astype(int), "BINARY",
            [(f"{name}_steps", steps, "INT32")], NumChannels=outputs, PE=1, numSteps=1, inputDataType=kind,
            weightDataType="INT32",
            outputDataType="BINARY", ActVal=0, numInputVectors=[1, *result.shape[1:-1]],
        )  # fmt: skip

    def sign(self, name, at=128):
        """Input binarised by thresholds around `at`."""
        channels = self.x.shape[-1]
        steps = self.rng.integers(at - 20, at + 21, (channels, 1))
        return self.put(
            "Thresholding", name, (self.x >= steps[:, 0]).astype(int), "BINARY",
            [(f"{name}_steps", steps, "UINT8")],
            NumChannels=channels, PE=1, numSteps=1, inputDataType="UINT8", weightDataType="UINT8",
            outputDataType="BINARY", ActVal=0,
            numInputVectors=[1, *self.x.shape[1:-1]],
        )  # fmt: skip

    def pool(self, name, size=2):
        """Maximum of bits."""
        n, height, width, channels = self.x.shape
        rows, columns = height // size, width // size
        cut = self.x[:, : rows * size, : columns * size].reshape(n, rows, size, columns, size, channels)
        windows = cut.transpose(0, 1, 3, 2, 4, 5).reshape(n, rows, columns, -1)
        kind = self.kind
        self.put(
            "ConvolutionInputGenerator", f"{name}_window", windows, kind, ConvKernelDim=[size, size],
            IFMChannels=channels, IFMDim=[height, width], OFMDim=[rows, columns], SIMD=1, Stride=[size, size],
            Dilation=[1, 1], inputDataType=kind, outputDataType=kind, depthwise=1,
        )  # fmt: skip
        return self.put("Pool", name, cut.max((2, 4)), kind, Channels=channels, PE=1, KernelSize=[size, size],
                        Function="MaxPool", OutImgDims=[rows, columns], InputDataType=kind,
                        OutputDataType=kind, AccumBits=1)  # fmt: skip

    def frames(self):
        """The images as an accelerator is given them: channels first."""
        return self.images.transpose(0, 3, 1, 2) if self.images.ndim == 4 else self.images

    def answers(self):
        """What an accelerator returns: the integers of each frame, (N, outputs), and its class."""
        return np.concatenate([self.x, self.x.argmax(1)[:, None]], axis=1)

    def model(self):
        """The lowered graph."""
        given = self.shapes.items()
        info = {key: helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in given}
        inner = [value for key, value in info.items() if key not in ("images", self.tensor)]
        ends = [info["images"]], [info[self.tensor]]
        graph = helper.make_graph(self.nodes, "lowered", *ends, value_info=inner)
        model = ModelWrapper(qonnx_make_model(graph))
        for key, array in self.constants.items():
            model.set_initializer(key, array)
        for key, kind in self.kinds.items():
            model.set_tensor_datatype(key, DataType[kind])
        return model

    def save(self, folder, scale=0.5):
        """lowered.onnx, lowered.npz and golden.npz in a network's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model().save(str(folder / "lowered.onnx"))
        integers = self.x.reshape(len(self.x), -1).astype(np.int64)
        constants = {"scale": np.full(integers.shape[1], scale), "bias": np.zeros(integers.shape[1])}
        np.savez(folder / "lowered.npz", integers=integers, **constants)
        images, labels = self.frames().astype(np.uint8), np.zeros(len(integers), np.int64)
        np.savez(folder / "golden.npz", images=images, labels=labels, scores=scale * integers)
        (folder / "export.json").write_text(json.dumps({"net": folder.name}))
        return folder


def small(seed=0):
    """Bytes in, two convolutions (one padded), a pool, two dense layers."""
    chain = Chain((8, 8, 3), seed).conv("conv0", 8).conv("conv1", 6, pad=1).pool("pool1")
    return chain.dense("fc0", 12).dense("fc1", 5, raw=True)


def flat(seed=0):
    """Bytes to bits by thresholds, then dense layers."""
    return Chain((24,), seed).sign("sign0").dense("fc0", 10).dense("fc1", 4, raw=True)


@pytest.fixture(scope="session")
def chains():
    """The builders: `Chain`, `small`, `flat`."""
    return {"Chain": Chain, "small": small, "flat": flat}


@pytest.fixture
def net(chains, tmp_path):
    """The folder of a small lowered network."""
    return chains["small"](3).save(tmp_path / "small")


@pytest.fixture(scope="session")
def nets(chains, tmp_path_factory):
    """{network: (its chain, its accelerator, its package)}; both have a layer_00 and much of the library."""
    found = {}
    for name, (kind, seed) in {"one": ("small", 7), "two-2": ("flat", 1)}.items():
        chain = chains[kind](seed)
        acc = accelerator(chain, tmp_path_factory.mktemp("nets") / name)
        write_package(acc, acc / "package")
        found[name] = chain, acc, acc / "package"
    return found
