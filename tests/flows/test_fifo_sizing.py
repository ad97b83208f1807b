"""FIFOs where streams meet and in front of busy operators: depths by hand, none where ways are alike, the
interval with those that are chosen, and what happens with less; with the smallest nothing is lost."""

from copy import deepcopy
from itertools import cycle

import numpy as np
import onnx
import pytest
from graphs import lowered
from op_examples.drawn import seeded
from pipeline import bounds_of, random_foldings, seeds, smallest
from random_graphs import NestedSums, RandomGraph

from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.fold.fifo_sizing import SKID, depth_of, fifo_before, with_fifos
from xnorforge.flows.fold.options import candidates
from xnorforge.hw import graph
from xnorforge.hw.bind import OPS
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.cycles.pauses import Pause, Pauses
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
    steps = {"thresholds": np.full((CHANNELS, 1), 8)}
    signs = OPS["Threshold"].make(f"{name}_sign", steps, in_shape=SHAPE, in_bits=4)
    window = OPS["Window"].make(f"{name}_window", ifm=SHAPE, kernel=[kernel] * 2, pads=[pad] * 4)
    unit = OPS["SignMvu"].make(
        name, {"weights": rng.integers(0, 2, (length, CHANNELS))}, mw=length, mh=CHANNELS,
        vectors=SIZE * SIZE, in_shape=[SIZE, SIZE, length], out_shape=SHAPE,
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


def least(kernel: int) -> int:
    """Beats that a shortcut beside a convolution with a border must hold: the first window is there with
    kernel // 2 rows and pixels more, and the next one with another pixel; the fork holds one beat."""
    return (kernel // 2 * SIZE + kernel // 2 + 1) * CHANNELS - 1


def depths(ops: list[HwOp]) -> dict[str, int]:
    """{FIFO: depth}, skid buffers left out."""
    return {op.name: depth for op in ops if (depth := depth_of(op) or 0) > SKID}


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_shortcut_holds_the_rows_that_its_branch_waits_for(kernel):
    assert not CycleModel(joined(kernel, 0, depth=least(kernel))).run(8).stopped
    # A FIFO has a register behind its memory, and the join takes a beat.
    assert CycleModel(joined(kernel, 0, depth=least(kernel) - 2)).run(8).stopped
    assert depths(with_fifos(joined(kernel, 0), {}))["fifo_join_in1"] >= least(kernel) - 1


def test_a_convolution_of_one_pixel_makes_its_shortcut_wait_for_that_pixel(tmp_path):
    assert least(1) == CHANNELS - 1
    run(joined(1, 0, depth=1), tmp_path)
    with pytest.raises(cosim.Hang):
        run(joined(1, 0), tmp_path)


def test_branches_of_equal_latency_need_no_fifo():
    assert depths(with_fifos(joined(3, 3), {})) == {}


@pytest.mark.parametrize("stall", [0.0, 0.5, (0.0, 0.8), (0.8, 0.0)])
def test_with_the_least_depth_the_rtl_never_stands_still(tmp_path, stall):
    run(joined(3, 0, depth=least(3)), tmp_path, stall=stall)


def test_with_half_of_it_the_rtl_stands_still(tmp_path):
    with pytest.raises(cosim.Hang):
        run(joined(3, 0, depth=least(3) // 2), tmp_path)


def test_with_the_depth_that_is_chosen_the_slowest_operator_sets_the_pace(tmp_path):
    ops = with_fifos(joined(3, 0), {})
    assert run(ops, tmp_path).interval == max(op.cycles() for op in ops)


def test_a_shortcut_around_several_vectors_at_a_time_lets_them_all_be_worked_on():
    """Four vectors of 16 rows at a time: a result of the first comes when the shortcut has taken four."""
    start = OPS["Fork"].make("fork", in_shape=[24, 16], readers=2, bits=1, pe=16)
    unit = seeded(OPS["SignMvu"], 3, 16, 16, 16, 4, 24, raw=True, pixels=4)
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
    shape = {"ifm": [12, 12, 4], "kernel": [3, 3], "stride": [stride] * 2, "pads": [1] * 4}
    window = OPS["Window"].make("window", **shape, simd=36)
    unit = seeded(OPS["SignMvu"], 3, 36, 8, 36, 2, size * size)
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
    assert depths(with_fifos([window, unit], {})) == {}
    narrow = OPS["Width"].make("narrow", shape=[144, 8], in_lanes=8, out_lanes=4)
    narrow.onnx_node.input[0] = unit.results[0]
    # 13 steps and one lead from the last window of a frame to the first of the next; in two of them one is
    # done behind them, the unit holds two, and the register of the FIFO one.
    ops = with_fifos([window, unit, narrow], {})
    [depth] = depths(ops).values()
    assert 14 / 2 - 2 - 1 <= depth <= 8
    assert CycleModel(ops).run(12).interval == narrow.cycles()


def test_a_fifo_of_a_given_depth_stays():
    ops = busy_behind_whole_windows(1)
    ops[-1].set_nodeattr("pe", 8)
    assert depths(with_fifos(ops, {"unit": 20})) == {"fifo_unit": 20}


def test_a_converter_on_the_shortcut_gives_its_beats_as_soon_as_they_are_full(tmp_path):
    # Its pixel of two channels is one beat of the fork short of complete when the unit beside it still asks
    # for that beat.
    wide = joined(1, 0)
    ops = [op for op in wide if op.name != "join"]
    to = {"shape": SHAPE, "in_lanes": 1, "out_lanes": 2}
    counts = OPS["Width"].make("width_0", bits=ops[-1].out_stream().bits, **to)
    stream = OPS["Width"].make("width_1", bits=4, **to)
    counts.onnx_node.input[0], stream.onnx_node.input[0] = ops[-1].results[0], ops[0].results[1]
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, CHANNELS))}, in_shape=SHAPE,
        in_bits=[counts.get_nodeattr("bits"), 4], in_signed=[0, 0], out_bits=8, out_signed=0, pe=2,
    )  # fmt: skip
    join.onnx_node.input[:2] = ["width_0_out", "width_1_out"]
    run(with_fifos([*ops, counts, stream, join], {}), tmp_path, stall=0.3)


def test_a_fork_within_a_branch_counts_in_its_own_beats(tmp_path):
    """A 3x3 convolution gives a pixel of two channels for one beat of the first fork, and a unit of one pixel
    behind it asks for both before it gives one: the shortcut beside that unit has to take the first, though
    no beat of the first fork is between them."""
    first, outer = fork(), branch("outer", 3)
    bits = outer[-1].out_stream().bits
    second = OPS["Fork"].make("second", in_shape=SHAPE, readers=2, bits=bits, pe=1)
    inner = branch("inner", 1)
    steps = {"thresholds": np.full((CHANNELS, 1), 8)}
    inner[0] = OPS["Threshold"].make("inner_sign", steps, in_shape=SHAPE, in_bits=bits)
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
    found = with_fifos(ops, {})
    assert depths(found)["fifo_join_in2"] >= least(3) - 1
    run(found, tmp_path, stall=0.3)
    assert run(found, tmp_path).interval == max(op.cycles() for op in ops)


FRAMES = 64


def folded(seed: int, kind: type[RandomGraph] = RandomGraph) -> list[HwOp]:
    """A random graph, folded at random, without FIFOs."""
    integers = lowered(kind(seed).model)
    bounds = bounds_of(integers)
    rng = np.random.default_rng(seed)
    widest = max(min(op.cycles() for op in candidates(bound, {})) for bound in bounds)
    return smallest(bounds, widest, random_foldings(bounds, rng))


def interval(ops: list[HwOp], frames: int = FRAMES) -> int | None:
    """Cycles from frame to frame; None in a deadlock."""
    return CycleModel(ops).run(frames).interval


def depths_in(ops: list[HwOp]) -> dict[str, int]:
    return {op.name: depth for op in ops if (depth := depth_of(op))}


def with_depth(ops: list[HwOp], name: str, depth: int) -> list[HwOp]:
    """The same with another depth of a FIFO."""
    found = deepcopy(ops)
    next(op for op in found if op.name == name).set_nodeattr("depth", depth)
    return found


def in_every_stream(ops: list[HwOp]) -> list[HwOp]:
    """The same with a FIFO of four frames before every input."""
    found = []
    for op in deepcopy(ops):
        fifos = [fifo_before(op, port, 4 * stream.beats) for port, stream in enumerate(op.in_streams())]
        found += [*fifos, op]
    return found


@pytest.mark.parametrize("seed", seeds(4, 60))
def test_random_graphs_are_as_fast_as_with_room_for_frames_and_would_not_be_with_less(seed):
    ops = folded(seed)
    small = with_fifos(ops, {})
    kept = interval(small)
    assert kept == interval(in_every_stream(ops))
    for name, depth in depths_in(small).items():
        # Half as many beats, or 32 less: the memory would be smaller.
        less = max(depth // 2, depth - 32 if depth > 64 else 0)
        fewer = with_depth(small, name, less)
        least = {op.name: row.least for op, row in zip(fewer, CycleModel(fewer).timings)}
        assert depth <= SKID or interval(fewer) != kept or CycleModel(fewer, least).run(FRAMES).stopped, name


@pytest.mark.quick("5", "32", "113")
@pytest.mark.parametrize("seed", [32, 98, 102, 113, *seeds(6, 30)])
def test_branches_within_branches_never_stand_still(seed):
    """Without pauses and with them, at every stream."""
    model = CycleModel(with_fifos(folded(seed, NestedSums), {}))
    assert not model.run(FRAMES).stopped
    inner = tuple(Pause(0.3, slot) for slot, _ in zip(cycle((1, 5, 40)), model.inner))
    for pauses in (Pauses(Pause(0.5), Pause(0.2, 9)), Pauses(Pause(0.1, 50), Pause(0.6), inner)):
        assert not model.run(6, pauses, seed).stopped


def beside_a_matrix() -> list[HwOp]:
    """A fork, a matrix of 8 x 8 that takes and gives an element per beat, a bypass beside it, a join."""
    fork = OPS["Fork"].make("fork", in_shape=[1, 8], readers=2, pe=1)
    matrix = seeded(OPS["SignMvu"], 3, 8, 8, 1, 1, vectors=1, raw=True)
    matrix.onnx_node.name = "matrix"
    sums = matrix.out_stream()
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, 8), np.int64)}, in_shape=[1, 8], in_bits=[sums.bits, 1],
        in_signed=[int(sums.signed), 0], pe=1, out_bits=sums.bits + 2, out_signed=1,
    )  # fmt: skip
    matrix.onnx_node.input[0] = fork.results[0]
    join.onnx_node.input[:2] = [matrix.results[0], fork.results[1]]
    return [fork, matrix, join]


def test_a_bypass_keeps_what_the_matrix_waits_for():
    """Of 8 beats one is in the fork's register, one in the FIFO's, six in memory, as with 8 words."""
    found = with_fifos(beside_a_matrix(), {})
    assert depths_in(found) == {"fifo_join_in1": 8} and interval(found) == 64
    assert interval(with_depth(found, "fifo_join_in1", 6)) == 64
    assert interval(with_depth(found, "fifo_join_in1", 5)) is None


def beside_many_vectors() -> list[HwOp]:
    """Vectors of 8: a fork, 8 x 8 weights for four vectors at a time, a bypass of 8 vectors, a join."""
    fork = OPS["Fork"].make("fork", in_shape=[16, 8], readers=2, pe=8)
    matrix = seeded(OPS["SignMvu"], 3, 8, 8, 8, 8, vectors=16, raw=True, pixels=4)
    matrix.onnx_node.name = "matrix"
    sums = matrix.out_stream()
    gather = OPS["Width"].make("gather", shape=[16, 8], bits=1, in_lanes=8, out_lanes=64)
    spread = OPS["Width"].make("spread", shape=[16, 8], bits=1, in_lanes=64, out_lanes=8)
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, 8), np.int64)}, in_shape=[16, 8], in_bits=[sums.bits, 1],
        in_signed=[int(sums.signed), 0], pe=8, out_bits=sums.bits + 2, out_signed=1,
    )  # fmt: skip
    matrix.onnx_node.input[0], gather.onnx_node.input[0] = fork.results
    spread.onnx_node.input[0] = gather.results[0]
    join.onnx_node.input[:2] = [matrix.results[0], spread.results[0]]
    return [fork, matrix, gather, spread, join]


def test_vectors_that_come_one_by_one_do_not_stand_still():
    """Each of them takes a round of the matrix for itself, which has less room for others then."""
    slow = Pauses(Pause(0.9, 50))
    assert CycleModel(beside_many_vectors()).run(6, slow).stopped
    assert not CycleModel(with_fifos(beside_many_vectors(), {})).run(6, slow).stopped


def into_both_halves() -> list[HwOp]:
    """A fork of 16 per pixel, one a beat; a concatenation reads both streams in turn, two a beat."""
    fork = OPS["Fork"].make("fork", in_shape=[4, 16], readers=2, pe=1, bits=4)
    stream = {"shape": [4, 16], "bits": 4}
    widths = [OPS["Width"].make(f"width_{port}", **stream, in_lanes=1, out_lanes=2) for port in range(2)]
    concat = OPS["Concat"].make("concat", out_shape=[4, 32], channels=[16, 16], in_bits=[4, 4],
                                in_signed=[0, 0], out_bits=4, out_signed=0, pe=2)  # fmt: skip
    for width, tensor in zip(widths, fork.results):
        width.onnx_node.input[0] = tensor
    concat.onnx_node.input[:2] = [width.results[0] for width in widths]
    return [fork, *widths, concat]


def test_both_inputs_get_a_fifo_where_each_is_read_in_bursts():
    """A pixel takes the fork 16 cycles, and the concatenation, half of them without the first stream."""
    ops = into_both_halves()
    assert interval(ops) is None
    found = with_fifos(ops, {})
    assert interval(found) == 4 * 16 and depths_in(found).keys() == {"fifo_concat_in0", "fifo_concat_in1"}


def test_a_given_depth_stays_even_if_it_is_too_small():
    assert depths_in(with_fifos(beside_a_matrix(), {"join": 40})) == {
        "fifo_join_in0": 40,
        "fifo_join_in1": 40,
    }
    few = with_fifos(beside_a_matrix(), {"join": 3})
    assert depths_in(few) == {"fifo_join_in0": 3, "fifo_join_in1": 3} and interval(few) is None


@pytest.mark.parametrize("most", [0, 1_000, 30_000])
def test_a_search_that_may_move_few_beats_keeps_the_interval(most):
    ops = with_fifos(folded(1), {}, most)
    assert interval(ops) == interval(with_fifos(folded(1), {}))
