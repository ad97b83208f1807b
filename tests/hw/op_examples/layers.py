"""Layers drawn by seeds: an instance of any operator, on which estimates are measured."""

from math import prod
from typing import Any

import numpy as np

from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import value_range

from . import class_of, da_mvu, depthwise, interact, loop
from .drawn import seeded
from .reorder import moved

IMAGES = (32, 32), (28, 28), (15, 20), (16, 16), (14, 14), (8, 8), (7, 7)


class Draw:
    """An image, its channels, lanes and bits, which are `usual` attributes of operators, and choices."""

    def __init__(self, cls: type[HwOp], kind: str, seed: int):
        self.cls, self.seed = cls, seed
        self.rng = np.random.default_rng([seed, *kind.encode()])
        self.image, self.channels = self.one(*IMAGES), self.one(16, 32, 48, 64, 96, 128, 256)
        self.shape, self.few = (*self.image, self.channels), self.lanes(self.channels, 8)
        self.bits, self.signed = self.one(1, 2, 4, 8, 8, 10, 12, 16), self.one(0, 1)
        self.pe = self.lanes(self.channels)
        self.usual: dict[str, Any] = {"pe": self.pe, "vectors": prod(self.image), "shape": self.shape}
        self.usual |= {"in_shape": self.shape, "ifm": self.shape}
        for end in ("", "in_", "out_"):
            self.usual |= {f"{end}bits": self.bits, f"{end}signed": self.signed}

    def one(self, *values: Any) -> Any:
        """One of these."""
        return values[self.rng.integers(len(values))]

    def lanes(self, count: int, most: int = 16) -> int:
        """A divisor of a number, `most` at most."""
        return self.one(*(n for n in range(1, most + 1) if count % n == 0))

    def values(self, *shape: int, bits: int, signed: int = 1) -> np.ndarray:
        """Random numbers of so many bits."""
        low, high = value_range(bits, bool(signed))
        return self.rng.integers(low, high + 1, shape)

    def ones(self) -> np.ndarray:
        """-1 or 1 of each channel."""
        return self.rng.choice([-1, 1], self.channels)

    def matrix(self, mw: int = 0, rows: tuple[int, ...] = (16, 32, 64, 128), **more: Any) -> HwOp:
        """A matrix of a convolution of 3 by 3 or a dense layer, with thresholds or sums."""
        mw, mh = mw or self.one(27, 72, 144, 256, 288, 576), self.one(*rows)
        sizes = {"simd": self.lanes(mw, 48), "pe": self.lanes(mh, 8), "vectors": prod(self.image)}
        return seeded(self.cls, self.seed, mw, mh, **sizes | {"raw": self.one(False, True)} | more)


def pool(d: Draw) -> dict[str, Any]:
    kernel = d.one((2, 2), (2, 2), (3, 3), (4, 4))
    image = [size - size % edge for size, edge in zip(d.image, kernel)]
    return {"ifm": [*image, d.channels], "kernel": kernel, "stride": kernel}


def choose(kind: str, d: Draw) -> Any:
    """What is an operator's own: it, or its constants and attributes where they are not the usual ones."""
    match kind:
        case "arg_max":
            channels = d.one(2, 5, 10, 12, 19, 32, 100)
            offset = d.one({}, {"offset": d.values(channels, bits=10)})
            kind = {"pe": d.lanes(channels), "in_bits": d.one(6, 8, 10, 12, 16), "in_signed": 1}
            return offset | kind | {"in_shape": [*d.one((1, 1), d.image), channels]}
        case "border":
            rows, columns = ([0, *[1] * (size - 2), 2] for size in d.image)
            bits, mul = d.one(6, 8, 9, 10), d.one(1, 2)
            kind = {"mul": mul, "in_bits": bits, "in_signed": 0, "out_bits": bits + mul, "out_signed": 1}
            kind |= {"rows": rows, "columns": columns}
            return kind | {"table": d.values(3, 3, d.channels, bits=bits - 1)}
        case "byte_mvu":
            return d.matrix(in_bits=8, in_signed=d.signed)
        case "clip":
            bits, mul = d.one(4, 8, 10, 12, 16), d.one(1, 2)
            kind = {"in_bits": bits, "in_signed": 1, "mul": mul, "out_bits": bits + mul - 1, "out_signed": 1}
            return {"at": mul * d.values(d.channels, bits=bits)} | d.one({}, {"direction": d.ones()}) | kind
        case "concat":
            channels = [d.channels * times for times in d.one((1, 1), (1, 2), (1, 1, 2))]
            kinds = {"in_bits": [d.bits] * len(channels), "in_signed": [d.signed] * len(channels)}
            return kinds | {"channels": channels, "out_shape": [*d.image, sum(channels)]}
        case "crop":
            first, inner = [d.one(0, 1, 2) for _ in d.image], [size - d.one(2, 3) for size in d.image]
            return moved("Crop", d.shape, behind=[*inner, d.channels], first=first)
        case "da_mvu":
            bits = d.one(1, 1, 8)
            sizes = d.one(27, 36, 64, 72, 144), d.one(8, 10, 16, 32) if bits == 1 else d.one(4, 8)
            return da_mvu.seeded(d.cls, d.seed, *sizes, d.one(False, True), bits, w_bits=d.one(1, 1, 2, 4))
        case "depth_to_space":
            height, width = d.image
            before, size = [height, width, 4 * d.channels], [2 * height, 2 * width]
            return moved("DepthToSpace", before, block=[2, 2], size=size)
        case "depthwise":
            kind = d.one((1, 1, 0), (0, 1, 0), (0, d.one(4, 8), d.signed))
            more = d.one((3, 3), (5, 5)), d.pe, d.one(False, True)
            return depthwise.seeded(d.cls, d.seed, d.shape, *more, *kind)
        case "digit":
            bits, many = d.one(18, 24, 32, 48, 64), d.one(8, 12, 15, 16)
            kind = {"in_bits": bits, "in_signed": 1, "out_bits": many, "out_signed": 0}
            return kind | {"shift": d.one(0, many)}
        case "fifo":
            return {"depth": d.one(6, 16, 30, 64, 100, 256, 700), "lanes": d.pe}
        case "fork":
            return {"readers": d.one(2, 2, 3)}
        case "int_mvu":
            ternary: dict[str, Any] = {"w_bits": 2, "values": (-1, 0, 1), "in_bits": d.one(2, 8)}
            kind = d.one(ternary, {"w_bits": d.one(4, 8), "in_bits": d.one(4, 8), "dsp": d.one(0, 1)})
            mw, simd = d.one(27, 72, 144, 288), d.one(3, 9)
            return d.matrix(mw, (8, 16, 32), simd=simd, in_signed=d.signed, **kind)
        case "interact":
            n0, channels, density = d.one(144, 288, 576), d.one(32, 64, 128), d.one(0.03, 0.1)
            more = d.lanes(channels), n0, density, (3, 5), d.one(False, True)
            return interact.seeded(d.cls, d.seed, [*d.image, channels], 16, *more)
        case "join":
            streams, bits = d.one(1, 2, 2, 3), d.one(8, 9, 10, 12)
            gains = d.values(streams, d.channels, bits=d.one(4, 7, 9))
            kind = {"in_bits": [bits] * streams, "in_signed": [d.signed] * streams, "out_bits": 23}
            return kind | {"out_signed": 1, "multipliers": d.one(gains, np.ones_like(gains)), "pe": d.few}
        case "lookup":
            neurons, bits, inputs = d.one(64, 100, 200, 300), d.one(4, 6, 6), d.one(64, 200, 400)
            arrays = {"places": d.rng.integers(inputs, size=(neurons, bits))}
            arrays["tables"] = d.rng.integers(2, size=(neurons, 1 << bits))
            return arrays | {"in_shape": [inputs], "neurons": neurons}
        case "loop":
            channels = d.one(8, 16, 32)
            return loop._convolutions(d.cls, d.seed, *d.image, channels, d.lanes(channels, 8), d.one(2, 3, 4))
        case "max_pool":
            return pool(d) | d.one({}, {"direction": d.ones()})
        case "or_pool":
            return pool(d) | {"in_bits": 1, "in_signed": 0} | d.one({}, {"direction": -np.ones(d.channels)})
        case "permute":
            group, shape = d.one(1, 2, 16), [*d.one((7, 7), (4, 4), (8, 8)), d.one(16, 32, 64)]
            order = d.rng.permutation(prod(shape) // group)
            places = (order[:, None] * group + np.arange(group)).ravel()
            pe = d.lanes(group)
            return moved("Permute", shape, places=places, behind=[prod(shape)]) | {"pe": pe}
        case "product":
            one, other, xnor = d.one((1, 1, 1), (1, 8, 0), (4, 4, 0), (8, 8, 0), (8, 12, 0))
            signed, bits = 0 if xnor else d.signed, other if one == 1 else one + other
            kind = {"in_bits": [one, other], "in_signed": [signed * (one > 1), signed], "out_bits": bits}
            return kind | {"out_signed": signed, "pe": d.few, "xnor": xnor}
        case "requantise":
            bits, arrays = d.one(14, 17, 18, 20), {}
            if d.one(0, 1):
                arrays = {"ties": d.rng.integers(0, 3, d.channels), "direction": d.ones()}
            own = {"in_bits": bits, "shift": bits - 11, "levels": d.one(15, 255),
                   "pe": d.lanes(d.channels, 4)}  # fmt: skip
            if d.seed % 3 == 0:  # a PReLU, of slopes that shift or of any
                arrays = {"slope": d.rng.choice(d.one((1, 2, 4, 8), range(9)), d.channels)}
            return own | arrays | {"offset": d.values(d.channels, bits=bits - 1)}
        case "spatial_mvu":
            run = d.one(16, 32, 64)
            return d.matrix(9 * run, simd=run // d.one(1, 2, 4), run=run, scale_bits=3)
        case "sum_pool":
            return pool(d)
        case "surround":
            values = d.values(d.channels, bits=d.bits, signed=d.signed)
            values = d.one(values, np.full_like(values, values[0]))
            return {"values": values, "pads": d.one((1, 1, 1, 1), (1, 1, 1, 1), (2, 2, 2, 2), (0, 0, 1, 1))}
        case "threshold":
            bits, steps = d.one(8, 10, 12, 16), d.one(1, 1, 3, 3, 7, 15)
            at = np.sort(d.values(d.channels, steps, bits=bits, signed=d.signed), axis=1)
            return {"in_bits": bits, "pe": d.few, "thresholds": at} | d.one({}, {"direction": d.ones()})
        case "top_k":
            return {"n": d.one(10, 12, 43, 100), "k": d.one(1, 2, 5), "pe": 1, "in_bits": 2 + d.bits}
        case "upsample":
            return moved("Upsample", d.shape, factors=d.one((2, 2), (2, 2), (4, 4)))
        case "width":
            many = d.one(*(n for n in (2, 3, 4, 8, 16) if d.channels % (d.pe * n) == 0), 1)
            return dict(zip(d.one(("in_lanes", "out_lanes"), ("out_lanes", "in_lanes")), (d.pe, d.pe * many)))
        case "window":
            channels, pad = d.one(3, 16, 32, 64, 128), d.one(0, 1)
            simd = d.one(d.lanes(channels, 32), channels) if channels > 3 else d.one(3, 27)
            sizes = {"ifm": [*d.image, channels], "kernel": [3, 3], "pads": [pad] * 4, "dilation": [1, 1]}
            stride = d.one(1, 1, 2)
            return sizes | {"stride": [stride] * 2, "bits": d.one(1, 1, 1, 8), "signed": 0, "simd": simd}
        case "xnor_matmul":
            mw, mh = d.one(64, 144, 288, 576), d.one(16, 25, 64)
            return {"mw": mw, "mh": mh, "simd": d.lanes(mw, 48), "pe": d.lanes(mh, 8), "in_bits": 1}
        case "xnor_mvu":
            return d.matrix()


def drawn(kind: str, seed: int) -> HwOp:
    """One of an operator, by its folder or its file of examples."""
    d = Draw(class_of(kind), kind, seed)
    if isinstance(given := choose(kind, d), HwOp):
        return given
    arrays = {name: given.pop(name) for name in d.cls.arrays if name in given}
    kinds = d.cls.make(**given).get_nodeattr_types()
    usual = {name: value for name, value in d.usual.items() if name in kinds}
    return d.cls.make(arrays=arrays, **usual | given)
