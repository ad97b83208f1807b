"""Convolutions of the same bits at several dilations, added up: one product, exactly, or left as they are."""

import numpy as np
import pytest
from graphs import Graph, compare

BRANCH = {"rate": 1, "kernel": (3, 3), "stride": 1, "pads": None, "value": -1.0, "scale": 1.0}


def branches(*given, seed=0, shape=(2, 7, 8), outputs=4, gamma=None, levels=1):
    """Bits, branches that differ from BRANCH as given, their sum, norm, quantiser; a 1x1 convolution."""
    middle = np.random.default_rng(seed).uniform(90, 160, (1, shape[0], 1, 1))
    graph = Graph(shape, seed).real("Sub", middle).sign()
    rng, start, ends = np.random.default_rng(seed), graph.at, []
    for one in (BRANCH | branch for branch in given):
        kh, kw = one["kernel"]
        pads = one["pads"] or [(k - 1) * one["rate"] // 2 for k in (kh, kw, kh, kw)]
        border = np.array([0, 0, *pads[:2], 0, 0, *pads[2:]])
        graph.node("Pad", border, np.float32(one["value"]), inputs=[start])
        weights, sizes = graph.weights(outputs, shape[0], kh, kw), [one["rate"]] * 2
        graph.node("Conv", weights * np.float32(one["scale"]), dilations=sizes, strides=[one["stride"]] * 2)
        ends.append(graph.at)
    graph.at = ends[0]
    for other in ends[1:]:
        graph.real("Add", inputs=[graph.at, other])
    gamma = rng.choice([-1.5, -1.0, 0.3, 2.0], outputs) if gamma is None else np.broadcast_to(gamma, outputs)
    beta, mean = rng.normal(0, 0.5, outputs), rng.normal(0, 4, outputs)
    graph.real("BatchNormalization", gamma, beta, mean, np.full(outputs, 9.0), epsilon=1e-5)
    graph.sign() if levels == 1 else graph.quant(0.25, 3, signed=0)
    stride = given[0].get("stride", 1)
    size = [-(-side // stride) for side in shape[1:]]
    return graph.node("Conv", graph.weights(3, outputs, 1, 1)).model((3, *size))


def lowered(model, shape=(2, 7, 8)):
    """Operators of the integer graph, which gives what qonnx gives in every quantiser and score."""
    graph = compare(model, np.random.default_rng(3).integers(0, 256, (12, *shape)))
    return graph, [node.op for node in graph.nodes]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("given", [
    [{"rate": 1}, {"rate": 2}], [{"rate": 4}, {"rate": 1}, {"rate": 2}],
    [{"rate": 1}, {"rate": 4}, {"rate": 8}], [{"rate": 1, "stride": 2}, {"rate": 3, "stride": 2}],
    [{"rate": 2, "kernel": (5, 3)}, {"rate": 1, "kernel": (5, 3)}],
    [{"rate": 1, "value": 1.0}, {"rate": 2, "value": 1.0}],
], ids=str)  # fmt: skip
def test_branches_of_several_rates_are_one_product(given, seed):
    graph, ops = lowered(branches(*given, seed=seed))
    assert ops == ["Threshold", "RatesConv", "Threshold", "Conv"]
    unit, threshold = graph.nodes[1:3]
    assert unit.at["rates"] == sorted(branch["rate"] for branch in given)
    assert (threshold.name, (threshold.at["direction"] > 0).all()) == (f"{unit.name}_threshold", True)


@pytest.mark.parametrize("gamma", [0.0, -3.0, [1.0, 0.0, -0.25, 3.0]])
@pytest.mark.parametrize("levels", [1, 7])
def test_any_batch_norm_behind_them_becomes_thresholds(gamma, levels):
    _, ops = lowered(branches({}, {"rate": 2}, {"rate": 3}, gamma=gamma, levels=levels))
    assert "RatesConv" in ops and "Join" not in ops


@pytest.mark.parametrize("given", [
    [{}, {"rate": 2, "scale": 2.0}], [{}, {"rate": 2, "value": 1.0}], [{"rate": 2}, {"rate": 2}],
    [{}, {"rate": 2, "kernel": (1, 3)}], [{}, {"rate": 2, "pads": [1, 2, 3, 2]}],
], ids=["another scale", "another border", "a rate twice", "another kernel", "another middle"])  # fmt: skip
def test_other_branches_stay_a_sum(given):
    _, ops = lowered(branches(*given))
    assert "RatesConv" not in ops and "Join" in ops


def two_rates() -> tuple[Graph, list[str]]:
    """Two convolutions of bits, and their sums."""
    graph = Graph((2, 6, 6)).real("Sub", 127.5).sign()
    start, ends = graph.at, []
    for rate in (1, 2):
        graph.node("Pad", np.array([0, 0, rate, rate] * 2), np.float32(-1), inputs=[start])
        graph.node("Conv", graph.weights(3, 2, 3, 3), dilations=[rate, rate])
        ends.append(graph.at)
    return graph, ends


def test_a_branch_that_somebody_else_reads_stays():
    graph, ends = two_rates()
    graph.real("Add", inputs=ends).norm(3).sign()
    both = graph.at
    graph.real("Sub", 1.5, inputs=[ends[0]]).sign()
    graph.node("Concat", inputs=[both, graph.at], axis=1)
    model = graph.node("Conv", graph.weights(2, 6, 1, 1)).model((2, 6, 6))
    _, ops = lowered(model, (2, 6, 6))
    assert "RatesConv" not in ops and "Join" in ops


def test_sums_of_several_rates_at_the_end_are_one_product_too():
    graph, ends = two_rates()
    _, ops = lowered(graph.real("Add", inputs=ends).model((3, 6, 6)), (2, 6, 6))
    assert ops == ["Threshold", "RatesConv"]
