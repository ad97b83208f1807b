"""Every shape of network that FINN's rewrites were tried on lowers to integers that equal the network."""

import sys
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core.artifacts import write_json
from xnorforge.core.errors import UserError
from xnorforge.flows.lower import checks, emit, lower
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
WIDE |= {
    "group_quantised_branches"
}  # float scales: their exact sums need more than the 24 bits of a float tensor


def lowered(name, seed=1):
    """The shape and its integer graph, before and after tidying."""
    given = shapes.exported(name, seed)
    before = integer_graph(given.model, given.lo, given.hi, given.scale)
    after = tidied(integer_graph(given.model, given.lo, given.hi, given.scale))
    return given, before, after


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", shapes.SHAPES)
def test_no_activation_and_no_score_differs(name, seed):
    given, before, graph = lowered(name, seed)
    assert len(given.frames) >= 64
    integers = checks.run_all(graph, given.frames)  # raises where an integer leaves its range
    np.testing.assert_array_equal(integers, checks.run_all(before, given.frames))
    found = checks.activations_are_equal(graph, given.model, given.frames[:3], given.inputs[:3])
    assert found["integers"] > 1000 and found["mismatches"] == 0
    scale, bias = checks.scale_and_bias(graph.output)
    if name in shapes.FLOAT_HEADS:
        np.testing.assert_allclose(
            scale * integers + bias, given.scores, rtol=0, atol=1e-6 * abs(given.scores).max()
        )
    else:
        np.testing.assert_array_equal(scale * integers + bias, given.scores)


@pytest.mark.parametrize("name", [name for name in shapes.SHAPES if name not in WIDE])
def test_finn_computes_the_same_integers(name):
    given, _, graph = lowered(name)
    model = emit.emitted(graph)
    assert checks.finn_is_equal(graph, model, given.frames[:2])["integers"] > 300
    own = {node.op_type for node in model.graph.node if node.domain == "xnorforge.flows.lower.nodes"}
    assert own == OWN_NODES.get(name, set())


def saved(name, folder):
    """A shape as the export stage leaves it, and what `lower` is called with."""
    given = shapes.exported(name)
    given.model.save(str(folder / "model.onnx"))
    write_json(
        folder / "export.json", {"net": name, "input": {"lo": given.lo, "hi": given.hi, "scale": given.scale}}
    )
    np.savez(folder / "golden.npz", images=given.pixels, scores=given.scores)
    return folder / "model.onnx", folder / "golden.npz", folder


@pytest.mark.parametrize("name", sorted(WIDE))
def test_a_sum_too_wide_for_a_float_tensor_is_refused_unless_rounding_is_allowed(tmp_path, name):
    asked = saved(name, tmp_path)
    with pytest.raises(
        UserError,
        match=r"^join0: its integers need \d\d bits and a tensor of lowered.onnx holds 24; "
        r"put the batch-norm constants .*, or "
        r"allow rounded sums \(\d of \d\d,\d{3} activations differ on 32 images, "
        r"and the class of \d of 64 images\) with "
        r"--approximate \(make: APPROXIMATE=1\)\.$",
    ):
        lower(*asked)
    assert not (tmp_path / "lower.json").exists()
    record = lower(*asked, approximate=True)
    apart = record["approximate"]
    assert (
        apart["sums"]
        and apart["activations"] > 40000
        and apart["activations_differ"] < 1e-4 * apart["activations"]
    )
    assert [one["name"] for one in record["checks"]] == ["lowered = FINN execution"]


def test_a_network_that_is_exact_is_never_rounded(tmp_path):
    record = lower(*saved("residual_shared_quantiser", tmp_path), approximate=True)
    assert record["approximate"] is None and len(record["checks"]) == 3


def test_equal_networks_give_equal_bytes():
    _, _, first = lowered("minus_one_padding")
    _, _, second = lowered("minus_one_padding")
    assert emit.emitted(first).model.SerializeToString() == emit.emitted(second).model.SerializeToString()
