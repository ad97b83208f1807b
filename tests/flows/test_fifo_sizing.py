"""FIFOs where streams meet: depths of a residual network by hand, none where ways are alike, and what
happens with less.
"""

import numpy as np
import onnx
import pytest

from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.bind import OPS
from xnorforge.flows.fold import fifo_sizing, folded_graph, with_fifos, with_smaller_fifos
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim import cosim
from xnorforge.sim.device import network

SIZE, CHANNELS = 6, 2
SHAPE = [SIZE, SIZE, CHANNELS]


def fork(**more) -> HwOp:
    """Of numbers of four bits, a channel per beat."""
    return OPS["Fork"].make("fork", in_shape=SHAPE, readers=2, bits=4, pe=1, **more)


def branch(name: str, kernel: int) -> list[HwOp]:
    """sign, binary convolution that keeps the size: counts of one channel per beat."""
    rng, length, pad = np.random.default_rng(0), kernel * kernel * CHANNELS, kernel // 2
    signs = OPS["Threshold"].make(
        f"{name}_sign", {"thresholds": np.full((CHANNELS, 1), 8)}, in_shape=SHAPE, in_bits=4
    )
    window = OPS["Window"].make(f"{name}_window", ifm=SHAPE, kernel=[kernel] * 2, pads=[pad] * 4)
    unit = OPS["XnorMvu"].make(
        name, {"weights": rng.integers(0, 2, (length, CHANNELS))}, mw=length, mh=CHANNELS,
        vectors=SIZE * SIZE,
        in_shape=[SIZE, SIZE, length], out_shape=SHAPE,
    )  # fmt: skip
    return [signs, window, unit]


def joined(*kernels: int, depth: int | None = None) -> list[HwOp]:
    """A fork whose branches meet again: one per kernel, 0 for a shortcut, on which a FIFO of `depth` lies."""
    start, ways = fork(), []
    for index, kernel in enumerate(kernels):
        way = branch(f"conv{index}", kernel) if kernel else []
        if not kernel and depth:
            way = [OPS["Fifo"].make("fifo_join", shape=SHAPE, lanes=1, bits=4, depth=depth)]
        tensor = start.onnx_node.output[index]
        for op in way:
            op.onnx_node.input[0], tensor = tensor, op.onnx_node.output[0]
        ways.append((way, tensor))
    kinds = [way[-1].out_stream().bits if way else 4 for way, _ in ways]
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, CHANNELS))}, in_shape=SHAPE, in_bits=kinds, in_signed=[0, 0],
        out_bits=8, out_signed=0
    )  # fmt: skip
    join.onnx_node.input[:2] = [tensor for _, tensor in ways]
    return [start, *(op for way, _ in ways for op in way), join]


def run(ops, folder, **how):
    """The RTL of operators on six frames, against their meaning."""
    onnx.save(folded_graph(ops, "fifos"), folder / "folded.onnx")
    generate(folder / "folded.onnx", folder / "rtl")
    ops = graph.operators(folder / "folded.onnx")
    frames = ops[0].random_input(1, frames=6)
    result = cosim.run(network(folder / "rtl", ops, level="-O0"), frames, seed=3, **how)
    found = {ops[0].sources[0]: frames}
    for op in ops:
        found.update(zip(op.results, op.run_all(*(found[tensor] for tensor in op.sources))))
    np.testing.assert_array_equal(result.output, found[ops[-1].results[0]])
    return result


def least(ops) -> int:
    """Beats that must fit, without those that only keep the pace."""
    return fifo_sizing.where_streams_meet(ops, before(ops), keep_interval=False)["join", 1]


def before(ops) -> dict:
    """The operator that gives each tensor."""
    return {tensor: op for op in ops for tensor in op.results}


def test_a_shortcut_holds_the_rows_that_its_branch_waits_for():
    # A 3x3 window with a border is there with a row and two pixels, and the next one with a pixel more: 6 + 2
    # pixels of 2 channels, less the beat the fork still holds.
    assert least(joined(3, 0)) == (SIZE + 2) * CHANNELS - 1
    assert least(joined(5, 0)) == (2 * SIZE + 3) * CHANNELS - 1


def test_a_convolution_of_one_pixel_makes_its_shortcut_wait_for_that_pixel(tmp_path):
    assert least(joined(1, 0)) == CHANNELS - 1
    run(joined(1, 0, depth=1), tmp_path)
    with pytest.raises(cosim.Hang):
        run(joined(1, 0), tmp_path)


def test_branches_of_equal_latency_need_no_fifo():
    ops = joined(3, 3)
    assert fifo_sizing.where_streams_meet(ops, before(ops)) == {}


@pytest.mark.parametrize("stall", [0.0, 0.5, (0.0, 0.8), (0.8, 0.0)])
def test_with_the_least_depth_the_rtl_never_stands_still(tmp_path, stall):
    run(joined(3, 0, depth=least(joined(3, 0))), tmp_path, stall=stall)


def test_with_half_of_it_the_rtl_stands_still(tmp_path):
    with pytest.raises(cosim.Hang):
        run(joined(3, 0, depth=least(joined(3, 0)) // 2), tmp_path)


def test_with_the_depth_that_is_chosen_the_slowest_operator_sets_the_pace(tmp_path):
    ops = joined(3, 0, depth=fifo_sizing.depths(joined(3, 0))["join", 1])
    assert run(ops, tmp_path).interval == max(op.cycles() for op in ops)


def test_a_shortcut_around_several_vectors_at_a_time_lets_them_all_be_worked_on():
    """Four vectors of 16 rows at a time: a result of the first comes when the shortcut has taken four."""
    start = OPS["Fork"].make("fork", in_shape=[24, 16], readers=2, bits=1, pe=16)
    unit = OPS["XnorMvu"].seeded(3, 16, 16, 16, 4, 24, raw=True, pixels=4)
    unit.onnx_node.name = "unit"
    way = OPS["Width"].make("width", shape=[24, 16], in_lanes=16, out_lanes=4)
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, 16))}, in_shape=[24, 16], in_bits=[unit.out_stream().bits, 1],
        in_signed=[0, 0], out_bits=6, out_signed=0, pe=4,
    )  # fmt: skip
    unit.onnx_node.input[0], way.onnx_node.input[0] = start.results
    join.onnx_node.input[:2] = [unit.results[0], way.results[0]]
    ops = with_fifos([start, unit, way, join], {})
    assert CycleModel(ops).run(8).interval == unit.cycles() == 96


def busy_behind_whole_windows(stride: int) -> list[HwOp]:
    """A unit without a cycle to spare behind 3x3 windows with a border, one per beat."""
    size = 12 // stride
    window = OPS["Window"].make(
        "window", ifm=[12, 12, 4], kernel=[3, 3], stride=[stride] * 2, pads=[1] * 4, simd=36
    )
    unit = OPS["XnorMvu"].seeded(3, 36, 8, 36, 2, size * size)
    unit.onnx_node.name = "unit"
    unit.onnx_node.input[0] = window.results[0]
    return [window, unit]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_unit_behind_whole_windows_has_others_to_work_on_between_frames_and_rows(stride):
    ops = busy_behind_whole_windows(stride)
    bound = ops[-1].cycles()
    assert bound == 4 * (12 // stride) ** 2 >= ops[0].cycles()
    assert CycleModel(ops).run(12, pace=bound).interval > bound
    assert CycleModel(with_fifos(ops, {})).run(12, pace=bound).interval == bound


def test_windows_wait_where_something_behind_them_has_no_cycle_to_spare():
    window, unit = busy_behind_whole_windows(1)
    unit.set_nodeattr("pe", 8)  # a window per cycle
    assert fifo_sizing.behind_whole_windows([window, unit]) == {}
    narrow = OPS["Width"].make("narrow", shape=[144, 8], in_lanes=8, out_lanes=4)
    narrow.onnx_node.input[0] = unit.results[0]
    # 13 steps and one lead from the last window of a frame to the first of the next; in two of them one is
    # done behind them, and the unit holds two.
    [(place, depth)] = fifo_sizing.behind_whole_windows([window, unit, narrow]).items()
    assert place == ("unit", 0) and 14 / 2 - 2 <= depth <= 14 / 2 + 1


def test_windows_that_wait_for_nothing_are_left_out():
    """The unit behind them is done in one cycle of four."""
    window, unit = busy_behind_whole_windows(1)
    unit.set_nodeattr("pe", 8)
    pixels = OPS["Width"].make("pixels", shape=[12, 12, 4], in_lanes=1, out_lanes=4)
    fifo = OPS["Fifo"].make("fifo", shape=[144, 36], lanes=36, depth=20)
    window.onnx_node.input[0], fifo.onnx_node.input[0] = pixels.results[0], window.results[0]
    unit.onnx_node.input[0] = fifo.results[0]
    ops = [pixels, window, fifo, unit]
    assert [op.name for op in with_smaller_fifos(ops, {})] == ["pixels", "window", "unit"]
    assert [op.name for op in with_smaller_fifos(ops, {"unit": 20})] == [op.name for op in ops]


def test_a_converter_on_the_shortcut_gives_its_beats_as_soon_as_they_are_full(tmp_path):
    # Its pixel of two channels is one beat of the fork short of complete when the unit beside it still asks
    # for that beat.
    wide = joined(1, 0)
    ops = [op for op in wide if op.name != "join"]
    to = {"shape": SHAPE, "in_lanes": 1, "out_lanes": 2}
    counts = OPS["Width"].make("width_0", bits=ops[-1].out_stream().bits, **to)
    stream = OPS["Width"].make("width_1", bits=4, **to)
    counts.onnx_node.input[0], stream.onnx_node.input[0] = (
        ops[-1].onnx_node.output[0],
        ops[0].onnx_node.output[1],
    )
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, CHANNELS))}, in_shape=SHAPE,
        in_bits=[counts.get_nodeattr("bits"), 4],
        in_signed=[0, 0], out_bits=8, out_signed=0, pe=2,
    )  # fmt: skip
    join.onnx_node.input[:2] = ["width_0_out", "width_1_out"]
    run(with_fifos([*ops, counts, stream, join], {}), tmp_path, stall=0.3)


def test_a_fork_within_a_branch_counts_in_its_own_beats(tmp_path):
    """A 3x3 convolution gives a pixel of two channels for one beat of the first fork, and a unit of one pixel
    behind it asks for both before it gives one: the shortcut beside that unit has to take the first, though
    no beat of the first fork is between them.
    """
    first, outer = fork(), branch("outer", 3)
    bits = outer[-1].out_stream().bits
    second = OPS["Fork"].make("second", in_shape=SHAPE, readers=2, bits=bits, pe=1)
    inner = branch("inner", 1)
    inner[0] = OPS["Threshold"].make(
        "inner_sign", {"thresholds": np.full((CHANNELS, 1), 8)}, in_shape=SHAPE, in_bits=bits
    )
    kinds = [inner[-1].out_stream().bits, bits, 4]
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((3, CHANNELS))}, in_shape=SHAPE, in_bits=kinds, in_signed=[0] * 3,
        out_bits=9, out_signed=0
    )  # fmt: skip
    tensor = first.results[0]
    for op in (*outer, second, *inner):
        op.onnx_node.input[0], tensor = tensor, op.onnx_node.output[0]
    join.onnx_node.input[:3] = [tensor, second.results[1], first.results[1]]
    ops = [first, *outer, second, *inner, join]
    depths = fifo_sizing.where_streams_meet(
        ops, {tensor: op for op in ops for tensor in op.results}, keep_interval=False
    )
    assert depths == {("join", 1): CHANNELS - 1, ("join", 2): (SIZE + 2) * CHANNELS - 1}
    run(with_fifos(ops, {}), tmp_path)
