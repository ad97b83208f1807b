// SPDX-License-Identifier: Apache-2.0
//
// Keeps frames aligned when a source loses or repeats beats.
//
// It surrounds a core that accepts frames of Beats beats without markers between them. The beats
// up to and including one with s_last_i are a packet and become one frame: a packet that is too
// short is padded with zeros, and the excess of one that is too long is dropped, so that the core
// starts every packet at the first beat of a frame. The answer to a packet that was too short, too
// long, or had an incomplete beat (s_torn_i, bytes of it missing) is marked as an error: m_error_o
// is high with its last beat. Every packet has exactly one answer.
//
// The last beat of an answer waits until its frame has been accepted completely, since a core may
// produce it earlier; meanwhile the core continues to accept beats. A frame's last beat waits while
// Depth complete frames have not been answered.
//
// Rate       one beat per cycle each way; no beat is accepted while zeros are inserted
// Latency    1 cycle each way
// Reset      synchronous, control state only; the next beat is the first of a packet
// Bit model  tests/hw/test_frame_guard.py

`include "xf_assert.svh"

module xf_frame_guard #(
  parameter  int unsigned Width    = 8,   // bits per beat to the core
  parameter  int unsigned Beats    = 4,   // of a frame
  parameter  int unsigned OutWidth = 8,   // bits per beat of an answer
  parameter  int unsigned Depth    = 16,  // frames
  localparam int unsigned CountW   = $clog2(Depth + 1),
  localparam int unsigned IndexW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned BeatW    = (Beats > 1) ? $clog2(Beats) : 1
) (
  input  logic                clk_i, rst_ni,
  input  logic [Width-1:0]    s_data_i,
  input  logic                s_torn_i,
  input  logic                s_last_i,
  input  logic                s_valid_i,
  output logic                s_ready_o,
  output logic [Width-1:0]    core_data_o,
  output logic                core_valid_o,
  input  logic                core_ready_i,
  input  logic [OutWidth-1:0] answer_data_i,
  input  logic                answer_last_i,
  input  logic                answer_valid_i,
  output logic                answer_ready_o,
  output logic [OutWidth-1:0] m_data_o,
  output logic                m_last_o,
  output logic                m_error_o,       // the answer is in error; only with m_last_o
  output logic                m_valid_o,
  input  logic                m_ready_i,
  output logic [31:0]         errors_o         // packets in error since reset, modulo 2**32
);

  if (Width < 1 || Beats < 1 || OutWidth < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_frame_guard: Width, Beats, OutWidth, Depth must be at least 1; got %0d, %0d, %0d, %0d",
           Width, Beats, OutWidth, Depth);
  end

  logic [Depth-1:0]  error_q;  // of whole frames without an answer, the newest at 0
  logic [CountW-1:0] count_q;  // of these frames
  logic [BeatW-1:0]  beat_q;   // of the frame, at the core
  logic [31:0]       errors_q;
  logic              fill_q, drop_q, torn_q;
  logic              end_of_frame, open, feed_valid, feed_ready, feed, push, error, done;
  logic              held_valid, held_ready, held_last;
  logic [Width-1:0]  feed_data;

  assign end_of_frame = beat_q == BeatW'(Beats - 1);
  assign open         = ~end_of_frame | (count_q != CountW'(Depth));
  assign feed_data    = fill_q ? '0 : s_data_i;
  assign feed_valid   = (fill_q | (s_valid_i & ~drop_q)) & open;
  assign feed         = feed_valid & feed_ready;
  assign push         = feed & end_of_frame;
  assign error        = fill_q | torn_q | s_torn_i | ~s_last_i;  // where the frame ends
  assign s_ready_o    = drop_q | (~fill_q & open & feed_ready);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q   <= '0;
      fill_q   <= 1'b0;
      drop_q   <= 1'b0;
      torn_q   <= 1'b0;
      count_q  <= '0;
      errors_q <= '0;
    end else begin
      if (feed) begin
        beat_q <= end_of_frame ? '0 : beat_q + 1'b1;
        fill_q <= ~end_of_frame & (fill_q | s_last_i);
        torn_q <= ~end_of_frame & (torn_q | s_torn_i);
        drop_q <= end_of_frame & ~fill_q & ~s_last_i;
      end else if (s_valid_i && s_last_i) begin
        drop_q <= 1'b0;
      end
      count_q <= count_q + CountW'(push) - CountW'(done);
      if (push && error) errors_q <= errors_q + 1'b1;
    end
    if (push) error_q <= Depth'({error_q, error});
  end

  xf_skid #(.Width(Width)) u_core (
    .clk_i, .rst_ni,
    .s_data_i(feed_data), .s_valid_i(feed_valid), .s_ready_o(feed_ready),
    .m_data_o(core_data_o), .m_valid_o(core_valid_o), .m_ready_i(core_ready_i)
  );

  xf_skid #(.Width(OutWidth + 1)) u_answer (
    .clk_i, .rst_ni,
    .s_data_i({answer_last_i, answer_data_i}), .s_valid_i(answer_valid_i), .s_ready_o(answer_ready_o),
    .m_data_o({held_last, m_data_o}), .m_valid_o(held_valid), .m_ready_i(held_ready)
  );

  assign m_valid_o  = held_valid & (~held_last | (count_q != '0));
  assign held_ready = m_ready_i & (~held_last | (count_q != '0));
  assign m_last_o   = held_last;
  assign m_error_o  = held_last & error_q[IndexW'(count_q - 1'b1)];
  assign done       = m_valid_o & m_ready_i & m_last_o;
  assign errors_o   = errors_q;

  `XF_ASSERT_STABLE(AnswerHeldWhileStalled_A, m_valid_o, m_ready_i, {m_error_o, m_last_o, m_data_o})
  `XF_ASSERT_STABLE(FrameHeldWhileStalled_A, core_valid_o, core_ready_i, core_data_o)
  `XF_ASSERT_WHEN(NotBoth_A, 1'b1, !(fill_q && drop_q))
  `XF_ASSERT_WHEN(DropBetweenFrames_A, drop_q, beat_q == '0)
  `XF_ASSERT_WHEN(CountBound_A, 1'b1, count_q <= CountW'(Depth))

`ifdef XF_CHECK
  // Every beat of an answer once, in order.
  xf_check_order #(.Width(OutWidth + 1), .Most(2)) u_order (
    .clk_i, .rst_ni,
    .taken_i(answer_valid_i & answer_ready_o), .taken_data_i({answer_last_i, answer_data_i}),
    .given_i(m_valid_o & m_ready_i), .given_data_i({m_last_o, m_data_o})
  );
  // Every frame of the core is whole, and no answer ends before its frame.
  xf_check_beats #(.In(Beats), .Out(1), .First(Beats), .Most((Depth + 1) * Beats)) u_beats (
    .clk_i, .rst_ni, .taken_i(feed), .given_i(done)
  );
`endif

endmodule : xf_frame_guard
