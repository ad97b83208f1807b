// SPDX-License-Identifier: Apache-2.0
//
// Nearest-neighbour upsampling: every pixel FactorW times, every row of these FactorH times.
//
// A line buffer of one input row. A row is read while it arrives and FactorH - 1 times more; on its
// last reading every beat read makes room for one of the next row.
//
// Rate       one output beat per cycle, FactorH * FactorW of them per input beat
// Latency    2 cycles
// Reset      synchronous, control state only; the memory is read only where it was written
// Bit model  op.py, Reorder.execute_node

`include "xf_assert.svh"

module xf_upsample #(
  parameter  int unsigned Pixels  = 4,  // in an input row
  parameter  int unsigned Beats   = 1,  // beats per pixel
  parameter  int unsigned Width   = 8,  // bits per beat
  parameter  int unsigned FactorH = 2,
  parameter  int unsigned FactorW = 2,
  localparam int unsigned Depth   = Pixels * Beats,
  localparam int unsigned AddrW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned BeatW   = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned CopyW   = (FactorW > 1) ? $clog2(FactorW) : 1,
  localparam int unsigned PassW   = (FactorH > 1) ? $clog2(FactorH) : 1
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Pixels < 1 || Beats < 1 || Width < 1) begin : gen_bad_size
    $error("xf_upsample: Pixels, Beats, Width must be at least 1; got %0d, %0d, %0d",
           Pixels, Beats, Width);
  end else if (FactorH < 1 || FactorW < 1) begin : gen_bad_factor
    $error("xf_upsample: FactorH, FactorW must be at least 1; got %0d, %0d", FactorH, FactorW);
  end

  (* no_rw_check = Depth > 1 *) logic [Width-1:0] row [Depth];  // NeverBoth_A
  logic [Width-1:0] data_q;
  logic [AddrW-1:0] write_q, read_q;
  logic [BeatW-1:0] beat_q;
  logic [CopyW-1:0] copy_q;   // of the pixel
  logic [PassW-1:0] pass_q;   // over the row
  logic             ahead_q;  // the next beat written belongs to the row behind the one being read
  logic             meet, final_read, go, push, pull, wrote, done, valid_q;
  logic             beat_last, copy_last, pass_last, row_last;

  assign beat_last = beat_q == BeatW'(Beats - 1);
  assign copy_last = copy_q == CopyW'(FactorW - 1);
  assign pass_last = pass_q == PassW'(FactorH - 1);
  assign row_last  = copy_last && read_q == AddrW'(Depth - 1);

  // In one row the reader stays behind the writer; else the writer stays behind what is read for
  // the last time. A row of one beat is replaced as it is read.
  assign meet       = write_q == read_q;
  assign final_read = copy_last && pass_last && ((Depth > 1) ? !meet : go);
  assign s_ready_o  = !ahead_q || final_read;
  assign push       = s_valid_i & s_ready_o;
  assign pull       = go && (ahead_q || !meet);
  assign wrote      = push && write_q == AddrW'(Depth - 1);
  assign done       = pull && row_last && pass_last;

  always_ff @(posedge clk_i) begin
    if (push) row[write_q] <= s_data_i;
    if (go) data_q <= row[read_q];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
      beat_q  <= '0;
      copy_q  <= '0;
      pass_q  <= '0;
      ahead_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (go) valid_q <= pull;
      if (push) write_q <= wrote ? '0 : write_q + 1'b1;
      ahead_q <= ahead_q ^ wrote ^ done;
      if (pull) begin
        beat_q <= beat_last ? '0 : beat_q + 1'b1;
        if (beat_last) copy_q <= copy_last ? '0 : copy_q + 1'b1;
        // Back to the row's or the pixel's first beat, or on.
        if (row_last) read_q <= '0;
        else if (beat_last && !copy_last) read_q <= read_q - AddrW'(Beats - 1);
        else read_q <= read_q + 1'b1;
        if (row_last) pass_q <= pass_last ? '0 : pass_q + 1'b1;
      end
    end
  end

  if (Depth == 1) begin : gen_spare
    // Here what leaves makes room for what comes: go leads to s_ready_o.
    xf_spare #(.Width(Width)) u_spare (
      .clk_i, .rst_ni, .data_i(data_q), .valid_i(valid_q), .go_o(go),
      .m_data_o, .m_valid_o, .m_ready_i
    );
  end else begin : gen_output
    assign go        = m_ready_i | ~valid_q;
    assign m_valid_o = valid_q;
    assign m_data_o  = data_q;
    `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  end

  `XF_ASSERT_WHEN(NeverBoth_A, Depth > 1 && push && pull, !meet)
  `XF_ASSERT_WHEN(AtMostOneRowAhead_A, wrote && ahead_q, done)
  `XF_ASSERT_WHEN(ReadBehindWritten_A, !ahead_q, read_q <= write_q)

`ifdef XF_CHECK
  // A row is given FactorH * FactorW times; at most the next one is taken meanwhile.
  xf_check_beats #(.In(Depth), .Out(Depth * FactorH * FactorW), .Most(2 * Depth + 1)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_upsample
