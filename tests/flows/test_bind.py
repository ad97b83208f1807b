"""Binding: which lowered nodes become which operator, and what is refused, by name and with what works."""

import numpy as np
import pytest
from onnx import helper

from xnorforge.flows.bind import bind
from xnorforge.flows.lower import nodes as own

from ..refusals import refused as sentence
from ..refusals import says


def ops(chain, scale=0.5, bias=0.0):
    outputs = chain.x.shape[-1]
    return bind(chain.model(), np.full(outputs, scale), np.full(outputs, bias))


def test_a_layer_is_window_and_unit_with_the_thresholds_inside(chains):
    bound = ops(chains["small"]())
    assert [(one.op, one.name) for one in bound] == [
        ("Window", "conv0_window"), ("ByteMvu", "conv0"), ("Window", "conv1_window"), ("XnorMvu", "conv1"),
        ("OrPool", "pool1"), ("XnorMvu", "fc0"), ("XnorMvu", "fc1"), ("TopK", "top_k"),
    ]  # fmt: skip
    assert bound[1].nodes == ["conv0", "conv0_threshold"]
    assert bound[2].nodes == ["conv1_pad", "conv1_window"]
    assert bound[2].attributes["pads"] == [1, 1, 1, 1] and bound[2].attributes["pad_value"] == 0
    assert bound[5].attributes["in_shape"] == [3, 3, 6]  # a dense layer reads the image as it is streamed
    assert "thresholds" not in bound[6].arrays


def test_input_thresholds_become_an_operator_of_their_own(chains):
    assert [one.op for one in ops(chains["flat"]())] == ["Threshold", "XnorMvu", "XnorMvu", "TopK"]


def test_a_window_that_is_the_whole_image_needs_no_operator(chains):
    chain = chains["Chain"]((5, 5, 2)).sign("sign0").conv("conv0", 4).conv("conv1", 6)
    bound = ops(chain.dense("fc0", 3, raw=True))
    assert [one.name for one in bound] == ["sign0", "conv0_window", "conv0", "conv1", "fc0", "top_k"]
    assert bound[3].attributes["in_shape"] == [3, 3, 4] and bound[3].attributes["mw"] == 36


@pytest.mark.parametrize("scale, bias, last", [
    ([0.5, 0.5, 0.5], [1, 1, 1], "TopK"), ([0.5, 0.5, 0.4], [1, 1, 1], "XnorMvu"),
    ([0.5] * 3, [1, 1, 2], "XnorMvu"), ([-1] * 3, [0] * 3, "XnorMvu"),
], ids=["one-scale", "two-scales", "two-biases", "negative"])  # fmt: skip
def test_the_index_of_the_largest_score_is_added_only_where_it_is_the_class(chains, scale, bias, last):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    assert bind(chain.model(), np.array(scale, float), np.array(bias, float))[-1].op == last


def test_thresholds_out_of_reach_become_always_and_never(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 4).dense("fc1", 3, raw=True)
    chain.constants["fc0_steps"] = np.array([[-7], [0], [8], [500]], np.float32)
    assert ops(chain)[1].arrays["thresholds"].tolist() == [0, 0, 8, 9]


def refused(chain, *, scale=0.5):
    return sentence(lambda: ops(chain, scale))


def test_two_readers_of_one_tensor_are_named(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 4).dense("fc1", 3, raw=True)
    node = helper.make_node(
        "MVAU", ["fc0_threshold_out", "fc1_weights"], ["b_out"], name="branch",
        domain="finn.custom_op.fpgadataflow",
    )  # fmt: skip
    chain.nodes.append(node)
    says(refused(chain), "fc0_threshold_out: … fc1 and branch … DuplicateStreams")


def test_what_no_operator_builds_is_named_with_what_works(chains):
    chain = chains["Chain"]((8,)).sign("sign0")
    chain.put("Softmax", "strange", chain.x, "BINARY").dense("fc0", 3, raw=True)
    says(refused(chain), "strange: … Softmax … convolutions")


def unit_of(chains, weights):
    """What is bound to a dense layer of bits that count as 0 and 1, with these weights."""
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    chain.constants["fc0_weights"], chain.kinds["fc0_weights"] = weights.astype(np.float32), "INT4"
    [dense] = (node for node in chain.nodes if node.name == "fc0")
    [mode] = (one for one in dense.attribute if one.name == "binaryXnorMode")
    mode.i = 0
    return ops(chain)[1]


def test_weights_of_more_than_one_bit_get_a_unit_of_integers(chains):
    unit = unit_of(chains, np.eye(8, 3) * 3)
    assert (unit.op, unit.attributes["in_bits"], unit.attributes["w_bits"]) == ("IntMvu", 1, 3)


SIGNS = np.where(np.random.default_rng(0).random((8, 3)) < 0.5, -1, 1)
PLACES = np.repeat([3, 1], 4)[:, None]


def test_signs_times_a_constant_of_their_place_get_a_unit_that_counts_equal_bits(chains):
    unit = unit_of(chains, SIGNS * PLACES)
    assert (unit.op, unit.attributes["run"], unit.attributes["scale_bits"]) == ("SpatialMvu", 4, 2)
    np.testing.assert_array_equal(unit.arrays["weights"], SIGNS * PLACES)
    assert unit_of(chains, SIGNS * np.tile([[3], [3], [1], [1]], (2, 1))).attributes["run"] == 2


@pytest.mark.parametrize("weights", [
    SIGNS * 3, SIGNS * PLACES * [[1, 1, 2]], SIGNS * np.tile([[1], [2]], (4, 1)), SIGNS * (PLACES - 1),
], ids=["one constant", "rows differ", "one element each", "zeros"])  # fmt: skip
def test_other_weights_of_several_bits_stay_integers(chains, weights):
    assert unit_of(chains, weights).op == "IntMvu"


def test_a_pool_on_numbers_takes_the_maximum_of_numbers(chains):
    pool = ops(chains["Chain"]((4, 4, 1)).pool("pool0").dense("fc0", 3, raw=True))[0]
    assert (pool.op, pool.attributes["in_bits"], pool.attributes["kernel"]) == ("MaxPool", 8, [2, 2])


def test_a_minimum_of_bits_is_an_and(chains):
    chain = chains["Chain"]((4, 4, 2)).sign("sign0")
    x = chain.x.reshape(len(chain.x), 2, 2, 2, 2, 2).min((2, 4))
    direction = [("pool0_direction", [-1, -1], "BIPOLAR")]
    chain.put(
        "DirectedPool", "pool0", x, "BINARY", direction, domain=own.DOMAIN, kernel=[2, 2], stride=[2, 2],
        dilation=[1, 1],
    )  # fmt: skip
    pool = ops(chain.dense("fc0", 3, raw=True))[1]
    assert (pool.op, pool.attributes["all"]) == ("OrPool", 1)
