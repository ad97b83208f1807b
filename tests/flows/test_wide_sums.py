"""Residual networks with float batch norms and scales: sums of 30 to 80 bits, exact in every machine."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from graphs import Graph, activations_are_equal, lowered, qonnx_scores_of
from pipeline import SLOW, built, smallest
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.bind import OPS, bind
from xnorforge.flows.fold import folded_graph, with_fifos
from xnorforge.flows.importing import scores
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import checks, integers_of, lower
from xnorforge.flows.lower.evaluation import evaluate
from xnorforge.flows.lower.values import of_leaf
from xnorforge.flows.lower.walk import Leaf
from xnorforge.hw import any_width
from xnorforge.hw import graph as operators
from xnorforge.hw.ops.base import Stream
from xnorforge.sim import cosim
from xnorforge.sim.bits import simulate_bits

from ..refusals import refuses, stops

BYTES = {"lo": 0, "hi": 255, "scale": 1.0}


class BiReal:
    """A Bi-Real network of 3-colour pixels drawn from a seed: every block adds the batch norm of a scaled ±1
    convolution of its signs to a shortcut that no quantiser touches. In a block of `halving` the shortcut is
    an average of 2 x 2 pixels, a scaled 1x1 convolution of its signs, and a batch norm; channels double.
    """

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
    graph, onnx_model = integers_of(model, BYTES)
    frames = net.pixels.transpose(0, 2, 3, 1)
    assert max(leaf.bits for leaf in graph.leaves.values()) > 62
    activations_are_equal(graph, model, frames[:3], net.pixels[:3].astype(np.float32))
    wanted = checks.run_all(graph, frames)
    bounds = bind(onnx_model, *checks.scale_and_bias(graph.output))
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
    order of additions would have it.
    """

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
    ops = [bound.make() for bound in bind(ModelWrapper(str(tmp_path / "lowered.onnx")), scale, bias)]
    onnx.save(folded_graph(ops, "wide"), tmp_path / "folded.onnx")
    ops = operators.operators(tmp_path / "folded.onnx")
    for got in (operators.execute(ops, images)[ops[-1].name], simulate_bits(ops, images)):
        assert got.reshape(wanted.shape).tolist() == wanted.tolist()


@pytest.mark.parametrize("lo, hi, bits", [(-3, 100, 8), (-128, 0, 8), (-129, 5, 9), (0, 2**80, 82)])
def test_bits_of_a_tensor_hold_both_ends_of_its_range(lo, hi, bits):
    ends = (any_width.whole_numbers([0, end]) for end in (lo, hi))
    assert Leaf("n", (2,), *ends).bits == bits
