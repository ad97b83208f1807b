"""xf_frame_guard: streams whose beats are lost, doubled or torn; every whole packet behind them is answered
right, and what was wrong is flagged.

What the guard has to do is stated on packets here: split at the marks, one answer per packet."""

from dataclasses import dataclass

import numpy as np
import pytest
from damaged_streams import damaged, whole_packets

from xnorforge.hw.ops.base import Stream
from xnorforge.hw.wrap import library
from xnorforge.sim import cosim, device, verilate

# A core that knows no packets. Late: one number of all beats of a frame, plus 0, 1, …; else the first Out
# beats of a frame as they come, so that an answer ends before its frame where Out < Beats.
CORE = """
module frame_core #(
  parameter int Width = 8, parameter int Beats = 4, parameter int Out = 1, parameter bit Late = 1
) (
  input  logic clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i, input logic s_valid_i, output logic s_ready_o,
  output logic [Width-1:0] m_data_o, output logic m_last_o, m_valid_o, input logic m_ready_i
);
  int beat_q, out_q;
  assign m_last_o = out_q == Out - 1;
  if (Late) begin : gen_late
    logic [Width-1:0] sum_q;
    assign s_ready_o = beat_q < Beats, m_valid_o = beat_q == Beats, m_data_o = sum_q + Width'(out_q);
    always_ff @(posedge clk_i) begin
      if (!rst_ni || (m_valid_o && m_ready_i && m_last_o)) beat_q <= 0;
      else if (s_valid_i && s_ready_o) beat_q <= beat_q + 1;
      if (s_valid_i && s_ready_o) sum_q <= (beat_q == 0 ? '0 : {sum_q[Width-2:0], sum_q[Width-1]}) ^ s_data_i;
    end
  end else begin : gen_early
    logic ready, wanted;
    assign wanted = beat_q < Out, s_ready_o = ready | ~wanted;
    xf_skid #(.Width(Width)) u_skid (
      .clk_i, .rst_ni, .s_data_i, .s_valid_i(s_valid_i & wanted), .s_ready_o(ready),
      .m_data_o, .m_valid_o, .m_ready_i
    );
    always_ff @(posedge clk_i) begin
      if (!rst_ni) beat_q <= 0;
      else if (s_valid_i && s_ready_o) beat_q <= beat_q == Beats - 1 ? 0 : beat_q + 1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_q <= 0;
    else if (m_valid_o && m_ready_i) out_q <= m_last_o ? 0 : out_q + 1;
  end
endmodule
"""


@dataclass(frozen=True)
class Guarded:
    """One guard around one core, `width` bits per beat."""

    width: int
    beats: int
    out: int
    late: bool
    depth: int

    def answer(self, frame: list[int]) -> list[int]:
        """What the core makes of a whole frame."""
        if not self.late:
            return frame[: self.out]
        ones, total = (1 << self.width) - 1, 0
        for beat in frame:
            total = ((total << 1 | total >> (self.width - 1)) & ones) ^ beat
        return [(total + k) & ones for k in range(self.out)]


LANES = [Guarded(8, 5, 3, True, 4), Guarded(8, 6, 2, False, 1), Guarded(8, 3, 3, False, 5),
         Guarded(16, 9, 1, True, 1), Guarded(35, 2, 1, False, 2), Guarded(8, 1, 1, True, 3),
         Guarded(8, 1, 1, False, 2)]  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """All of them side by side; the number of errors comes out where fills of FIFOs do."""
    ports, cells, lanes = ["input logic clk_i"], [], []
    for n, lane in enumerate(LANES):
        w = lane.width - 1
        ports.append(
            f"input logic l{n}_rst_ni, input logic [{w}:0] l{n}_s_data, input logic [1:0] l{n}_s_more, "
            f"input logic l{n}_s_valid, output logic l{n}_s_ready, output logic [{w}:0] l{n}_m_data, "
            f"output logic l{n}_m_last, l{n}_m_error, l{n}_m_valid, input logic l{n}_m_ready"
        )
        cells.append(f"""
  guarded #({lane.width}, {lane.beats}, {lane.out}, {int(lane.late)}, {lane.depth}) u_lane_{n} (
    .clk_i, .rst_ni(l{n}_rst_ni), .s_data(l{n}_s_data), .s_more(l{n}_s_more),
    .s_valid(l{n}_s_valid), .s_ready(l{n}_s_ready), .m_data(l{n}_m_data), .m_last(l{n}_m_last),
    .m_error(l{n}_m_error), .m_valid(l{n}_m_valid), .m_ready(l{n}_m_ready)
  );""")
        names = {side: [f"l{n}_{side}_{role}" for role in ("data", "valid", "ready")] for side in "sm"}
        source = device.Port(Stream((1,), 1, lane.width), *names["s"], lane.width, more=(f"l{n}_s_more", 2))
        sink = device.Port(
            Stream((lane.out,), 1, lane.width), *names["m"], lane.width, f"l{n}_m_last", (f"l{n}_m_error", 1)
        )
        lanes.append(device.Lane(str(lane), f"l{n}_rst_ni", [source], [sink], 500))
    text = f"""{CORE}
module guarded #(
  parameter int Width, parameter int Beats, parameter int Out, parameter bit Late, parameter int Depth
) (
  input logic clk_i, rst_ni, input logic [Width-1:0] s_data, input logic [1:0] s_more, input logic s_valid,
  output logic s_ready, output logic [Width-1:0] m_data, output logic m_last, m_error, m_valid,
  input logic m_ready
);
  logic [Width-1:0] core_data, answer_data;
  logic core_valid, core_ready, answer_last, answer_valid, answer_ready;
  logic [31:0] errors;
  xf_frame_guard #(.Width(Width), .Beats(Beats), .OutWidth(Width), .Depth(Depth)) u_guard (
    .clk_i, .rst_ni, .s_data_i(s_data), .s_torn_i(s_more[1]), .s_last_i(s_more[0]), .s_valid_i(s_valid),
    .s_ready_o(s_ready), .core_data_o(core_data), .core_valid_o(core_valid), .core_ready_i(core_ready),
    .answer_data_i(answer_data), .answer_last_i(answer_last), .answer_valid_i(answer_valid),
    .answer_ready_o(answer_ready), .m_data_o(m_data), .m_last_o(m_last), .m_error_o(m_error),
    .m_valid_o(m_valid), .m_ready_i(m_ready), .errors_o(errors)
  );
  frame_core #(Width, Beats, Out, Late) u_core (
    .clk_i, .rst_ni, .s_data_i(core_data), .s_valid_i(core_valid), .s_ready_o(core_ready),
    .m_data_o(answer_data), .m_last_o(answer_last), .m_valid_o(answer_valid), .m_ready_i(answer_ready)
  );
  final $display("XF_FILL %m.errors %0d", errors);
endmodule
module bench ({", ".join(ports)});
{"".join(cells)}
endmodule
"""
    file = tmp_path_factory.mktemp("guard") / "bench.sv"
    file.write_text(text)
    options = {"defines": verilate.CHECKED, "level": "-O0"}
    header = device.ports_header("clk_i", lanes)
    paths = [*library([]), file]
    program = verilate.compile_model("bench", paths, header, device.include_folders(), **options)
    return device.Device(program, lanes)


def drawn(lane: Guarded, faults: int, rng):
    """A damaged stream of frames of random beats, and those that arrive whole."""

    def frame():
        beats = [int(x) for x in rng.integers(0, 1 << lane.width, lane.beats)]
        return beats, beats

    return damaged(frame, faults, rng)


MANY = pytest.param(10_000, (0.2, 0.2), marks=pytest.mark.full)


@pytest.mark.parametrize("faults, stall", [(300, 0.0), (300, (0.4, 0.2)), (300, (0.1, 0.7)), MANY], ids=str)
def test_after_lost_doubled_and_torn_beats_every_whole_frame_is_answered_right(bench, faults, stall):
    rng = np.random.default_rng(faults)
    given = [drawn(lane, faults, rng) for lane in LANES]
    packets = [whole_packets(stream, lane.beats) for lane, (stream, _) in zip(LANES, given)]
    feeds = []
    for (stream, _), whole in zip(given, packets):
        data, last, torn = map(np.array, zip(*stream))
        feeds.append(cosim.Feed([data[:, None]], [len(whole)], {0: last | torn << 1}))
    runs = cosim.run(bench, feeds, stall=stall, seed=5, probe=stall == 0.0)
    for lane, (_, clean), whole, run in zip(LANES, given, packets, runs, strict=True):
        flags = run.more[0].reshape(-1, lane.out)
        assert not flags[:, :-1].any(), "only the last beat of an answer carries the flag"
        right = flags[:, -1] == 0
        assert right.tolist() == whole
        assert run.output[right].tolist() == [lane.answer(frame) for frame in clean]
        assert list(run.fills.values()) == [int((~right).sum())], "the counter of errors"
        assert (~right).sum() > faults / 3


def test_whole_frames_pass_without_a_pause(bench):
    """A frame per as many cycles as it has beats, where the core is that fast."""
    lane = 2  # its core gives what it takes
    ends = [np.arange(one.beats) == one.beats - 1 for one in LANES]
    feeds = [cosim.Feed([np.zeros((len(end), 1))], [1], {0: end}) for end in ends]
    marks = np.arange(30 * 3) % 3 == 2
    feeds[lane] = cosim.Feed([np.arange(90)[:, None]], [30], {0: marks.astype(int)})
    run = cosim.run(bench, feeds)[lane]
    assert run.output.ravel().tolist() == list(range(90)) and run.interval == 3
