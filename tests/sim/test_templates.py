"""Templates that change while frames flow: both simulators and the RTL by the same rule, frame by frame, at
any pace.
"""

import dataclasses
from contextlib import suppress

import numpy as np
import pytest

from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError
from xnorforge.flows.backends.rtl import generate
from xnorforge.hw import graph
from xnorforge.hw.ops._templates import template_in
from xnorforge.hw.ops.correlate.op import Correlate
from xnorforge.sim import cosim, templates
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.sim.templates import Load, Reference, responses, run_frames, traffic

MAKE = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}
PACES = [0.0, 0.4, (0.1, 0.8), (0.8, 0.1)]


def correlator(image, kernel, rows=1, simd=1, pe=1, **more):
    """Bits of an image (H, W, C) of bytes, windows, correlation."""
    height, width, channels = image
    rng, length = np.random.default_rng(0), kernel[0] * kernel[1] * channels
    out = [height - kernel[0] + 1, width - kernel[1] + 1]
    sizes = {"mw": length, "mh": rows, "vectors": out[0] * out[1], "simd": simd, "pe": pe}
    return [
        MAKE["threshold"](arrays={"thresholds": np.full((channels, 1), 128)}, in_shape=list(image),
        in_bits=8),
        MAKE["window"](ifm=list(image), kernel=list(kernel)),
        MAKE["width"](shape=[*out, length], in_lanes=1, out_lanes=simd),
        MAKE["correlate"](
            arrays={"weights": rng.integers(0, 2, (length, rows))}, in_shape=[*out, length],
            out_shape=[*out, rows], **sizes, **more
        ),
    ]  # fmt: skip


NETS = {
    "words of 4": lambda: correlator((5, 6, 2), (2, 3), simd=4),
    "words of 45, several rows": lambda: correlator((4, 5, 5), (3, 3), rows=3, simd=15, pe=3),
    "passes, block RAM": lambda: correlator((4, 4, 3), (2, 2), rows=4, simd=3, pe=2, ram="block"),
    "one word, one window": lambda: correlator((2, 2, 3), (2, 2), simd=12),
    "one word, several windows": lambda: correlator((3, 2, 5), (2, 2), simd=20),
    "short": lambda: [
        MAKE["threshold"](arrays={"thresholds": [[128]]}, in_shape=[1, 2, 1], in_bits=8),
        MAKE["fifo"](shape=[1, 2, 1], depth=100),
        MAKE["correlate"](
            arrays={"weights": np.array([[1], [0]])},
            mw=2,
            mh=1,
            vectors=1,
            in_shape=[1, 2, 1],
            out_shape=[1, 1, 1],
        ),
    ],
    "long": lambda: [
        *correlator((3, 3, 8), (2, 2), simd=2)[:2],
        MAKE["fifo"](shape=[2, 2, 32], depth=200),
        *correlator((3, 3, 8), (2, 2), simd=2)[2:],
        MAKE["fifo"](shape=[2, 2, 1], bits=6, depth=9),
    ],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory, chain):
    """The operators of a net and its RTL, built at the first test that asks."""
    found = {}

    def get(name):
        if name not in found:
            folder = tmp_path_factory.mktemp("net")
            chain(NETS[name]()).save(str(folder / "folded.onnx"))
            generate(folder / "folded.onnx", folder / "rtl")
            ops = graph.operators(folder / "folded.onnx")
            found[name] = ops, network(folder / "rtl", ops, level="-O0")
        return found[name]

    return get


def pictures(ops, count, seed=0):
    """Random frames, uint8 (N, C, H, W)."""
    return ops[0].random_input(seed, count).transpose(0, 3, 1, 2).astype(np.uint8)


def sequence(ops, count, seed):
    """Random flags, and a random template now and then."""
    rng, unit = np.random.default_rng(seed), next(op for op in ops if op.onnx_node.op_type == "Correlate")
    shape = unit.arrays_of["weights"].shape
    loads = [
        Load(n, int(rng.integers(2)), rng.integers(0, 2, shape)) for n in range(count) if rng.random() < 0.25
    ]
    return pictures(ops, count, seed), rng.integers(0, 2, (count, 2)), loads


def test_by_hand(chain, tmp_path):
    """Bits 1 1 0 / 0 1 1, windows of one row and two columns; the template at power-up is 1 0."""
    ops = correlator((2, 3, 1), (1, 2))
    ops[-1].arrays_of["weights"] = np.array([[1], [0]])
    chain(ops).save(str(tmp_path / "folded.onnx"))
    generate(tmp_path / "folded.onnx", tmp_path / "rtl")
    ops = graph.operators(tmp_path / "folded.onnx")
    first = np.array([[[255, 128, 127], [0, 200, 200]]])
    other = 255 - first  # 0 0 1 / 1 0 0
    frames = np.stack([first, first, other, first, first]).astype(np.uint8)
    flags = [(0, 1), (1, 0), (1, 1), (0, 0), (1, 0)]
    loads = [Load(4, 1, np.array([[0], [1]]))]
    wanted = [
        [1, 2, 0, 1],  # 1 0; learns 1 1 into bank 1
        [2, 1, 1, 2],  # 1 1
        [0, 1, 1, 0],  # 1 1; learns 0 0 into bank 0
        [0, 1, 1, 0],  # 0 0
        [1, 0, 2, 1],  # 0 1, which was loaded
    ]
    device = network(tmp_path / "rtl", ops, level="-O0")
    for found in (
        responses(ops, frames, flags, loads),
        responses(BitSimulator(ops), frames, flags, loads),
        run_frames(device, ops, frames, flags, loads).output,
        run_frames(device, ops, frames, flags, loads, stall=0.5, seed=2).output,
    ):
        np.testing.assert_array_equal(found.reshape(5, 4), wanted)


@pytest.mark.quick("short")
@pytest.mark.parametrize("name", NETS)
def test_frames_with_flags_give_the_same_in_both_simulators_and_the_rtl(built, name):
    ops, device = built(name)
    for seed, stall in enumerate(PACES):
        frames, flags, loads = sequence(ops, 40, seed)
        wanted = responses(ops, frames, flags, loads)
        np.testing.assert_array_equal(responses(BitSimulator(ops), frames, flags, loads), wanted)
        np.testing.assert_array_equal(
            run_frames(device, ops, frames, flags, loads, stall, seed).output, wanted
        )


@pytest.mark.parametrize("name", NETS)
def test_flags_cost_no_cycle(built, name):
    """Every frame learns, into the bank of the next."""
    ops, device = built(name)
    frames, flags = pictures(ops, 24), np.stack([np.arange(24) % 2, np.ones(24)], 1).astype(int)
    run = cosim.run(device, traffic(ops, frames, flags))
    assert run.interval == max(op.cycles() for op in ops)
    plain = cosim.run(device, graph.enter(ops[0], frames))
    np.testing.assert_array_equal(run.cycles - run.first, plain.cycles - plain.first)


WRONG = {
    "the next frame's bank": lambda flags, loads: (np.roll(flags, -1, 0), loads),
    "the last frame's bank": lambda flags, loads: (np.roll(flags, 1, 0), loads),
    "one bank": lambda flags, loads: (flags * [0, 1], loads),
    "nothing is learnt": lambda flags, loads: (flags * [1, 0], loads),
    "nothing is loaded": lambda flags, _: (flags, []),
    "loads a frame early": lambda flags, loads: (
        flags,
        [Load(max(0, n.frame - 1), n.bank, n.weights) for n in loads],
    ),
    "loads a frame late": lambda flags, loads: (flags, [Load(n.frame + 1, n.bank, n.weights) for n in loads]),
    "loads the other bank": lambda flags, loads: (
        flags,
        [Load(n.frame, 1 - n.bank, n.weights) for n in loads],
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_sequences_would_show_a_template_at_the_wrong_frame(built, wrong):
    ops, _ = built("words of 4")
    for seed in range(len(PACES)):
        frames, flags, loads = sequence(ops, 40, seed)
        found = responses(BitSimulator(ops), frames, *WRONG[wrong](flags, loads))
        assert (found != responses(BitSimulator(ops), frames, flags, loads)).any()


def test_the_sequences_would_show_a_template_that_changes_within_a_frame(built):
    """A host that writes a bank while frames that use it are under way, which the rule forbids."""
    ops, device = built("words of 4")
    frames, flags, loads = sequence(ops, 40, 1)
    careless = dataclasses.replace(traffic(ops, frames, flags, loads), gates=[])
    assert (cosim.run(device, careless).output != responses(ops, frames, flags, loads)).any()


@pytest.mark.parametrize(
    "file, right, wrong",
    [
        ("xf_correlate.sv", "learn_bank_q <= ~flags_i[0]", "learn_bank_q <= flags_i[0]"),
        ("xf_correlate.sv", "flags_i[1] & first_vector", "flags_i[1] & last_vector"),
        ("xf_correlate.sv", ": load_addr_i[LoadW-1:PieceW]", ": {~load_addr_i[LoadW-1], load_word}"),
        ("xf_frame_flags.sv", "push  = move & first", "push  = move & (beat_q == 1)"),
    ],
)
def test_wrong_hardware_is_found(tmp_path, chain, file, right, wrong):
    chain(NETS["words of 4"]()).save(str(tmp_path / "folded.onnx"))
    generate(tmp_path / "folded.onnx", tmp_path / "rtl")
    text = (tmp_path / "rtl" / file).read_text()
    assert text.count(right) == 1
    (tmp_path / "rtl" / file).write_text(text.replace(right, wrong))
    ops = graph.operators(tmp_path / "folded.onnx")
    device = network(tmp_path / "rtl", ops, level="-O0")
    frames, flags, loads = sequence(ops, 40, 1)
    wanted = responses(ops, frames, flags, loads)
    with suppress(MismatchError):  # it hangs or breaks a rule: found as well
        assert any(
            (run_frames(device, ops, frames, flags, loads, seed=seed).output != wanted).any()
            for seed in range(3)
        )


def test_a_reset_in_mid_stream_leaves_no_flag_behind(built):
    """Frames of bank 0 learn bank 1, so that sending all again brings every template back."""
    ops, device = built("long")
    frames, flags = pictures(ops, 12), np.array([(n % 2, n % 4 == 0) for n in range(12)], int)
    wanted = responses(ops, frames, flags)
    for at in (130, 333, 701):
        run = cosim.run(device, traffic(ops, frames, flags), reset_at=at, stall=0.2, seed=at)
        np.testing.assert_array_equal(run.output, wanted)


def test_a_frame_waits_while_sixteen_are_on_the_way(built):
    """Frames of two beats and a sink that hardly moves: a FIFO of 100 beats holds no more than 16 frames."""
    ops, device = built("short")
    frames, flags, _ = sequence(ops, 60, 5)
    run = run_frames(device, ops, frames, flags, stall=(0.0, 0.95))
    np.testing.assert_array_equal(run.output, responses(ops, frames, flags))
    [fill] = [beats for path, beats in run.fills.items() if "layer_01_fifo" in path]
    assert 20 < fill <= 32


def test_places_beside_the_words_of_a_bank_are_refused_and_hold_nothing(built):
    """Three words of one piece: the fourth word and the second piece of each are addresses of nothing."""
    ops, device = built("words of 4")
    frames, upper = pictures(ops, 5), 2 ** (template_in(ops).address_bits - 1)
    used = {address for bank in (0, 1) for address, _ in template_in(ops).writes(np.zeros((12, 1)), bank)}
    beside = [address for address in range(upper, 2 * upper, 4) if address not in used]
    assert len(used) == 6 and len(beside) == 10

    def column(values):
        return np.array(values)[:, None]

    inputs = [graph.enter(ops[0], frames), column(beside), column([2**32 - 1] * 10), np.zeros((0, 1))]
    feed = cosim.Feed(inputs, [5, 10, 0], {2: np.full(10, 15)}, [(0, 0, 1, 10)])
    run = cosim.run(device, feed)
    assert (run.outputs[1] == 2).all()
    np.testing.assert_array_equal(run.output, responses(ops, frames, np.zeros((5, 2), int)))


def test_registers_of_another_template_are_told(built, monkeypatch):
    ops, device = built("words of 4")
    monkeypatch.setattr(Correlate, "registers", [1, 2, 3])
    with pytest.raises(MismatchError, match=r"^xf_top: .*\[\d+, 3, 4\].*\[1, 2, 3\]"):
        run_frames(device, ops, pictures(ops, 3), np.zeros((3, 2), int))


def test_a_simulator_that_was_loaded_finds_the_template_until_another_is_loaded(built):
    ops, _ = built("words of 45, several rows")
    frames = pictures(ops, 6)
    bits, walk = BitSimulator(ops), Reference(ops)
    last, plain = ops[-1].name, BitSimulator(ops).run(frames)[ops[-1].name]
    [template] = templates.learnt(bits, frames[:1])
    np.testing.assert_array_equal(templates.learnt(walk, frames[:1]), [template])
    for machine in (bits, walk):
        machine.load_template(template)
        found = machine.run(frames)[last]
        assert (found[0, 0, 0] == 45).all() and (found != plain).any()
        machine.load_template(ops[-1].arrays_of["weights"])
        np.testing.assert_array_equal(machine.run(frames)[last], plain)
