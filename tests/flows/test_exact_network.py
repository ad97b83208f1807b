"""One wrong weight, threshold or bias of the integer graph, in any layer of a float network, is found."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from brevitas_networks import drawn
from graphs import QONNX, Graph
from random_geometry import RandomGeometry
from random_graphs import NestedSums

import xnorforge.flows.lower as lowering
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import integers_of, lower
from xnorforge.flows.lower.proof.exact import matrix_product
from xnorforge.flows.lower.proof.exactness import is_exact
from xnorforge.hw.lowering.exact import exactly

BYTES = {"lo": 0, "hi": 255, "scale": 1.0}
CONSTANTS = ("weights", "thresholds", "multipliers", "table", "offset")
SEEDS, EVERY, CHUNK = 8, 100, 10


def places(graph) -> list[tuple[int, str]]:
    """(node, constant) of everything that can be wrong; -1 for the biases of the scores."""
    numbered = enumerate(graph.nodes)
    found = [(k, key) for k, node in numbered for key in CONSTANTS if np.size(node.at.get(key, ()))]
    return [*found, (-1, "bias")]


def spoil(graph, place: tuple[int, str], rng) -> bool:
    """Change one number by 1, or a bias by one step of its score; False where no threshold is in reach."""
    index, key = place
    if index < 0:
        channel, offset = rng.integers(graph.output.channels), graph.output.offset.copy()
        offset[channel] += max(map(abs, graph.output.single[1])) or 1
        graph.output = replace(graph.output, offset=offset)
        return True
    node = graph.nodes[index]
    numbers = np.array(node.at[key])
    every = np.argwhere(np.ones(numbers.shape, bool))
    if key == "thresholds":
        leaf, direction = graph.leaves[node.inputs[0]], node.at["direction"]
        ends = np.sort([leaf.lo * direction, leaf.hi * direction], 0)[..., None]
        every = np.argwhere((numbers > ends[0]) & (numbers < ends[1]))
    if key == "weights":  # no weight of inputs that are 0, or in front of levels that never change
        leaf, (inputs, outputs) = graph.leaves[node.inputs[0]], numbers.shape[-2:]
        read = every[:, -1] // (outputs // node.at.get("groups", 1)) * inputs + every[:, -2]
        ends = [graph.leaves[one.out] for one in graph.readers()[node.out]]
        moves = sum([e.lo != e.hi if e.channels == outputs else 1 for e in ends], np.full(outputs, not ends))
        kept = moves[every[:, -1]] > 0
        every = every[kept & ((leaf.lo != 0) | (leaf.hi != 0))[read] if inputs <= leaf.channels else kept]
    if key == "multipliers":
        ends = [graph.leaves[name] for name in node.inputs]
        every = np.argwhere([(leaf.lo != 0) | (leaf.hi != 0) for leaf in ends])
    if not len(every):
        return False
    at = tuple(every[rng.integers(len(every))])
    sign = key == "weights" and node.at.get("xnor")
    numbers[at] = -numbers[at] if sign else numbers[at] + int(rng.choice([-1, 1]))
    node.at = node.at | {key: np.sort(numbers, 1) if key == "thresholds" else numbers}
    return True


def spoiled_and_lowered(folder: Path, place, seed: int, monkeypatch) -> bool:
    """Lower with one wrong number; False where there was none to change."""
    rng, changed = np.random.default_rng([seed, abs(place[0]), len(place[1])]), []

    def wrong(*given, **more):
        graph = integers_of(*given, **more)
        changed.append(spoil(graph, place, rng))
        return graph

    with monkeypatch.context() as patched:
        patched.setattr(lowering, "integers_of", wrong)
        try:
            lower(folder / "model.onnx", folder / "golden.npz", folder)
        except MismatchError:
            return True
    assert not changed[0], f"seed {seed}: a wrong number of {place} passes"
    return False


def every_fault_is_found(seed: int, folder: Path, monkeypatch) -> int:
    """Draw a float network, lower it, then once more with a fault in each place; the number of faults."""
    net = drawn(seed, ("qonnx", "qcdq"))
    net.export(folder / "net.onnx")
    pixels = np.random.default_rng(seed).integers(0, 256, (12, *net.shape), dtype=np.uint8)
    try:
        import_model(folder / "net.onnx", pixels, [-1] * len(pixels), folder)
        found = []
        with monkeypatch.context() as patched:
            seen = lambda *a, **k: (found.append(integers_of(*a, **k)), found[-1])[1]  # noqa: E731
            patched.setattr(lowering, "integers_of", seen)
            record = lower(folder / "model.onnx", folder / "golden.npz", folder)
    except UserError:
        return 0
    assert not any(row["mismatches"] for row in record["checks"])
    return sum(spoiled_and_lowered(folder, place, seed, monkeypatch) for place in places(found[0]))


@pytest.mark.quick("!20000", "!20005")
@pytest.mark.parametrize("seed", range(20_000, 20_000 + SEEDS))
def test_every_wrong_number_of_a_float_network_is_found(seed, tmp_path, monkeypatch):
    least = 1 if seed == 20_002 else 2  # a layer that never fires: no weight behind it matters
    assert every_fault_is_found(seed, tmp_path, monkeypatch) >= least


@pytest.mark.full
@pytest.mark.parametrize("first", range(30_000, 30_000 + EVERY, CHUNK))
def test_every_wrong_number_of_100_float_networks_is_found(first, tmp_path, monkeypatch):
    faults = 0
    for seed in range(first, first + CHUNK):
        (tmp_path / str(seed)).mkdir()
        faults += every_fault_is_found(seed, tmp_path / str(seed), monkeypatch)
    assert faults > 3 * CHUNK


def head_of_8_bits(folder: Path, images: int = 60) -> None:
    """784 bytes, 8-bit weights, ReLU, Quant of 8 bits, 512 x 10 weights of 8 bits; all scales are floats."""
    net = Graph((784,)).real("Mul", 1 / 255)
    for name, shape, scale in (("first", (784, 512), 0.0113), ("last", (512, 10), 0.00937)):
        source = net.at
        net.constants[name] = np.clip(net.rng.normal(0, 40, shape), -127, 127).astype(np.float32) * scale
        given = np.float32(scale), np.float32(0), np.float32(8)
        net.node("Quant", *given, inputs=[name], domain=QONNX, signed=1, narrow=1, rounding_mode="ROUND")
        net.node("MatMul", inputs=[source, net.at])
        if name == "first":
            net.node("Relu").quant(0.0371, 8, signed=0)
    net.model((10,)).save(str(folder / "net.onnx"))
    pixels = net.rng.integers(0, 256, (images, 784)).astype(np.uint8)
    import_model(folder / "net.onnx", pixels, [-1] * images, folder, 1.0)


@pytest.mark.quick("!0", "!1000")
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_wrong_weights_of_a_last_layer_of_8_bits_are_found(count, tmp_path, monkeypatch):
    """So few steps are far below the largest error that float32 sums of this length could have."""
    head_of_8_bits(tmp_path)

    def wrong(*given, **more):
        graph = integers_of(*given, **more)
        weights = graph.nodes[-1].at["weights"].copy()
        rng = np.random.default_rng(0)
        places = rng.choice(weights.size, count, replace=False)
        weights.reshape(-1)[places] += rng.choice([-1, 1], count)
        graph.nodes[-1].at = graph.nodes[-1].at | {"weights": weights}
        return graph

    monkeypatch.setattr(lowering, "integers_of", wrong)
    if count:
        with pytest.raises(MismatchError):
            lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
        return
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    record = read_json(tmp_path / "lower.json")
    assert record["reference_rounds"] and record["class_ties"]["differ"] == 0


@pytest.mark.quick("!NestedSums")
@pytest.mark.parametrize("kind", [RandomGeometry, NestedSums])
def test_random_networks_are_exact(kind):
    """Every geometry of ONNX, and sums of sums."""
    done = 0
    for seed in range(900, 925):
        net = kind(seed)
        try:
            graph = integers_of(net.model, BYTES)
        except UserError:
            continue
        frames = np.asarray(net.pixels).transpose(0, 2, 3, 1)[:2].astype(np.int64)
        assert is_exact(graph, net.model, frames)["mismatches"] == 0
        done += 1
    assert done > 20


def test_the_sign_of_a_sign_that_is_read_by_itself_too_is_exact():
    """Random levels of one are not compared with the other, which follows from the same sum."""
    graph = Graph((2, 5, 5), 3)
    graph.node("Conv", graph.weights(4, 2, 2, 2), kernel_shape=[2, 2]).norm(4).node("Sign")
    signs = [graph.at, graph.node("Sign").at]
    given = [{"inputs": [one], "kernel_shape": [1, 1]} for one in signs]
    ends = [graph.node("Conv", graph.weights(4, 4, 1, 1), **one).at for one in given]
    model = graph.node("Add", inputs=ends).model((4, 4, 4))
    built = integers_of(model, BYTES)
    assert is_exact(built, model, np.zeros((1, 5, 5, 2), np.int64))["mismatches"] == 0


@pytest.mark.parametrize("bits", [(8, 8), (24, 42), (70, 24), (50, 130)])
def test_products_of_any_width_are_those_of_integers(bits):
    rng = np.random.default_rng(0)
    given = [(b, rng.integers(-8, 8, shape)) for b, shape in zip(bits, ((3, 50), (50, 4)))]
    x, weights = (np.array([[int(n) << b - 4 | 1 for n in row] for row in rows], object) for b, rows in given)
    np.testing.assert_array_equal(matrix_product(x, weights).astype(object), x @ weights)


def test_floats_are_integers_times_a_unit():
    numbers = np.float32([0.1, -3, 2.0**-100, 0, 1e30])
    given = exactly(numbers)
    assert [n * given.unit for n in given.numbers] == [Fraction(float(x)) for x in numbers]


@pytest.mark.parametrize("seed", range(8))
def test_a_table_that_falls_is_found_where_a_search_passes_it_by(seed):
    """The last of some thresholds that no byte reaches is less than those before it: levels are as before."""
    rng = np.random.default_rng(seed)
    net, steps = Graph((2, 2, 2), seed), np.sort(rng.integers(1, 256, (2, rng.choice([3, 7, 15]))))
    steps[1, steps.shape[1] // 2 :] = 256
    net.node("MultiThreshold", np.float32(steps), domain=QONNX, out_dtype="UINT4")
    model, frames = net.model((2, 2, 2)), rng.integers(0, 256, (2, 2, 2, 2))
    built = integers_of(model, BYTES)
    assert is_exact(built, model, frames)["mismatches"] == 0
    built.nodes[0].at["thresholds"][1, -1] = rng.integers(256)
    with pytest.raises(MismatchError, match=r"^lower: input_threshold, channel 1: .*, 256\.$"):
        is_exact(built, model, frames)
