"""FIFOs that the cycle model makes smaller: what is lost with one beat less, and what is not with these."""

import sys
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from xnorforge.flows.bind import OPS, bind
from xnorforge.flows.fold import fifo_sizing, with_fifos, with_smaller_fifos
from xnorforge.flows.fold.fifo_sizing import SKID, depth_of
from xnorforge.flows.fold.options import candidates
from xnorforge.flows.fold.search import search
from xnorforge.flows.lower import checks, emit
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops.base import HwOp

sys.path.insert(0, str(Path(__file__).parent))
from graphs import lowered
from pipeline import PART, random_foldings, seeds
from random_graphs import NestedSums, RandomGraph

FRAMES = 64


def folded(seed: int, kind: type[RandomGraph] = RandomGraph) -> list[HwOp]:
    """A random graph, folded at random, with the FIFOs of the rules."""
    integers = lowered(kind(seed).model)
    bounds = bind(emit.emitted(integers), *checks.scale_and_bias(integers.output))
    rng = np.random.default_rng(seed)
    widest = max(min(op.cycles() for op in candidates(bound, {})) for bound in bounds)
    return with_fifos(search(bounds, widest, PART, random_foldings(bounds, rng)), {})


def pace(ops: list[HwOp]) -> tuple:
    """Whether all frames pass, how many cycles apart they are, and when the first one is there."""
    course = CycleModel(ops).run(FRAMES)
    return course.stopped, course.interval, course.answer


def depths(ops: list[HwOp]) -> dict[str, int]:
    return {op.name: depth for op in ops if (depth := depth_of(op))}


def with_depth(ops: list[HwOp], name: str, depth: int) -> list[HwOp]:
    """The same with another depth of a FIFO."""
    found = deepcopy(ops)
    next(op for op in found if op.name == name).set_nodeattr("depth", depth)
    return found


def test_random_graphs_lose_nothing_and_would_with_one_beat_less():
    before = after = 0
    for seed in range(24):
        ops = folded(seed)
        small = with_smaller_fifos(ops, {})
        kept, given = pace(small), pace(ops)
        assert kept[:2] == given[:2] and kept[2] <= given[2], seed  # sooner where one is left out
        for name, depth in depths(small).items():
            assert depth <= depths(ops)[name]
            assert depth <= SKID or pace(with_depth(small, name, depth - 1)) != kept, (seed, name)
        before, after = (total + sum(depths(net).values()) for total, net in ((before, ops), (after, small)))
    assert after < 0.75 * before


@pytest.mark.parametrize("seed", [32, 98, 102, 113, *seeds(2, 30)])
def test_branches_within_branches_never_stand_still(seed, monkeypatch):
    """With those beats alone that must fit. The first four did stand still when only forks that all of a
    sum's streams go through were looked at.
    """
    least = partial(fifo_sizing.where_streams_meet, keep_interval=False)
    monkeypatch.setattr(fifo_sizing, "where_streams_meet", least)
    assert not CycleModel(folded(seed, NestedSums)).run(FRAMES).stopped


def beside_a_matrix(depth: int) -> list[HwOp]:
    """A fork, a matrix of 8 x 8 that takes and gives an element per beat, a FIFO beside it, a join."""
    fork = OPS["Fork"].make("fork", in_shape=[1, 8], readers=2, pe=1)
    matrix = OPS["XnorMvu"].seeded(3, 8, 8, 1, 1, vectors=1, raw=True)
    matrix.onnx_node.name = "matrix"
    fifo = OPS["Fifo"].make("fifo", shape=[1, 8], lanes=1, bits=1, depth=depth)
    sums = matrix.out_stream()
    join = OPS["Join"].make(
        "join", {"multipliers": np.ones((2, 8), np.int64)}, in_shape=[1, 8], in_bits=[sums.bits, 1],
        in_signed=[int(sums.signed), 0], pe=1, out_bits=sums.bits + 2, out_signed=1,
    )  # fmt: skip
    matrix.onnx_node.input[0], fifo.onnx_node.input[0] = fork.results
    join.onnx_node.input[:2] = [matrix.results[0], fifo.results[0]]
    return [fork, matrix, fifo, join]


def test_a_bypass_keeps_what_the_matrix_waits_for():
    """Its 8 beats: one in the register of the fork, one in that of the FIFO, six in its memory."""
    assert depths(with_smaller_fifos(beside_a_matrix(40), {})) == {"fifo": 6}


def test_a_bypass_that_is_too_small_for_any_beat_to_pass_is_made_larger():
    small = beside_a_matrix(3)
    assert pace(small)[0]
    found = with_smaller_fifos(small, {})
    assert depths(found) == {"fifo": 6} and pace(found) == pace(beside_a_matrix(40))


def into_both_halves() -> list[HwOp]:
    """A fork of 16 elements per pixel, one per beat, whose two streams a concatenation reads one after the
    other, two per beat; a FIFO beside the second, without which nothing passes.
    """
    fork = OPS["Fork"].make("fork", in_shape=[4, 16], readers=2, pe=1, bits=4)
    stream = {"shape": [4, 16], "bits": 4}
    widths = [OPS["Width"].make(f"width_{port}", **stream, in_lanes=1, out_lanes=2) for port in range(2)]
    fifo = OPS["Fifo"].make("fifo", **stream, lanes=2, depth=9)
    concat = OPS["Concat"].make(
        "concat",
        out_shape=[4, 32],
        channels=[16, 16],
        in_bits=[4, 4],
        in_signed=[0, 0],
        out_bits=4,
        out_signed=0,
        pe=2,
    )
    for width, tensor in zip(widths, fork.results):
        width.onnx_node.input[0] = tensor
    fifo.onnx_node.input[0] = widths[1].results[0]
    concat.onnx_node.input[:2] = [widths[0].results[0], fifo.results[0]]
    return [fork, *widths, fifo, concat]


def test_what_is_read_in_bursts_gets_a_fifo_where_that_is_faster():
    """A pixel takes the fork 16 cycles, and as many the concatenation, which does not read the first stream
    for half of them; then the fork stood still. Of a ResNet-20 asked for 5,000 cycles two did: 5,888.
    """
    ops = into_both_halves()
    assert pace(ops)[1] > 4 * 16
    found = with_smaller_fifos(ops, {})
    assert pace(found)[:2] == (False, 4 * 16) and "fifo_concat_in0" in depths(found)
    assert depths(with_smaller_fifos(ops, {"concat": 9})) == {"fifo": 9}


def test_a_given_depth_stays():
    assert depths(with_smaller_fifos(beside_a_matrix(40), {"join": 40})) == {"fifo": 40}
    assert depths(with_smaller_fifos(beside_a_matrix(3), {"join": 3})) == {"fifo": 3}


def test_a_search_that_may_move_no_beats_changes_nothing(monkeypatch):
    from xnorforge.flows.fold import least_fifos

    monkeypatch.setattr(least_fifos, "MOST_BEATS", 0)
    assert depths(with_smaller_fifos(beside_a_matrix(40), {})) == {"fifo": 40}
