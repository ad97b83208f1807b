// SPDX-License-Identifier: Apache-2.0
//
// Flags of a frame, accepted with its first beat and kept in a FIFO for a unit further down the
// pipeline.
//
// It handles only the handshake of a stream, whose data bypasses it: s_valid_i, s_ready_o to the
// source, m_valid_o, m_ready_i to the reader. The first beat of a frame stalls while the flags of
// Depth frames in the pipeline are still in use; other beats never stall.
//
// Rate       one beat per cycle
// Latency    none for the stream; flags are valid one cycle after their beat
// Reset      synchronous, control state only; flags keep their values
// Bit model  sim/templates.py

`include "xf_assert.svh"

module xf_frame_flags #(
  parameter  int unsigned Beats = 4,   // of a frame
  parameter  int unsigned Depth = 16,  // frames
  localparam int unsigned CountW = $clog2(Depth + 1),
  localparam int unsigned IndexW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic [1:0] user_i,         // flags of the frame that starts with this beat
  input  logic       s_valid_i,
  output logic       s_ready_o,
  output logic       m_valid_o,
  input  logic       m_ready_i,
  output logic [1:0] flags_o,        // of the oldest frame that is not done
  output logic       flags_valid_o,
  input  logic       done_i          // it is done; only with flags_valid_o
);

  if (Beats < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_frame_flags: Beats, Depth must be at least 1; got %0d, %0d", Beats, Depth);
  end

  localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;

  logic [1:0]        flags_q [Depth];  // a shift register, the newest at 0
  logic [CountW-1:0] count_q;
  logic [BeatW-1:0]  beat_q;
  logic              first, open, move, push;

  assign first = beat_q == '0;
  assign open  = ~first | (count_q != CountW'(Depth));
  assign move  = s_valid_i & s_ready_o;
  assign push  = move & first;

  assign s_ready_o     = m_ready_i & open;
  assign m_valid_o     = s_valid_i & open;
  assign flags_valid_o = count_q != '0;
  assign flags_o       = flags_q[IndexW'(count_q - 1'b1)];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      beat_q  <= '0;
    end else begin
      count_q <= count_q + CountW'(push) - CountW'(done_i);
      if (move) beat_q <= (beat_q == BeatW'(Beats - 1)) ? '0 : beat_q + 1'b1;
    end
    if (push) begin
      flags_q[0] <= user_i;
      for (int unsigned k = 1; k < Depth; k++) flags_q[k] <= flags_q[k-1];
    end
  end

  `XF_ASSERT(HeldWhileStalled_A, m_valid_o && !m_ready_i |=> m_valid_o || !s_valid_i)
  `XF_ASSERT_STABLE(FlagsHeld_A, flags_valid_o, done_i, flags_o)
  `XF_ASSERT_WHEN(DoneInTurn_A, done_i, flags_valid_o)

`ifdef XF_CHECK
  // The flags of every frame once, in order; at most Depth are kept.
  xf_check_order #(.Width(2), .Most(Depth)) u_order (
    .clk_i, .rst_ni, .taken_i(push), .taken_data_i(user_i),
    .given_i(done_i), .given_data_i(flags_o)
  );
`endif

endmodule : xf_frame_flags
