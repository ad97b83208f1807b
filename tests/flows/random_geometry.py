"""Random networks with every geometry that ONNX can write: kernels, strides, dilations, borders of all
values, groups, pools of all kinds, shortcuts within shortcuts, concatenations; and what becomes of them.

A network is a function of its seed."""

import tempfile
from math import prod
from pathlib import Path

import numpy as np
from graphs import Graph
from pipeline import SLOW, imported, raced, random_foldings, smallest
from random_graphs import Pictures

from xnorforge.core.errors import UserError
from xnorforge.flows.fold import with_fifos
from xnorforge.hw import graph as operators
from xnorforge.hw.bind import bind
from xnorforge.hw.lowering.nodes import read_graph
from xnorforge.sim.bits import simulate_bits

IMAGES = 3
LARGEST = 12000  # elements of a tensor that is drawn, so that a network is quick


class Unfit(Exception):
    """A part that does not fit the image drawn so far; another one is drawn."""


class RandomGeometry(Pictures):
    """A network drawn from a seed."""

    order = 1

    def __init__(self, seed: int):
        self.rng = np.random.default_rng([seed, 7])
        self.shape = [self.channels()]
        self.shape += map(int, self.rng.integers(1, 12, 2) + 2 * self.chance(0.7))
        self.pixels = self.rng.integers(0, 256, (IMAGES, *self.shape)).astype(np.uint8)
        self.graph = Graph(self.shape, seed)
        self.spread = 100.0
        self.begin()
        self.fitting(self.layer)
        for _ in range(self.rng.integers(1, 4)):
            self.draw()
        self.end()

    # Draws.
    def channels(self) -> int:
        """Any number of 1 .. 70, small ones most of the time."""
        return int(self.rng.integers(1, 71) if self.chance(0.08) else self.rng.integers(1, 9))

    def draw(self):
        """One part of the network."""
        most = *[self.layer] * 4, *[self.pool] * 3, *[self.shortcut] * 2
        self.fitting(*most, self.side_by_side, self.larger)

    def fitting(self, *parts):
        """One of these that fits the image."""
        while True:
            before = self.graph.at, len(self.graph.nodes), list(self.shape), self.spread
            try:
                return self.pick(*parts)()
            except Unfit:
                self.graph.at, count, self.shape, self.spread = before
                del self.graph.nodes[count:]

    # Parts.
    def begin(self):
        """The picture as it is, around zero, as bits or as levels."""
        kind = self.pick("pixels", "pixels", "middle", "means", "bits", "levels")
        size = (1, self.shape[0], 1, 1)
        if kind == "middle":
            self.graph.real("Sub", 127.5).real(self.pick("Div", "Mul"), self.pick(127.5, 128.0, 0.5))
            self.spread = 1.0
        elif kind == "means":
            self.graph.real("Sub", self.rng.integers(160, 360, size) / self.pick(1, 2, 4))
        elif kind != "pixels":
            self.graph.real("Sub", self.rng.uniform(60, 200, size))
            self.quantise(norm=False, bits=kind == "bits")

    def layer(self):
        """Convolution, perhaps a pool of sums, quantiser."""
        self.conv(self.channels())
        if self.chance(0.25):
            self.norm()
            self.fitting(self.pool)
            self.quantise(norm=False)
        else:
            self.quantise()

    def shortcut(self):
        """A sum passes by a layer and is added to what it gives, once or twice, or one within another."""
        if self.chance(0.5):
            self.same_conv(self.shape[0])
            self.grid()
        for _ in range(self.rng.integers(1, 3)):
            before = self.graph.at
            self.quantise(norm=False)
            self.same_conv(self.shape[0])
            self.grid()
            if self.chance(0.3):
                inner = self.graph.at
                self.quantise(norm=False)
                self.same_conv(self.shape[0])
                self.grid()
                self.graph.real("Add", inputs=[self.graph.at, inner])
            self.graph.real("Add", inputs=[self.graph.at, before])
        self.quantise(norm=False)

    def side_by_side(self):
        """Two or three branches of the same elements, channels concatenated; each with its own quantiser."""

        def branch(k):
            if k or self.chance(0.6):
                self.same_conv(self.channels())
                self.quantise()

        self.graph.node("Concat", inputs=self.fork(self.rng.integers(2, 4), branch), axis=1)
        self.spread = 1.0

    def larger(self):
        """Every pixel several times."""
        factors = [self.pick(1, 2, 2, 3), self.pick(1, 2, 2, 3)]
        self.become([self.shape[0], *(side * f for side, f in zip(self.shape[1:], factors))])
        given = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        self.graph.node("Resize", None, np.float32([1, 1, *factors]), mode="nearest", **given)

    def pool(self):
        """Maximum or average; windows apart or overlapping, in a border or without, rounded up or down."""
        kind = self.pick(*["MaxPool"] * 3, *["AveragePool"] * 3, "GlobalMaxPool", "GlobalAveragePool")
        if kind.startswith("Global"):
            self.graph.node(kind)
            self.become([self.shape[0], 1, 1])
            return
        given, sides = self.windows(kind)
        self.graph.node(kind, **given)
        self.become([self.shape[0], *sides])

    def windows(self, kind):
        """Attributes of a pool of which every window sees a pixel of the image, and its rows and columns."""
        for _ in range(40):
            kernel = [int(self.rng.integers(1, 5)) for _ in range(2)]
            stride = list(kernel) if self.chance(0.3) else [self.pick(1, 2, 2, 3) for _ in range(2)]
            pads = [int(self.rng.integers(0, k)) for k in (*kernel, *kernel)]
            pads = pads if self.chance(0.5) else [0] * 4
            given = {"kernel_shape": kernel, "strides": stride, "pads": pads}
            dilation = [1, 1]
            if self.chance(0.2):
                given["ceil_mode"] = 1
            if kind == "AveragePool":
                given["count_include_pad"] = int(self.chance(0.5))
            elif self.chance(0.15):
                given["dilations"] = dilation = [self.pick(1, 1, 2) for _ in range(2)]
            sides = []
            for side, k, s, d, p, q in zip(self.shape[1:], kernel, stride, dilation, pads, pads[2:]):
                over = side + p + q - d * (k - 1) - 1
                count = -(-over // s) + 1 if "ceil_mode" in given else over // s + 1
                first = np.arange(max(count, 0)) * s - p
                places = first[:, None] + np.arange(k) * d
                if over >= 0 and ((places >= 0) & (places < side)).any(1).all() and (first < side).all():
                    sides.append(count)
            if len(sides) == 2:
                return given, sides
        raise Unfit

    def end(self):
        """A dense layer, a map, or a mean of a map."""
        kind = self.pick("dense", "dense", "dense", "map", "bits", "mean")
        if kind == "dense":
            length, self.shape = prod(self.shape), [int(self.rng.integers(2, 9))]
            self.graph.node("Flatten", axis=1)
            several = self.rng.integers(-7, 8, (length, *self.shape))
            self.graph.real("MatMul", self.pick(several, self.graph.weights(length, *self.shape)))
            return
        self.fitting(lambda: self.conv(int(self.rng.integers(2, 7))))
        if kind == "bits":
            self.quantise()
        elif kind == "mean":
            self.graph.node("GlobalAveragePool")
            self.become([self.shape[0], 1, 1])

    # Pieces.
    def become(self, shape):
        """The shape from here on, unless it is too large to be quick."""
        if prod(shape) > LARGEST:
            raise Unfit
        self.shape = [int(size) for size in shape]

    def conv(self, outputs: int):
        """Any kernel, stride, dilation, border and groups."""
        channels, *size = self.shape
        for _ in range(50):
            kernel = [int(self.pick(1, 1, 2, 3, 3, 3, 4, 5, 6, 7)) for _ in size]
            stride = [self.pick(1, 1, 1, 2, 3) for _ in size]
            dilation = [self.pick(1, 1, 1, 2, 3) if k > 1 else 1 for k in kernel]
            most = [k + 1 if self.chance(0.05) else (k - 1) * d + 1 for k, d in zip(kernel, dilation)] * 2
            pads = [int(self.rng.integers(0, m)) if self.chance(0.6) else 0 for m in most]
            pads = pads if self.chance(0.7) else [0] * 4
            ends = zip(size, pads, pads[2:], dilation, kernel)
            spans = [side + p + q - d * (k - 1) for side, p, q, d, k in ends]
            if min(spans) > 0 and prod(kernel) * channels < 600:
                break
        else:
            kernel, stride, dilation, pads, spans = [1, 1], [1, 1], [1, 1], [0] * 4, size
        groups = 1
        if channels > 1 and self.chance(0.3):
            groups = int(self.rng.choice([g for g in range(2, channels + 1) if channels % g == 0]))
            outputs = groups * self.pick(1, 1, 2)
        given = {"kernel_shape": kernel, "strides": stride, "dilations": dilation, "group": groups}
        self.border(pads, given)
        self.weighted(outputs, channels // groups, kernel, given)
        self.become([outputs, *((span - 1) // s + 1 for span, s in zip(spans, stride))])

    def same_conv(self, outputs: int):
        """A convolution that keeps the size."""
        rate, kernel = self.pick(1, 1, 2), self.pick([3, 3], [3, 3], [1, 1], [5, 3], [1, 3])
        pads = [rate * (k // 2) for k in kernel] * 2
        given = {"kernel_shape": kernel, "dilations": [rate, rate]}
        self.border(pads, given)
        self.weighted(outputs, self.shape[0], kernel, given)
        self.become([outputs, *self.shape[1:]])

    def border(self, pads, given: dict):
        """Zeros of the convolution itself, or a Pad with a constant in front of it."""
        if not any(pads):
            return
        value = self.pick(0, 0, 0, 0, 0, -1, 1)
        if value or self.chance(0.15):
            self.graph.node("Pad", np.array([0, 0, *pads[:2], 0, 0, *pads[2:]]), np.float32(value))
        else:
            given["pads"] = pads

    def weighted(self, outputs, inside, kernel, given):
        """The convolution with weights of 1 to 4 bits."""
        bits, shape = self.pick(1, 1, 1, 2, 3, 4), (outputs, inside, *kernel)
        top = 2 ** (bits - 1)
        weights = self.graph.weights(*shape) if bits == 1 else self.rng.integers(-top + 1, top, shape)
        bias = [self.rng.integers(-8, 9, outputs)] if self.chance(0.2) else []
        self.graph.real("Conv", weights, *bias, **given)
        self.spread *= max(1.0, prod(shape[1:]) ** 0.5 * (1 if bits < 3 else top / 2))

    def grid(self):
        """Gain and shift per channel on a binary grid, so that a sum of branches has few bits."""
        channels = self.shape[0]
        gain = self.rng.choice([-1, 1], channels, p=[0.2, 0.8]) * self.pick(0.25, 0.5, 1.0)
        self.graph.real("Mul", gain.reshape(1, -1, 1, 1))
        self.graph.real("Add", self.rng.integers(-8, 9, (1, channels, 1, 1)) / 4)

    def quantise(self, norm=True, bits=None):
        """To -1 and +1, or to levels: from 0, around 0, ternary, with a zero-point."""
        if norm:
            self.norm()
        drawn = ("bits", "bits", "bits", "levels", "signed", "ternary", "zero-point")
        kind = "bits" if bits else self.pick(*drawn)
        kind = self.pick("levels", "signed") if bits is False else kind
        scale = self.pick(0.5, 1.0, 0.25)
        if kind == "bits":
            self.graph.sign()
        elif kind == "levels":
            self.graph.quant(scale, self.pick(1, 2, 3), signed=0)
        elif kind == "signed":
            self.graph.quant(scale, self.pick(2, 3))
        elif kind == "ternary":
            self.graph.quant(scale, 2, narrow=1)
        else:
            self.graph.quant(scale, self.pick(2, 3), zero=self.pick(1.0, 2.0, 0.5), signed=0)
        self.spread = 1.0


def build(net: RandomGeometry, seed: int, folder: Path, rtl: bool = False) -> None:
    """A network through import, lower, bind, a random folding and the bit simulator; RTL if asked.
    A UserError is a refusal; AssertionError and MismatchError are wrong."""
    net.model.save(str(folder / "net.onnx"))
    imported(folder / "net.onnx", net.pixels, folder / "out", 1.0)
    try:
        _folded_and_run(net, seed, folder, rtl)
    except UserError as error:
        raise AssertionError(f"refused only after lower: {error}") from error


def _folded_and_run(net: RandomGeometry, seed: int, folder: Path, rtl: bool) -> None:
    """What follows `lower`, compared with its integers."""
    found = np.load(folder / "out" / "lowered.npz")
    bounds = bind(read_graph(folder / "out" / "lowered.onnx"), found["scale"], found["bias"])
    if rtl:
        ops, run = raced(bounds, net.pixels, seed, folder)
        got = run.output
    else:
        rng = np.random.default_rng(seed)
        ops = with_fifos(smallest(bounds, SLOW * 20, random_foldings(bounds, rng)), {})
        got = simulate_bits(ops, net.pixels)
        np.testing.assert_array_equal(operators.execute(ops, net.pixels)[ops[-1].name], got)
    np.testing.assert_array_equal(got, operators.answers(ops, found))


def outcome(seed: int, rtl: bool = False) -> tuple[str, str]:
    """What becomes of a seed: "built", "refused" or "wrong", and what was said."""
    net = RandomGeometry(seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            build(net, seed, Path(folder), rtl)
        except UserError as error:
            return "refused", str(error)
        except Exception as error:  # anything else is a fault of ours
            return "wrong", f"{type(error).__name__}: {error}"
    return "built", ""
