"""The cycle model against the RTL: the cycle of every beat of every stream of graphs of operators, with
pauses at both ends, of random networks also in every stream; of single operators see tests/hw/test_ops.py.

Pauses in every stream find what those at both ends do not: behind the slowest operator everything waits."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from op_examples import examples_of
from op_examples.drawn import seeded

from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.fold.gaps import with_gaps
from xnorforge.hw import bind, graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.fork.op import Fork
from xnorforge.hw.ops.join.op import Join
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.ops.window.op import Window
from xnorforge.sim import cosim, device, pauses, stage
from xnorforge.sim.cycles.record import deadlock_ring

from .random_networks import RandomNetwork, bench_of, watched

FRAMES = 5
NEVER = (1e-12, 0.0)  # pauses that never come, with which no frame is left out
PACES = [((0.0, 0.0), 0), ((0.3, 0.3), 3), ((0.1, 0.7), 4), ((0.7, 0.1), 5)]
OPS = {name: examples_of(name) for name in plugins.names("hw.ops")}


@pytest.mark.parametrize("name", sorted(OPS))
def test_the_interval_is_the_one_that_the_operator_states(name):
    for op in OPS[name]:
        course = CycleModel([op]).run(FRAMES)
        assert course.interval == op.cycles()
        assert op.latency() in (course.latency, None)
        work = course.operators[op.name]
        last = max(int(cycles[-1]) for cycles in course.taken.values())
        assert work.waits == "input"
        assert 0 < work.busy <= work.busy + work.starved + work.blocked <= last + 1 + op.cycles()


def test_a_register_that_converts_widths_by_hand():
    """Four parts to a beat, sink and source never pause: parts in cycles 0, 1, 2, 3, the beat in cycle 4;
    meanwhile the first part of the next beat comes, the others behind the beat."""
    op = Width.make("dut", shape=[8], in_lanes=1, out_lanes=4)
    course = CycleModel([op]).run(2)
    assert course.taken["dut_in"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    assert course.taken["dut_out"].tolist() == [4, 8, 12, 16]
    assert course.interval is not None and course.latency == 4


def bypass(depth: int) -> list:
    """A matrix of 8 x 4, a beat of one element each, and a way around it of a FIFO that meets it again."""
    fork = Fork.make("fork", in_shape=[1, 8], readers=2, pe=1)
    matrix = seeded(SignMvu, 3, 8, 8, 1, 1, vectors=1, raw=True)
    matrix.onnx_node.name = "matrix"
    fifo = Fifo.make("fifo", shape=[1, 8], lanes=1, bits=1, depth=depth)
    bits = [matrix.out_stream().bits, 1]
    signs = [int(matrix.out_stream().signed), 0]
    join = Join.make("join", {"multipliers": np.ones((2, 8), np.int64)}, in_shape=[1, 8], in_bits=bits,
                     in_signed=signs, pe=1, out_bits=max(bits) + 2, out_signed=1)  # fmt: skip
    fork.onnx_node.input[0] = "x"
    matrix.onnx_node.input[0], fifo.onnx_node.input[0] = fork.results
    join.onnx_node.input[0], join.onnx_node.input[1] = matrix.results[0], fifo.results[0]
    return [fork, matrix, fifo, join]


def test_a_bypass_that_is_too_small_is_a_deadlock():
    """The matrix gives nothing before it has its 8 beats; so many are around it: the register of the fork,
    the FIFO's memory and the FIFO's output register. Six in the memory are enough, and the matrix then works
    64 cycles per frame without a gap."""
    for depth in (3, 5):
        course = CycleModel(bypass(depth)).run(FRAMES)
        assert course.deadlock == {"fork": "readers", "matrix": "input", "fifo": "readers", "join": "input"}
        assert course.ring == ["fork", "fifo", "join", "matrix"]
        assert deadlock_ring(bypass(depth), FRAMES).endswith(": fork -> fifo -> join -> matrix -> fork.")
        assert course.operators["fifo"].fill == depth and len(course.taken["join_out"]) == 0
    for depth in (6, 9):
        course = CycleModel(bypass(depth)).run(FRAMES)
        assert not course.deadlock and not course.ring
        assert course.interval == 64 and course.operators["fifo"].fill == depth


@pytest.mark.parametrize("name", sorted(OPS))
def test_frames_that_repeat_each_other_are_known_without_moving_their_beats(name):
    """The same run with pauses that never come moves all beats of all frames."""
    for model in [CycleModel([op]) for op in OPS[name][:6]]:
        known, moved = model.run(40), model.run(40, NEVER)
        assert known.simulated < moved.simulated == 40
        assert_alike(known, moved)


def assert_alike(known, moved):
    """Whatever a course says is what moving every beat says."""
    assert (known.gaps, known.answer) == (moved.gaps, moved.answer)
    for tensor, cycles in moved.taken.items():
        np.testing.assert_array_equal(known.taken[tensor], cycles, err_msg=tensor)
    assert known.operators == moved.operators


@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_nothing_but_the_cycles_between_operators_is_lost_where_they_are_not_kept(stall):
    for depth in (3, 6):
        whole, ends = (CycleModel(bypass(depth)).run(20, stall, watched=names) for names in (None, ()))
        assert set(ends.taken) == {"x", "join_out"} < set(whole.taken)
        assert all(np.array_equal(ends.taken[tensor], whole.taken[tensor]) for tensor in ends.taken)
        assert (ends.deadlock, ends.ring, ends.gaps) == (whole.deadlock, whole.ring, whole.gaps)
        waits = [course.operators.values() for course in (whole, ends)]
        spent = [[(w.busy, w.starved, w.blocked) for w in some] for some in waits]
        assert spent[0] == spent[1] and ends.operators["fifo"].fill is None
        fifo = CycleModel(bypass(depth)).run(20, stall, watched=["fifo"])
        assert set(fifo.taken) == {*ends.taken, "fork_out_1", "fifo_out"}
        assert fifo.operators["fifo"] == whole.operators["fifo"] and fifo.operators["matrix"].fill is None


def chained(*ops) -> list:
    """Operators one behind the other."""
    for index, op in enumerate(ops):
        op.onnx_node.input[0], op.onnx_node.output[0] = f"stream_{index}", f"stream_{index + 1}"
    ops[0].onnx_node.name, ops[-1].onnx_node.name = "first", "last"
    return list(ops)


def test_parts_of_a_network_that_repeat_themselves_at_different_rates_are_known_too():
    """A matrix of 60 cycles per frame, room for 100 beats, a matrix of 75 cycles: the first gains 15 cycles
    in every frame until the room is full, then it waits for the second."""
    first = seeded(SignMvu, 1, 4, 5, 1, 1, vectors=3)
    fifo = Fifo.make("fifo", shape=[3, 5], lanes=1, bits=1, depth=100)
    second = seeded(SignMvu, 2, 15, 5, 1, 1, vectors=1, raw=True)
    model = CycleModel(chained(first, fifo, second))
    for frames in (25, 150):
        known, moved = model.run(frames), model.run(frames, NEVER)
        assert_alike(known, moved)
        rates = [{repeat.periods[tensor] for tensor in model.streams} for repeat in known.repeats]
        assert rates[:1] == [{60, 75}]
    assert rates[-1] == {75} and known.simulated < 40


def test_a_paced_source_offers_its_beats_evenly():
    op = Fifo.make("dut", shape=[4], lanes=1, bits=1, depth=8)
    assert CycleModel([op]).run(2, pace=40).taken["dut_in"].tolist() == [0, 10, 20, 30, 40, 50, 60, 70]


def beats_seen(file, called) -> dict[str, list[int]]:
    """{tensor: cycles} that the top wrote."""
    found: dict[str, list[int]] = {}
    for line in file.read_text().splitlines():
        name, cycle = line.split()
        found.setdefault(called[name], []).append(int(cycle))
    return found


@pytest.mark.parametrize("stall, seed", PACES)
def test_every_beat_of_every_stream_of_a_graph_is_in_the_cycle_of_the_rtl(graph_bench, stall, seed):
    ops, folder, bench, called = graph_bench
    images = ops[0].random_input(seed, 6)
    run = cosim.run(bench, cosim.Feed([images], [6]), stall, seed)
    found = {ops[0].sources[0]: run.taken[0].tolist()} | beats_seen(folder / "beats.txt", called)
    course = CycleModel(ops).run(6, stall, seed)
    assert set(course.taken) == set(found)
    for tensor, cycles in found.items():
        np.testing.assert_array_equal(course.taken[tensor], cycles, err_msg=tensor)
    assert course.interval == run.interval or stall != (0.0, 0.0)


def generated(folder, ops) -> dict[str, str]:
    """Write the RTL of a graph whose inner streams are watched; {what the top calls a stream: tensor}."""
    onnx.save(folded_graph(ops, "watched"), folder / "folded.onnx")
    modules = [layer["module"] for layer in generate(folder / "folded.onnx", folder / "rtl")["layers"]]
    top = folder / "rtl/top.sv"
    text, called = watched(top.read_text(), ops, modules, "beats.txt")
    top.write_text(text)
    return called


@pytest.fixture(scope="module")
def graph_bench(tmp_path_factory):
    """A fork, a matrix beside a FIFO that is just large enough, and a join."""
    folder, ops = tmp_path_factory.mktemp("graph"), bypass(6)
    called = generated(folder, ops)
    return ops, folder / "rtl", device.network(folder / "rtl", ops), called


def test_where_the_model_sees_a_deadlock_the_rtl_stands_still_after_the_same_beats(tmp_path):
    ops = bypass(5)
    generated(tmp_path, ops)
    course = CycleModel(ops).run(FRAMES)
    assert course.deadlock
    accepted = len(course.taken[ops[0].sources[0]])
    text = rf"\b0 of {FRAMES * 8} output beats\b.*\b{accepted} of {FRAMES * 8} input beats\b"
    with pytest.raises(cosim.Hang, match=text):
        cosim.run(device.network(tmp_path / "rtl", ops), ops[0].random_input(1, FRAMES))


FEW = 4
PACES_OF_RANDOM = [(0.0, 1), ((0.3, 0.3), 2), ((0.0, 0.7), 3), ((0.7, 0.1), 4), ("everywhere", 5)]


def compared(seeds, folder) -> int:
    """Beats of the networks of these seeds, each found in the cycle in which the RTL moves it."""
    networks = [RandomNetwork(seed).ops for seed in seeds]
    bench, beats = bench_of(networks, folder), 0
    models = [CycleModel(ops) for ops in networks]
    for pace, seed in PACES_OF_RANDOM:
        inputs = [[ops[0].random_input(seed, FEW)] for ops in networks]
        stalls = [pauses.in_every_stream(ops, FEW) if pace == "everywhere" else pace for ops in networks]
        for lane, (model, run) in enumerate(zip(models, cosim.attempt(bench.device, inputs, stalls, seed))):
            assert isinstance(run, cosim.Run), (seeds[lane], run)
            course, want = model.run(FEW, stalls[lane], seed, lane), bench.beats(lane, run)
            assert set(course.taken) == set(want)
            end = max(want[networks[lane][-1].results[0]])  # a run of the RTL may end with its last score
            for tensor, cycles in want.items():
                message = f"network {seeds[lane]}, pauses {pace}, {tensor}"
                both = np.array(course.taken[tensor]), np.array(cycles)
                found, cycles = (given[given <= end] for given in both)
                np.testing.assert_array_equal(found, cycles, err_msg=message)
                beats += len(cycles)
            for path, fill in run.fills.items():
                if "u_stamps" in path:
                    continue  # of vectors at the same time, with which row each began
                name = re.search(r"\.u_layer_\d+_(\w+)\.", path)
                assert name and course.operators[name[1]].fill == fill, (seeds[lane], path)
    return beats


def test_every_beat_of_random_networks_is_in_the_cycle_of_the_rtl(tmp_path):
    assert compared(range(20), tmp_path) > 40_000


def test_frames_of_random_networks_that_are_left_out_are_those_that_would_have_been_moved():
    together = []
    for seed in range(40):
        model = CycleModel(RandomNetwork(seed).ops)
        known, moved = model.run(40), model.run(40, (1e-12, 0.0))
        assert (known.gaps, known.operators) == (moved.gaps, moved.operators), seed
        for tensor, cycles in moved.taken.items():
            np.testing.assert_array_equal(known.taken[tensor], cycles, err_msg=f"network {seed}, {tensor}")
        assert known.repeats, seed
        together += [repeat.together for repeat in known.repeats]
    assert max(together) > 1  # places of a matrix that goes round, of which the next frame has others


@pytest.mark.full
@pytest.mark.parametrize("start", range(1000, 1300, 30))
def test_every_beat_of_three_hundred_random_networks_is_in_the_cycle_of_the_rtl(start, tmp_path):
    assert compared(range(start, start + 30), tmp_path) > 60_000


EIGHT, SEED = 8, 1
AT_THE_ENDS = (0.3, 0.3)
# {fault: (file, text, text with the fault where `fault` is its number)}, in the RTL of the library.
FAULTS = {
    "a skid buffer without its second entry": (
        "xf_skid.sv", "spare_valid_q <= 1'b1;", "spare_valid_q <= fault[0] != 1;"
    ),
    "a FIFO that is ready when it is full": (
        "xf_fifo.sv", "assign s_ready_o = ~full_q;", "assign s_ready_o = ~full_q | (fault[0] == 2);"
    ),
    "a FIFO whose memory is one entry short": (
        "xf_fifo.sv", "AddrW'(Depth - 1)) ? '0 :", "AddrW'(Depth - 1 - 32'(fault[0] == 3))) ? '0 :"
    ),
    "a window behind the slowest operator that overwrites a row early": (
        "xf_window.sv", "RowsW'(Rows - 1);", "RowsW'(Rows - 1) + RowsW'(fault[0] == 4 && Lanes == 8);"
    ),
    "a join that takes one side alone": (
        "xf_through.sv", "go_o & (&others);", "go_o & ((&others) | (fault[0] == 5 && k == 0));"
    ),
}  # fmt: skip


class Bypassed(RandomNetwork):
    """Bits 6 x 6 x 4 to a slow convolution, a fast one with a FIFO around it, joined, pooled, to 4 scores."""

    def __init__(self):
        self.rng, self.others, self.ops = np.random.default_rng(0), np.random.default_rng(1), []
        self.shape, self.bits, self.signed, self.tensor, self.lanes = (6, 6, 4), 1, 0, "x", 2
        self.convolve(simd=2, pe=4)
        self.fifo(8)
        self.width(8)
        fork = self.add(Fork, in_shape=list(self.shape), readers=2, pe=8)
        self.tensor, around = fork.results
        self.convolve(simd=8, pe=8)
        main, self.tensor = self.tensor, around
        self.fifo(40)
        join = self.add(Join, {"multipliers": np.ones((2, 8), np.int64)}, in_shape=list(self.shape),
                        in_bits=[1, 1], in_signed=[0, 0], pe=8, out_bits=3, out_signed=1)  # fmt: skip
        join.onnx_node.input[1], join.onnx_node.input[0] = self.ops[-2].results[0], main
        thresholds = {"thresholds": self.rng.integers(0, 3, (8, 1))}
        self.add(Threshold, thresholds, in_shape=list(self.shape), pe=8, in_bits=3, in_signed=1)
        self.pool()
        self.width(8)
        self.fifo(2)
        self.shape = (int(np.prod(self.shape)),)
        self.matrix(4, thresholds=False)

    def convolve(self, simd: int, pe: int) -> None:
        """3 x 3 with pads, to 8 channels of bits."""
        self.add(Window, ifm=list(self.shape), kernel=[3, 3], pads=[1] * 4, simd=simd)
        length = self.shape[-1]
        arrays = {
            "weights": self.rng.integers(0, 2, (length, 8)),
            "thresholds": self.rng.integers(length // 3, 2 * length // 3, 8),
        }
        self.add(SignMvu, arrays, mw=length, mh=8, simd=simd, pe=pe, vectors=36, in_shape=list(self.shape),
                 out_shape=[6, 6, 8])  # fmt: skip


@dataclass(frozen=True)
class Faulty:
    """The network with faults that a file switches on; what it is given, and should give."""

    ops: list
    folder: Path
    built: device.Device
    frames: np.ndarray
    answers: np.ndarray

    def run(self, fault: int, stall, seed=SEED):
        """A run with a fault, 0 for none, or the error it ends with."""
        (self.folder / "fault.mem").write_text(f"{fault}\n")
        return cosim.attempt(self.built, [self.frames], stall, seed)[0]

    def passes(self, fault: int, stall) -> bool:
        """Whether a run gives the answers and breaks no rule."""
        run = self.run(fault, stall)
        return not isinstance(run, MismatchError) and np.array_equal(run.output, self.answers)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    folder, ops = tmp_path_factory.mktemp("faulty"), Bypassed().ops
    onnx.save(folded_graph(ops, "faulty"), folder / "folded.onnx")
    generate(folder / "folded.onnx", folder := folder / "rtl")
    for file, right, wrong in FAULTS.values():
        head, body = (folder / file).read_text().split(");\n\n", 1)
        assert right in body
        if "fault" not in body:
            body = f'  logic [7:0] fault [1];\n  initial $readmemh("fault.mem", fault);\n{body}'
        (folder / file).write_text(f"{head});\n\n{body.replace(right, wrong)}")
    frames = ops[0].random_input(SEED, EIGHT)
    answers = graph.execute(ops, frames.transpose(0, 3, 1, 2))[ops[-1].name]
    return Faulty(ops, folder, device.network(folder, ops, level="-O0"), frames, answers)


def test_a_sound_network_gives_its_answers_whatever_pauses(faulty):
    for stall in (0.0, AT_THE_ENDS, pauses.in_every_stream(faulty.ops, EIGHT)):
        assert faulty.passes(0, stall)


@pytest.mark.parametrize("fault, name", list(enumerate(FAULTS, start=1)), ids=str)
def test_pauses_in_every_stream_find_what_pauses_at_the_ends_do_not(faulty, fault, name):
    assert faulty.passes(fault, AT_THE_ENDS), name
    assert not faulty.passes(fault, pauses.in_every_stream(faulty.ops, EIGHT)), name


def test_with_pauses_in_every_stream_every_beat_is_in_the_cycle_of_the_model(faulty):
    ops, stall = faulty.ops, pauses.in_every_stream(faulty.ops, EIGHT)
    for seed in range(2):
        run, course = faulty.run(0, stall, seed), CycleModel(ops).run(EIGHT, stall, seed)
        np.testing.assert_array_equal(course.taken[ops[0].sources[0]], run.taken[0])
        np.testing.assert_array_equal(course.taken[ops[-1].results[0]], run.given[0])
        for index, op in enumerate(ops):
            if op.input_buffer():
                assert course.operators[op.name].fill == stage.fill(run.fills, index), op.name


def moved(source: Pause) -> list[int]:
    """Cycles in which a FIFO that never fills takes 12 beats."""
    op = Fifo.make("dut", shape=[12], lanes=1, bits=1, depth=8)
    return CycleModel([op]).run(1, Pauses(source)).taken["dut_in"].tolist()


def test_a_stop_ends_where_cycle_and_phase_are_a_multiple_of_its_period():
    assert moved(Pause(stop=3, every=10)) == [0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14]
    assert moved(Pause(stop=3, every=10, phase=6)) == [0, *range(4, 11), 14, 15, 16, 17]


def test_a_slot_is_whole():
    cycles = moved(Pause(chance=0.6, slot=4))
    assert len({cycle // 4 for cycle in cycles}) == 3 and np.diff(cycles).max() > 1
    assert [cycle % 4 for cycle in cycles] == [0, 1, 2, 3] * 3


def test_every_stream_stands_still_in_turn_and_the_network_backs_up_to_the_source():
    ops = Bypassed().ops
    stall, interval = pauses.in_every_stream(ops, EIGHT), max(op.cycles() for op in ops)
    # Two behind the fork, none at the end.
    assert len(stall.inner) == len(graph.inner_tensors(ops)) == len(ops)
    taken = CycleModel(ops).run(EIGHT, stall, SEED).taken
    [every] = {pause.every for pause in stall.inner}
    assert every <= (EIGHT - 1) * interval < taken[ops[-1].results[0]][-1]
    assert len({pause.phase for pause in stall.inner}) == len(ops) and stall.inner[0].stop > interval // 5
    assert np.diff(taken[ops[0].sources[0]]).max() > interval
    ends = CycleModel(ops).run(EIGHT, AT_THE_ENDS, SEED).taken
    assert np.diff(ends[ops[0].sources[0]]).max() < interval // 2


TWELVE = 12


def between(before: HwOp, shape, in_lanes, out_lanes, after: HwOp) -> HwOp:
    """A converter from one operator to another, once the pauses are chosen."""
    width = bind.OPS["Width"].make("width", shape=shape, in_lanes=in_lanes, out_lanes=out_lanes)
    width.onnx_node.input[0] = before.results[0]
    after.onnx_node.input[0] = width.results[0]
    with_gaps([before, width, after])
    return width


def unit(name: str, simd: int, pe: int) -> HwOp:
    """A matrix of 12 x 12 for 4 vectors of bits."""
    thresholds = {"weights": [[1] * 12] * 12, "thresholds": [6] * 12}
    return bind.OPS["SignMvu"].make(
        name, thresholds, mw=12, mh=12, simd=simd, pe=pe, vectors=4, in_shape=[4, 12], out_shape=[4, 12]
    )


@pytest.mark.parametrize(("simd", "pe", "out_lanes", "gap"), [
    (6, 1, 6, 1),  # results two cycles apart, joined: 48 + 8 cycles of the converter, 96 of the unit
    (12, 1, 6, 0),  # a result per cycle: 48 of the unit
    (3, 6, 2, 1),  # results four cycles apart, cut into three: 8 + 24 cycles, 32 of the unit
    (4, 6, 2, 0),  # three cycles apart: 24 of the unit
])  # fmt: skip
def test_behind_a_unit_where_its_results_leave_a_cycle_in_between(simd, pe, out_lanes, gap):
    reader = bind.OPS["MaxPool"].make("pool", ifm=[2, 2, 12], kernel=[2, 2], stride=[2, 2], pe=out_lanes)
    width = between(unit("unit", simd, pe), [4, 12], pe, out_lanes, reader)
    assert width.get_nodeattr("gap") == gap


@pytest.mark.parametrize(("pe", "gap"), [(2, 1), (3, 0)])  # the converter 16 + 4 cycles, the unit 24, 16
def test_in_front_of_a_unit_behind_a_window_but_not_behind_a_pool(pe, gap):
    window = bind.OPS["Window"].make("window", ifm=[5, 2, 3], kernel=[2, 2], stride=[1, 1], simd=3)
    pool = bind.OPS["MaxPool"].make("pool", ifm=[4, 4, 12], kernel=[2, 2], stride=[2, 2], pe=3)
    for source, found in ((window, gap), (pool, 0)):
        width = between(source, [4, 12], 3, 12, unit("unit", 12, pe))
        assert width.get_nodeattr("gap") == found, source.name


@pytest.mark.parametrize(("pe", "gap"), [(2, 1), (3, 0)])  # of the second of two units that read the same
def test_in_front_of_all_units_behind_a_fork(pe, gap):
    window = bind.OPS["Window"].make("window", ifm=[5, 2, 3], kernel=[2, 2], stride=[1, 1], simd=3)
    width = bind.OPS["Width"].make("width", shape=[4, 12], in_lanes=3, out_lanes=12)
    fork = bind.OPS["Fork"].make("fork", in_shape=[4, 12], readers=2, pe=12)
    units = [unit("first", 12, 1), unit("second", 12, pe)]
    width.onnx_node.input[0], fork.onnx_node.input[0] = window.results[0], width.results[0]
    for one, tensor in zip(units, fork.results):
        one.onnx_node.input[0] = tensor
    with_gaps([window, width, fork, *units])
    assert width.get_nodeattr("gap") == gap


def test_random_networks_keep_their_interval():
    paused = 0
    for seed in range(150):
        ops = RandomNetwork(seed).ops
        for op in ops:
            if isinstance(op, bind.OPS["Width"]):
                op.set_nodeattr("gap", 0)
        interval = CycleModel(ops).run(TWELVE).interval
        paused += sum(op.get_nodeattr("gap") for op in with_gaps(ops) if isinstance(op, bind.OPS["Width"]))
        assert CycleModel(ops).run(TWELVE).interval == interval, seed
    assert paused > 50
