"""The whole pipeline on random chains: QONNX, lowered, folded at random, generated, simulated, against qonnx
execution.

A network is a function of its seed, and the seed is in the name of a failing test.
"""

import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest

from xnorforge.flows.bind import OPS
from xnorforge.flows.fold.fifo_sizing import depth_of, with_fifos
from xnorforge.hw import graph as operators
from xnorforge.sim import cosim

sys.path.insert(0, str(Path(__file__).parent))
from graphs import Graph
from pipeline import IMAGES, built, proven, seeds


class RandomNet:
    """A binary network drawn from a seed: `model` in QONNX, `pixels` uint8 (N, C, H, W)."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        shape = [int(size) for size in (self.rng.choice([1, 2, 3, 5]), *self.rng.integers(3, 10, 2))]
        self.graph = Graph(shape, seed)
        self.shape, self.bits, self.flat = shape, False, False
        self.pixels = self.rng.integers(0, 256, (IMAGES, *shape))
        if self.chance(0.4):
            self.graph.real("Sub", self.rng.uniform(60, 200, (1, shape[0], 1, 1)))
            self.sign()
        for _ in range(self.rng.integers(1, 5)):
            self.layer()
        self.scores() if self.flat or self.chance(0.4) else self.map()

    def layer(self):
        if self.flat or self.chance(0.25):
            return self.dense()
        return self.rates() if self.bits and self.chance(0.3) else self.conv()

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def conv(self):
        """Convolution, batch norm, sign, perhaps a pool; padding is -1 where elements are bits."""
        channels, *size = self.shape
        outputs, kernel = self.channels(), [int(self.rng.integers(1, min(3, side) + 1)) for side in size]
        stride = [int(self.rng.choice([1, 1, 2, 3])) for _ in size]
        pads = [int(self.rng.integers(0, k)) if self.chance(0.5) else 0 for k in (*kernel, *kernel)]
        dilation = [
            int(self.rng.integers(1, 4)) if k > 1 and side > 3 * (k - 1) else 1
            for k, side in zip(kernel, size)
        ]
        given = {"kernel_shape": kernel, "strides": stride, "dilations": dilation}
        if self.bits and any(pads):
            self.graph.node("Pad", np.array([0, 0, *pads[:2], 0, 0, *pads[2:]]), np.float32(-1))
        elif any(pads):
            given["pads"] = pads
        self.graph.node("Conv", self.graph.weights(outputs, channels, *kernel), **given)
        spans = [side + pads[i] + pads[i + 2] for i, side in enumerate(size)]
        reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
        self.shape = [outputs, *((span - r - 1) // s + 1 for span, r, s in zip(spans, reach, stride))]
        self.norm(channels * prod(kernel))
        self.sign()
        self.pool()

    def rates(self):
        """Convolutions of the same bits at several dilations, each with its own border of -1, added up; norm,
        sign.
        """
        start, ends, (channels, *_), outputs = self.graph.at, [], self.shape, self.channels()
        rates = self.rng.choice([1, 2, 3, 4, 8], int(self.rng.integers(2, 4)), replace=False).tolist()
        for rate in rates:
            self.graph.node("Pad", np.array([0, 0, rate, rate] * 2), np.float32(-1), inputs=[start])
            self.graph.node("Conv", self.graph.weights(outputs, channels, 3, 3), dilations=[rate, rate])
            ends.append(self.graph.at)
        self.graph.at = ends[0]
        for other in ends[1:]:
            self.graph.real("Add", inputs=[self.graph.at, other])
        self.shape[0] = outputs
        self.norm(9 * len(rates) * channels)
        self.sign()
        self.pool()

    def pool(self):
        """Perhaps the maximum of bits."""
        outputs, pool = self.shape[0], int(self.rng.choice([2, 3]))
        if self.chance(0.5) and min(self.shape[1:]) >= pool:
            self.graph.node("MaxPool", kernel_shape=[pool, pool], strides=[pool, pool])
            self.shape = [outputs, *(side // pool for side in self.shape[1:])]

    def dense(self):
        """Dense layer, batch norm, sign."""
        length = self.flatten()
        self.shape = [self.channels()]
        self.graph.node("MatMul", self.graph.weights(length, *self.shape))
        self.norm(length)
        self.sign()

    def scores(self):
        """Dense layer; its sums, or a scale of theirs for all classes or one for each."""
        length, classes = self.flatten(), int(self.rng.integers(2, 12))
        self.graph.node("MatMul", self.graph.weights(length, classes))
        kind = self.rng.choice(["sums", "one scale", "scales"])
        if kind == "one scale":
            self.graph.real("Mul", 2.0 ** self.rng.integers(-6, 3)).real(
                "Add", self.rng.integers(-9, 10) * 0.25
            )
        elif kind == "scales":
            self.graph.real(
                "Mul", self.rng.choice([-1, 1], classes) * 2.0 ** self.rng.integers(-4, 2, classes)
            )
        self.shape = [classes]

    def map(self):
        """The network ends in an image: 8-bit weights and a bias, or sums of +-1, or bits."""
        kind, outputs = self.rng.choice(["head", "sums", "bits"]), self.channels()
        weights = self.graph.weights(outputs, self.shape[0], 1, 1)
        bias = []
        if kind == "head":
            weights = self.rng.integers(-127, 128, weights.shape) / 128
            bias = [self.rng.integers(-300, 300, outputs) / 128]
        self.graph.real("Conv", weights, *bias, kernel_shape=[1, 1])
        length, self.shape = self.shape[0], [outputs, *self.shape[1:]]
        if kind == "bits":
            self.norm(length)
            self.sign()

    def channels(self) -> int:
        return int(self.rng.choice([1, 3, 4, 5, 7, 8, 12]))

    def norm(self, length: int):
        """Batch norm whose thresholds lie where sums do, some weights negative."""
        outputs = self.shape[0]
        gamma = self.rng.choice([-1.5, -0.3, 0.2, 1.0, 3.0], outputs)
        spread = length**0.5 * (1 if self.bits else 150)
        mean = self.rng.normal(0, spread, outputs)
        self.graph.real(
            "BatchNormalization", gamma, self.rng.normal(0, 0.5, outputs), mean, np.full(outputs, spread**2),
            epsilon=1e-5
        )  # fmt: skip

    def sign(self):
        self.graph.sign()
        self.bits = True

    def flatten(self) -> int:
        if not self.flat:
            self.graph.node("Flatten", axis=1)
        self.flat = True
        return prod(self.shape)

    @property
    def model(self):
        return self.graph.model(self.shape)


@pytest.mark.quick("3")
@pytest.mark.parametrize("seed", seeds(12, 72))
def test_rtl_of_a_random_chain_gives_the_scores_of_qonnx_at_the_stated_interval(tmp_path, seed):
    net = RandomNet(seed)
    ops, flowing = proven(net.model, net.pixels, seed, tmp_path)
    assert flowing.interval == max(op.cycles() for op in ops)


def unit(name, image, inputs, outputs, simd):
    """XnorMvu on every pixel of a square image."""
    rng, shape = np.random.default_rng(0), [image, image]
    arrays = {
        "weights": rng.integers(0, 2, (inputs, outputs)),
        "thresholds": rng.integers(0, inputs + 1, outputs),
    }
    sizes = {"mw": inputs, "mh": outputs, "simd": simd, "pe": 1, "vectors": image * image}
    return OPS["XnorMvu"].make(name, arrays, in_shape=[*shape, inputs], out_shape=[*shape, outputs], **sizes)


# Image; cycles per pixel of the unit in front and of the one behind, which together leave no cycle over; what
# lies between.
BUSY = {
    "window-stride-3": (28, 10, 97, {"kernel": [2, 2], "stride": [3, 3]}),
    "window-stride-2-padded": (21, 12, 44, {"kernel": [3, 3], "stride": [2, 2], "pads": [1, 1, 1, 1]}),
    "pool-row-over": (13, 9, 42, 2),
    "pool-of-three": (27, 9, 81, 3),
}


@pytest.mark.parametrize("name", BUSY)
def test_what_lies_between_two_units_that_never_pause_keeps_their_pace(tmp_path, name):
    image, before, behind, between = BUSY[name]
    ops = [unit("before", image, before, 1, 1)]
    if isinstance(between, dict):
        ops.append(OPS["Window"].make("window", ifm=[image, image, 1], **between))
        shape = ops[-1].out_stream().shape
        ops.append(OPS["Width"].make("width", shape=shape, in_lanes=1, out_lanes=shape[-1]))
    else:
        ops.append(
            OPS["OrPool"].make("pool", ifm=[image, image, 1], kernel=[between] * 2, stride=[between] * 2)
        )
    size, _, elements = ops[-1].out_stream().shape
    ops.append(unit("behind", size, elements, behind, elements))
    device, ops = built(with_fifos(operators.in_a_row(ops), {}), tmp_path)
    cycles = {op.name: op.cycles() for op in ops}
    assert min(cycles["before"], cycles["behind"]) > 0.97 * max(cycles.values())
    frames = np.random.default_rng(1).integers(0, 2, (12, image, image, before))
    assert cosim.run(device, frames).interval == max(cycles.values())


def test_a_pool_gets_a_fifo_only_in_front_of_a_unit_that_would_make_it_wait():
    def depths(behind):
        pool = OPS["OrPool"].make("pool", ifm=[12, 12, 1], kernel=[2, 2], stride=[2, 2])
        ops = operators.in_a_row([unit("before", 12, 9, 1, 1), pool, unit("behind", 6, 1, behind, 1)])
        return {op.name: depth_of(op) for op in with_fifos(ops, {}) if depth_of(op)}

    assert depths(36) == {"fifo_behind": 2}
    assert depths(18) == {}
