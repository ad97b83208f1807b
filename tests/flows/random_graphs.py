"""Random networks with everything that streams can do: branches that meet, shortcuts, pools of all kinds,
numbers of several bits, weights of several bits, paddings of -1, 0 and +1. One is a function of its seed."""

from math import prod

import numpy as np
from draws import Draws
from graphs import Graph

IMAGES = 6


class Pictures(Draws):
    """A network of an image that is drawn part by part.

    `graph`: in QONNX; `shape`: of the tensor where it ends, without the batch; `pixels`: (N, C, H, W);
    `spread`: about how far values lie from their middle; `bits`: of an element: 8 for pixels, 1 for -1 and
    +1, else those of an unsigned level; None for a sum, or where nothing depends on it."""

    graph: Graph
    shape: list[int]
    bits: int | None = None
    spread: float
    order = -1  # in which a batch norm's bias and mean are drawn

    @property
    def model(self):
        """The ONNX model with its constants, cleaned."""
        return self.graph.model(self.shape)

    def fork(self, count: int, part) -> list[str]:
        """Let `part(k)` read the tensor here so many times, k from 0 on; what it gave each time. The shape
        has the channels of all."""
        start, bits, shape, ends, channels = self.graph.at, self.bits, self.shape, [], 0
        for k in range(count):
            self.graph.at, self.bits, self.shape = start, bits, list(shape)
            part(k)
            ends.append(self.graph.at)
            channels += self.shape[0]
        self.shape = [channels, *self.shape[1:]]
        return ends

    def add_up(self, values):
        """Their sum, one after the other."""
        self.graph.at = values[0]
        for other in values[1:]:
            self.graph.real("Add", inputs=[self.graph.at, other])

    def norm(self):
        """Batch norm, some weights negative."""
        channels, spread = self.shape[0], self.spread
        gamma = self.rng.choice([-1.5, -0.3, 0.2, 1.0, 3.0], channels)
        sizes = [0.5, spread][:: self.order]
        moved = [self.rng.normal(0, size, channels) for size in sizes][:: self.order]
        self.graph.real("BatchNormalization", gamma, *moved, np.full(channels, spread**2), epsilon=1e-5)


class RandomGraph(Pictures):
    """A network drawn from a seed; `drawn` has the parts that it has."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        shape = [int(size) for size in (self.rng.choice([1, 2, 3]), *self.rng.integers(4, 10, 2))]
        self.graph, self.shape, self.bits, self.drawn = Graph(shape, seed), shape, 8, set()
        self.pixels = self.rng.integers(0, 256, (IMAGES, *shape))
        self.block(int(self.rng.integers(2, 7)) * 2)
        for _ in range(self.rng.integers(1, 4)):
            self.draw()
        self.scores()

    def draw(self):
        """One part of the network."""
        most = self.layer, self.layer, self.shortcut, self.branches
        self.pick(*most, self.side_by_side, self.pool, self.larger)()

    # Parts that read quantised elements and give them.
    def layer(self):
        self.block(self.pick(2, 3, 4, 6, 8))

    def block(self, outputs: int):
        """Convolution, batch norm, quantiser."""
        self.conv(outputs)
        self.quantise()

    def shortcut(self):
        """Bi-Real: a sum passes by a sign and a convolution and is added to its norm."""
        self.drawn.add("shortcut")
        self.same_conv(self.shape[0])
        self.affine()
        for _ in range(self.rng.integers(1, 3)):
            before = self.graph.at
            self.conv_of_signs()
            self.add_up([self.graph.at, before])
        self.quantise(norm=False)

    def branches(self):
        """Group-Net: K convolutions of the same elements, each with its norm, added; some have own layers."""
        self.drawn.add("branches")
        outputs = self.pick(2, 4, 6)

        def branch(_):
            if self.chance(0.4):
                self.signs(self.pick(2, 4))
            self.same_conv(outputs)
            if self.chance(0.3):
                self.graph.node("Relu")
                self.drawn.add("relu")
            self.affine()

        self.add_up(self.fork(self.rng.integers(2, 4), branch))
        self.shape[0] = outputs
        self.quantise(norm=False)

    def side_by_side(self):
        """Two layers of the same elements, their channels concatenated."""
        self.drawn.add("concatenation")
        self.graph.node("Concat", inputs=self.fork(2, lambda _: self.signs(self.pick(2, 4))), axis=1)

    def signs(self, outputs: int):
        """A layer that gives -1 and +1."""
        self.same_conv(outputs)
        self.norm()
        self.graph.sign()
        self.bits = 1

    def pool(self):
        """Maximum of quantised elements."""
        if min(self.shape[1:]) < 2:
            return
        self.drawn.add(f"maximum of {'bits' if self.bits == 1 else 'levels'}")
        self.graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        self.shape = [self.shape[0], *(side // 2 for side in self.shape[1:])]

    def larger(self):
        """Every pixel four times."""
        if max(self.shape[1:]) > 6:
            return
        self.drawn.add("upsampling")
        where, nearest = self.pick(("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))
        given = {"coordinate_transformation_mode": where, "nearest_mode": nearest}
        self.shape = [self.shape[0], *(2 * side for side in self.shape[1:])]
        sizes = (None, np.int64([1, *self.shape])) if self.shape[1] > 8 else (np.float32([1, 1, 2, 2]),)
        self.graph.node("Resize", None, *sizes, mode="nearest", **given)

    def scores(self):
        """Perhaps a mean over the map, then a dense layer."""
        if self.bits == 1 and self.chance(0.4) and self.shape[1] * self.shape[2] in (1, 4, 16, 64):
            self.drawn.add("average")
            self.graph.node("GlobalAveragePool")
            self.shape = [self.shape[0], 1, 1]
        length, classes = prod(self.shape), int(self.rng.integers(2, 8))
        self.graph.node("Flatten", axis=1)
        self.graph.node("MatMul", self.graph.weights(length, classes))
        self.shape = [classes]

    # Pieces.
    def conv(self, outputs: int):
        """Any kernel, stride, padding; weights of one bit or of several, groups."""
        channels, *size = self.shape
        kernel = [int(self.rng.integers(1, min(3, side) + 1)) for side in size]
        stride = [self.pick(1, 1, 2) for _ in size]
        pads = [int(self.rng.integers(0, k)) if self.chance(0.4) else 0 for k in (*kernel, *kernel)]
        groups = channels if self.bits == 1 and channels > 1 and self.chance(0.3) else 1
        outputs = channels if groups > 1 else outputs
        if groups > 1:
            self.drawn.add("depthwise")
        given = {"kernel_shape": kernel, "strides": stride, "group": groups}
        self.padded(pads, given, zero=groups == 1)
        weights = self.weights(outputs, channels // groups, *kernel, one_bit=groups > 1)
        self.graph.node("Conv", weights, **given)
        spans = [side + pads[i] + pads[i + 2] for i, side in enumerate(size)]
        self.shape = [outputs, *((span - k) // s + 1 for span, k, s in zip(spans, kernel, stride))]

    def same_conv(self, outputs: int):
        """A convolution that keeps the size, dilated or not."""
        channels, *size = self.shape
        rate = self.pick(1, 1, 2) if min(size) > 4 else 1
        kernel = [3, 3] if min(size) > 2 and self.chance(0.7) else [1, 1]
        pads = [rate * (k // 2) for k in kernel] * 2
        given = {"kernel_shape": kernel, "dilations": [rate, rate]}
        if rate > 1 and any(pads):
            self.drawn.add("dilation")
        self.padded(pads, given, zero=True)
        self.graph.node("Conv", self.weights(outputs, channels, *kernel), **given)
        self.shape = [outputs, *size]

    def conv_of_signs(self):
        """A convolution of the signs of a sum, with gain and shift: a summand."""
        self.graph.sign()
        self.bits = 1
        self.same_conv(self.shape[0])
        self.affine()

    def padded(self, pads, given: dict, zero: bool):
        """A border of -1, +1 or 0 around bits, of 0 around numbers."""
        if not any(pads):
            return
        value = self.rng.choice([-1, 1, 0]) if zero else self.rng.choice([-1, 1])
        if self.bits == 1 and value:
            self.graph.node("Pad", np.array([0, 0, *pads[:2], 0, 0, *pads[2:]]), np.float32(value))
        else:
            given["pads"] = pads
            if self.bits == 1:
                self.drawn.add("zero padding")

    def weights(self, *shape, one_bit=False):
        """-1 and +1, or whole numbers of 3 bits."""
        if one_bit or self.chance(0.8):
            return self.graph.weights(*shape)
        self.drawn.add("weights of several bits")
        return self.rng.integers(-3, 4, shape).astype(np.float32)

    @property
    def spread(self) -> float:
        return {8: 400.0, 1: 4.0}.get(self.bits, 8.0)

    def affine(self):
        """Gain and shift per channel on the grid of 1/64."""
        channels = self.shape[0]
        gain = self.rng.integers(1, 90, channels) * self.rng.choice([-1, 1], channels, p=[0.2, 0.8])
        if self.bits == 8:
            gain = np.sign(gain)
        shift = self.rng.integers(-200, 200, channels)
        grid = [np.float32(x).reshape(1, channels, 1, 1) / 64 for x in (gain, shift)]
        self.graph.real("Mul", grid[0]).real("Add", grid[1])

    def quantise(self, norm=True):
        """To bits, or levels of 2 or 3 bits."""
        if norm:
            self.norm()
        if self.chance(0.75):
            self.graph.sign()
            self.bits = 1
            return
        self.bits = self.pick(2, 3)
        self.drawn.add("levels")
        self.graph.quant(0.5, self.bits, signed=0)


class NestedSums(RandomGraph):
    """Sums of convolutions of sums, each of values from anywhere before: branches part within branches."""

    def draw(self):
        self.same_conv(self.shape[0])
        self.affine()
        values, unread = [self.graph.at], set()
        for _ in range(self.rng.integers(2, 5)):
            ends = []
            for place, index in enumerate(self.rng.integers(len(values), size=2)):
                self.graph.at = values[index]
                unread.discard(values[index])
                if place == 0 or self.chance(0.5):
                    self.conv_of_signs()
                ends.append(self.graph.at)
            self.add_up(ends)
            values.append(self.graph.at)
            unread.add(self.graph.at)
        self.add_up([value for value in values if value in unread])
        self.quantise(norm=False)


class Products(RandomGraph):
    """Gates: two layers of the same elements multiplied, or the larger or smaller of both; or a map times one
    number per channel of it."""

    def draw(self):
        self.pick(self.gate, self.excite)()
        self.quantise(norm=False)

    def factor(self, channels: int) -> str:
        """A layer that ends in -1 and +1, or in levels of a random scale; which of both."""
        self.same_conv(channels)
        self.norm()
        if self.chance(0.4):
            self.graph.sign(self.pick(1.0, 0.7))
            return "bits"
        self.graph.quant(self.pick(0.5, 0.3), int(self.rng.integers(2, 6)), signed=self.pick(0, 1))
        return "levels"

    def gate(self):
        channels, kinds = self.pick(2, 4), []
        factors = self.fork(2, lambda _: kinds.append(self.factor(channels)))
        self.shape[0], op = channels, self.pick("Mul", "Mul", "Max", "Min")
        self.drawn.add(f"{op} of {' and '.join(kinds)}")
        self.graph.node(op, inputs=factors)
        if self.chance(0.3):
            self.add_up([self.graph.at, factors[0]])

    def excite(self):
        self.drawn.add("map times vector")
        this, bits, before, channels = self.graph.at, self.bits, list(self.shape), self.shape[0]
        self.graph.node("MaxPool", kernel_shape=before[1:])
        self.shape = [channels, 1, 1]
        self.graph.node("Conv", self.graph.weights(channels, channels, 1, 1))
        self.norm()
        self.graph.quant(0.25, 3, signed=0)
        factors = [this, self.graph.at][:: self.pick(-1, 1)]
        self.graph.node("Mul", inputs=factors)
        self.bits, self.shape = bits, before


class Chain(RandomGraph):
    """A row of layers: convolutions, also of several dilations added up, dense; scores or a map."""

    def draw(self):
        if len(self.shape) == 1 or self.chance(0.25):
            return self.dense()
        (self.rates if self.bits == 1 and self.chance(0.3) else self.layer)()
        return self.pool() if self.chance(0.5) else None

    def rates(self):
        """Convolutions of the same bits at several dilations, each with its own border of -1, added up."""
        start, ends, channels, outputs = self.graph.at, [], self.shape[0], self.pick(1, 3, 7)
        for rate in self.rng.choice([1, 2, 3, 4, 8], int(self.rng.integers(2, 4)), replace=False).tolist():
            self.graph.node("Pad", np.array([0, 0, rate, rate] * 2), np.float32(-1), inputs=[start])
            self.graph.node("Conv", self.graph.weights(outputs, channels, 3, 3), dilations=[rate, rate])
            ends.append(self.graph.at)
        self.add_up(ends)
        self.shape[0] = outputs
        self.quantise()

    def dense(self):
        length, self.shape = self.flat(), [self.pick(1, 4, 5, 12)]
        self.graph.node("MatMul", self.graph.weights(length, *self.shape))
        self.quantise()

    def flat(self) -> int:
        if len(self.shape) > 1:
            self.graph.node("Flatten", axis=1)
        return prod(self.shape)

    def scores(self):
        """Sums of a dense layer, with a scale for all or for each; or a map: of 8-bit weights, sums, bits."""
        outputs, kind = int(self.rng.integers(2, 12)), int(self.rng.integers(3))
        if len(self.shape) == 1 or self.chance(0.6):
            length, self.shape = self.flat(), [outputs]
            self.graph.node("MatMul", self.graph.weights(length, outputs))
            if kind:
                count = (1, outputs)[kind - 1]
                signs = self.rng.choice([-1, 1], count)
                self.graph.real("Mul", signs * 2.0 ** self.rng.integers(-4, 2, count))
            return
        weights, bias = self.graph.weights(outputs, self.shape[0], 1, 1), []
        if kind == 0:
            weights = self.rng.integers(-127, 128, weights.shape) / 128
            bias = [self.rng.integers(-300, 300, outputs) / 128]
        self.graph.real("Conv", weights, *bias, kernel_shape=[1, 1])
        self.shape = [outputs, *self.shape[1:]]
        if kind == 1:
            self.quantise()


def still(kind: type[RandomGraph]) -> type[RandomGraph]:
    """A kind whose quantisers read, in half of all places, sums of some or all channels that never reach
    their first level, always have their last one, or are constant."""

    class Still(kind):
        def quantise(self, norm=True):
            if self.chance(0.5):
                channels, ones = self.shape[0], [1] * (len(self.shape) - 1)
                some = self.rng.random((1, channels, *ones)) < self.rng.choice([0.3, 1.0])
                op, value, rest = self.pick(("Add", -1e6, 0), ("Add", 1e6, 0), ("Mul", 0, 1))
                self.graph.real(op, np.where(some, value, rest))
                self.drawn.add(f"{op} {value:g}")
            super().quantise(norm)

    return Still
