"""Recurrent layers: refused by name, built step by step as told, in a loop where all steps are equal; and
layers of one form that share hardware (LOOPS), against the same network without loops."""

import json
import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
import recurrent_networks
import torch
from brevitas.export import export_qonnx
from graphs import Graph, lowered
from mapped import as_estimated_and_as_contracted
from onnx import helper
from pipeline import imported, proven, seeds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.synth.content import layer_files
from xnorforge.hw.bind import bind_folder
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.graph import enter, execute, operators
from xnorforge.hw.lowering.registry import MAKERS
from xnorforge.sim import cosim
from xnorforge.sim.bits import simulate_bits
from xnorforge.sim.device import network as simulated
from xnorforge.sim.memories import check_memories
from xnorforge.studies import explore

STEPS, FEATURES, UNITS = 4, 6, 5
WIRING = ("Width", "Fifo", "Reorder", "Fork", "ArgMax", "TopK")


def gated(seed: int, steps: int = STEPS, features: int = FEATURES, units: int = UNITS, bits: int = 4):
    """h = h - z h + z n, the gate z of 2 bits, the new state n of signs, h of `bits`."""
    graph = Graph((steps * features,), seed)
    weights = {name: graph.weights(size, units) for name, size in
               (("xz", features), ("hz", units), ("xn", features), ("hn", units))}  # fmt: skip
    state = None
    for step in range(steps):
        bounds = (np.array([n], np.int64) for n in (step * features, (step + 1) * features, 1))
        x = graph.node("Slice", *bounds, inputs=["x"]).at

        def of(gate, x=x, state=state):
            found = graph.node("MatMul", weights[f"x{gate}"], inputs=[x]).at
            if state is not None:
                graph.node("MatMul", weights[f"h{gate}"], inputs=[state])
                graph.node("Add", inputs=[found, graph.at])
            return graph.real("Mul", 1 / 256)

        z = of("z").quant(0.25, 2, signed=0).at
        n = of("n").sign().at
        added = graph.node("Mul", inputs=[z, n]).at
        if state is not None:
            kept = graph.node("Sub", inputs=[state, graph.node("Mul", inputs=[z, state]).at]).at
            graph.node("Add", inputs=[kept, added])
        state = graph.quant(0.125, bits).at
    return graph.node("MatMul", graph.weights(units, 3), inputs=[state]).model((3,))


@pytest.mark.quick("0")
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.full)])
def test_an_unrolled_gated_unit_is_built_exactly(seed, tmp_path):
    model = gated(seed)
    pixels = np.random.default_rng(seed).integers(0, 256, (3, STEPS * FEATURES))
    proven(model, pixels, seed, tmp_path)


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_a_recurrent_layer_is_named(kind):
    graph = Graph((STEPS, FEATURES)).node("Transpose", perm=[1, 0, 2])
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[kind]
    given = (np.zeros((1, gates * UNITS, size), np.float32) for size in (FEATURES, UNITS))
    graph.node(kind, *given, hidden_size=UNITS)
    graph.nodes[-1].output[:] = ["states", "last"]
    graph.nodes.append(helper.make_node("Squeeze", ["last"], ["result"]))
    graph.at = "result"
    with pytest.raises(UserError, match=kind):
        lowered(graph.model((UNITS,)))


def lowered_gated(seed: int, folder, **sizes):
    """A gated unit of these sizes, lowered into a folder."""
    onnx.save(gated(seed, **sizes).model, folder / "net.onnx")
    length = sizes["steps"] * sizes["features"]
    sequences = np.random.default_rng(seed).integers(0, 256, (20, length), np.uint8)
    imported(folder / "net.onnx", sequences, folder, 1.0)


@pytest.mark.parametrize("draws", [2, pytest.param(30, marks=pytest.mark.full)])
def test_random_networks_of_equal_steps_are_loops_that_compute_the_same(draws, tmp_path):
    """In qonnx's execution of the file, and as operators, against the integers of the unrolled graph. What is
    pruned of a step alone leaves some networks unrolled."""
    loops = 0
    for seed in range(draws):
        rng, folder = np.random.default_rng(seed), tmp_path / str(seed)
        folder.mkdir()
        sizes = rng.integers((3, 3, 3, 3), (9, 7, 9, 6)).tolist()
        lowered_gated(seed, folder, **dict(zip(("steps", "features", "units", "bits"), sizes)))
        loops += (folder / "rolled.onnx").exists()
        if (folder / "rolled.onnx").exists():
            compare_rolled(folder)
    assert 2 * loops >= draws


def compare_rolled(folder) -> None:
    integers = np.load(folder / "lowered.npz")["integers"]
    images = np.load(folder / "golden.npz")["images"]
    bounds = bind_folder(folder, loops=True)
    assert [one.op for one in bounds].count("Loop") == 1
    got = next(iter(execute([one.make() for one in bounds], images).values()))
    np.testing.assert_array_equal(got.reshape(len(got), -1)[:, :3], integers.reshape(len(got), -1))
    model = ModelWrapper(str(folder / "rolled.onnx"))
    (source,), (sink,) = model.graph.input, model.graph.output
    for image, wanted in list(zip(images, integers))[:3]:
        given = {source.name: np.float32(image).reshape(model.get_tensor_shape(source.name))}
        np.testing.assert_array_equal(execute_onnx(model, given)[sink.name].ravel(), wanted.ravel())


SMALL = {"steps": 4, "features": 3, "units": 4, "bits": 4}


def built_as(folder, **more) -> list[str]:
    """The operators that fold chooses."""
    record = fold(folder, "pynq-z2", folder / "acc", **more)
    return [row["op"] for row in record["operators"] if row["op"] not in WIRING]


@pytest.mark.full
def test_steps_are_built_side_by_side_where_a_loop_is_too_slow_or_the_steps_are_named(tmp_path):
    lowered_gated(0, tmp_path, **SMALL)
    assert built_as(tmp_path, interval=2000) == ["Loop", "SignMvu"]
    assert len(built_as(tmp_path, interval=30)) > 10
    step = bind_folder(tmp_path)[3].name
    assert step not in [one.name for one in bind_folder(tmp_path, loops=True)]
    (tmp_path / "given.json").write_text(json.dumps({step: {"pe": 1}}))
    assert len(built_as(tmp_path, interval=2000, folding=tmp_path / "given.json")) > 10
    assert len(built_as(tmp_path, fps="max")) > 10


def test_every_constant_of_a_loop_is_found_and_a_wrong_bit_of_it_too(tmp_path):
    lowered_gated(0, tmp_path, **SMALL)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=2000)
    record = generate(tmp_path / "acc" / "folded.onnx", tmp_path / "rtl")
    (layer,) = (one for one in record["layers"] if one["op"] == "Loop")
    mapped_files = layer_files(tmp_path / "rtl", record, layer)
    assert {*re.findall(r'"(\w+\.mem)"', "".join(mapped_files.values()))} <= mapped_files.keys()
    ops = operators(tmp_path / "acc" / "folded.onnx")

    def wrong() -> int:
        found, rows = check_memories(tmp_path / "rtl", ops)
        (loop,) = (op for op in ops if op.inner)
        its = [row for row in rows if row["layer"].startswith(loop.name)]
        assert its and all(row["decoded"] + row["compared"] == row["bits"] for row in its)
        return sum(one["mismatches"] for one in found)

    assert not wrong()
    for name in layer["memories"]:
        file = tmp_path / "rtl" / name
        first, *rest = (true := file.read_text()).split()
        file.write_text("\n".join([f"{int(first, 16) ^ 1:x}", *rest]) + "\n")
        assert wrong(), name
        file.write_text(true)
    file = tmp_path / "rtl" / layer["generated"][0]
    start = re.compile(r"(\.Start\(\d+'d)(\d)")
    file.write_text(start.sub(lambda m: f"{m[1]}{(int(m[2]) + 1) % 10}", file.read_text()))
    assert sum(one["mismatches"] for one in check_memories(tmp_path / "rtl", ops)[0])


def test_explore_prices_loops_and_fold_builds_its_points(tmp_path):
    lowered_gated(0, tmp_path, **SMALL)
    points = explore.points_of(list(explore.searches_of(tmp_path, "pynq-z2"))[1:])
    assert len(points) > 1
    for point in points:
        (tmp_path / "given.json").write_text(json.dumps(point.folding))
        record = fold(tmp_path, "pynq-z2", tmp_path / "acc", folding=tmp_path / "given.json")
        assert [row["op"] for row in record["operators"] if row["op"] not in WIRING] == ["Loop", "SignMvu"]
        assert record["interval_bound"] == point.figures["interval"]
        assert record["estimate"]["lut"] == point.figures["lut"]


def test_a_state_that_changes_its_form_in_a_step_is_no_loop(tmp_path, monkeypatch):
    """The body takes one bit more than it gives."""
    true = MAKERS["rolled"]

    def wider(graph):
        loop = true(graph)
        (node,) = (node for node in loop.nodes if node.op == "Loop")
        leaves, name = node.at["body"].leaves, node.at["body"].inputs[1]
        leaves[name] = replace(leaves[name], lo=2 * leaves[name].lo, hi=2 * leaves[name].hi)
        return loop

    monkeypatch.setitem(MAKERS, "rolled", wider)
    lowered_gated(0, tmp_path, **SMALL)
    assert not (tmp_path / "rolled.onnx").exists()
    assert len(built_as(tmp_path, interval=2000)) > 10


@pytest.mark.full  # test_every_constant_of_a_loop… and the netlists of other operators are in make test
def test_the_cells_of_a_loop_compute_what_it_does_and_are_as_many_as_estimated(tmp_path):
    lowered_gated(0, tmp_path, **SMALL)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=2000)
    [loop] = [op for op in operators(tmp_path / "acc" / "folded.onnx") if op.inner]
    as_estimated_and_as_contracted(loop, tmp_path, (0.15, 8), (0.1, 3))


@pytest.mark.full
@pytest.mark.parametrize("kind", [recurrent_networks.GRU, recurrent_networks.LSTM])
def test_an_unrolled_network_of_brevitas_is_one_cell(kind, tmp_path):
    """100 sequences, with pauses and a reset in mid-sequence, against the unrolled network in qonnx."""
    network = recurrent_networks.trained(kind, 0)
    length = recurrent_networks.STEPS * recurrent_networks.FEATURES
    export_qonnx(network, torch.zeros(1, length), str(tmp_path / "net.onnx"))
    sequences = np.random.default_rng(0).integers(0, 256, (100, length), np.uint8)
    imported(tmp_path / "net.onnx", sequences, tmp_path, 1.0)
    record = fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=4096)
    assert [row["op"] for row in record["operators"] if row["op"] not in WIRING] == ["Loop", "SignMvu"]
    generate(tmp_path / "acc" / "folded.onnx", tmp_path / "rtl")
    ops = operators(tmp_path / "acc" / "folded.onnx")
    device = simulated(tmp_path / "rtl", ops, level="-O0")

    images, model = np.load(tmp_path / "golden.npz")["images"], CycleModel(ops)
    frames = enter(ops[0], images)
    wanted = np.load(tmp_path / "lowered.npz")["integers"]
    flowing = cosim.run(device, frames)
    paused = cosim.run(device, frames, stall=0.4, seed=1, probe=True)
    again = cosim.run(device, frames[:10], reset_at=flowing.answer + flowing.interval // 2)
    for run in (flowing, paused, again):
        found = run.output.reshape(len(run.output), -1)[:, :5]
        np.testing.assert_array_equal(found, wanted[: len(found)])
    course = model.run(100)
    assert (flowing.interval, flowing.latency) == (course.interval, course.latency)
    slow = model.run(100, stall=0.4, seed=1)
    np.testing.assert_array_equal(paused.given[0], slow.taken[ops[-1].results[0]])
    np.testing.assert_array_equal(simulate_bits(ops, images), flowing.output)


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


@pytest.mark.parametrize("seed", [7, *seeds(0, 40)])
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
