"""The buses of images and scores: as wide as asked, no wider than 64 bits unless the interval needs it."""

import re

import numpy as np
import pytest
from pipeline import built

from xnorforge.core.errors import UserError
from xnorforge.flows.fold import with_fifos
from xnorforge.flows.fold.aims import Aim, Search, amounts_of
from xnorforge.flows.fold.options import Ports
from xnorforge.flows.lower import checks
from xnorforge.hw import boards
from xnorforge.hw.graph import enter
from xnorforge.hw.ops.base import Stream
from xnorforge.pipeline import request
from xnorforge.sim import cosim

from ..refusals import stops
from .test_frame_per_cycle import mlp

BOARD = boards.load("pynq-z2")


def bounds_of(*widths):
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
    bounds, _, _ = bounds_of(64, 12, 10)
    for interval in (2000, 64, 8, 4, 1):
        ops, widths = folded(bounds, interval)
        least = -(-64 * 8 // interval)
        assert max(op.cycles() for op in ops) <= interval and least <= widths[0] <= max(64, 2 * least)
        assert min(widths) <= 64 or interval == 1


@pytest.mark.parametrize("asked", [8, 16, 32, 128])
def test_a_bus_is_as_narrow_as_asked_and_computes_the_same(asked, tmp_path):
    """Of a matrix, too, that is to take the whole vector at a time: a converter is in front of it."""
    bounds, integers, vectors = bounds_of(16, 12, 3)
    matrix = next(one for one in bounds if "simd" in one.make().get_nodeattr_types())
    ops, widths = folded(bounds, 16, {matrix.name: {"simd": 16}}, stream=asked, firm=True)
    assert max(widths) <= asked and any(op.name == matrix.name and op.in_stream().lanes == 16 for op in ops)
    wanted = checks.run_all(integers, vectors).reshape(len(vectors), -1)
    for rows in scores_of_rtl(ops, vectors, tmp_path):
        np.testing.assert_array_equal(rows, np.concatenate([wanted, wanted.argmax(1)[:, None]], 1))


def test_scores_leave_through_a_converter_too(tmp_path):
    """Without an index after them, of a matrix that gives all scores at a time."""
    bounds, integers, vectors = bounds_of(16, 12, 12)
    fixed = {bounds[-2].name: {"simd": 12, "pe": 12}}
    ops, widths = folded(bounds[:-1], 100, fixed, stream=16, firm=True)
    assert widths[1] <= 16 and ops[-1].in_stream().lanes == 12
    rows = scores_of_rtl(ops, vectors, tmp_path)
    np.testing.assert_array_equal(rows[0], checks.run_all(integers, vectors).reshape(len(vectors), -1))


def test_ten_luts_are_not_saved_by_idle_bytes():
    """A byte that is idle counts two LUTs, and one that a converter holds one."""
    bounds, _, _ = bounds_of(49, 12, 10)
    (ops, widths), (one, narrow) = folded(bounds, 2000), folded(bounds, 2000, stream=8, firm=True)
    lut, least = (amounts_of(some)["lut"] for some in (ops, one))
    assert narrow[0] == 8 and lut + 2 * (widths[0] // 8 - ops[0].in_stream().lanes) <= least + 1e-6


def test_a_bus_that_is_too_narrow_is_refused_with_the_one_that_would_do():
    bounds, _, _ = bounds_of(64, 12, 10)
    with pytest.raises(UserError, match=r"^STREAM=8: .* 16 cycles per frame .*; use STREAM=") as refused:
        folded(bounds, 16, stream=8, firm=True)
    wide = int(re.findall(r"use STREAM=(\d+)", str(refused.value))[0])
    assert folded(bounds, 16, stream=wide, firm=True)[1][0] == wide == 64 * 8 // 16
    stops(f"use STREAM={wide},", folded, bounds, 16, stream=wide // 2, firm=True)
    op = bounds_of(16, 300, 3)[0][-2].make(simd=1, pe=1)
    with pytest.raises(UserError, match=r"STREAM=8 is too narrow; use STREAM=16\.$"):  # for one sum
        Ports(frozenset(op.results), 8, True).kept([op])


def test_the_bits_of_a_bus_are_a_power_of_two():
    widths = [Stream((bits,), bits).axis_bits for bits in (1, 8, 9, 24, 33, 392)]
    assert widths == [8, 8, 16, 32, 64, 512]
    stops(r"^STREAM: 24 bits .* STREAM=32\.$", request.aims, request.Request(stream=24))
    request.aims(request.Request(stream=32))
