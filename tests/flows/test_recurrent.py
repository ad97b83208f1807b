"""Recurrent layers: refused by name, and built as their message says, step by step."""

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from xnorforge.core.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))
from graphs import Graph, lowered
from pipeline import proven

STEPS, FEATURES, UNITS = 4, 6, 5


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
