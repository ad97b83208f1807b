"""The cost models of operators with constants, and of converters to narrower beats, against syntheses of
each alone; of Join and Requantise with small tables, part of what reads them, and large ones, which are not.
"""

import numpy as np
import pytest

from xnorforge.flows.synth.mapping import count
from xnorforge.hw.ops.join.op import Join
from xnorforge.hw.ops.requantise.op import Requantise
from xnorforge.hw.ops.surround.op import Surround
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.width.op import Width

DRAW = np.random.default_rng(3)


def levels(channels: int, ties: bool, **given) -> Requantise:
    arrays = {"offset": DRAW.integers(-(1 << 14), 1 << 14, channels)}
    if ties:
        arrays |= {"ties": DRAW.integers(0, 3, channels), "direction": DRAW.choice([-1, 1], channels)}
    return Requantise.make(f"levels_{channels}_{ties}", arrays, in_shape=(channels,), levels=255, **given)


def products(streams: int, channels: int) -> Join:
    gains = DRAW.integers(-64, 64, (streams, channels))
    given = {"in_bits": [10] * streams, "in_signed": [0] * streams, "out_bits": 20, "out_signed": 1}
    return Join.make(f"products_{streams}_{channels}", {"multipliers": gains}, in_shape=(channels,), **given)


def steps(channels: int, bits: int, count: int) -> Threshold:
    thresholds = np.sort(DRAW.integers(1, 1 << bits, (channels, count)), axis=1)
    given = {"in_shape": (channels,), "in_bits": bits}
    return Threshold.make(f"steps_{channels}_{count}", {"thresholds": thresholds}, **given)


def around(ifm: tuple[int, int, int], pe: int, pads: tuple[int, int, int, int], several: bool) -> Surround:
    values = DRAW.integers(0, 16, ifm[-1]) if several else np.full(ifm[-1], 9)
    sizes = {"ifm": ifm, "pads": pads, "pe": pe, "in_bits": 4, "out_bits": 4}
    return Surround.make(f"around_{ifm[-1]}_{several}", {"values": values}, **sizes)


OPS = [
    levels(1, False, in_bits=18, shift=6), levels(16, True, in_bits=18, shift=7, in_signed=1),
    levels(48, False, in_bits=20, shift=8, pe=2), levels(48, True, in_bits=18, shift=7, in_signed=1),
    levels(160, True, in_bits=17, shift=5, in_signed=1), products(3, 32), products(3, 128), products(1, 64),
    steps(128, 12, 1), steps(256, 18, 1), steps(64, 10, 7), steps(16, 10, 15),
    around((32, 32, 8), 1, (1, 1, 1, 1), False), around((12, 14, 64), 2, (1, 0, 2, 0), True),
    Width.make("sixteenths of a wide beat", shape=(3584,), in_lanes=3584, out_lanes=224),
    Width.make("thirty-seconds", shape=(2048,), in_lanes=2048, out_lanes=64),
]  # fmt: skip


pytestmark = pytest.mark.full  # a minute of syntheses


@pytest.fixture(scope="module")
def counted():
    return dict(zip((op.name for op in OPS), count(OPS, "xc7"), strict=True))


@pytest.mark.parametrize(("name", "part", "few"), [("lut", 0.15, 8), ("ff", 0.05, 3)])
@pytest.mark.parametrize("op", OPS, ids=[op.name for op in OPS])
def test_luts_and_flip_flops_are_near_the_count(counted, op, name, part, few):
    assert op.estimate()[name] == pytest.approx(counted[op.name][name], rel=part, abs=few)
