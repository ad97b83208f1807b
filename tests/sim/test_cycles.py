"""The cycle model against the RTL: the cycle of every beat of every stream of graphs of operators, with
pauses at both ends, of random networks also in every stream; of single operators see tests/hw/test_ops.py.
"""

import re

import numpy as np
import onnx
import pytest
from op_examples import examples_of
from op_examples.drawn import seeded

from xnorforge.core import plugins
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.fork.op import Fork
from xnorforge.hw.ops.join.op import Join
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.ops.xnor_mvu.op import XnorMvu
from xnorforge.sim import cosim, device, pauses
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
    meanwhile the first part of the next beat comes, the others behind the beat.
    """
    op = Width.make("dut", shape=[8], in_lanes=1, out_lanes=4)
    course = CycleModel([op]).run(2)
    assert course.taken["dut_in"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    assert course.taken["dut_out"].tolist() == [4, 8, 12, 16]
    assert course.interval is not None and course.latency == 4


def bypass(depth: int) -> list:
    """A matrix of 8 x 4, a beat of one element each, and a way around it of a FIFO that meets it again."""
    fork = Fork.make("fork", in_shape=[1, 8], readers=2, pe=1)
    matrix = seeded(XnorMvu, 3, 8, 8, 1, 1, vectors=1, raw=True)
    matrix.onnx_node.name = "matrix"
    fifo = Fifo.make("fifo", shape=[1, 8], lanes=1, bits=1, depth=depth)
    bits = [matrix.out_stream().bits, 1]
    signs = [int(matrix.out_stream().signed), 0]
    join = Join.make(
        "join", {"multipliers": np.ones((2, 8), np.int64)}, in_shape=[1, 8], in_bits=bits, in_signed=signs,
        pe=1, out_bits=max(bits) + 2, out_signed=1,
    )  # fmt: skip
    fork.onnx_node.input[0] = "x"
    matrix.onnx_node.input[0], fifo.onnx_node.input[0] = fork.results
    join.onnx_node.input[0], join.onnx_node.input[1] = matrix.results[0], fifo.results[0]
    return [fork, matrix, fifo, join]


def test_a_bypass_that_is_too_small_is_a_deadlock():
    """The matrix gives nothing before it has its 8 beats; so many are around it: the register of the fork,
    the FIFO's memory and the FIFO's output register. Six in the memory are enough, and the matrix then works
    64 cycles per frame without a gap.
    """
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
    in every frame until the room is full, then it waits for the second.
    """
    first = seeded(XnorMvu, 1, 4, 5, 1, 1, vectors=3)
    fifo = Fifo.make("fifo", shape=[3, 5], lanes=1, bits=1, depth=100)
    second = seeded(XnorMvu, 2, 15, 5, 1, 1, vectors=1, raw=True)
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
