"""The cost models of the stream operators against a synthesis."""

import numpy as np
import pytest
from mapped import compare_sites, mapped
from op_examples.reorder import made

from xnorforge.hw.ops.arg_max.op import ArgMax
from xnorforge.hw.ops.border.offsets import offsets
from xnorforge.hw.ops.border.op import Border
from xnorforge.hw.ops.clip.op import Clip
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.max_pool.op import MaxPool
from xnorforge.hw.ops.requantise.op import Requantise
from xnorforge.hw.ops.sum_pool.op import SumPool
from xnorforge.hw.ops.surround.op import Surround
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.top_k.op import TopK
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.ops.window.op import Window

pytestmark = pytest.mark.full  # one synthesis of all takes more than two minutes
THRESHOLDS = np.random.default_rng(1).integers(-128, 128, (64, 1))
OF_BYTES = np.sort(np.random.default_rng(1).integers(0, 256, (3, 3)), axis=1)
LEVELS = {"thresholds": np.sort(np.random.default_rng(3).integers(-900, 900, (64, 3)))}
DEEP = {"thresholds": np.sort(np.random.default_rng(4).integers(-400, 400, (512, 2)))}
CONSTANTS = {"thresholds": np.random.default_rng(5).integers(-(1 << 17), 1 << 17, (16, 1))}
FEW_LEVELS = {"thresholds": np.sort(np.random.default_rng(6).integers(1, 4096, (8, 3)))}
BOUNDS = np.random.default_rng(1).integers(300, 700, 64)
ROWS, COLUMNS, TABLE = offsets(
    np.random.default_rng(2).choice([-1, 1], (3, 3, 64, 64)), (14, 14), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)
)
ORDER = np.random.default_rng(7).permutation(64)[:, None] * 8 + np.arange(8)
PLACES = {"in_shape": (14, 14, 64), "rows": ROWS, "columns": COLUMNS}
OPS = [
    Window.make("ring in block RAM", ifm=(30, 30, 64), kernel=(3, 3), simd=32),
    Window.make("ring in LUTs, padded", ifm=(8, 8, 16), kernel=(3, 3), pads=(1, 1, 1, 1), simd=4),
    Window.make("three rates", ifm=(30, 40, 64), kernel=(3, 3), rates=(1, 2, 4), pads=(4,) * 4, simd=64),
    Window.make("four pixels", ifm=(32, 32, 16), kernel=(3, 3), stride=(2, 2), pads=(1,) * 4, simd=144,
        pixels=4),
    Window.make("bytes, two pixels", ifm=(64, 64, 4), kernel=(3, 3), stride=(4, 4), bits=2, simd=36,
        pixels=2),
    Window.make("side by side", ifm=(30, 40, 64), kernel=(3, 3), rates=(1, 4, 8), pads=(8,) * 4, simd=192),
    Window.make("a pixel of four", ifm=(32, 32, 8), kernel=(1, 1), stride=(2, 2), simd=1, bits=20),
    Window.make("ring as dear in LUTs", ifm=(32, 32, 3), kernel=(3, 3), pads=(1,) * 4, simd=3, bits=8),
    MaxPool.make("pool", ifm=(13, 13, 32), kernel=(2, 2), stride=(2, 2), pe=8),
    SumPool.make("sums of the map", ifm=(7, 7, 64), kernel=(7, 7), stride=(7, 7), pe=16),
    SumPool.make("sums", ifm=(14, 14, 64), kernel=(2, 2), stride=(2, 2), pe=2, in_bits=10, in_signed=1),
    MaxPool.make("maxima", ifm=(12, 12, 8), kernel=(2, 2), stride=(2, 2), pe=4, in_bits=6),
    made("upsampling", "Upsample", (14, 14, 64), {"factors": (2, 2)}, pe=16),
    made("blocks", "DepthToSpace", (14, 14, 256), {"block": (2, 2), "size": (28, 28)}, pe=16),
    made("blocks, cut", "DepthToSpace", (8, 8, 16), {"block": (2, 2), "size": (15, 15)}, pe=4),
    made("blocks of a row", "DepthToSpace", (8, 8, 16), {"block": (1, 2), "size": (8, 15)}, pe=4, bits=3),
    made("order", "Permute", (512,), {"places": ORDER.ravel(), "behind": (8, 8, 8)}, pe=8),
    Clip.make("clip", {"at": BOUNDS}, in_shape=(64,), pe=4, in_bits=10, out_bits=10),
    Border.make("border", {"table": TABLE}, **PLACES, pe=4, in_bits=10, out_bits=11, out_signed=1),
    TopK.make("top_k", n=10, k=1, in_bits=10),
    ArgMax.make("arg_max", {"offset": np.arange(12) * 75}, in_shape=(40, 30, 12), pe=4, in_bits=12,
        in_signed=1, shift=1),
    Fifo.make("skid", shape=(64,), lanes=16, depth=2),
    Fifo.make("fifo", shape=(64,), lanes=16, depth=40),
    Fifo.make("fifo in block RAM, rest in LUTs", shape=(600,), lanes=1, bits=20, depth=520),
    Fifo.make("fifo in half a block", shape=(600,), lanes=1, bits=16, depth=954),
    Fifo.make("fifo in three rows of blocks", shape=(600,), lanes=1, bits=32, depth=2793),
    Fifo.make("fifo in five rows of halves", shape=(600,), lanes=1, bits=36, depth=2208),
    Width.make("narrower", shape=(128,), in_lanes=64, out_lanes=8),
    Width.make("a half", shape=(96,), in_lanes=96, out_lanes=48),
    Width.make("a third, with pauses", shape=(144,), in_lanes=144, out_lanes=48, gap=1),
    Width.make("a quarter", shape=(32,), in_lanes=32, out_lanes=8),
    *(Width.make(f"a {ratio}th", shape=(24 * ratio,), in_lanes=24 * ratio, out_lanes=24)
      for ratio in (7, 9, 12, 16, 18, 20, 24, 32, 36, 48)),
    Width.make("wider", shape=(144,), in_lanes=3, out_lanes=72),
    Threshold.make("threshold", {"thresholds": THRESHOLDS}, in_shape=(64,), in_bits=8, in_signed=1),
    Threshold.make("eight pixels", {"thresholds": np.array([[37]])}, in_shape=(28, 28, 1), in_bits=8,
        pixels=8),
    Threshold.make("a constant per lane", CONSTANTS, in_shape=(4, 16), in_bits=20, in_signed=1, pe=16),
    Threshold.make("four constants per lane", CONSTANTS, in_shape=(4, 16), in_bits=20, in_signed=1, pe=4),
    Threshold.make("levels by constants", FEW_LEVELS, in_shape=(4, 8), in_bits=12, pe=4),
    Threshold.make("read ahead", LEVELS, in_shape=(64,), in_bits=11, in_signed=1),
    Threshold.make("read ahead from block RAM", DEEP, in_shape=(512,), in_bits=10, in_signed=1),
]  # fmt: skip
SIMPLE = [  # of which Yosys makes fewer LUTs than others of their kind
    Window.make("whole, far apart", ifm=(16, 16, 8), kernel=(3, 3), dilation=(1, 4), simd=72),
    Clip.make("at zero", {"at": np.zeros(64)}, in_shape=(64,), pe=4, in_bits=12, in_signed=1, out_bits=11),
    Requantise.make(
        "levels", {"offset": BOUNDS}, in_shape=(64,), pe=2, in_bits=14, in_signed=1, shift=6, levels=15
    ),
    Surround.make(
        "around", {"values": BOUNDS % 16}, ifm=(12, 14, 64), pads=(1,) * 4, pe=8, in_bits=4, out_bits=4
    ),
]


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Resources of every operator, from one synthesis of all side by side."""
    return mapped([*OPS, *SIMPLE], tmp_path_factory.mktemp("synthesis")).counted


@pytest.mark.parametrize("index", range(len(OPS)), ids=[op.name for op in OPS])
def test_a_cost_model_stays_within_a_tenth_and_three_luts_of_the_count(counted, index):
    estimate, found = OPS[index].estimate(), counted[index]
    assert estimate["lut"] == pytest.approx(found["lut"], rel=0.1, abs=3)
    assert estimate["bram36"] == found["bram36"]


def test_a_threshold_of_several_pixels_costs_by_itself_what_its_cost_model_says(tmp_path):
    """By itself: beside others Yosys takes up to three LUTs more."""
    given = {"in_shape": (8, 8, 3), "in_bits": 8, "pe": 3, "pixels": 2}
    op = Threshold.make("two pixels of levels", {"thresholds": OF_BYTES}, **given)
    (found,) = mapped([op], tmp_path).counted
    assert op.estimate()["lut"] == pytest.approx(found["lut"], rel=0.1, abs=3)
    assert op.estimate()["bram36"] == found["bram36"]
    compare_sites(op, found)


@pytest.mark.parametrize("index", range(len(OPS + SIMPLE)), ids=[op.name for op in OPS + SIMPLE])
def test_flip_flops_carry_cells_and_lut_ram_are_near_those_of_the_cost_model(counted, index):
    compare_sites([*OPS, *SIMPLE][index], counted[index])


def test_a_threshold_that_no_byte_reaches_costs_no_comparison():
    """As for the other channel alone."""

    def lut(*steps):
        arrays = {"thresholds": np.array([[step] for step in steps], object)}
        op = Threshold.make("threshold", arrays, in_shape=(3, len(steps)), pe=len(steps), in_bits=8)
        return op.estimate()["lut"]

    assert lut(2**70, 5) == lut(5) < lut(5, 5)
