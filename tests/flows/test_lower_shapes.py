"""Every shape of network that FINN's rewrites were tried on lowers to integers that equal the network."""

import numpy as np
import pytest
import shapes
from graphs import activations_are_equal

from xnorforge.flows.lower import checks, emit
from xnorforge.flows.lower.graph import integer_graph
from xnorforge.flows.lower.tidy import tidied

OWN_NODES = {
    "residual_zero_padded": {"SignedConv"},
    "stride_2_zero_padded": {"SignedConv"},
    "grouped": {"GroupedConv"},
}
WIDE = {"residual_two_quantisers", "residual_real_shortcut", "group_scalar_scales", "group_channel_scales"}
WIDE |= {"group_quantised_branches"}  # float scales: their exact sums need more bits than float32 holds


def lowered(name, seed=1):
    """The shape and its integer graph, before and after tidying."""
    given = shapes.exported(name, seed)
    before = integer_graph(given.model, given.lo, given.hi, given.scale)
    after = tidied(integer_graph(given.model, given.lo, given.hi, given.scale))
    return given, before, after


@pytest.mark.quick("*-1")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", shapes.SHAPES)
def test_no_activation_and_no_score_differs(name, seed):
    given, before, graph = lowered(name, seed)
    assert len(given.frames) >= 64
    integers = checks.run_all(graph, given.frames)  # raises where an integer leaves its range
    np.testing.assert_array_equal(integers, checks.run_all(before, given.frames))
    found = activations_are_equal(graph, given.model, given.frames[:3], given.inputs[:3])
    assert found.compared > 1000
    scale, bias = checks.scale_and_bias(graph.output)
    if name in shapes.FLOAT_HEADS:
        np.testing.assert_allclose(
            scale * integers + bias, given.scores, rtol=0, atol=1e-6 * abs(given.scores).max()
        )
    else:
        np.testing.assert_array_equal(scale * integers + bias, given.scores)


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_finn_computes_the_same_integers(name):
    given, _, graph = lowered(name)
    model = emit.emitted(graph)
    found, left_out = checks.finn_is_equal(graph, model, given.frames[:2])
    wide = any(leaf.bits > 25 for leaf in graph.leaves.values())
    assert (
        found["integers"] > 300
        and bool(left_out) == wide
        and (wide or bool(graph.narrowed)) == (name in WIDE)
    )
    own = {node.op_type for node in model.graph.node if node.domain == "xnorforge.flows.lower.nodes"}
    assert own == OWN_NODES.get(name, set())
