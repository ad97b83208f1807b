"""Binding: which lowered nodes become which operator, and what is refused, by name and with what works."""

import numpy as np
import pytest
from onnx import helper

from xnorforge.errors import UserError
from xnorforge.flows.bind import bind
from xnorforge.flows.lower import nodes as own

WORKS = "a chain of convolutions, dense layers, thresholds and maximum pools on bits can be built"


def ops(chain, scale=0.5, bias=0.0):
    outputs = chain.x.shape[-1]
    return bind(chain.model(), np.full(outputs, scale), np.full(outputs, bias))


def test_a_layer_is_window_and_unit_with_the_thresholds_inside(chains):
    bound = ops(chains["small"]())
    assert [(one.op, one.name) for one in bound] == [
        ("Window", "conv0_window"),
        ("ByteMvu", "conv0"),
        ("Window", "conv1_window"),
        ("XnorMvu", "conv1"),
        ("OrPool", "pool1"),
        ("XnorMvu", "fc0"),
        ("XnorMvu", "fc1"),
        ("TopK", "top_k"),
    ]
    assert bound[1].nodes == ["conv0", "conv0_threshold"]
    assert bound[2].nodes == ["conv1_pad", "conv1_window"]
    assert bound[2].attributes["pads"] == [1, 1, 1, 1] and bound[2].attributes["pad_value"] == 0
    assert bound[5].attributes["in_shape"] == [3, 3, 6]  # a dense layer reads the image as it is streamed
    assert "thresholds" not in bound[6].arrays


def test_input_thresholds_become_an_operator_of_their_own(chains):
    assert [one.op for one in ops(chains["flat"]())] == ["Threshold", "XnorMvu", "XnorMvu", "TopK"]


def test_a_window_that_is_the_whole_image_needs_no_operator(chains):
    chain = chains["Chain"]((5, 5, 2)).sign("sign0").conv("conv0", 4).conv("conv1", 6).dense("fc0", 3, raw=True)
    bound = ops(chain)
    assert [one.name for one in bound] == ["sign0", "conv0_window", "conv0", "conv1", "fc0", "top_k"]
    assert bound[3].attributes["in_shape"] == [3, 3, 4] and bound[3].attributes["mw"] == 36


@pytest.mark.parametrize(
    "scale, bias, last",
    [
        ([0.5, 0.5, 0.5], [1, 1, 1], "TopK"),
        ([0.5, 0.5, 0.4], [1, 1, 1], "XnorMvu"),
        ([0.5] * 3, [1, 1, 2], "XnorMvu"),
        ([-1] * 3, [0] * 3, "XnorMvu"),
    ],
    ids=["one-scale", "two-scales", "two-biases", "negative"],
)
def test_the_index_of_the_largest_score_is_added_only_where_it_is_the_class(chains, scale, bias, last):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    assert bind(chain.model(), np.array(scale, float), np.array(bias, float))[-1].op == last


def test_thresholds_out_of_reach_become_always_and_never(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 4).dense("fc1", 3, raw=True)
    chain.constants["fc0_steps"] = np.array([[-7], [0], [8], [500]], np.float32)
    assert ops(chain)[1].arrays["thresholds"].tolist() == [0, 0, 8, 9]


def refused(chain, *, scale=0.5):
    with pytest.raises(UserError) as error:
        ops(chain, scale)
    return str(error.value)


def test_a_fork_names_its_readers_and_the_missing_operator(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 4).dense("fc1", 3, raw=True)
    node = helper.make_node(
        "MVAU", ["fc0_threshold_out", "fc1_weights"], ["b_out"], name="branch", domain="finn.custom_op.fpgadataflow"
    )
    chain.nodes.append(node)
    assert refused(chain) == (
        f"fc0_threshold_out: fc1 and branch both read it, and an operator that forks a stream is missing in hw/ops; {WORKS}."
    )


@pytest.mark.parametrize(
    "op, missing",
    [
        ("DuplicateStreams", "an operator that forks a stream"),
        ("ElementwiseAdd", "an operator that adds two streams"),
        ("StreamingConcat", "an operator that joins streams by channel"),
        ("UpsampleNearestNeighbour", "an operator that repeats pixels"),
        ("VVAU", "a depthwise unit"),
        ("Softmax", "an operator for Softmax"),
    ],
)
def test_what_no_operator_builds_is_named_with_what_works(chains, op, missing):
    chain = chains["Chain"]((8,)).sign("sign0")
    chain.put(op, "strange", chain.x, "BINARY").dense("fc0", 3, raw=True)
    assert refused(chain) == f"strange: {missing} is missing in hw/ops; {WORKS}."


def test_an_own_node_says_what_to_write_instead(chains):
    chain = chains["Chain"]((8,)).sign("sign0")
    chain.put("Clip", "clip0", chain.x, "BINARY", domain=own.DOMAIN, mul=1, instead=own.INSTEAD["Clip"])
    assert refused(chain) == "clip0: an operator for Clip is missing in hw/ops; place a quantiser behind the ReLU."


def test_weights_of_more_than_one_bit_are_refused(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    chain.constants["fc0_weights"] = chain.constants["fc0_weights"] * 3
    chain.kinds["fc0_weights"] = "INT3"
    assert refused(chain) == "fc0: weights of INT3 have no operator in hw/ops; weights of -1 and +1 can be built."


def test_weights_of_three_values_on_counted_bits_are_what_is_named(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    chain.constants["fc0_weights"], chain.kinds["fc0_weights"] = np.eye(8, 3, dtype=np.float32), "TERNARY"
    [mode] = [a for node in chain.nodes if node.name == "fc0" for a in node.attribute if a.name == "binaryXnorMode"]
    mode.i = 0
    assert refused(chain) == "fc0: weights of TERNARY have no operator in hw/ops; weights of -1 and +1 can be built."


def test_a_pool_on_numbers_is_refused(chains):
    chain = chains["Chain"]((4, 4, 1)).pool("pool0").dense("fc0", 3, raw=True)
    assert refused(chain) == "pool0: a pool on UINT8 has no operator in hw/ops; place it behind the binary activation."


def test_a_minimum_of_bits_is_an_and(chains):
    chain = chains["Chain"]((4, 4, 2)).sign("sign0")
    x = chain.x.reshape(len(chain.x), 2, 2, 2, 2, 2).min((2, 4))
    direction = [("pool0_direction", [-1, -1], "BIPOLAR")]
    chain.put("DirectedPool", "pool0", x, "BINARY", direction, domain=own.DOMAIN, kernel=[2, 2], stride=[2, 2])
    pool = ops(chain.dense("fc0", 3, raw=True))[1]
    assert (pool.op, pool.attributes["all"]) == ("OrPool", 1)
