// SPDX-License-Identifier: Apache-2.0
//
// Two frames of beats: one is written while the other, or what has arrived of the same, is read in
// an order of the user's. The reader stays behind the writer in one frame, and leaves a frame only
// when it is complete.
//
// read_i is the address of the beat to read next: its place in the frame, plus Beats while second_o
// is high. last_i is high while that beat is the last one of its frame to be read.
//
// Rate       one beat per cycle
// Latency    2 cycles for a beat that is read first
// Reset      synchronous, control state only; the memory is read only where it was written

`include "xf_assert.svh"

module xf_frames #(
  parameter  int unsigned Beats = 4,  // of a frame
  parameter  int unsigned Width = 8,  // bits per beat
  localparam int unsigned AddrW = $clog2(2 * Beats)
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i,
  input  logic [AddrW-1:0] read_i,
  input  logic             last_i,
  output logic             pull_o,   // the beat at read_i is read in this cycle
  output logic             second_o  // the second of the two frames is read
);

  if (Beats < 1 || Width < 1) begin : gen_bad_size
    $error("xf_frames: Beats, Width must be > 0; got %0d, %0d", Beats, Width);
  end

  (* no_rw_check *) logic [Width-1:0] frames [2*Beats];  // NeverBoth_A
  logic [Width-1:0] data_q;
  logic [AddrW-1:0] write_q;
  logic [1:0]       full_q;  // frames that are written and not read
  logic             second_q, valid_q, go, push, wrote, done, there;

  assign wrote     = push && (write_q == AddrW'(Beats - 1) || write_q == AddrW'(2 * Beats - 1));
  assign done      = pull_o && last_i;
  assign there     = full_q != 0 || (write_q > read_i && !last_i);
  assign push      = s_valid_i & s_ready_o;
  assign go        = m_ready_i | ~valid_q;
  assign pull_o    = go & there;
  assign second_o  = second_q;
  assign s_ready_o = full_q != 2;
  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

  always_ff @(posedge clk_i) begin
    if (push) frames[write_q] <= s_data_i;
    if (go) data_q <= frames[read_i];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q  <= '0;
      full_q   <= '0;
      second_q <= 1'b0;
      valid_q  <= 1'b0;
    end else begin
      if (go) valid_q <= pull_o;
      if (push) write_q <= (write_q == AddrW'(2 * Beats - 1)) ? '0 : write_q + 1'b1;
      full_q   <= full_q + 2'(wrote) - 2'(done);
      second_q <= second_q ^ done;
    end
  end

  `XF_ASSERT_WHEN(ReadBehindWritten_A, pull_o && full_q == 0, read_i < write_q)
  `XF_ASSERT_WHEN(NeverBoth_A, push && pull_o, write_q != read_i)
  `XF_ASSERT_WHEN(FramesInOrder_A, 1'b1, full_q <= 2'd2 && !(done && full_q == 0))
  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

endmodule : xf_frames
