"""Pauses of width converters: only where a matrix unit beside takes as long, so no frame takes longer."""

import pytest

from xnorforge.flows.bind import OPS
from xnorforge.flows.fold.gaps import with_gaps
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops.base import HwOp

from .random_networks import RandomNetwork

FRAMES = 12


def between(before: HwOp, shape, in_lanes, out_lanes, after: HwOp) -> HwOp:
    """A converter from one operator to another, once the pauses are chosen."""
    width = OPS["Width"].make("width", shape=shape, in_lanes=in_lanes, out_lanes=out_lanes)
    width.onnx_node.input[0] = before.results[0]
    after.onnx_node.input[0] = width.results[0]
    with_gaps([before, width, after])
    return width


def unit(name: str, simd: int, pe: int) -> HwOp:
    """A matrix of 12 x 12 for 4 vectors of bits."""
    thresholds = {"weights": [[1] * 12] * 12, "thresholds": [6] * 12}
    return OPS["XnorMvu"].make(
        name, thresholds, mw=12, mh=12, simd=simd, pe=pe, vectors=4, in_shape=[4, 12], out_shape=[4, 12]
    )


@pytest.mark.parametrize(
    ("simd", "pe", "out_lanes", "gap"),
    [
        (6, 1, 6, 1),  # results two cycles apart, joined: 48 + 8 cycles of the converter, 96 of the unit
        (12, 1, 6, 0),  # a result per cycle: 48 of the unit
        (3, 6, 2, 1),  # results four cycles apart, cut into three: 8 + 24 cycles, 32 of the unit
        (4, 6, 2, 0),  # three cycles apart: 24 of the unit
    ],
)
def test_behind_a_unit_where_its_results_leave_a_cycle_in_between(simd, pe, out_lanes, gap):
    reader = OPS["OrPool"].make("pool", ifm=[2, 2, 12], kernel=[2, 2], stride=[2, 2], pe=out_lanes)
    width = between(unit("unit", simd, pe), [4, 12], pe, out_lanes, reader)
    assert width.get_nodeattr("gap") == gap


@pytest.mark.parametrize(("pe", "gap"), [(2, 1), (3, 0)])  # the converter 16 + 4 cycles, the unit 24, 16
def test_in_front_of_a_unit_behind_a_window_but_not_behind_a_pool(pe, gap):
    window = OPS["Window"].make("window", ifm=[5, 2, 3], kernel=[2, 2], stride=[1, 1], simd=3)
    pool = OPS["OrPool"].make("pool", ifm=[4, 4, 12], kernel=[2, 2], stride=[2, 2], pe=3)
    for source, found in ((window, gap), (pool, 0)):
        width = between(source, [4, 12], 3, 12, unit("unit", 12, pe))
        assert width.get_nodeattr("gap") == found, source.name


@pytest.mark.parametrize(("pe", "gap"), [(2, 1), (3, 0)])  # of the second of two units that read the same
def test_in_front_of_all_units_behind_a_fork(pe, gap):
    window = OPS["Window"].make("window", ifm=[5, 2, 3], kernel=[2, 2], stride=[1, 1], simd=3)
    width = OPS["Width"].make("width", shape=[4, 12], in_lanes=3, out_lanes=12)
    fork = OPS["Fork"].make("fork", in_shape=[4, 12], readers=2, pe=12)
    units = [unit("first", 12, 1), unit("second", 12, pe)]
    width.onnx_node.input[0], fork.onnx_node.input[0] = window.results[0], width.results[0]
    for one, tensor in zip(units, fork.results):
        one.onnx_node.input[0] = tensor
    with_gaps([window, width, fork, *units])
    assert width.get_nodeattr("gap") == gap


def test_random_networks_keep_their_interval():
    paused = 0
    for seed in range(150):
        ops = RandomNetwork(seed).ops
        for op in ops:
            if isinstance(op, OPS["Width"]):
                op.set_nodeattr("gap", 0)
        interval = CycleModel(ops).run(FRAMES).interval
        paused += sum(op.get_nodeattr("gap") for op in with_gaps(ops) if isinstance(op, OPS["Width"]))
        assert CycleModel(ops).run(FRAMES).interval == interval, seed
    assert paused > 50
