"""Small lowered networks, handwritten, with a reference that shares no code with ours."""

import json

import numpy as np
import pytest
from packaged import accelerator
from qonnx.core.datatype import DataType

from xnorforge.flows.package import write_package
from xnorforge.hw.lowering.nodes import as_onnx
from xnorforge.hw.lowering.values import IntegerGraph, Leaf, Node


class Chain:
    """Appends layers to an integer graph and computes them on `images` (N, H, W, C) along the way."""

    def __init__(self, shape, seed=0, images=6):
        self.rng = np.random.default_rng(seed)
        self.images = self.rng.integers(0, 256, (images, *shape))
        self.leaves, self.nodes, self.tensor = {}, [], "images"
        self.hold("images", self.images, "UINT8")

    def hold(self, name, value, kind):
        """A tensor of a qonnx data type."""
        ends = (np.full(value.shape[-1], int(end)) for end in (DataType[kind].min(), DataType[kind].max()))
        self.leaves[name] = Leaf(name, value.shape[1:], *ends)
        self.x, self.kind, self.tensor = value, kind, name

    def put(self, op, name, value, kind, /, **at):
        """One operator; `value` is what it computes."""
        self.nodes.append(Node(name, op, [self.tensor], name, at))
        self.hold(name, value, kind)
        return self

    def of(self, name):
        """The constants of an operator."""
        return next(node.at for node in self.nodes if node.name == name)

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
        if pad:
            padded = np.pad(self.x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
            self.put("Pad", f"{name}_pad", padded, self.kind, pads=[pad] * 4, value=0)
        channels, cut = self.x.shape[3], self.windows([kernel] * 2, [stride] * 2)
        more = {"groups": 1, "stride": [stride] * 2, "dilation": [1, 1]}
        return self.matrix("Conv", name, cut, (kernel, kernel, channels, outputs), raw, **more)

    def dense(self, name, outputs, raw=False):
        """Dense layer on the frame as it is streamed."""
        flat = self.x.reshape(len(self.x), -1)
        if self.x.ndim > 2:
            self.put("Reshape", f"{name}_flat", flat, self.kind, frame=[flat.shape[1]])
        return self.matrix("Dense", name, flat, (flat.shape[1], outputs), raw)

    def matrix(self, op, name, x, shape, raw, **more):
        """Products of vectors with weights of -1 and +1 and, unless raw, a threshold."""
        length, outputs, bits = x.shape[-1], shape[-1], self.kind == "BINARY"
        weights = self.rng.choice([-1, 1], (length, outputs))
        signed = (2 * x - 1 if bits else x) @ weights
        result = (signed + length) // 2 if bits else signed
        kind = f"UINT{length.bit_length()}" if bits else f"INT{int(length * 255).bit_length() + 1}"
        self.put(op, name, result, kind, weights=weights.reshape(shape), xnor=bits, top=2**20, **more)
        if raw:
            return self
        flat = result.reshape(-1, outputs)
        steps = np.array([self.rng.integers(column.min(), column.max() + 2) for column in flat.T])[:, None]
        return self.levels(f"{name}_threshold", steps)

    def levels(self, name, steps):
        """Bits: whether the present tensor reaches steps (channels, 1)."""
        at = {"thresholds": steps, "direction": np.ones(len(steps), int)}
        return self.put("Threshold", name, (self.x >= steps[:, 0]).astype(int), "BINARY", **at)

    def sign(self, name, at=128):
        """Input binarised by thresholds around `at`."""
        return self.levels(name, self.rng.integers(at - 20, at + 21, (self.x.shape[-1], 1)))

    def pool(self, name, size=2):
        """Maximum of bits."""
        n, height, width, channels = self.x.shape
        rows, columns = height // size, width // size
        cut = self.x[:, : rows * size, : columns * size].reshape(n, rows, size, columns, size, channels)
        sizes = {"kernel": [size, size], "stride": [size, size], "dilation": [1, 1]}
        return self.put(
            "MaxPool", name, cut.max((2, 4)), self.kind, direction=np.ones(channels, int), **sizes
        )

    def frames(self):
        """The images as an accelerator is given them: channels first."""
        return self.images.transpose(0, 3, 1, 2) if self.images.ndim == 4 else self.images

    def answers(self):
        """What an accelerator returns: the integers of each frame, (N, outputs), and its class."""
        return np.concatenate([self.x, self.x.argmax(1)[:, None]], axis=1)

    def model(self):
        """The integer graph."""
        return IntegerGraph(self.nodes, self.leaves, ["images"], [self.tensor])

    def save(self, folder, scale=0.5):
        """lowered.onnx, lowered.npz and golden.npz in a network's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        as_onnx(self.model()).save(str(folder / "lowered.onnx"))
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
