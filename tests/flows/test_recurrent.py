"""Recurrent layers: refused by name, and built as their message says, step by step."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from brevitas.export import export_qonnx
from onnx import helper

from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.graph import enter, operators
from xnorforge.sim import cosim
from xnorforge.sim.bits import simulate_bits
from xnorforge.sim.device import network as simulated

sys.path.insert(0, str(Path(__file__).parent))
import recurrent_networks
from graphs import Graph, lowered
from pipeline import proven

STEPS, FEATURES, UNITS = 4, 6, 5
WIRING = ("Width", "Fifo", "Permute", "Fork", "ArgMax", "TopK")


def gated(seed: int):
    """h = h - z h + z n, the gate z of 2 bits, the new state n of signs, h of 4 bits."""
    graph = Graph((STEPS * FEATURES,), seed)
    weights = {name: graph.weights(size, UNITS) for name, size in
               (("xz", FEATURES), ("hz", UNITS), ("xn", FEATURES), ("hn", UNITS))}  # fmt: skip
    state = None
    for step in range(STEPS):
        bounds = (np.array([n], np.int64) for n in (step * FEATURES, (step + 1) * FEATURES, 1))
        x = graph.node("Slice", *bounds, inputs=["x"]).at

        def of(gate, x=x, state=state):
            found = graph.node("MatMul", weights[f"x{gate}"], inputs=[x]).at
            if state is not None:
                graph.node("MatMul", weights[f"h{gate}"], inputs=[state])
                graph.node("Add", inputs=[found, graph.at])
            return graph.real("Mul", 1 / 256)

        z = of("z").quant(0.25, 2, signed=0).at
        n = of("n").sign().at
        added = graph.node("Mul", inputs=[z, n]).at
        if state is not None:
            kept = graph.node("Sub", inputs=[state, graph.node("Mul", inputs=[z, state]).at]).at
            graph.node("Add", inputs=[kept, added])
        state = graph.quant(0.125, 4).at
    return graph.node("MatMul", graph.weights(UNITS, 3), inputs=[state]).model((3,))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.full)])
def test_an_unrolled_gated_unit_is_built_exactly(seed, tmp_path):
    model = gated(seed)
    pixels = np.random.default_rng(seed).integers(0, 256, (3, STEPS * FEATURES))
    proven(model, pixels, seed, tmp_path)


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_a_recurrent_layer_is_named(kind):
    graph = Graph((STEPS, FEATURES)).node("Transpose", perm=[1, 0, 2])
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[kind]
    given = (np.zeros((1, gates * UNITS, size), np.float32) for size in (FEATURES, UNITS))
    graph.node(kind, *given, hidden_size=UNITS)
    graph.nodes[-1].output[:] = ["states", "last"]
    graph.nodes.append(helper.make_node("Squeeze", ["last"], ["result"]))
    graph.at = "result"
    with pytest.raises(UserError, match=kind):
        lowered(graph.model((UNITS,)))


@pytest.mark.full
@pytest.mark.parametrize("kind", [recurrent_networks.GRU, recurrent_networks.LSTM])
def test_an_unrolled_network_of_brevitas_is_one_cell(kind, tmp_path):
    """100 sequences, with pauses and a reset in mid-sequence, against the unrolled network in qonnx."""
    network, length = (
        recurrent_networks.trained(kind, 0),
        recurrent_networks.STEPS * recurrent_networks.FEATURES,
    )
    export_qonnx(network, torch.zeros(1, length), str(tmp_path / "net.onnx"))
    sequences = np.random.default_rng(0).integers(0, 256, (100, length), np.uint8)
    import_model(tmp_path / "net.onnx", sequences, [-1] * 100, tmp_path, input_scale=1.0)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    record = fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=4096)
    assert [row["op"] for row in record["operators"] if row["op"] not in WIRING] == ["Loop", "ByteMvu"]
    generate(tmp_path / "acc" / "folded.onnx", tmp_path / "rtl")
    ops = operators(tmp_path / "acc" / "folded.onnx")
    device = simulated(tmp_path / "rtl", ops, level="-O0")

    frames, model = enter(ops[0], np.load(tmp_path / "golden.npz")["images"]), CycleModel(ops)
    wanted = np.load(tmp_path / "lowered.npz")["integers"]
    flowing = cosim.run(device, frames)
    paused = cosim.run(device, frames, stall=0.4, seed=1, probe=True)
    again = cosim.run(device, frames[:10], reset_at=flowing.answer + flowing.interval // 2)
    for run in (flowing, paused, again):
        np.testing.assert_array_equal(
            run.output.reshape(len(run.output), -1)[:, :5], wanted[: len(run.output)]
        )
    assert (flowing.interval, flowing.latency) == ((found := model.run(100)).interval, found.latency)
    np.testing.assert_array_equal(
        paused.given[0], model.run(100, stall=0.4, seed=1).taken[ops[-1].results[0]]
    )
    np.testing.assert_array_equal(
        simulate_bits(ops, np.load(tmp_path / "golden.npz")["images"]), flowing.output
    )
