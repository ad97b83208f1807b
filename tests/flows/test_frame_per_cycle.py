"""Dense networks that take a vector and give scores and index in every cycle."""

import sys
from pathlib import Path

import numpy as np
import pytest

from xnorforge.flows.bind import bind
from xnorforge.flows.fold import with_fifos
from xnorforge.flows.fold.aims import Aim, Search
from xnorforge.flows.fold.fifo_sizing import frame_latency
from xnorforge.flows.fold.search import search
from xnorforge.flows.lower import checks, emit
from xnorforge.hw import boards
from xnorforge.sim import cosim

sys.path.insert(0, str(Path(__file__).parent))
from graphs import Graph, lowered
from pipeline import PART, built


def mlp(seed: int, *widths: int):
    """Signed 8-bit features, binary layers, scores of one scale."""
    rng, graph, size = np.random.default_rng(seed), Graph((widths[0],), seed).quant(1.0, 8), widths[0]
    for width in widths[1:-1]:
        graph.node("MatMul", graph.weights(size, width)).norm(width).sign()
        size = width
    return graph.node("MatMul", graph.weights(size, widths[-1])).model((widths[-1],)), rng


def run_exactly(integers, ops, vectors, folder) -> tuple[list, int]:
    """Compare scores and index in RTL with the integers, a frame per cycle and with gaps; the built operators
    and the latency.
    """
    device, ops = built(ops, folder)
    wanted = checks.run_all(integers, vectors).reshape(len(vectors), -1)
    wanted = np.concatenate([wanted, wanted.argmax(1)[:, None]], 1)
    full, stalled = (cosim.run(device, vectors, stall=stall, seed=2) for stall in (0.0, 0.4))
    for run in (full, stalled):
        np.testing.assert_array_equal(run.output.reshape(len(vectors), -1), wanted)
    assert (np.diff(full.cycles[:, 0]) == 1).all()
    return ops, full.answer


@pytest.mark.parametrize(
    "widths, frames",
    [
        ((8, 12, 3), 300),
        ((16, 8, 10), 300),
        pytest.param((16, 64, 32, 32, 5), 10_000, marks=pytest.mark.full),
        pytest.param((784, 16, 16, 10), 10_000, marks=pytest.mark.full),
    ],
)
def test_a_frame_per_cycle_with_its_index(widths, frames, tmp_path):
    model, rng = mlp(1, *widths)
    integers = lowered(model, lo=-128, hi=127)
    bounds = bind(emit.emitted(integers), *checks.scale_and_bias(integers.output))
    ops, vectors = search(bounds, 1, PART, {}), rng.integers(-128, 128, (frames, widths[0]))
    run_exactly(integers, with_fifos(ops, {}), vectors, tmp_path)


@pytest.mark.parametrize(
    "widths, asked, clock, cycles, frames",
    [
        ((8, 12, 3), "4", None, 4, 300),
        ((8, 12, 3), "30ns", None, 3, 300),
        ((8, 12, 3), "30ns", "200MHz", 6, 300),
        ((8, 12, 3), "30ns", "7.5ns", 4, 300),
        pytest.param((16, 64, 32, 32, 5), "6", None, 6, 10_000, marks=pytest.mark.full),
    ],
)
def test_registers_are_left_out_for_a_latency(widths, asked, clock, cycles, frames, tmp_path):
    """Of any pace of input and output; the board's clock has 100 MHz."""
    model, rng = mlp(1, *widths)
    integers = lowered(model, lo=-128, hi=127)
    bounds = bind(emit.emitted(integers), *checks.scale_and_bias(integers.output))
    found = Search(
        bounds,
        boards.at_clock(boards.load("pynq-z2"), clock),
        finish=lambda ops, _most=0: with_fifos(ops, {}),
        adders=True,
    )
    slow = found.chosen(Aim(1))
    vectors = rng.integers(-128, 128, (frames, widths[0]))
    ops, answer = run_exactly(integers, found.chosen(Aim(1, limits={"latency": asked})), vectors, tmp_path)
    assert answer == frame_latency(ops) <= cycles < frame_latency(slow)
