"""Tables that are read at sums of bits, as ONNX has them, become neurons that are tables."""

import numpy as np
import pytest
from graphs import Graph, compare, lowered
from onnx import TensorProto
from pipeline import bounds_of, built, mapped_cells, smallest

from xnorforge.flows.fold import with_fifos
from xnorforge.flows.lower import checks
from xnorforge.flows.lower.exactness import is_exact
from xnorforge.sim import cosim

from ..refusals import refuses


def addresses(graph, inputs: int, neurons: int, bits: int, scale: float = 0.5):
    """The sums of bits with which each neuron finds its entries in a row of all tables."""
    weights = np.zeros((inputs, neurons))
    for n in range(neurons):
        weights[graph.rng.choice(inputs, bits, replace=False), n] = scale * 2.0 ** np.arange(bits)
    first = 2**bits * np.arange(neurons) + scale * (2**bits - 1)
    return graph.real("MatMul", weights).real("Add", first).node("Cast", to=TensorProto.INT64)


def looked_up(graph, table):
    """Entries of a table."""
    graph.constants["table"] = np.float32(table)
    return graph.node("Gather", inputs=["table", graph.at], axis=0)


def neurons(seed: int, shape, many: int, bits: int):
    """A sign, tables of the bits, tables of their answers, and votes for three classes."""
    graph, inputs = Graph(shape, seed).real("Sub", 99.5).sign(), int(np.prod(shape))
    if len(shape) > 1:
        graph.node("Flatten")
    for size in (inputs, many):
        addresses(graph, size, many, min(bits, size))
        looked_up(graph, graph.rng.choice([-1, 1], many << min(bits, size)))
    return graph.real("MatMul", graph.rng.integers(-1, 2, (many, 3))).model((3,))


@pytest.mark.quick("*-shape1")
@pytest.mark.parametrize("shape", [(9,), (2, 3, 4)])
@pytest.mark.parametrize(("many", "bits"), [(7, 1), (5, 3), (12, 6), (9, 8)])
def test_tables_are_lowered_exactly_and_addresses_are_not_built(shape, many, bits):
    model, rng = neurons(many, shape, many, bits), np.random.default_rng(1)
    graph = compare(model, rng.integers(0, 256, (40, *shape)))
    kinds = [node.op for node in graph.nodes if node.op != "Reshape"]
    assert kinds == ["Threshold", "Lookup", "Lookup", "Dense"]
    frames = rng.integers(0, 256, (3, *shape))
    assert is_exact(graph, model, frames.transpose(0, 2, 3, 1) if frames.ndim == 4 else frames)["integers"]


def test_rtl_looks_up_a_frame_per_cycle_at_any_pace(tmp_path):
    integers = lowered(neurons(0, (24,), 12, 6))
    device, ops = built(with_fifos(smallest(bounds_of(integers), 1), {}), tmp_path)
    assert [type(op).__name__ for op in ops].count("Lookup") == 2
    frames = np.random.default_rng(1).integers(0, 256, (200, 24))
    wanted = checks.run_all(integers, frames).reshape(len(frames), -1)
    for stall in (0.0, 0.4):
        run = cosim.run(device, frames, stall=stall, seed=2)
        np.testing.assert_array_equal(run.output.reshape(len(frames), -1)[:, :3], wanted)
        assert stall or (np.diff(run.cycles[:, 0]) == 1).all()


@pytest.mark.full
def test_the_netlist_looks_up_what_the_rtl_does(tmp_path):
    integers = lowered(neurons(0, (24,), 12, 6))
    _, ops = built(with_fifos(smallest(bounds_of(integers), 1), {}), tmp_path)
    device, _ = mapped_cells(tmp_path, ops)
    frames = np.random.default_rng(2).integers(0, 256, (2000, 24))
    run = cosim.run(device, frames, stall=0.4, seed=2)
    wanted = checks.run_all(integers, frames).reshape(len(frames), -1)
    np.testing.assert_array_equal(run.output.reshape(len(frames), -1)[:, :3], wanted)


def test_tables_of_any_two_numbers_and_negative_indices_keep_their_values():
    """Index -1 is the last entry, in ONNX as in numpy."""
    graph = Graph((3,)).real("Sub", 99.5).sign()
    graph.real("MatMul", [[0.5], [1.0], [0.0]]).real("Add", [-0.5]).node("Cast", to=TensorProto.INT64)
    model = looked_up(graph, [2.5, 0.25, 2.5, 0.25]).model((1,))
    pixels = np.array([[a, b, 0] for a in (0, 255) for b in (0, 255)])
    compare(model, pixels)


REFUSED = {
    "numbers": (lambda g: addresses(g.quant(8.0, 4), 9, 2, 2, 1.0), [1, -1] * 40, ("other than bits",)),
    "nine bits": (lambda g: addresses(g.sign(), 9, 2, 9), [1, -1] * 512, ("neuron", "9 bits", "at most 8")),
    "three answers": (lambda g: addresses(g.sign(), 9, 2, 2), [1, -1, 0] * 3, ("3 different", "two")),
    "a short table": (lambda g: addresses(g.sign(), 9, 2, 2), [1, -1] * 2, ("0 .. 7", "4 entries")),
    "rows": (lambda g: addresses(g.sign(), 9, 2, 2), np.ones((8, 2)), ("[8, 2]", "axis 0")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_tables_are_refused_by_name(name):
    given, table, words = REFUSED[name]
    model = looked_up(given(Graph((9,)).real("Sub", 99.5)), table)
    shape = (2, 2) if name == "rows" else (2,)
    with refuses(" … ".join(("Gather", *words))):
        lowered(model.model(shape))
