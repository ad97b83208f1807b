"""Every shape of network that FINN's rewrites were tried on lowers to integers that equal the network."""

import sys
from pathlib import Path

import numpy as np
import pytest

from xnorforge.flows.lower import checks, emit
from xnorforge.flows.lower.graph import integer_graph
from xnorforge.flows.lower.tidy import tidied

sys.path.insert(0, str(Path(__file__).parent))
import shapes

OWN_NODES = {
    "residual_zero_padded": {"SignedConv"},
    "stride_2_zero_padded": {"SignedConv"},
    "grouped": {"GroupedConv"},
}
WIDE = {"residual_two_quantisers", "residual_real_shortcut", "group_scalar_scales", "group_channel_scales"}
WIDE |= {"group_quantised_branches"}  # float scales: their exact sums need more than the 24 bits of a float tensor


def lowered(name):
    """The shape and its integer graph, before and after tidying."""
    given = shapes.exported(name)
    before = integer_graph(given.model, given.lo, given.hi, given.scale)
    after = tidied(integer_graph(given.model, given.lo, given.hi, given.scale))
    return given, before, after


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_no_activation_and_no_score_differs(name):
    given, before, graph = lowered(name)
    integers = checks.run_all(graph, given.frames)  # raises where an integer leaves its range
    np.testing.assert_array_equal(integers, checks.run_all(before, given.frames))
    found = checks.activations_are_equal(graph, given.model, given.frames[:3], given.inputs[:3])
    assert found["integers"] > 1000 and found["mismatches"] == 0
    scale, bias = checks.affine(graph.output)
    if name in shapes.FLOAT_HEADS:
        np.testing.assert_allclose(scale * integers + bias, given.scores, rtol=0, atol=1e-6 * abs(given.scores).max())
    else:
        np.testing.assert_array_equal(scale * integers + bias, given.scores)


@pytest.mark.parametrize("name", [name for name in shapes.SHAPES if name not in WIDE])
def test_finn_computes_the_same_integers(name):
    given, _, graph = lowered(name)
    model = emit.emitted(graph)
    assert checks.finn_is_equal(graph, model, given.frames[:2])["integers"] > 300
    own = {node.op_type for node in model.graph.node if node.domain == "xnorforge.flows.lower.nodes"}
    assert own == OWN_NODES.get(name, set())


@pytest.mark.parametrize("name", sorted(WIDE))
def test_a_sum_too_wide_for_a_float_tensor_is_refused(name):
    _, _, graph = lowered(name)
    with pytest.raises(
        emit.UserError,
        match=r"^join0: its integers need \d\d bits and a tensor of lowered.onnx holds 24; put the batch-norm constants",
    ):
        emit.emitted(graph)


def test_equal_networks_give_equal_bytes():
    _, _, first = lowered("minus_one_padding")
    _, _, second = lowered("minus_one_padding")
    assert emit.emitted(first).model.SerializeToString() == emit.emitted(second).model.SerializeToString()
