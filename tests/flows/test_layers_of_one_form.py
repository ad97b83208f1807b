"""Layers of one form that share hardware (LOOPS), against the same network without loops."""

import numpy as np
import onnx
import pytest
from graphs import Graph
from mapped import as_estimated_and_as_contracted
from pipeline import seeds
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.graph import enter, operators
from xnorforge.sim import cosim
from xnorforge.sim.bits import simulate_bits
from xnorforge.sim.device import network as simulated
from xnorforge.sim.memories import check_memories

KINDS = ("plain", "residual", "depthwise", "one axis")
IMAGES = 6


def repeated(seed: int) -> tuple[ModelWrapper, tuple[int, ...]]:
    """A network with 2 to 4 layers of one form, and the shape of its images."""
    rng, kind = np.random.default_rng(seed + 4), KINDS[seed % len(KINDS)]
    height, width, channels, layers, kernel = (int(n) for n in rng.integers((3, 3, 2, 2, 1), (7, 7, 6, 5, 3)))
    size = [2 * kernel - 1] if kind == "one axis" else [2 * kernel - 1] * 2
    shape = (2, height * width) if kind == "one axis" else (2, height, width)
    graph = Graph(shape, seed)

    def convolution(inputs: int, groups: int = 1) -> Graph:
        weights = graph.weights(channels, inputs // groups, *size)
        return graph.real("Conv", weights, pads=[size[0] // 2] * 2 * len(size), group=groups)

    def norm() -> Graph:  # no channel is constant, or lowering would leave it out of one layer
        gamma = rng.choice([-1.0, 0.5, 2.0], channels)
        shift, mean = rng.normal(0, 0.5, channels), rng.normal(0, 0.5, channels)
        return graph.real("BatchNormalization", gamma, shift, mean, np.ones(channels), epsilon=1e-5)

    convolution(2).real("Mul", 2.0**-7)
    if kind != "residual":
        norm().sign()
    for _ in range(layers):
        before = graph.at
        if kind == "residual":
            norm().sign()
            convolution(channels).real("Mul", 2.0 ** -rng.integers(2, 5, (1, channels, 1, 1)))
            graph.node("Add", inputs=[before, graph.at])
        else:
            convolution(channels, channels if kind == "depthwise" else 1)
            norm().sign()
    graph.sign().node("Flatten", axis=1)
    return graph.node("MatMul", graph.weights(channels * height * width, 3)).model((3,)), shape


def lowered_repeated(seed: int, folder) -> np.ndarray:
    """Images of such a network, which is lowered into a folder."""
    model, shape = repeated(seed)
    onnx.save(model.model, folder / "net.onnx")
    images = np.random.default_rng(seed).integers(0, 256, (IMAGES, *shape), np.uint8)
    import_model(folder / "net.onnx", images, [-1] * IMAGES, folder, input_scale=1.0)
    lower(folder / "model.onnx", folder / "golden.npz", folder)
    return np.load(folder / "golden.npz")["images"]


def folded(folder, loops: str, interval: int = 20_000) -> list:
    """The operators that fold chooses, read from its file."""
    fold(folder, "pynq-z2", folder / loops, interval=interval, loops=loops)
    return operators(folder / loops / "folded.onnx")


def loops_of(ops: list) -> list:
    """Those that run a body several times."""
    return [op for op in ops if op.inner]


BLOCKS = [range(4), *(pytest.param(range(k, k + 20), marks=pytest.mark.full) for k in range(0, 200, 20))]


@pytest.mark.parametrize("block", BLOCKS)
def test_layers_that_share_hardware_compute_what_they_compute_apart(block, tmp_path):
    """Integers of some layers have a sign and those of others none, which is not one form."""
    shared = 0
    for seed in block:
        folder = tmp_path / str(seed)
        folder.mkdir()
        images = lowered_repeated(seed, folder)
        scores = np.load(folder / "lowered.npz")["integers"].reshape(IMAGES, -1)
        for loops in ("off", "on"):
            ops = folded(folder, loops)
            got = simulate_bits(ops, images).reshape(IMAGES, -1)
            np.testing.assert_array_equal(got[:, : scores.shape[1]], scores)
            assert loops == "on" or not loops_of(ops)
        shared += bool(loops_of(ops))
        course = CycleModel(ops).run(6)
        assert not course.stopped and course.interval == max(op.cycles() for op in ops)
    assert 10 * shared >= 9 * len(block)


@pytest.mark.parametrize("seed", seeds(1, 40))
def test_the_rtl_of_shared_layers_is_the_model_s_at_any_pace_and_after_a_reset(seed, tmp_path):
    images = lowered_repeated(seed + 1, tmp_path)
    ops = folded(tmp_path, "on")
    generate(tmp_path / "on" / "folded.onnx", tmp_path / "rtl")
    assert all(one["integers"] and not one["mismatches"] for one in check_memories(tmp_path / "rtl", ops)[0])
    device = simulated(tmp_path / "rtl", ops, level="-O0")
    frames, model = enter(ops[0], images), CycleModel(ops)
    flowing, wanted = cosim.run(device, frames), model.run(IMAGES)
    assert (flowing.interval, flowing.latency) == (wanted.interval, wanted.latency)
    np.testing.assert_array_equal(flowing.output, simulate_bits(ops, images))
    paused = cosim.run(device, frames, stall=0.4, seed=seed, probe=True)
    np.testing.assert_array_equal(paused.output, flowing.output)
    moved = model.run(IMAGES, stall=0.4, seed=seed).taken[ops[-1].results[0]]
    np.testing.assert_array_equal(paused.given[0], moved)
    for cycle in (flowing.answer // 2, flowing.answer + flowing.interval // 3):  # in the middle of a step
        again = cosim.run(device, frames[:2], reset_at=cycle)
        np.testing.assert_array_equal(again.output, flowing.output[:2])


def test_the_netlist_of_a_shared_layer_reads_every_page(tmp_path):
    lowered_repeated(0, tmp_path)
    [loop] = loops_of(folded(tmp_path, "on"))
    as_estimated_and_as_contracted(loop, tmp_path, (0.25, 8), (0.1, 8))


def test_a_wrong_bit_on_any_page_is_found(tmp_path):
    lowered_repeated(0, tmp_path)
    folded(tmp_path, "on")
    record = generate(tmp_path / "on" / "folded.onnx", tmp_path / "rtl")
    ops = operators(tmp_path / "on" / "folded.onnx")
    [(layer, loop)] = [(one, op) for one, op in zip(record["layers"], ops) if op.inner]
    assert layer["memories"]
    for name in layer["memories"]:
        file = tmp_path / "rtl" / name
        words = (true := file.read_text()).split()
        pages = loop.get_nodeattr("steps")
        for place in range(0, len(words), len(words) // pages):
            other = [*words]
            other[place] = f"{int(other[place], 16) ^ 1:x}"
            file.write_text("\n".join(other) + "\n")
            assert sum(one["mismatches"] for one in check_memories(tmp_path / "rtl", ops)[0]), (name, place)
        file.write_text(true)


def test_loops_are_taken_where_they_are_smaller_and_none_where_they_are_too_slow(tmp_path):
    lowered_repeated(3, tmp_path)
    apart = folded(tmp_path, "off")
    assert loops_of(ops := folded(tmp_path, "auto"))
    assert sum(op.estimate()["lut"] for op in ops) < sum(op.estimate()["lut"] for op in apart)
    lowered_repeated(1, tmp_path)
    apart = folded(tmp_path, "off")
    assert CycleModel(apart).run(6).interval <= 20_000
    assert not loops_of(folded(tmp_path, "on", 2 * max(op.in_stream().beats for op in apart)))
