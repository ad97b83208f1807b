"""Pauses in every stream of a network: what they find that pauses at its two ends do not, and when they are.

The network's first matrix is its slowest operator by far, so that at full rate everything behind it only
waits for input, and pauses of single cycles at the ends change nothing there. Pauses of width converters:
only where a matrix unit beside takes as long, so no frame takes longer.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

from xnorforge.core.errors import MismatchError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.bind import OPS
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.fold.gaps import with_gaps
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.fork.op import Fork
from xnorforge.hw.ops.join.op import Join
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.window.op import Window
from xnorforge.hw.ops.xnor_mvu.op import XnorMvu
from xnorforge.sim import cosim, device, pauses, stage

from .random_networks import RandomNetwork

FRAMES, SEED = 8, 1
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
        join = self.add(
            Join, {"multipliers": np.ones((2, 8), np.int64)}, in_shape=list(self.shape), in_bits=[1, 1],
            in_signed=[0, 0], pe=8, out_bits=3, out_signed=1,
        )  # fmt: skip
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
        self.add(
            XnorMvu, arrays, mw=length, mh=8, simd=simd, pe=pe, vectors=36, in_shape=list(self.shape),
            out_shape=[6, 6, 8],
        )  # fmt: skip


@dataclass(frozen=True)
class Faulty:
    """The network with faults that a file switches on.

    Attributes:
        folder: of its RTL.
        frames, answers: what it is given, and the integers it should give.
    """

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
    frames = ops[0].random_input(SEED, FRAMES)
    answers = graph.execute(ops, frames.transpose(0, 3, 1, 2))[ops[-1].name]
    return Faulty(ops, folder, device.network(folder, ops, level="-O0"), frames, answers)


def test_a_sound_network_gives_its_answers_whatever_pauses(faulty):
    for stall in (0.0, AT_THE_ENDS, pauses.in_every_stream(faulty.ops, FRAMES)):
        assert faulty.passes(0, stall)


@pytest.mark.parametrize("fault, name", list(enumerate(FAULTS, start=1)), ids=str)
def test_pauses_in_every_stream_find_what_pauses_at_the_ends_do_not(faulty, fault, name):
    assert faulty.passes(fault, AT_THE_ENDS), name
    assert not faulty.passes(fault, pauses.in_every_stream(faulty.ops, FRAMES)), name


def test_with_pauses_in_every_stream_every_beat_is_in_the_cycle_of_the_model(faulty):
    ops, stall = faulty.ops, pauses.in_every_stream(faulty.ops, FRAMES)
    for seed in range(2):
        run, course = faulty.run(0, stall, seed), CycleModel(ops).run(FRAMES, stall, seed)
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
    stall, interval = pauses.in_every_stream(ops, FRAMES), max(op.cycles() for op in ops)
    # Two behind the fork, none at the end.
    assert len(stall.inner) == len(graph.inner_tensors(ops)) == len(ops)
    taken = CycleModel(ops).run(FRAMES, stall, SEED).taken
    [every] = {pause.every for pause in stall.inner}
    assert every <= (FRAMES - 1) * interval < taken[ops[-1].results[0]][-1]
    assert len({pause.phase for pause in stall.inner}) == len(ops) and stall.inner[0].stop > interval // 5
    assert np.diff(taken[ops[0].sources[0]]).max() > interval
    ends = CycleModel(ops).run(FRAMES, AT_THE_ENDS, SEED).taken
    assert np.diff(ends[ops[0].sources[0]]).max() < interval // 2


TWELVE = 12


def between(before: HwOp, shape, in_lanes, out_lanes, after: HwOp) -> HwOp:
    """A converter from one operator to another, once the pauses are chosen."""
    width = OPS["Width"].make("width", shape=shape, in_lanes=in_lanes, out_lanes=out_lanes)
    width.onnx_node.input[0] = before.results[0]
    after.onnx_node.input[0] = width.results[0]
    with_gaps([before, width, after])
    return width


def unit(name: str, simd: int, pe: int) -> HwOp:
    """A matrix of 12 x 12 for 4 vectors of bits."""
    thresholds = {"weights": [[1] * 12] * 12, "thresholds": [6] * 12}
    return OPS["XnorMvu"].make(
        name, thresholds, mw=12, mh=12, simd=simd, pe=pe, vectors=4, in_shape=[4, 12], out_shape=[4, 12]
    )


@pytest.mark.parametrize(
    ("simd", "pe", "out_lanes", "gap"),
    [
        (6, 1, 6, 1),  # results two cycles apart, joined: 48 + 8 cycles of the converter, 96 of the unit
        (12, 1, 6, 0),  # a result per cycle: 48 of the unit
        (3, 6, 2, 1),  # results four cycles apart, cut into three: 8 + 24 cycles, 32 of the unit
        (4, 6, 2, 0),  # three cycles apart: 24 of the unit
    ],
)
def test_behind_a_unit_where_its_results_leave_a_cycle_in_between(simd, pe, out_lanes, gap):
    reader = OPS["OrPool"].make("pool", ifm=[2, 2, 12], kernel=[2, 2], stride=[2, 2], pe=out_lanes)
    width = between(unit("unit", simd, pe), [4, 12], pe, out_lanes, reader)
    assert width.get_nodeattr("gap") == gap


@pytest.mark.parametrize(("pe", "gap"), [(2, 1), (3, 0)])  # the converter 16 + 4 cycles, the unit 24, 16
def test_in_front_of_a_unit_behind_a_window_but_not_behind_a_pool(pe, gap):
    window = OPS["Window"].make("window", ifm=[5, 2, 3], kernel=[2, 2], stride=[1, 1], simd=3)
    pool = OPS["OrPool"].make("pool", ifm=[4, 4, 12], kernel=[2, 2], stride=[2, 2], pe=3)
    for source, found in ((window, gap), (pool, 0)):
        width = between(source, [4, 12], 3, 12, unit("unit", 12, pe))
        assert width.get_nodeattr("gap") == found, source.name


@pytest.mark.parametrize(("pe", "gap"), [(2, 1), (3, 0)])  # of the second of two units that read the same
def test_in_front_of_all_units_behind_a_fork(pe, gap):
    window = OPS["Window"].make("window", ifm=[5, 2, 3], kernel=[2, 2], stride=[1, 1], simd=3)
    width = OPS["Width"].make("width", shape=[4, 12], in_lanes=3, out_lanes=12)
    fork = OPS["Fork"].make("fork", in_shape=[4, 12], readers=2, pe=12)
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
            if isinstance(op, OPS["Width"]):
                op.set_nodeattr("gap", 0)
        interval = CycleModel(ops).run(TWELVE).interval
        paused += sum(op.get_nodeattr("gap") for op in with_gaps(ops) if isinstance(op, OPS["Width"]))
        assert CycleModel(ops).run(TWELVE).interval == interval, seed
    assert paused > 50
