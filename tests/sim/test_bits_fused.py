"""A matrix with a bypass and comparison, or with a pool, gives in one call what it gives one by one."""

import numpy as np
import pytest

from xnorforge.hw import graph
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.fork.op import Fork
from xnorforge.hw.ops.join.op import Join
from xnorforge.hw.ops.max_pool.op import MaxPool
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.window.op import Window
from xnorforge.sim.bits import BitSimulator


def residual(seed, height=5, width=9, channels=16, rows=32, swapped=False, compared=True, wrap=0):
    """Bits through a 3 x 3 convolution plus a bypass, compared. `wrap` bits of the sum are cut off."""
    rng = np.random.default_rng(seed)
    first = Fork.make("first", in_shape=[height, width, channels], readers=2)
    window = Window.make("window", ifm=[height, width, channels], kernel=[3, 3], pads=[1] * 4, bits=1)
    by = Window.make("by", ifm=[height, width, channels], kernel=[1, 1], bits=1)
    mw, shape = 9 * channels, [height, width, rows]
    conv = SignMvu.make("conv", {"weights": rng.integers(0, 2, (mw, rows))}, mw=mw, mh=rows,
                        vectors=height * width, in_shape=[height, width, mw], out_shape=shape)  # fmt: skip
    bypass = SignMvu.make(
        "bypass", {"weights": rng.integers(0, 2, (channels, rows))}, mw=channels, mh=rows,
        vectors=height * width, in_shape=[height, width, channels], out_shape=shape,
    )  # fmt: skip
    streams = [conv.out_stream(), bypass.out_stream()]
    names = [conv.results[0], bypass.results[0]]
    if swapped:
        streams, names = streams[::-1], names[::-1]
    join = Join.make(
        "join", {"multipliers": rng.integers(-9, 10, (2, rows))}, in_shape=shape,
        in_bits=[each.bits for each in streams], in_signed=[0, 0], out_bits=13 - wrap, out_signed=1,
    )  # fmt: skip
    ops = [first, window, by, conv, bypass, join]
    for op, sources in ((window, first.results[:1]), (by, first.results[1:]), (conv, window.results),
                        (bypass, by.results), (join, names)):  # fmt: skip
        op.onnx_node.input[: len(sources)] = sources
    if compared:
        steps = {"thresholds": rng.integers(-300, 300, (rows, 1)), "direction": rng.choice([-1, 1], rows)}
        last = Threshold.make("last", steps, in_shape=shape, in_bits=13 - wrap, in_signed=1)  # fmt: skip
        last.onnx_node.input[0] = join.results[0]
        ops.append(last)
    stream = ops[-1].out_stream()
    end = Fifo.make("end", shape=shape, depth=4, bits=stream.bits, signed=int(stream.signed))
    end.onnx_node.input[0] = ops[-1].results[0]
    return [*ops, end]


CASES = {
    "16 channels": {}, "other way round": {"swapped": True, "seed": 3},
    "no comparison behind": {"compared": False}, "64 channels": {"channels": 64, "rows": 64},
    "odd channels in, three blocks out": {"channels": 21, "rows": 48},
    "narrow image, many rows": {"height": 11, "width": 3, "channels": 5, "rows": 160},
    "sums that wrap": {"wrap": 4}, "rows that do not divide": {"rows": 20},
}  # fmt: skip


def pooled(seed, height=7, breadth=9, channels=64, rows=32, window=(2, 2), every=0, stride=1, pad=0):
    """Bits through a 3 x 3 convolution with thresholds, and a pool of what it gives."""
    rng = np.random.default_rng(seed)
    ifm = [height, breadth, channels]
    window_op = Window.make("window", ifm=ifm, kernel=[3, 3], stride=[stride] * 2, pads=[pad] * 4, bits=1)
    *size, mw = window_op.out_stream().shape
    thresholds = rng.integers(mw // 2 - 3, mw // 2 + 9, rows)
    conv = SignMvu.make(
        "conv", {"weights": rng.integers(0, 2, (mw, rows)), "thresholds": thresholds},
        mw=mw, mh=rows, vectors=size[0] * size[1], in_shape=[*size, mw], out_shape=[*size, rows],
    )  # fmt: skip
    arrays = {"direction": np.full(rows, -1)} if every else {}
    pool = MaxPool.make("pool", arrays, ifm=[*size, rows], kernel=list(window), stride=list(window))
    conv.onnx_node.input[0], pool.onnx_node.input[0] = window_op.results[0], conv.results[0]
    return [window_op, conv, pool]


POOLS = {
    "2 x 2": {}, "3 x 1, a row left over": {"window": (3, 1), "height": 10},
    "1 x 4 of windows two apart": {"window": (1, 4), "stride": 2, "breadth": 20},
    "narrow pixels, padded": {"channels": 16, "rows": 16, "pad": 1},
    "rows that do not divide": {"rows": 20, "channels": 70}, "wide": {"rows": 96, "breadth": 40},
    "minimum": {"every": 1},
}  # fmt: skip


def wrong():
    """Cases whose results, taken in one go, differ from the operators' contracts."""
    found = []
    for name, case in (CASES | POOLS).items():
        ops = (pooled if name in POOLS else residual)(**{"seed": 1, **case})
        x = ops[0].random_input(5, frames=7)
        images = x.transpose(0, 3, 1, 2).astype(np.uint8)
        expected = graph.execute(ops, images)[ops[-1].name]
        if not np.array_equal(BitSimulator(ops).run(images, block=3)[ops[-1].name], expected):
            found.append(name)
    return found


def test_what_is_done_in_one_call_equals_the_contracts():
    assert wrong() == []


@pytest.mark.parametrize("case", CASES)
def test_matrix_sum_and_comparison_are_one_call_where_rows_are_whole_blocks(case):
    ops = residual(**{"seed": 1, **CASES[case]})
    apart = {"rows that do not divide": 0, "no comparison behind": 1}.get(case, 2)
    assert len(BitSimulator(ops).calls(frozenset(["end"]))) == len(ops) - apart


@pytest.mark.parametrize("case", POOLS)
def test_a_matrix_and_the_pool_of_its_bits_are_one_call_where_the_pool_is_an_or(case):
    ops = pooled(1, **POOLS[case])
    assert len(BitSimulator(ops).calls(frozenset(["pool"]))) == len(ops) - (case != "minimum")


def test_kept_operators_are_the_same_whatever_is_kept_with_them():
    ops = residual(1)
    images = ops[0].random_input(2, frames=4).transpose(0, 3, 1, 2).astype(np.uint8)
    simulator, expected = BitSimulator(ops), graph.execute(ops, images, keep="all")
    for keep in ((), ("conv",), ("join",), ("last",), "all"):
        got = simulator.run(images, keep=keep)
        assert set(got) == (set(expected) if keep == "all" else {*keep, "end"})
        for name in got:
            np.testing.assert_array_equal(got[name], expected[name], err_msg=f"{keep}: {name}")
