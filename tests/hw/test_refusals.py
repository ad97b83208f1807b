"""What no operator can be is refused in one sentence that begins with its name and says what would work."""

import numpy as np
import pytest

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.hw.ops.da_mvu.op import DaMvu

from ..refusals import says

MAKE = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}
ONES = np.ones
STEPS, PIXELS = np.array([[1], [2]]), (4, 5, 2)
POOL = {"ifm": [8, 8, 6], "kernel": [2, 2], "stride": [2, 2]}
# {kind: what it has where nothing else is said}; arrays are those attributes that are lists or arrays here.
USUAL = {
    "window": {"ifm": (8, 8, 6), "kernel": (3, 3)}, "fifo": {"shape": (4,)},
    "sum_pool": POOL | {"in_bits": 4}, "max_pool": POOL | {"in_bits": 4},
    "threshold": {"in_shape": (4, 2), "in_bits": 8}, "arg_max": {"in_shape": (4, 4, 3), "in_bits": 8},
    "top_k": {"n": 10, "in_bits": 4}, "width": {"shape": (12,)},
    "reorder": {"in_shape": [4], "out_shape": [2], "period": 4, "order": np.array([3, 1])},
    "clip": {"in_shape": (4, 2), "in_bits": 8, "out_bits": 8},
    "border": {
        "in_shape": (2, 3, 2), "in_bits": 4, "out_bits": 5, "rows": [0, 1], "columns": [0, 0, 0],
        "table": np.zeros((2, 1, 2)),
    },
    "surround": {"ifm": (2, 3, 2), "pads": [1, 1, 0, 0], "in_bits": 4, "out_bits": 4, "values": np.zeros(2)},
    "depthwise": {"ofm": (1, 1, 3), "kernel": (2, 1), "weights": ONES((2, 3))},
    "interact": {
        "in_shape": [8], "in_bits": 5, "n0": 20, "unit": 1, "influence": np.zeros((2, 4, 4)),
        "thresholds": np.zeros(8), "direction": ONES(8),
    },
    "requantise": {"in_shape": [1, 1], "in_bits": 8, "shift": 2, "levels": 3, "offset": ONES(1)},
    "sign_mvu": {"weights": ONES((12, 64))},
    "int_mvu": {"weights": np.array([[-7, 6]])}, "spatial_mvu": {"weights": ONES((2, 1))},
    "da_mvu": {"weights": ONES((3, 2), int), "bias": np.zeros(2, int), "in_bits": 3, "out_bits": 5},
}  # fmt: skip
SLOPES = {"shift": 0, "levels": 15, "zero": 8, "ties": np.zeros(1), "direction": ONES(1),
          "slope": ONES(1) * 4}  # fmt: skip
# Kind, what is changed, and what the sentence says.
CASES = [
    ("window", {"simd": 5}, "simd=5 … channels=6 … [1, 2, 3, 6]"),
    ("window", {"kernel": (9, 3)}, "9 rows … 8 … pads 0 and 0 … smaller"),
    ("window", {"dilation": (1, 4)}, "9 columns … 8 … pads 0 and 0 … smaller"),
    ("window", {"pads": (0, 3, 0, 0)}, "pads 3 and 0 … columns … 0 .. 2"),
    ("window", {"pads": (1, 1, 1, 1), "pad_value": -1}, "pad_value=-1 … 0 .. 1"),
    ("window", {"bits": 4, "signed": 1, "pad_value": 8}, "pad_value=8 … -8 .. 7"),
    ("window", {"rates": (4, 1, 2), "pads": (4,) * 4},
     "rates=[4, 1, 2] … dilation=[1, 1] … ascending … 1 .. 255"),
    ("window", {"rates": (1, 2), "kernel": (2, 2), "pads": (1,) * 4},
     "rates=[1, 2] … odd kernel … all odd or all even"),
    ("window", {"stride": (0, 1)}, "stride … rows … 1 or more"),
    ("max_pool", {"in_bits": 1, "stride": [1, 1]}, "stride=[1, 1] … kernel=[2, 2] … windows=1"),
    ("max_pool", {"in_bits": 1, "ifm": [1, 8, 6]}, "kernel=[2, 2] … 1 x 8 … smaller"),
    ("sum_pool", {"stride": [1, 1]}, "stride=[1, 1] … kernel=[2, 2] … windows=1"),
    ("max_pool", {"direction": np.array([1, -1])}, "direction … (2,) … (6,)"),
    ("max_pool", {"pe": 4}, "pe=4 … channels=6 … [1, 2, 3, 6]"),
    ("reorder", {"period": 3}, "4 groups in parts of 3 … 2 in parts of 2"),
    ("reorder", {"order": np.array([3, 4])}, "order ranges over 3 .. 4 … 0 .. 3"),
    ("threshold", {"thresholds": np.array([[1, 3], [2, 1]])}, "channel 1 … ascend … sort"),
    ("threshold", {"thresholds": np.array([[1], [2], [3]])}, "(3, 1) … (2,) … (2, steps)"),
    ("threshold", {"thresholds": STEPS, "direction": np.array([1, 0])}, "direction … channel 1 … 1 or -1"),
    ("threshold", {"thresholds": np.array([range(65536)] * 2)}, "65,536 … 1 .. 65,535"),
    ("threshold", {"thresholds": STEPS, "pe": 3}, "pe=3 … channels=2 … [1, 2]"),
    ("threshold", {"thresholds": STEPS, "in_shape": PIXELS, "pe": 2, "pixels": 3},
     "pixels=3 … 20 … [1, 2, 4, 5, 10, 20]"),
    ("threshold", {"thresholds": STEPS, "in_shape": PIXELS, "pixels": 2}, "pixels=2 … pe=2 … pe=1"),
    ("top_k", {"k": 0}, "k=0 … n=10 … 1 .. 10"), ("top_k", {"k": 11}, "k=11 … n=10 … 1 .. 10"),
    ("arg_max", {"offset": np.array([1, 2])}, "offset … (2,) … (3,)"),
    ("arg_max", {"shift": 17}, "shift=17 … 0 .. 16"), ("fifo", {"depth": 0}, "depth=0 … 1 .. "),
    ("fifo", {"kind": "ultra"}, "kind='ultra' … auto, lut, block"),
    ("width", {"in_lanes": 4, "out_lanes": 6}, "in_lanes=4 … out_lanes=6 … two"),
    ("width", {"in_lanes": 1, "out_lanes": 8}, "8 lanes … 12 elements … divisor"),
    ("clip", {"at": np.zeros(3)}, "at … (3,) … direction … (2,) … 2 channels"),
    ("clip", {"at": np.zeros(2), "direction": np.array([1, 2])}, "direction … channel 1 … 1 or -1"),
    ("border", {"table": np.zeros((2, 2))}, "table … (2, 2) … 2 channels"),
    ("border", {"rows": [0, 2]}, "rows=[0, 2] … 2 rows … 0 .. 1"),
    ("border", {"columns": [0, 0]}, "columns=[0, 0] … 3 columns … 0 .. 0"),
    ("border", {"factors": ONES((1, 2))}, "factors … (1, 2) … (2, 1)"),
    ("border", {"mul": 0}, "mul=0 … 1 or more"),
    ("surround", {"pads": [1, 1, -1, 0]}, "pads=[1, 1, -1, 0] … 0 or more"),
    ("surround", {"out_signed": 1}, "out_bits=4 … out_signed=1 … -8 .. 7 … 0 .. 15"),
    ("surround", {"values": np.array([3, -1])}, "values … -1 .. 3 … (2,) … 0 .. 15"),
    ("depthwise", {"pe": 2}, "pe=2 … channels=3 … [1, 3]"),
    ("depthwise", {"in_bits": 13}, "in_bits=13 … 1 .. 12"),
    ("depthwise", {"in_bits": 2, "xnor": 1}, "xnor=1 … in_bits=2 … in_bits=1"),
    ("depthwise", {"in_signed": 1}, "in_signed=1 … in_bits=1 … 2 or more"),
    ("depthwise", {"kernel": (3, 3)}, "weights … (2, 3) … (9, 3)"),
    ("interact", {"influence": np.zeros((2, 3, 3))}, "influence … (2, 3, 3) … 8 channels"),
    ("interact", {"influence": np.zeros((2, 4, 2))}, "(2, 4, 2) … (groups, g, g) … 8"),
    ("interact", {"influence": np.full((2, 4, 4), 4)}, "influence … 4 … odd"),
    ("interact", {"thresholds": np.zeros(7)}, "thresholds … (7,) … direction … (8,) … 8 channels"),
    ("interact", {"direction": np.full(8, 2)}, "direction … channel 0 … 1 or -1"),
    ("interact", {"n0": 0}, "n0=0 … unit=1 … positive"),
    ("interact", {"unit": 0}, "n0=20 … unit=0 … positive"), ("interact", {"extent": 21}, "extent=21 … n0=20"),
    ("interact", {"extent": -3}, "extent=-3 … n0=20"),
    ("interact", {"in_bits": 4}, "in_bits=4 … n0=20 … 5 or more"),
    ("interact", {"matches": 0}, "in_bits=5 … -n0 … n0=20 … 6 or more"),
    ("interact", {"pe": 3}, "pe=3 … channels=8 … [1, 2, 4, 8]"),
    ("requantise", {"shift": 0}, "shift=0, levels=3 … 1 .. 255"),
    ("requantise", {"levels": 0}, "shift=2, levels=0 … 1 .. 65,535"),
    ("requantise", {"offset": np.array([1, 2])}, "offset … (2,) … (1,)"),
    ("requantise", {"ties": np.array([3])}, "ties … (1,) … 0 and 1 and 2"),
    ("requantise", SLOPES | {"levels": 0}, "levels=0 … 1 .. 65,535"),
    ("requantise", SLOPES | {"zero": 16}, "zero=16 … 0 .. levels"),
    ("requantise", SLOPES | {"slope": np.array([9])}, "slope … (1,) … 0, 1, "),
    ("requantise", SLOPES | {"offset": np.array([1, 2])}, "offset … (2,) … (1,)"),
    ("sign_mvu", {"simd": 7}, "simd=7 … mw=12 … [1, 2, 3, 4, 6, 12]"),
    ("sign_mvu", {"pe": 3}, "pe=3 … mh=64 … [1, 2, 4, 8, 16, 32, 64]"),
    ("sign_mvu", {"vectors": 3, "in_shape": [2, 12]}, "in_shape=[2, 12] … 24 … vectors=3 … 36"),
    ("sign_mvu", {"mw": 64, "mh": 12, "in_shape": [64], "out_shape": [12]}, "weights … (12, 64) … (64, 12)"),
    ("sign_mvu", {"in_signed": 1}, "in_bits=1 … in_signed=1 … 2 .. 12 … IntMvu"),
    ("sign_mvu", {"in_bits": 8, "vectors": 2, "in_shape": [24], "out_shape": [128], "pixels": 2}, "bits … 8"),
    ("int_mvu", {"w_bits": 17}, "w_bits=17 … 2 .. 16"), ("int_mvu", {"in_bits": 17}, "in_bits=17 … 1 .. 16"),
    ("int_mvu", {"bipolar": 1}, "bipolar=1 … in_bits=8 … in_bits=1"),
    ("int_mvu", {"dsp": 1, "in_bits": 1}, "dsp=1 … in_bits=1 … 2 or more"),
    ("int_mvu", {"in_signed": 1, "in_bits": 1}, "in_signed=1 … in_bits=1 … 2 or more"),
    ("int_mvu", {"w_bits": 3}, "weights … -7 .. 6 … w_bits=3 … -4 .. 3"),
    ("int_mvu", {"out_bits": 11}, "-1785 .. 1530 … out_bits=11 … -1024 .. 1023 … 0"),
    ("spatial_mvu", {"weights": np.array([[1], [2]]), "run": 2}, "run=2 … IntMvu"),
    ("spatial_mvu", {"weights": np.array([[1, 2]]), "run": 1}, "run=1 … IntMvu"),
    ("spatial_mvu", {"weights": np.array([[0], [2]]), "run": 1}, "0 .. 2 … scale_bits=3 … 1 .. 7 … IntMvu"),
    ("spatial_mvu", {"weights": np.array([[1], [8]]), "run": 1}, "1 .. 8 … scale_bits=3 … 1 .. 7"),
    ("spatial_mvu", {"run": 3}, "run=3 … mw=2"),
    ("spatial_mvu", {"weights": ONES((12, 1)), "run": 4, "simd": 6}, "simd=6 … run=4"),
    ("da_mvu", {"weights": ONES((101, 100), int)}, "101 x 100 … 10,100 … 10,000 … folded"),
    ("da_mvu", {"vectors": 2, "in_shape": [3]}, "in_shape=[3] … vectors=2 … 6"),
    ("da_mvu", {"thresholds": np.zeros(3, int)}, "thresholds … (3,) … (2,)"),
    ("da_mvu", {"bias": np.zeros(1, int)}, "bias … (1,) … (2,)"),
    ("da_mvu", {"out_bits": 2}, "0 .. 21 … out_bits=2 … 0 .. 3"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changed", "facts"), CASES, ids=str)
def test_what_cannot_be_is_refused(kind, changed, facts):
    given = USUAL[kind] | changed
    if kind.endswith("_mvu"):
        (mw, mh), vectors = given["weights"].shape, given.get("vectors", 1)
        given = {"mw": mw, "mh": mh, "vectors": vectors, "in_shape": [mw], "out_shape": [mh]} | given
    arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
    given = {name: value for name, value in given.items() if name not in arrays}
    with pytest.raises(UserError) as error:
        op = (DaMvu.with_adders if kind == "da_mvu" else MAKE[kind])("op", arrays, **given)
        op.rtl(), op.out_stream(), op.cycles(), op.memories()
    assert str(error.value).startswith("op: ")
    says(error, facts)
