"""Narrowed sums: every comparison of every reachable sum has the answer that it had before."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from graphs import Graph, compare, lowered
from pipeline import bounds_of

from xnorforge.core.errors import MismatchError
from xnorforge.flows.lower.exactness import is_exact, next_to
from xnorforge.flows.lower.narrowing import narrowed, some_between
from xnorforge.flows.lower.values import Leaf, common_grid, exact
from xnorforge.flows.synth import count
from xnorforge.hw.any_width import width_of
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim, device


def drawn_sum(seed: int):
    """One to four terms with factors of up to 70 bits and either sign, some 0, and short ranges; thresholds
    anywhere, half of them next to a reachable sum.
    """
    rng = np.random.default_rng(seed)
    terms, channels, steps = int(rng.integers(1, 5)), 3, 5
    shape = (terms, channels)
    factors = rng.integers(-(2**40), 2**40, shape).astype(object) * rng.choice([0, 1, 1, 2**30], shape)
    lo = rng.integers(-6, 2, shape).astype(object)
    hi = lo + rng.integers(0, 7, shape)
    ends = np.stack([factors * lo, factors * hi])
    low, high = ends.min(0).sum(0)[:, None], ends.max(0).sum(0)[:, None]
    anywhere = low + (high - low + 2) * rng.integers(-10, 111, (channels, steps)).astype(object) // 100
    some = lo[..., None] + rng.integers(0, 7, (*shape, steps)) % (hi - lo + 1)[..., None]
    reached = (factors[..., None] * some).sum(0) + rng.integers(0, 2, (channels, steps))
    return factors, lo, hi, np.sort(np.where(rng.random((channels, steps)) < 0.5, anywhere, reached), 1)


@pytest.mark.parametrize("seed", range(100))
def test_no_reachable_sum_decides_otherwise(seed):
    factors, lo, hi, thresholds = drawn_sum(seed)
    small, steps = narrowed(factors, lo, hi, thresholds)
    assert width_of(small) <= max(width_of(factors), 2)
    for channel in range(len(thresholds)):
        ranges = (range(a, b + 1) for a, b in zip(lo[:, channel], hi[:, channel]))
        numbers = np.array([*itertools.product(*ranges)], object)
        before, after = (numbers @ one[:, channel] for one in (factors, small.astype(object)))
        answers = before[:, None] >= thresholds[channel], after[:, None] >= steps[channel]
        np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("seed", range(30))
def test_a_range_said_to_be_free_of_sums_has_none(seed):
    """All sums by brute force; of ranges that no number beyond its own could reach, the answer is exact."""
    factors, lo, hi, edges = drawn_sum(seed)
    first, last = edges[:, :-1], edges[:, 1:]
    said = some_between(factors, lo, hi, first, last)
    for channel in range(len(edges)):
        ranges = [range(a, b + 1) for a, b in zip(lo[:, channel], hi[:, channel])]
        sums = np.array([*itertools.product(*ranges)], object) @ factors[:, channel]
        there = ((sums[:, None] >= first[channel]) & (sums[:, None] < last[channel])).any(0)
        assert (said[channel] | ~there).all()
    assert not said[first == last].any()


def test_a_sum_that_another_factor_never_hits_is_not_said_to_be_reached():
    """2 x + 6 y is 7 never, and 8 for x = 1, y = 1."""
    factors, lo, hi = np.array([[2], [6]]), np.zeros((2, 1)), np.full((2, 1), 5)
    assert some_between(factors, lo, hi, np.array([[7, 8]]), np.array([[8, 9]])).tolist() == [[False, True]]


@pytest.mark.parametrize("seed", range(10))
def test_two_factors_are_the_smallest_that_keep_every_gap(seed):
    """577 matches and 256 levels with factors of 70 bits, 255 thresholds: about as many bits as sums."""
    rng = np.random.default_rng(seed)
    factors = [[int(rng.integers(2**60, 2**61)) * 2**9 + 1, int(rng.integers(2**60, 2**61)) * 2**10 + 1]]
    factors, hi = np.array(factors, object).T, np.array([[577], [255]], object)
    top = int((factors * hi).sum())
    steps = np.array([[top * k // 256 for k in range(1, 256)]], object)
    small, _ = narrowed(factors, 0 * hi, hi, steps)
    assert width_of((small.astype(object) * hi).sum()) <= 24


def test_sums_next_to_an_edge_are_found():
    """Of 2 x + 7 y, x in 0 .. 9, y in 0 .. 1: next to 8 are 7, 8 and 9."""
    inputs = [Leaf("x", (1,), np.array([0]), np.array([9])), Leaf("y", (1,), np.array([0]), np.array([1]))]
    factors = np.array([[2], [7]], object)
    found = next_to(np.array([[8]], object), factors, inputs)
    assert (found * factors[:, :, None]).sum(0).tolist() == [[7, 8, 9]]


def residual(seed: int, terms: int = 2, channels: int = 6, bits: int = 8):
    """A quantised image plus float batch norms of scaled 1x1 convolutions of it, quantised."""
    rng, signed = np.random.default_rng(seed), seed % 2
    graph = Graph((3, 6, 6), seed)
    graph.real("Conv", graph.weights(channels, 3, 3, 3), kernel_shape=[3] * 2, pads=[1] * 4)
    graph.norm(channels).quant(rng.uniform(0.5, 3), 8 if terms == 2 else 4)
    shortcut = total = graph.at
    for _ in range(terms - 1):
        graph.at = shortcut
        scales = np.float32(rng.uniform(0.05, 0.3, (channels, 1, 1, 1)))
        graph.real("Conv", graph.weights(channels, channels, 1, 1) * scales, kernel_shape=[1] * 2)
        graph.norm(channels)
        graph.real("Add", inputs=[total, graph.at])
        total = graph.at
    graph = graph if signed else graph.node("Relu")
    graph.quant(rng.uniform(0.05, 0.5), bits, signed=signed)
    graph.node("GlobalAveragePool").node("Flatten", axis=1).node("MatMul", graph.weights(channels, 5))
    return graph.model([5]), rng.integers(0, 256, (3, 3, 6, 6))


@pytest.mark.parametrize(("seed", "terms"), [(seed, 2 + seed // 3 % 2) for seed in range(9)])
def test_a_narrowed_residual_network_equals_qonnx_and_the_exact_network(seed, terms):
    model, pixels = residual(seed, terms)
    graph = compare(model, pixels)
    (one,) = graph.narrowed.values()
    assert one.after <= 28 < 50 <= one.before
    assert is_exact(graph, model, pixels.transpose(0, 2, 3, 1))["mismatches"] == 0
    bounds_of(graph)


@pytest.mark.parametrize("seed", range(3))
def test_sums_side_by_side_are_narrowed_each_by_itself(seed):
    """As where ReActNet doubles its channels."""
    graph, scales = Graph((3, 6, 6), seed), np.random.default_rng(seed).uniform(0.05, 0.3, (2, 6, 1, 1, 1))
    graph.real("Conv", graph.weights(6, 3, 3, 3), kernel_shape=[3] * 2, pads=[1] * 4)
    shortcut, ends = graph.norm(6).quant(0.37, 8).at, []
    for one in scales:
        graph.at = shortcut
        graph.real("Conv", graph.weights(6, 6, 1, 1) * np.float32(one), kernel_shape=[1] * 2).norm(6)
        ends.append(graph.real("Add", inputs=[graph.at, shortcut]).at)
    graph.node("Concat", inputs=ends, axis=1)
    graph.real("PRelu", graph.rng.uniform(0, 0.5, (12, 1, 1))).quant(0.21, 8)
    graph.node("GlobalAveragePool").node("Flatten", axis=1).node("MatMul", graph.weights(12, 5))
    model, pixels = graph.model([5]), graph.rng.integers(0, 256, (3, 3, 6, 6))
    found = compare(model, pixels)
    assert len(found.narrowed) == 2 and all(one.after < 40 for one in found.narrowed.values())
    assert is_exact(found, model, pixels.transpose(0, 2, 3, 1))["mismatches"] == 0
    levels = [node for node in found.nodes if node.op == "Threshold"][-1]
    levels.at = levels.at | {"thresholds": levels.at["thresholds"] + 2**12}
    with pytest.raises(MismatchError):
        is_exact(found, model, pixels.transpose(0, 2, 3, 1))


def test_a_threshold_that_a_narrowed_sum_passes_too_early_is_found():
    model, _ = residual(4)
    graph = lowered(model)
    ((name, _),) = graph.narrowed.items()
    (node,) = graph.readers()[name]
    steps = node.at["thresholds"].copy()
    middle = steps.shape[1] // 2
    steps[0, middle] = steps[0, middle - 1]
    node.at = node.at | {"thresholds": steps}
    with pytest.raises(MismatchError, match="narrowed"):
        is_exact(graph, model, np.zeros((1, 6, 6, 3), np.int64))


def quantiser(channels: int, seed: int = 0) -> tuple[Threshold, list]:
    """255 even thresholds of sums of about 93 bits, a convolution of 577 values times three float32 factors
    plus 256 levels times three others, narrowed; and the bits before and after.
    """
    rng = np.random.default_rng(seed)

    def factor(low, high):
        return np.prod([exact(np.float32(rng.uniform(low, high, channels))) for _ in range(3)], axis=0)

    factors = np.stack([factor(0.2, 0.3), factor(0.3, 0.5) * Fraction(4095, 4096)])
    grid = common_grid(factors.ravel())
    factors = np.array([[int(x / grid) for x in row] for row in factors], object)
    lo, hi = (np.full((2, channels), 1) * np.array(ends)[:, None] for ends in ([-288, 0], [288, 255]))
    low, high = (factors * lo).sum(0), (factors * hi).sum(0)
    level = np.arange(1, 256).astype(object)
    thresholds = low[:, None] + ((high - low)[:, None] * level + 128) // 256
    small, steps = narrowed(factors, lo, hi, thresholds)
    small = small.astype(object)
    bits = width_of(np.stack([(small * lo).sum(0), (small * hi).sum(0)]))
    given = {"in_shape": (channels,), "in_bits": bits, "in_signed": 1}
    op = Threshold.make(f"quantiser of {channels}", {"thresholds": steps}, **given)
    return op, [width_of(np.stack([low, high])), bits]


def test_a_quantiser_from_block_ram_has_the_right_level_on_both_sides_of_every_threshold():
    op, _ = quantiser(40)
    assert 2 in op.kinds.values()
    thresholds, _ = op.tables()
    x = np.concatenate([thresholds - 1, thresholds], 1).T
    wanted = np.stack([np.searchsorted(t, row, side="right") for t, row in zip(thresholds, x.T)], 1)
    [run] = cosim.run(device.bench([op]), [x], stall=0.2, seed=3)
    np.testing.assert_array_equal(run.output, wanted)


@pytest.mark.full
@pytest.mark.parametrize(("channels", "luts"), [(64, 500), (512, 1500)])
def test_a_quantiser_of_8_bits_behind_a_sum_of_93_is_a_few_hundred_luts(channels, luts):
    op, (before, _) = quantiser(channels)
    (found,) = count([op], "xc7")
    assert before >= 93 and found["lut"] <= luts
    assert op.cycles() == channels
