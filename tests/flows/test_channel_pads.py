"""Channels of a constant beside those of an image, as the shortcuts of CIFAR's ResNets have (option A)."""

import numpy as np
import pytest
from graphs import Graph, compare, lowered
from pipeline import proven

from xnorforge.core.errors import UserError
from xnorforge.flows.lower import checks


def option_a(kind: str, seed: int):
    """Every other pixel of 4 channels and 2 of zeros on either side, added to a convolution of stride 2."""
    net = Graph((3, 6, 6), seed)
    net.node("Conv", net.weights(4, 3, 3, 3), pads=[1] * 4).norm(4)
    net = net.sign() if kind == "bits" else net.quant(0.5, 3, signed=0)
    source = net.at
    net.node("Conv", net.weights(8, 4, 3, 3), pads=[1] * 4, strides=[2, 2]).quant(0.5, 4)
    main, net.at = net.at, source
    net.node("Slice", *(np.int64(x) for x in ([0, 0], [6, 6], [2, 3], [2, 2])))
    net.node("Pad", np.int64([0, 2, 0, 0, 0, 2, 0, 0]), np.float32(0))
    net.node("Add", inputs=[main, net.at]).norm(8).sign()
    return net.node("Conv", net.weights(3, 8, 1, 1)).model((3, 3, 3))


def pixels(seed, count=3):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 6, 6)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["bits", "levels"])
@pytest.mark.parametrize("seed", range(3))
def test_a_shortcut_padded_with_channels_of_zeros_gives_the_scores_of_qonnx(kind, seed):
    compare(option_a(kind, seed), pixels(seed))


@pytest.mark.parametrize("kind", ["bits", pytest.param("levels", marks=pytest.mark.full)])
def test_the_rtl_of_such_a_shortcut_gives_the_scores_of_qonnx(tmp_path, kind):
    proven(option_a(kind, 1), pixels(1, 6), 1, tmp_path)


def test_channels_and_rows_of_any_constant_are_added_as_counted_by_hand():
    net = Graph((1, 1, 2)).real("Sub", 127.5).sign()
    net.node("Pad", np.int64([0, 1, 1, 0, 0, 0, 0, 0]), np.float32(-1)).real("Mul", 3.0)
    graph = lowered(net.model((2, 2, 2)))
    factor, offset = checks.scale_and_bias(graph.output)
    got = factor * checks.run_all(graph, np.array([[[[0], [255]]]])) + offset
    # Channel 0 is -3 everywhere, channel 1 has a row of -3 above the pixels -3 and 3.
    assert got[0].tolist() == [[[-3, -3], [-3, -3]], [[-3, -3], [-3, 3]]]


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_row_is_padded_in_front_alone_as_in_causal_networks(dilation):
    net = Graph((3, 12), dilation).quant(32.0, 3, signed=0)
    net.node("Pad", np.int64([0, 0, 2 * dilation, 0, 0, 0]), np.float32(0))
    net.node("Conv", net.weights(5, 3, 3), dilations=[dilation]).norm(5).sign()
    net.node("Flatten").node("MatMul", net.weights(60, 3))
    compare(net.model((3,)), pixels(2, 6)[:, :, :2].reshape(6, 3, 12))


def test_refused_in_front_of_a_batch():
    net = Graph((1, 2, 2)).node("Pad", np.int64([1, 0, 0, 0, 0, 0, 0, 0]), np.float32(0))
    with pytest.raises(UserError, match="it does more than add a constant border around images or channels;"):
        lowered(net.model((1, 2, 2)))
