"""Channels that decide nothing are removed, and no answer changes."""

import itertools

import numpy as np
import pytest
from graphs import Graph, lowered
from pipeline import proven, seeds

from xnorforge.flows.lower.exactness import is_exact
from xnorforge.flows.lower.pruning import GRAIN

FEATURES, HIGH = 5, 2  # small enough to try every frame


def spread(rng, channels: int, dead: float):
    """Multipliers and addends of signs of sums: a dead channel has the multiplier 0."""
    factor = rng.choice([-1.0, 1.0], channels) * (rng.random(channels) >= dead)
    return factor, np.where(factor, rng.integers(-2, 3, channels), rng.choice([-1, 1], channels)) + 0.5


def net(seed: int):
    """Dense layers of bits, their channels dead with a probability of its own per layer; the model, and per
    layer the dead ones."""
    rng = np.random.default_rng(seed)
    graph, size, dead = Graph((FEATURES,), seed), FEATURES, []
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.choice([4, 6, 8, 12]))
        factor, plus = spread(rng, width, rng.choice([0, 0.2, 0.7]))
        graph.node("MatMul", graph.weights(size, width)).real("Mul", factor).real("Add", plus).sign()
        dead.append(factor == 0)
        size = width
    return graph.node("MatMul", graph.weights(size, 3)).model((3,)), dead


def every_frame():
    return np.array([*itertools.product(range(HIGH + 1), repeat=FEATURES)])


@pytest.mark.parametrize("seed", range(40))
def test_every_frame_has_the_scores_of_the_whole_network(seed):
    model, dead = net(seed)
    graph, frames = lowered(model, 0, HIGH), every_frame()
    name = graph.output.single[0]
    np.testing.assert_array_equal(graph.run(frames)[name], graph.walked.run(frames)[name])
    assert is_exact(graph, model, frames[::50])["integers"]
    # What feeds thresholds has lost its dead channels, to a multiple of the grain.
    widths = [graph.leaves[f"dense{k}"].channels for k in range(len(dead))]
    for width, own in zip(widths[:-1], dead):
        grain = np.gcd(len(own), GRAIN)
        assert width <= max(grain, len(own) - own.sum() // grain * grain)


@pytest.mark.parametrize("seed", range(10))
def test_unread_and_equal_channels_are_gone(seed):
    rng = np.random.default_rng(seed)
    hidden, plus = rng.choice([-1.0, 1.0], (FEATURES, 4)), rng.integers(-2, 3, 4) + 0.5
    weights = rng.integers(-1, 2, (8, 3))
    weights[[0, 4], 0] = 3, 0  # weights of three bits, which hold the sum of any two
    weights[:4, 1], weights[4:, 1] = 1, 1
    order = rng.permutation(12)
    both = [[one, one, rng.permutation(one.T).T] for one in (hidden, plus)]
    hidden, plus = (np.concatenate(parts, -1)[..., order] for parts in both)
    weights = np.concatenate([weights, np.zeros((4, 3), int)])[order]
    graph = Graph((FEATURES,), seed).real("MatMul", hidden).real("Add", plus).sign()
    model = graph.real("MatMul", weights).model((3,))
    graph, frames = lowered(model, 0, HIGH), every_frame()
    assert graph.leaves["dense0"].channels == 4
    signs = np.where(frames @ hidden + plus >= 0, 1, -1)
    factor, offset = graph.output.single[1].astype(float), graph.output.offset.astype(float)
    np.testing.assert_array_equal(factor * graph.run(frames)["dense1"] + offset, signs @ weights)
    assert is_exact(graph, model, frames[::50])["integers"]


@pytest.mark.parametrize("seed", seeds(1, 20))
def test_images_keep_their_scores_in_rtl(seed, tmp_path):
    """Convolutions, a pool and dense layers; the channels of the last convolution are rows of the image."""
    rng = np.random.default_rng(seed)
    graph = Graph((3, 7, 7), seed)
    for inputs, outputs in ((3, 8), (8, 8)):
        factor, plus = (one.reshape(-1, 1, 1) for one in spread(rng, outputs, 0))
        factor[rng.permutation(8)[:5]] = 0
        graph.node("Conv", graph.weights(outputs, inputs, 2, 2), kernel_shape=[2, 2])
        graph.real("Mul", factor).real("Add", plus).sign()
    graph.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Flatten")
    factor, plus = spread(rng, 8, 0)
    graph.node("MatMul", graph.weights(32, 8)).real("Mul", factor).real("Add", plus).sign()
    model = graph.node("MatMul", graph.weights(8, 4)).model((4,))
    integers = lowered(model)
    frames = rng.integers(0, 256, (4, 7, 7, 3))
    assert is_exact(integers, model, frames)["integers"]
    assert integers.leaves["conv0"].channels == integers.leaves["conv1"].channels == 4
    proven(model, frames.transpose(0, 3, 1, 2).astype(np.uint8), seed, tmp_path)
