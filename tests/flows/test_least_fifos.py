"""The smallest FIFOs: nothing is lost with these, and something with the next smaller ones."""

from copy import deepcopy
from itertools import cycle

import numpy as np
import pytest
from graphs import lowered
from op_examples.drawn import seeded
from pipeline import bounds_of, random_foldings, seeds, smallest
from random_graphs import NestedSums, RandomGraph

from xnorforge.flows.bind import OPS
from xnorforge.flows.fold.fifo_sizing import SKID, depth_of, fifo_before, with_fifos
from xnorforge.flows.fold.options import candidates
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import HwOp

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


def least_room(ops: list[HwOp]) -> CycleModel:
    """With the least room that there is in stages whenever beats come."""
    return CycleModel(ops, rows={op.name: row.least for op, row in zip(ops, CycleModel(ops).timings)})


def depths(ops: list[HwOp]) -> dict[str, int]:
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
    for name, depth in depths(small).items():
        # Half as many beats, or 32 less: the memory would be smaller.
        less = max(depth // 2, depth - 32 if depth > 64 else 0)
        fewer = with_depth(small, name, less)
        assert depth <= SKID or interval(fewer) != kept or least_room(fewer).run(FRAMES).stopped, name


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
    matrix = seeded(OPS["XnorMvu"], 3, 8, 8, 1, 1, vectors=1, raw=True)
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
    assert depths(found) == {"fifo_join_in1": 8} and interval(found) == 64
    assert interval(with_depth(found, "fifo_join_in1", 6)) == 64
    assert interval(with_depth(found, "fifo_join_in1", 5)) is None


def beside_many_vectors() -> list[HwOp]:
    """Vectors of 8: a fork, 8 x 8 weights for four vectors at a time, a bypass of 8 vectors, a join."""
    fork = OPS["Fork"].make("fork", in_shape=[16, 8], readers=2, pe=8)
    matrix = seeded(OPS["XnorMvu"], 3, 8, 8, 8, 8, vectors=16, raw=True, pixels=4)
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
    concat = OPS["Concat"].make(
        "concat", out_shape=[4, 32], channels=[16, 16], in_bits=[4, 4], in_signed=[0, 0], out_bits=4,
        out_signed=0, pe=2,
    )  # fmt: skip
    for width, tensor in zip(widths, fork.results):
        width.onnx_node.input[0] = tensor
    concat.onnx_node.input[:2] = [width.results[0] for width in widths]
    return [fork, *widths, concat]


def test_both_inputs_get_a_fifo_where_each_is_read_in_bursts():
    """A pixel takes the fork 16 cycles, and the concatenation, half of them without the first stream."""
    ops = into_both_halves()
    assert interval(ops) is None
    found = with_fifos(ops, {})
    assert interval(found) == 4 * 16 and depths(found).keys() == {"fifo_concat_in0", "fifo_concat_in1"}


def test_a_given_depth_stays_even_if_it_is_too_small():
    assert depths(with_fifos(beside_a_matrix(), {"join": 40})) == {"fifo_join_in0": 40, "fifo_join_in1": 40}
    few = with_fifos(beside_a_matrix(), {"join": 3})
    assert depths(few) == {"fifo_join_in0": 3, "fifo_join_in1": 3} and interval(few) is None


@pytest.mark.parametrize("most", [0, 1_000, 30_000])
def test_a_search_that_may_move_few_beats_keeps_the_interval(most):
    ops = with_fifos(folded(1), {}, most)
    assert interval(ops) == interval(with_fifos(folded(1), {}))
