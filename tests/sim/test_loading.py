"""Weights that are replaced while frames flow: every frame is wholly of the old or of the new ones."""

import numpy as np
import pytest
from driving import accelerator, folder_of_network, generated, printed, simulations, write_folded

from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.overlay import write_overlay
from xnorforge.flows.synth.stage import synthesise
from xnorforge.hw import graph
from xnorforge.hw.loads import LoadChain, number_loads
from xnorforge.hw.parts import estimates_of
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.sim.loading import first_new, load_feed, rolled, writes_of
from xnorforge.sim.netlist import simulate_netlist
from xnorforge.sim.shell import shell_library

MAKE = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}


def perceptron(seed, simd=(3, 4), pe=(2, 1), **styles):
    """Bytes 4 x 4 x 3 to 8 bits to 4 sums, with random weights."""
    rng = np.random.default_rng(seed)
    first = {"weights": rng.integers(0, 2, (48, 8)), "thresholds": rng.integers(-2000, 2000, 8)}
    shape = {"mw": 48, "mh": 8, "simd": simd[0], "pe": pe[0], "in_shape": [4, 4, 3], "out_shape": [8]}
    last = {"weights": rng.integers(0, 2, (8, 4))}
    return [
        MAKE["sign_mvu"](arrays=first, **shape, in_bits=8, loadable=1, **styles),
        MAKE["width"](shape=[8], in_lanes=pe[0], out_lanes=simd[1]),
        MAKE["sign_mvu"](arrays=last, mw=8, mh=4, simd=simd[1], pe=pe[1], in_shape=[8], out_shape=[4],
                         loadable=1),
    ]  # fmt: skip


def correlator(seed):
    """Bits of 5 x 6 x 2 bytes, windows of 2 x 3; alone the sums of each with a template can be loaded."""
    out, template = [4, 4, 12], np.random.default_rng(seed).integers(0, 2, (12, 1))
    return [
        MAKE["threshold"](arrays={"thresholds": np.full((2, 1), 128)}, in_shape=[5, 6, 2], in_bits=8),
        MAKE["window"](ifm=[5, 6, 2], kernel=[2, 3]), MAKE["width"](shape=out, in_lanes=1, out_lanes=4),
        MAKE["sign_mvu"](arrays={"weights": template}, mw=12, mh=1, simd=4, pe=1, vectors=16, in_shape=out,
                         out_shape=[4, 4, 1], loadable=1),
    ]  # fmt: skip


NETS = {
    "template": correlator, "LUT RAM": lambda seed: perceptron(seed),
    "block RAM": lambda seed: perceptron(seed, rom="block", starts="block"),
    "columns": lambda seed: perceptron(seed, rom="block", rom_rows=16),
    "one word each": lambda seed: perceptron(seed, simd=(48, 8), pe=(8, 4)),
    "UltraRAM": lambda seed: perceptron(seed, rom="ultra"),
    "wide words": lambda seed: perceptron(seed, simd=(24, 2), pe=(4, 2), rom="block"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Operators and RTL of a net, built at the first test that asks."""
    found = {}

    def get(name):
        if name not in found:
            folder = tmp_path_factory.mktemp("net")
            ops = NETS[name](0)
            number_loads(ops)
            ops = generated(ops, folder)
            found[name] = ops, network(folder / "rtl", ops, level="-O0", loaded=False), folder
        return found[name]

    return get


def others_of(ops, name, seed):
    """The same operators with the arrays of another seed."""
    made = NETS[name](seed)
    return [type(op)(op.onnx_node, arrays_of=other.arrays_of) for op, other in zip(ops, made, strict=True)]


def answers(ops, frames):
    """Outputs by the contract of the operators."""
    return next(iter(graph.execute(ops, frames).values()))


def pictures(count, seed=0, shape=(3, 4, 4)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


@pytest.mark.quick("!columns*", "!wide words*", "!one word*")
@pytest.mark.parametrize("stall", [0.0, 0.4, (0.1, 0.8), (0.8, 0.1)])
@pytest.mark.parametrize("name", NETS)
def test_every_frame_is_wholly_of_the_old_or_the_new_weights(built, name, stall):
    ops, device, _ = built(name)
    frames = pictures(40, shape=(2, 5, 6) if name == "template" else (3, 4, 4))
    others = others_of(ops, name, 1)
    old, new = (answers(one, frames).reshape(40, -1) for one in (ops, others))
    assert (old != new).any(1).mean() > 0.9
    feed = load_feed(ops, frames, writes_of(LoadChain(others)), 7)
    run = cosim.run(device, feed, stall, seed=3, probe=True)
    assert not run.outputs[1].any()  # every write is answered OKAY
    assert 7 <= first_new(run.output.reshape(40, -1), old, new) < 40


def test_weights_that_begin_empty_take_no_frame_before_a_load(built):
    ops, device, _ = built("UltraRAM")
    assert [op.begins_empty for op in ops] == [True, False, False]
    with pytest.raises(cosim.Hang, match=r": 0 of 4 output beats .* 0 of \d+ input beats"):
        cosim.run(device, graph.enter(ops[0], pictures(1)), seed=1)


@pytest.mark.full
def test_the_netlist_with_ultra_ram_computes_as_the_rtl_behind_two_loads(built):
    """UltraRAM that begins with noise, a load, a load of other weights; beats in the cycles of the RTL."""
    ops, _, acc = built("UltraRAM")
    (acc / "fold.json").write_text('{"board": "kv260", "interval": 10000}')
    total = synthesise(acc, acc)["total"]
    with estimates_of("xcup"):
        assert total["uram"] == 1 == sum(op.estimate()["uram"] for op in ops)
    frames = pictures(3)
    np.savez(acc / "golden.npz", images=frames)
    np.savez(acc / "lowered.npz", integers=answers(ops, frames))
    checks = {check["name"]: check for check in simulate_netlist(acc, acc, images=3)["checks"]}
    names = {"netlist = lowered", "netlist cycles = RTL cycles", "netlist with a load = bit simulator"}
    assert names <= checks.keys() and not any(check["mismatches"] for check in checks.values())
    # Words of weights, starts and weights, between the beginning of a load and its end.
    assert f"{1 + 48 * 8 // 6 + 8 // 2 + 8 * 4 // 4 + 1} writes" in checks[max(names)]["what"]


def test_a_frame_of_both_weights_is_not_accepted():
    old, new = np.zeros((4, 3)), np.ones((4, 3))
    mixed = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 1, 1]])
    with pytest.raises(MismatchError):
        first_new(mixed, old, new)


# Network, what is written of a load (beginning, words, end), and which writes of n words are refused: outside
# a load words and ends, in one its end before the last word; a second beginning starts the count again.
ORDERS = {
    "words of another load, an early end": (
        "wide words", lambda b, w, e: [w[0], e, b, *w[:-1], e, w[-1], e, w[0]],
        lambda n: [0, 1, n + 2, n + 5],
    ),
    "a second beginning": ("LUT RAM", lambda b, w, e: [b, *w[: len(w) // 2], b, *w, e], lambda n: []),
    "a word twice": ("LUT RAM", lambda b, w, e: [b, *w, w[0], e, b, *w, e], lambda n: [n + 2]),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDERS)
def test_what_is_no_whole_load_is_refused_and_all_else_stays(built, case):
    name, order, refused = ORDERS[case]
    ops, device, _ = built(name)
    frames, others = pictures(12), others_of(ops, name, 1)
    begin, *words, end = writes_of(LoadChain(others))
    run = cosim.run(device, load_feed(ops, frames, order(begin, words, end), 3), seed=1)
    assert np.flatnonzero(run.outputs[1].ravel()).tolist() == refused(len(words))
    assert 3 <= first_new(run.output, answers(ops, frames), answers(others, frames)) < 12


def test_rolled_weights_are_of_the_same_structure(built, tmp_path):
    """The files that a load does not replace are the same bytes, and so is the hash."""
    ops, _, folder = built("block RAM")
    generated(rolled(ops), tmp_path)
    both = [read_json(one / "rtl" / "rtl.json")["loads"] for one in (folder, tmp_path)]
    assert both[0]["structure"] == both[1]["structure"] and both[0]["id"] != both[1]["id"]


# The drivers, against the shell.
SCALES = {"first": (np.array([0.5, 0.25, 1.0, 2.0]), np.zeros(4)), "second": (np.ones(4), np.arange(4.0))}


@pytest.fixture(scope="module")
def overlays(tmp_path_factory):
    """{name: accelerator's folder} of two trainings, and of a network of another structure."""
    found = {}
    for name, seed, net in (("first", 0, "LUT RAM"), ("second", 1, "LUT RAM"), ("other", 2, "wide words")):
        ops, (scale, bias) = NETS[net](seed), SCALES.get(name, SCALES["first"])
        number_loads(ops)
        images, folder = pictures(8), tmp_path_factory.mktemp(name)
        write_folded(ops, folder)
        scores = scale * answers(graph.operators(folder / "folded.onnx"), images) + bias
        found[name] = folder_of_network(folder, ops, images, scores, scale, bias)
        write_overlay(found[name], folder)
    return found


@pytest.fixture(scope="module")
def library(overlays):
    return shell_library(overlays["first"])


@pytest.fixture
def open_sim(overlays, library):
    with simulations(library, overlays["first"] / "rtl", memory=1 << 20) as opener:
        yield opener


def scores_of(acc, images):
    (scale, bias), simulator = SCALES[acc.parent.name[:-1]], BitSimulator(acc / "folded.onnx")
    return scale * simulator.run(images)[simulator.ops[-1].name] + bias


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_the_python_driver_loads_weights_while_a_batch_runs(overlays, open_sim, pause):
    bus = open_sim(pause=pause)
    device, images = accelerator(overlays["first"], bus), pictures(48, 5)
    old, new = (BitSimulator(overlays[name] / "folded.onnx") for name in ("first", "second"))
    np.testing.assert_array_equal(device.predict(images), scores_of(overlays["first"], images))
    before = device.get("batches")
    device._start(device.into.pack(device.integers(images)), *device.buffers[0])
    bus.pause(600)
    device.load(overlays["second"] / "overlay" / "weights.bin")
    device._await_batch(before, 1)
    got = np.zeros((48, 4), np.int64)
    device._collect(got, device.buffers[0][1])
    both = [one.run(images)[one.ops[-1].name].reshape(48, 4) for one in (old, new)]
    assert 0 < first_new(got, *both) < 48
    np.testing.assert_array_equal(device.predict(images), scores_of(overlays["second"], images))
    device.load(overlays["first"] / "overlay" / "weights.bin")
    np.testing.assert_array_equal(device.predict(images), scores_of(overlays["first"], images))


def test_a_reset_within_a_load_needs_another_load(overlays, open_sim):
    """The old weights are gone with the first word; the state survives resets and another driver."""
    bus = open_sim()
    device, images = accelerator(overlays["first"], bus), pictures(6, 6)
    about = device.about["loads"]
    device.bus.write(about["window"] + about["control"], 0)  # begun, no word written
    device.reset()
    np.testing.assert_array_equal(device.predict(images), scores_of(overlays["first"], images))
    chain = LoadChain(list(BitSimulator(overlays["second"] / "folded.onnx").ops))
    device.bus.write(about["window"] + about["control"], 0)
    device._wait(lambda: bus.read(about["window"] + about["registers"]["open"]), "empty")
    for place, value in chain.writes[:20]:
        bus.write(about["window"] + place, value)
    for _ in range(2):
        device.reset()
        with pytest.raises(UserError, match=r"^run: .*load\(\)"):
            device.predict(images)
    device = accelerator(overlays["first"], bus)
    device.load(overlays["second"] / "overlay" / "weights.bin")
    np.testing.assert_array_equal(device.predict(images), scores_of(overlays["second"], images))
    device.reset()
    np.testing.assert_array_equal(device.predict(images), scores_of(overlays["second"], images))


def test_the_c_driver_loads_the_same_file(overlays, library, tmp_path):
    """Frames, a load of a wrong file, frames, a load, frames; what each call returned."""
    images = pictures(5, 8)
    files = [overlays[name] / "overlay" / "weights.bin" for name in ("other", "second")]
    given = "loading_test.c", overlays["first"], library, tmp_path, images.transpose(0, 2, 3, 1)
    *found, codes = printed(*given, str(len(images)), *files)
    assert codes == "10, 10, 9, 0"  # another structure, twice; a part; a whole file
    both = [BitSimulator(overlays[name] / "folded.onnx") for name in ("first", "second")]
    wanted = [one.run(images)[one.ops[-1].name].ravel().tolist() for one in both]
    assert [[int(word) for word in line.split()] for line in found] == [wanted[0], wanted[0], wanted[1]]
