"""Weights that come from outside the network with every frame: `xf_top` with a stream each."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from driving import generated
from op_examples.drawn import seeded

from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError
from xnorforge.flows.fold.options import with_width_converters
from xnorforge.hw import graph, memory
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network

from ..refusals import stops

MAKE = {name: plugins.load("hw.ops", name).Op.make for name in ("xnor_matmul", "reorder", "threshold")}


def layer(rng, vectors, mw, mh, simd, pe):
    """Match counts of all vectors with weights from outside, in the order of the vectors."""
    weights, tiles = rng.integers(0, 2, (mw, mh)), mh // pe
    order = (np.arange(tiles) * vectors + np.arange(vectors)[:, None]).ravel()
    shape = {"mw": mw, "mh": mh, "vectors": vectors, "simd": simd, "pe": pe}
    matches = MAKE["xnor_matmul"](arrays={"weights": weights}, outside=1, **shape)
    shapes = {"in_shape": [tiles, vectors, pe], "out_shape": [vectors, mh], "period": tiles * vectors}
    ordered = MAKE["reorder"](arrays={"order": order}, **shapes, group=pe, pe=pe, bits=mw.bit_length())
    return weights, [matches, ordered]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two layers with thresholds between them: their weights, thresholds, operators and RTL."""
    rng, folder = np.random.default_rng(4), tmp_path_factory.mktemp("net")
    first, ops = layer(rng, 9, 24, 8, 8, 4)
    steps = rng.integers(9, 15, 8)
    bits = MAKE["threshold"](
        arrays={"thresholds": steps[:, None]}, in_shape=[9, 8], pe=4, in_bits=5, in_signed=0
    )
    second, more = layer(rng, 9, 8, 10, 4, 5)
    ops = generated([*ops, bits, *more], folder)
    return (first, steps, second), ops, network(folder / "rtl", ops, level="-O0")


@pytest.mark.parametrize("stall", [0.0, 0.4, (0.7, 0.1), (0.1, 0.7)])
def test_frames_are_computed_with_weights_that_pause_at_random(built, stall):
    (first, steps, second), ops, device = built
    frames = np.random.default_rng(1).integers(0, 2, (6, 9, 24)).astype(np.uint8)
    bits = ((frames[..., None] == first).sum(2) >= steps).astype(int)
    wanted = (bits[..., None] == second).sum(2)
    np.testing.assert_array_equal(next(reversed(BitSimulator(ops).run(frames).values())), wanted)
    run = cosim.run(device, frames.astype(int), stall, seed=2, probe=True)
    np.testing.assert_array_equal(run.output, wanted)
    if stall == 0.0:
        course = CycleModel(ops).run(len(frames))
        for tensor, cycles in ((ops[0].sources[0], run.taken[0]), (ops[-1].results[0], run.given[0])):
            np.testing.assert_array_equal(course.transfers(tensor), cycles)
        assert run.interval == max(op.cycles() for op in ops)


def test_a_stream_of_weights_whose_ready_waits_for_valid_is_named(built, tmp_path):
    """Streams of constants are turned together first: one of two breaks the rule."""
    _, ops, device = built
    shutil.copytree(device.folder, tmp_path / "rtl")
    top = tmp_path / "rtl" / "top.sv"
    right = "s_axis_weights1_tready = "
    assert right in top.read_text()
    top.write_text(top.read_text().replace(right, f"{right}s_axis_weights1_tvalid & "))
    frames = np.random.default_rng(1).integers(0, 2, (2, 9, 24))
    wrong = network(tmp_path / "rtl", ops, level="-O0")
    stops(re.escape(cosim.FAULTS[4]), cosim.run, wrong, frames, 0.4, probe=True, kind=MismatchError)


@pytest.mark.parametrize(("kind", "rounds", "given"), [
    ("int_mvu", 1, {"vectors": 1, "mw": 12, "mh": 10, "w_bits": 6}),
    ("int_mvu", 2, {"vectors": 6, "in_signed": 1, "w_bits": 8, "raw": False}),
    ("int_mvu", 3, {"vectors": 6, "in_bits": 2, "w_bits": 3}), ("sign_mvu", 2, {"vectors": 8, "raw": False}),
    ("sign_mvu", 6, {"vectors": 6, "in_bits": 8, "in_signed": 1}),
])  # fmt: skip
def test_units_of_any_width_are_the_same_with_weights_from_outside(tmp_path, kind, rounds, given):
    """A classifier, 1x1 convolutions, signs, bits; weights are read again for each part of a frame."""
    own = {"mw": 6, "mh": 4, "simd": 1, "pe": 1} | {"raw": True} | given
    op = seeded(plugins.load("hw.ops", kind).Op, 3, **own)
    ops = generated(with_width_converters(graph.in_a_row(op.from_outside(150, rounds))), tmp_path)
    device, frames = network(tmp_path / "rtl", ops, level="-O0"), op.random_input(1, 5)
    for stall in (0.0, (0.5, 0.2)):
        found = cosim.run(device, frames, stall, seed=2).output
        np.testing.assert_array_equal(found.ravel(), op.run(frames).ravel())


@pytest.mark.parametrize(("every", "interval"), [(5, 54), (40, 240)])
def test_what_binds_is_the_matrix_or_the_memory(built, every, interval):
    """The first layer reads 6 words per frame, each for 9 vectors: 54 cycles, or 6 words' distances."""
    (first, steps, second), _, device = built
    frames = np.random.default_rng(2).integers(0, 2, (9, 9, 24)).astype(np.uint8)
    pauses = Pauses(outside=(Pause(0.0, 1, every - 1, every),) * 2)
    run = cosim.run(device, frames.astype(int), pauses)
    bits = ((frames[..., None] == first).sum(2) >= steps).astype(int)
    np.testing.assert_array_equal(run.output, (bits[..., None] == second).sum(2))
    assert run.interval == interval


@pytest.mark.parametrize("rate", [0.04, 0.11, 0.5, 100.0])
def test_a_memory_is_the_same_in_rtl_and_cycle_model_and_binds_by_its_rate(built, rate):
    """6 words of 32 bits and 4 of 20, in slots of 4 bytes, are 3 and 2 words of memory; at 100 MHz 0.04 GB/s
    are a word in 20 cycles, and 29/30 of the time is without a refresh. Pauses at both ends besides."""
    _, ops, device = built
    frames = np.random.default_rng(1).integers(0, 2, (40, 9, 24))
    model = CycleModel(ops, memory=True)
    for ends in ((0.0, 0.0), (0.6, 0.2)):
        pauses = replace(Pauses.of(ends), memory=memory.word_times(rate, 100.0))
        run, course = cosim.run(device, frames, pauses, seed=3), model.run(40, pauses, 3)
        tensors = [*model.sources, *model.constants.values(), *model.sinks]
        for tensor, cycles in zip(tensors, [*run.taken, *run.given], strict=True):
            np.testing.assert_array_equal(course.transfers(tensor), cycles)
        late = run.cycles[-1, -1] - run.cycles[9, -1]
        assert late / 30 >= max(0.99 * 5 * 8 * 100 / 1000 / min(rate, 0.8) * 30 / 29, 54)
        assert ends[0] or rate > 0.1 or late / 30 <= 1.02 * 5 * 20 * 30 / 29
