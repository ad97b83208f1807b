"""Residual networks with float batch norms and scales: sums of 30 to 80 bits, exact in every machine;
narrowed, every comparison of every reachable sum has the answer that it had before."""

import itertools
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from graphs import Graph, activations_are_equal, compare, lowered, qonnx_scores_of
from pipeline import SLOW, bounds_of, built, smallest

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.fold import folded_graph, with_fifos
from xnorforge.flows.importing import scores
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import integers_of, lower
from xnorforge.flows.lower.proof import checks
from xnorforge.flows.lower.proof.exactness import is_exact, next_to
from xnorforge.flows.synth.mapping import count
from xnorforge.hw import any_width
from xnorforge.hw import graph as operators
from xnorforge.hw.any_width import width_of
from xnorforge.hw.bind import OPS, bind
from xnorforge.hw.lowering.evaluation import evaluate
from xnorforge.hw.lowering.narrowing import narrowed, some_between
from xnorforge.hw.lowering.nodes import read_graph
from xnorforge.hw.lowering.values import Leaf, common_grid, exact, of_leaf
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim, device
from xnorforge.sim.bits import simulate_bits

from ..refusals import refuses, stops

BYTES = {"lo": 0, "hi": 255, "scale": 1.0}


class BiReal:
    """A Bi-Real network of 3-colour pixels drawn from a seed: every block adds the batch norm of a scaled ±1
    convolution of its signs to a shortcut that no quantiser touches. In a block of `halving` the shortcut is
    an average of 2 x 2 pixels, a scaled 1x1 convolution of its signs, and a batch norm; channels double."""

    def __init__(self, blocks: int, channels: int, size: int, halving=(), seed: int = 0):
        self.rng, self.graph = np.random.default_rng(seed), Graph((3, size, size), seed)
        self.conv(channels, 3, 3, scale=0.03, pads=[1] * 4)
        self.norm(channels, 24.0)
        for block in range(blocks):
            shortcut, outputs, stride = self.graph.at, channels, 1
            if block in halving:
                self.graph.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).sign(0.1)
                outputs, stride = 2 * channels, 2
                self.conv(outputs, channels, 1, scale=0.17)
                self.norm(outputs, 0.02 * channels**0.5)
                shortcut, self.graph.at = self.graph.at, shortcut
            self.graph.sign(0.1)
            self.conv(outputs, channels, 3, pads=[1] * 4, strides=[stride, stride])
            self.norm(outputs, 0.05 * channels**0.5)
            self.graph.real("Add", inputs=[self.graph.at, shortcut])
            channels = outputs
        self.graph.sign(0.1).node("GlobalAveragePool").node("Flatten", axis=1)
        self.graph.node("MatMul", self.graph.weights(channels, 5))
        self.pixels = self.rng.integers(0, 256, (20, 3, size, size))

    def conv(self, outputs, inputs, kernel, scale=None, **at):
        """±1 weights times one scale, or times one per output."""
        scales = self.rng.uniform(0.05, 0.3, (outputs, 1, 1, 1)) if scale is None else scale
        weights = self.graph.weights(outputs, inputs, kernel, kernel) * np.float32(scales)
        self.graph.real("Conv", weights, kernel_shape=[kernel] * 2, **at)

    def norm(self, channels, spread):
        """Random statistics about `spread` large, gammas of both signs."""
        draw = self.rng.normal
        mean, var = draw(0, spread / 3, channels), self.rng.uniform(0.3, 2, channels) * spread**2
        given = draw(0, 1, channels), draw(0, 1, channels), mean, var
        self.graph.real("BatchNormalization", *given, epsilon=1e-5)

    @property
    def model(self):
        return self.graph.model((5,))


def every_machine_gives_the_same(net: BiReal, images_of_rtl: int, folder, interval: int = 0):
    """The integer graph against qonnx, and against it `execute_node`, the bit simulator and the RTL."""
    model = net.model
    graph = integers_of(model, BYTES)
    frames = net.pixels.transpose(0, 2, 3, 1)
    assert max(leaf.bits for leaf in graph.leaves.values()) > 62
    activations_are_equal(graph, model, frames[:3], net.pixels[:3].astype(np.float32))
    wanted = checks.run_all(graph, frames)
    bounds = bind(graph, *checks.scale_and_bias(graph.output))
    device, ops = built(with_fifos(smallest(bounds, interval or SLOW), {}), folder)
    executed = operators.execute(ops, net.pixels)[ops[-1].name]
    np.testing.assert_array_equal(executed.reshape(20, -1)[:, :5], wanted)
    np.testing.assert_array_equal(simulate_bits(ops, net.pixels), executed)
    run = cosim.run(device, operators.enter(ops[0], net.pixels[:images_of_rtl]), stall=0.2, seed=1)
    np.testing.assert_array_equal(run.output, executed[:images_of_rtl])


def test_two_blocks_give_the_same_integers_in_every_machine(tmp_path):
    every_machine_gives_the_same(BiReal(2, 2, 4, halving=[1]), 2, tmp_path)


@pytest.mark.full
def test_eight_blocks_give_the_same_integers_in_every_machine(tmp_path):
    every_machine_gives_the_same(BiReal(8, 4, 16, halving=[2, 4, 6], seed=1), 2, tmp_path)


def test_sums_that_float32_rounds_onto_a_threshold_are_ties_and_others_are_not():
    """x - (x / 3) 3 is below 0: float32 says 0 for most x, and the sign of 0 is +1."""
    start = Graph((4, 4, 4))
    net = start.real("Mul", 1 / 3).real("Mul", 3.0)
    model = net.real("Sub", inputs=["x", net.at]).sign().node("Flatten").real("MatMul", net.weights(64, 3))
    model = model.model((3,))
    graph = lowered(model)
    pixels = np.random.default_rng(0).integers(1, 256, (2, 4, 4, 4))
    exact = 1 - Fraction(float(np.float32(1 / 3))) * 3
    found = np.float32(pixels) - np.float32(pixels) * np.float32(1 / 3) * np.float32(3) >= 0
    ties = int((found != (exact * pixels >= 0)).sum())
    assert ties > 20
    frames, inputs = pixels.transpose(0, 2, 3, 1), pixels.astype(np.float32)
    assert activations_are_equal(graph, model, frames, inputs).ties == {"input_threshold": ties}
    step = graph.walked.nodes[0]
    step.at["thresholds"] = step.at["thresholds"] + 255  # further off than float32 rounds
    with pytest.raises(MismatchError, match=r"^lower: input_threshold, channel \d, position .* in qonnx; "):
        activations_are_equal(graph, model, frames, inputs)


def left_by_export(model, images, folder):
    """The folder of a network as export leaves it; the scores of qonnx."""
    scores = qonnx_scores_of(model, images)
    model.save(str(folder / "model.onnx"))
    write_json(folder / "export.json", {"net": "wide", "input": BYTES})
    np.savez(folder / "golden.npz", images=images.astype(np.uint8), scores=scores)
    return scores


def test_an_image_whose_scores_differ_behind_a_tie_is_counted_and_any_other_is_named(tmp_path):
    net = Graph((4, 4, 4)).real("Mul", 1 / 3).real("Mul", 3.0)
    net.real("Sub", inputs=["x", net.at]).sign().node("Flatten").real("MatMul", net.weights(64, 3))
    model, pixels = net.model((3,)), np.random.default_rng(0).integers(1, 256, (4, 4, 4, 4))
    scores = left_by_export(model, pixels, tmp_path)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    record = read_json(tmp_path / "lower.json")
    assert record["judged"]["images"] == 4 and record["class_ties"]["classes"] == 4
    assert record["ties"]["input_threshold"] > 20 and "4 images with ties" in record["checks"][0]["what"]
    scores[1, 2] += 2
    np.savez(tmp_path / "golden.npz", images=pixels.astype(np.uint8), scores=scores)
    with pytest.raises(MismatchError, match=r"^lower: score \d of image 1 is .* in golden.npz\.$"):
        lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)


def test_classes_that_float32_does_not_tell_apart_are_counted(monkeypatch):
    """Scores of 60 bits: float32 and float64 see equal ones, and the exact integers say which is larger."""
    integers = any_width.whole_numbers([[2**60, 2**60 + 1, 0], [2**60, 2**60, 0], [3, 2, 1], [1, 5, 2]])
    golden = integers.astype(np.float32)
    golden[3] = [5, 1, 2]  # a class that an activation's tie has changed
    one = np.ones(3)
    monkeypatch.setattr(checks, "scale_and_bias", lambda _: (one, 0 * one))
    found = checks.class_ties(SimpleNamespace(output=None), integers, golden)
    assert found == {"classes": 4, "what": "images", "shared": 2, "differ": 2, "first": [0, 3]}
    assert checks.class_ties(SimpleNamespace(output=None), integers[:, :1], golden[:, :1]) is None


def test_a_base_is_rounded_once_however_wide_its_integers_are():
    """Exact ratios against float64, at integers of 80 bits whose sum with the offset all but cancels."""
    scale, offset = Fraction(3, 2**90), -Fraction(3 * 2**79, 2**90)
    leaf = Leaf("n", (1,), any_width.whole_numbers([0]), any_width.whole_numbers([2**80]))
    n = np.array([[2**79 - 1, 2**79, 2**79 + 1, 2**79 + 2**30]], object)
    wanted = [[float(np.float32(float(scale * int(x) + offset))) for x in n[0]]]
    assert evaluate(of_leaf(leaf, scale, offset), n).tolist() == wanted
    assert wanted[0][:3] == [-3 / 2**90, 0.0, 3 / 2**90]


@pytest.mark.parametrize("bits", [61, 62, 63, 64, 65, 96, 128])
def test_integers_of_any_width_keep_their_value_in_files_beats_and_sums(bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    numbers = np.array([low, low + 1, -1, 0, 1, high - 1, high], object)
    kept = any_width.as_width(numbers, bits)
    assert any_width.width_of(kept) == bits and kept.dtype == (object if bits > 62 else np.int64)
    assert any_width.whole_numbers(any_width.stored(kept)).tolist() == numbers.tolist()
    assert any_width.whole_numbers(any_width.for_npz(kept)).tolist() == numbers.tolist()
    stream = Stream((7,), 7, bits, True)
    assert stream.unpack(stream.pack(kept)).tolist() == [numbers.tolist()]
    total = any_width.weighted_sum([kept, kept], [[2**40], [-1]])
    assert total.tolist() == [int(x) * (2**40 - 1) for x in numbers]


@pytest.mark.parametrize("tied, accepted", [(1, True), (200, False)])
def test_a_batch_that_rounds_few_sums_to_the_other_side_is_imported(tmp_path, monkeypatch, tied, accepted):
    """Of 200 differences x - (x / 3) 3 or x - x / 2; beside other images the 3 is the next float, as another
    order of additions would have it."""

    def network(three):
        net = Graph((200,))
        third, factor = np.full(200, 0.5), np.ones(200)
        third[:tied], factor[:tied] = 1 / 3, three
        net.real("Mul", third).real("Mul", factor)
        net.real("Sub", inputs=["x", net.at]).sign()
        return net.real("MatMul", np.random.default_rng(0).choice([-1.0, 1.0], (200, 3))).model((3,))

    alone, among = network(3.0), network(np.nextafter(np.float32(3), np.float32(4)))
    for name in ("qonnx_scores", "qonnx_tensors"):
        run = getattr(scores, name)
        changed = lambda net, x, run=run: run(net if len(x) == 1 else among, x)  # noqa: E731
        monkeypatch.setattr(scores, name, changed)
    alone.save(str(tmp_path / "net.onnx"))
    pixels = np.random.default_rng(1).integers(1, 256, (8, 200)).astype(np.uint8)
    given = tmp_path / "net.onnx", pixels, [-1] * 8, tmp_path / "out", 1.0
    if not accepted:
        stops(r"200 of its 200 results for image 0 .* batch", import_model, *given)
        return
    record = import_model(*given)
    assert "activations that float32" in record["checks"][0]["what"]
    assert record["checks"][0]["mismatches"] == 0


def test_hls4ml_refuses_numbers_that_float64_does_not_hold(tmp_path):
    from xnorforge.flows.backends.hls4ml.model import convert
    from xnorforge.hw import boards

    given = {"in_shape": [4], "in_bits": [50, 60], "in_signed": [1, 1], "out_bits": 61, "out_signed": 1}
    join = OPS["Join"].make("join0", {"multipliers": np.ones((2, 4), np.int64)}, **given)
    with refuses("hls4ml: join0 (Join) … 61 bits … 53 … BACKEND=rtl"):
        convert([join], "io_stream", boards.load("pynq-z2"), tmp_path)
    given |= {"in_bits": [4, 4], "out_bits": 50}
    wide = {"multipliers": np.array([[1, 1, 1, 1], [2**60, 1, 1, 1]])}
    with pytest.raises(UserError, match=r"^hls4ml: join1 \(Join\) .*62 bits"):
        convert([OPS["Join"].make("join1", wide, **given)], "io_stream", boards.load("pynq-z2"), tmp_path)


def test_a_network_may_end_in_a_sum_of_more_than_64_bits(tmp_path):
    net = BiReal(1, 4, 4, seed=2).graph
    net.nodes = net.nodes[: next(i for i, node in enumerate(net.nodes) if node.op_type == "Add") + 1]
    net.at = net.nodes[-1].output[0]
    model = net.node("GlobalAveragePool").node("Flatten", axis=1).model((4,))
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 4)).astype(np.uint8)
    scores = left_by_export(model, images, tmp_path)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    with np.load(tmp_path / "lowered.npz") as made:
        wanted, scale, bias = any_width.whole_numbers(made["integers"]), made["scale"], made["bias"]
    assert any_width.width_of(wanted) > 64
    np.testing.assert_allclose(wanted.astype(float) * scale + bias, scores, rtol=1e-4, atol=1e-5)
    ops = [bound.make() for bound in bind(read_graph(tmp_path / "lowered.onnx"), scale, bias)]
    onnx.save(folded_graph(ops, "wide"), tmp_path / "folded.onnx")
    ops = operators.operators(tmp_path / "folded.onnx")
    for got in (operators.execute(ops, images)[ops[-1].name], simulate_bits(ops, images)):
        assert got.reshape(wanted.shape).tolist() == wanted.tolist()


@pytest.mark.parametrize("lo, hi, bits", [(-3, 100, 8), (-128, 0, 8), (-129, 5, 9), (0, 2**80, 82)])
def test_bits_of_a_tensor_hold_both_ends_of_its_range(lo, hi, bits):
    ends = (any_width.whole_numbers([0, end]) for end in (lo, hi))
    assert Leaf("n", (2,), *ends).bits == bits


def drawn_sum(seed: int):
    """One to four terms with factors of up to 70 bits and either sign, some 0, and short ranges; thresholds
    anywhere, half of them next to a reachable sum."""
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


@pytest.mark.parametrize("groups", [1, 4])
def test_a_matrix_behind_a_border_takes_sums_as_wide_as_they_come(groups):
    """Sums of levels up to 4, in a stream for levels up to 7."""
    net = Graph((2, 6, 6)).quant(64.0, 3, signed=0)
    net.node("Conv", net.weights(4, 2, 2, 2), kernel_shape=[2, 2])
    net.node("Conv", net.weights(4, 4 // groups, 3, 3), kernel_shape=[3, 3], pads=[1] * 4, group=groups)
    net.node("Flatten").node("MatMul", net.weights(100, 3))
    ops = smallest(bounds_of(compare(net.model((3,)), net.rng.integers(0, 256, (4, 2, 6, 6)))))
    given = {tensor: stream for op in ops for tensor, stream in zip(op.results, op.out_streams())}
    taken = [(tensor, stream) for op in ops for tensor, stream in zip(op.sources, op.in_streams())]
    assert len(taken) > 4 and all(given.get(tensor, stream) == stream for tensor, stream in taken)


def quantiser(channels: int, seed: int = 0) -> tuple[Threshold, list]:
    """255 even thresholds of sums of about 93 bits, a convolution of 577 values times three float32 factors
    plus 256 levels times three others, narrowed; and the bits before and after."""
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
