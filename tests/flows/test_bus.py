"""The buses of images and scores: as wide as asked, no wider than 64 bits unless the interval needs it; and
dense networks that take a vector and give scores and index in every cycle."""

import re

import numpy as np
import pytest
from graphs import Graph, lowered
from pipeline import bounds_of, built, mapped_cells, smallest, with_adders
from random_graphs import Chain

from xnorforge.core.errors import UserError
from xnorforge.flows.fold import with_fifos
from xnorforge.flows.fold.aims import Aim, Search, amounts_of
from xnorforge.flows.fold.fifo_sizing import frame_latency
from xnorforge.flows.fold.options import Ports
from xnorforge.flows.lower.proof import checks
from xnorforge.flows.synth.cells import resources
from xnorforge.hw import boards
from xnorforge.hw.graph import enter
from xnorforge.hw.ops.base import Stream
from xnorforge.pipeline import request
from xnorforge.sim import cosim

from ..refusals import stops

BOARD = boards.load("pynq-z2")


def dense_bounds(*widths):
    """A dense network on signed bytes, its integers, and random vectors."""
    integers, bounds, rng = mlp(1, *widths)
    return bounds, integers, rng.integers(-128, 128, (40, widths[0]))


def folded(bounds, interval, fixed=None, **bus):
    """The operators of the search, and the bits of both buses."""
    search = Search(bounds, BOARD, fixed, lambda ops, _most=0: with_fifos(ops, {}), True, **bus)
    ops = search.chosen(Aim(interval))
    return ops, [one.axis_bits for one in (ops[0].in_stream(), ops[-1].out_stream())]


def scores_of_rtl(ops, vectors, folder):
    """What it gives at full rate, and with stalls."""
    device, ops = built(ops, folder)
    runs = (cosim.run(device, enter(ops[0], vectors), stall=stall, seed=2) for stall in (0.0, 0.4))
    return [run.output.reshape(len(vectors), -1) for run in runs]


def test_a_bus_is_at_most_64_bits_wide_until_the_interval_needs_more():
    bounds, _, _ = dense_bounds(64, 12, 10)
    for interval in (2000, 64, 8, 4, 1):
        ops, widths = folded(bounds, interval)
        least = -(-64 * 8 // interval)
        assert max(op.cycles() for op in ops) <= interval and least <= widths[0] <= max(64, 2 * least)
        assert min(widths) <= 64 or interval == 1


@pytest.mark.parametrize("asked", [8, 16, 32, 128])
def test_a_bus_is_as_narrow_as_asked_and_computes_the_same(asked, tmp_path):
    """Of a matrix, too, that is to take the whole vector at a time: a converter is in front of it."""
    bounds, integers, vectors = dense_bounds(16, 12, 3)
    matrix = next(one for one in bounds if "simd" in one.make().get_nodeattr_types())
    ops, widths = folded(bounds, 16, {matrix.name: {"simd": 16}}, stream=asked, firm=True)
    assert max(widths) <= asked and any(op.name == matrix.name and op.in_stream().lanes == 16 for op in ops)
    wanted = checks.run_all(integers, vectors).reshape(len(vectors), -1)
    for rows in scores_of_rtl(ops, vectors, tmp_path):
        np.testing.assert_array_equal(rows, np.concatenate([wanted, wanted.argmax(1)[:, None]], 1))


def test_scores_leave_through_a_converter_too(tmp_path):
    """Without an index after them, of a matrix that gives all scores at a time."""
    bounds, integers, vectors = dense_bounds(16, 12, 12)
    fixed = {bounds[-2].name: {"simd": 12, "pe": 12}}
    ops, widths = folded(bounds[:-1], 100, fixed, stream=16, firm=True)
    assert widths[1] <= 16 and ops[-1].in_stream().lanes == 12
    rows = scores_of_rtl(ops, vectors, tmp_path)
    np.testing.assert_array_equal(rows[0], checks.run_all(integers, vectors).reshape(len(vectors), -1))


def test_ten_luts_are_not_saved_by_idle_bytes():
    """A byte that is idle counts two LUTs, and one that a converter holds one."""
    bounds, _, _ = dense_bounds(49, 12, 10)
    (ops, widths), (one, narrow) = folded(bounds, 2000), folded(bounds, 2000, stream=8, firm=True)
    lut, least = (amounts_of(some)["lut"] for some in (ops, one))
    assert narrow[0] == 8 and lut + 2 * (widths[0] // 8 - ops[0].in_stream().lanes) <= least + 1e-6


def test_a_bus_that_is_too_narrow_is_refused_with_the_one_that_would_do():
    bounds, _, _ = dense_bounds(64, 12, 10)
    with pytest.raises(UserError, match=r"^STREAM=8: .* 16 cycles per frame .*; use STREAM=") as refused:
        folded(bounds, 16, stream=8, firm=True)
    wide = int(re.findall(r"use STREAM=(\d+)", str(refused.value))[0])
    assert folded(bounds, 16, stream=wide, firm=True)[1][0] == wide == 64 * 8 // 16
    stops(f"use STREAM={wide},", folded, bounds, 16, stream=wide // 2, firm=True)
    op = dense_bounds(16, 300, 3)[0][-2].make(simd=1, pe=1)
    with pytest.raises(UserError, match=r"STREAM=8 is too narrow; use STREAM=16\.$"):  # for one sum
        Ports(frozenset(op.results), 8, True).kept([op])


def test_the_bits_of_a_bus_are_a_power_of_two():
    widths = [Stream((bits,), bits).axis_bits for bits in (1, 8, 9, 24, 33, 392)]
    assert widths == [8, 8, 16, 32, 64, 512]
    stops(r"^STREAM: 24 bits .* STREAM=32\.$", request.aims, request.Request(stream=24))
    request.aims(request.Request(stream=32))


def mlp(seed: int, *widths: int):
    """Integers and operators of signed 8-bit features, binary layers, scores of one scale; a generator."""
    rng, graph, size = np.random.default_rng(seed), Graph((widths[0],), seed).quant(1.0, 8), widths[0]
    for width in widths[1:-1]:
        graph.node("MatMul", graph.weights(size, width)).norm(width).sign()
        size = width
    model = graph.node("MatMul", graph.weights(size, widths[-1])).model((widths[-1],))
    integers = lowered(model, lo=-128, hi=127)
    return integers, bounds_of(integers), rng


def run_exactly(integers, ops, vectors, folder) -> tuple[list, int]:
    """Compare RTL's scores and index with integers, at full pace and with gaps; operators, latency."""
    device, ops = built(ops, folder)
    return ops, same(integers, device, vectors)


def same(integers, device, vectors) -> int:
    """The same comparison of a device; its latency."""
    wanted = checks.run_all(integers, vectors).reshape(len(vectors), -1)
    wanted = np.concatenate([wanted, wanted.argmax(1)[:, None]], 1)
    full, stalled = (cosim.run(device, vectors, stall=stall, seed=2) for stall in (0.0, 0.4))
    for run in (full, stalled):
        np.testing.assert_array_equal(run.output.reshape(len(vectors), -1), wanted)
    assert (np.diff(full.cycles[:, 0]) == 1).all()
    return full.answer


@pytest.mark.parametrize("widths, frames", [
    ((8, 12, 3), 300), pytest.param((16, 8, 10), 300, marks=pytest.mark.full),
    pytest.param((16, 64, 32, 32, 5), 10_000, marks=pytest.mark.full),
    pytest.param((784, 16, 16, 10), 10_000, marks=pytest.mark.full),
])  # fmt: skip
def test_a_frame_per_cycle_with_its_index(widths, frames, tmp_path):
    integers, bounds, rng = mlp(1, *widths)
    ops, vectors = smallest(bounds, 1), rng.integers(-128, 128, (frames, widths[0]))
    run_exactly(integers, with_fifos(ops, {}), vectors, tmp_path)


@pytest.mark.parametrize("widths, asked, clock, cycles, frames", [
    ((8, 12, 3), "4", None, 4, 300),
    pytest.param((8, 12, 3), "30ns", None, 3, 300, marks=pytest.mark.full),
    ((8, 12, 3), "30ns", "200MHz", 6, 300),
    pytest.param((8, 12, 3), "30ns", "7.5ns", 4, 300, marks=pytest.mark.full),
])  # fmt: skip
def test_registers_are_left_out_for_a_latency(widths, asked, clock, cycles, frames, tmp_path):
    """Of any pace of input and output; the board's clock has 100 MHz."""
    integers, bounds, rng = mlp(1, *widths)
    found = Search(
        bounds, boards.at_clock(boards.load("pynq-z2"), clock),
        finish=lambda ops, _most=0: with_fifos(ops, {}), adders=True,
    )  # fmt: skip
    slow = found.chosen(Aim(1))
    vectors = rng.integers(-128, 128, (frames, widths[0]))
    ops, answer = run_exactly(integers, found.chosen(Aim(1, limits={"latency": asked})), vectors, tmp_path)
    assert answer == frame_latency(ops) <= cycles < frame_latency(slow)


SMALL, FULL = (3, 8, 11, 12), pytest.mark.full  # RTL of these is built in seconds


@pytest.mark.quick("3")
@pytest.mark.parametrize("seed", [n if n in SMALL else pytest.param(n, marks=FULL) for n in range(200)])
def test_random_networks_at_their_smallest_interval_with_and_without_a_latency(seed, tmp_path):
    """RTL gives the integers of every frame; choosing among both kinds of matrix takes no more LUTs, by
    estimate, than one kind alone where that is as fast."""
    net, board = Chain(seed), boards.load("pynq-z2")
    integers = lowered(net.model)
    bounds = bounds_of(integers)

    def searched(some, adders):
        return Search(some, board, finish=lambda ops, _most=0: with_fifos(ops, {}), adders=adders)

    found = searched(bounds, True)
    interval = max(op.cycles() for op in found.chosen(Aim(1, "max")))
    limits = found.limits({})
    slow = found.within(interval, limits, "lut")
    assert slow is not None and max(op.cycles() for op in slow) <= interval
    kinds = bounds, [with_adders(bound) for bound in bounds]
    alone = [searched(some, False).within(interval, limits, "lut") for some in kinds]
    assert all(amounts_of(slow)["lut"] <= amounts_of(one)["lut"] for one in alone if one)
    quick = found.within(interval, limits | {"latency": frame_latency(slow) - 1}, "lut")
    wanted = checks.run_all(integers, np.moveaxis(net.pixels, 1, -1))
    for at, ops in enumerate(filter(None, (slow, quick))):
        (tmp_path / f"{at}").mkdir()
        device, ops = built(ops, tmp_path / f"{at}")
        run = cosim.run(device, enter(ops[0], net.pixels), stall=0.4 * at, seed=seed)
        got = run.output.reshape(len(wanted), -1)[:, : wanted[0].size]
        np.testing.assert_array_equal(got, wanted.reshape(len(wanted), -1))


@pytest.mark.full
def test_rtl_and_netlist_of_a_jet_tagger_answer_ten_thousand_frames_in_six_cycles(tmp_path):
    """A frame per cycle and with gaps, in 3,200 LUTs of the 7 series, ready included."""
    integers, bounds, rng = mlp(1, 16, 64, 32, 32, 5)
    board = boards.load("pynq-z2")
    found = Search(bounds, board, finish=lambda ops, _most=0: with_fifos(ops, {}), adders=True)
    vectors = rng.integers(-128, 128, (10_000, 16))
    ops, answer = run_exactly(integers, found.chosen(Aim(1, limits={"latency": "6"})), vectors, tmp_path)
    device, counted = mapped_cells(tmp_path, ops)
    assert resources(counted, "xc7")["lut"] <= 3_200
    assert same(integers, device, vectors) == answer == 6
