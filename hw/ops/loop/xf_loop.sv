// SPDX-License-Identifier: Apache-2.0
//
// Control of a loop: parts of a sequence go through a body one after the other, and the states that
// the body makes of a part go into it again with the next one. After the last part one state leaves.
//
// A step begins when its whole part has arrived and the step before has ended, so that the body is
// empty, and every step takes as long. Parts are kept twice: one is written while the other is read.
//
// Rate       see the cycle model: a step after the other, then a beat of the result per cycle
// Reset      synchronous, control state only; the memory is read only where it was written
// Bit model  op.py, Loop.execute_node

`include "xf_assert.svh"

module xf_loop #(
  parameter  int unsigned Steps     = 2,
  parameter  int unsigned PartBeats = 1,  // of a part of the sequence
  parameter  int unsigned PartWidth = 8,  // bits of such a beat
  parameter  int unsigned States    = 1,
  parameter  int unsigned Beats     = 1,  // of the result
  parameter  int unsigned Width     = 8,  // bits of such a beat
  localparam int unsigned AddrW     = $clog2(2 * PartBeats),
  localparam int unsigned StepW     = (Steps > 1) ? $clog2(Steps) : 1
) (
  input  logic                 clk_i, rst_ni,
  input  logic [PartWidth-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Width-1:0]     m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i,
  // The body's part of the sequence.
  output logic [PartWidth-1:0] part_data_o,
  output logic                 part_valid_o,
  input  logic                 part_ready_i,
  // The states: a step begins, runs, is the first of a frame, writes the second place of each.
  output logic                 start_o,
  output logic                 run_o,
  output logic                 first_o,
  output logic                 second_o,
  input  logic [States-1:0]    held_i,     // a state has arrived, with the beat of this cycle
  input  logic [Width-1:0]     word_i,     // of the result
  output logic                 pull_o      // it goes to the output
);

  if (Steps < 1 || PartBeats < 1 || PartWidth < 1 || States < 1 || Beats < 1) begin : gen_bad_size
    $error("xf_loop: Steps, PartBeats, PartWidth, States, Beats must be > 0; got %0d, %0d, %0d, %0d, %0d",
           Steps, PartBeats, PartWidth, States, Beats);
  end

  logic [PartWidth-1:0] parts [2*PartBeats];
  logic [AddrW-1:0]     write_q, read_q;
  logic [1:0]           full_q;  // parts that are written and not read
  logic [StepW-1:0]     step_q;
  logic [15:0]          given_q;
  logic                 left_q, run_q, emit_q, second_q, valid_q, push, take, wrote, done, last;
  logic [Width-1:0]     data_q;

  assign push      = s_valid_i & s_ready_o;
  assign wrote     = push && (write_q == AddrW'(PartBeats - 1) || write_q == AddrW'(2 * PartBeats - 1));
  assign s_ready_o = full_q != 2;

  assign start_o      = !run_q && !emit_q && full_q != 0;
  assign take         = part_valid_o & part_ready_i;
  assign part_valid_o = run_q & left_q;
  assign part_data_o  = parts[read_q];
  assign done         = run_q & (&held_i);
  assign last         = step_q == StepW'(Steps - 1);
  assign run_o        = run_q;
  assign first_o      = step_q == '0 && !emit_q;
  assign second_o     = second_q;

  assign pull_o    = emit_q & (m_ready_i | ~valid_q);
  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

  always_ff @(posedge clk_i) begin
    if (push) parts[write_q] <= s_data_i;
    if (pull_o) data_q <= word_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q  <= '0;
      read_q   <= '0;
      full_q   <= '0;
      step_q   <= '0;
      given_q  <= '0;
      left_q   <= 1'b0;
      run_q    <= 1'b0;
      emit_q   <= 1'b0;
      second_q <= 1'b0;
      valid_q  <= 1'b0;
    end else begin
      if (push) write_q <= (write_q == AddrW'(2 * PartBeats - 1)) ? '0 : write_q + 1'b1;
      if (take) begin
        read_q <= (read_q == AddrW'(2 * PartBeats - 1)) ? '0 : read_q + 1'b1;
        if (read_q == AddrW'(PartBeats - 1) || read_q == AddrW'(2 * PartBeats - 1)) left_q <= 1'b0;
      end
      full_q <= full_q + 2'(wrote) - 2'(done);
      if (start_o) begin
        run_q  <= 1'b1;
        left_q <= 1'b1;
      end
      if (done) begin
        run_q    <= 1'b0;
        second_q <= ~second_q;
        step_q   <= last ? '0 : step_q + 1'b1;
        emit_q   <= last;
      end
      if (m_ready_i) valid_q <= 1'b0;
      if (pull_o) begin
        valid_q <= 1'b1;
        given_q <= given_q + 1'b1;
        if (given_q == 16'(Beats - 1)) begin
          given_q <= '0;
          emit_q  <= 1'b0;
        end
      end
    end
  end

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(PartReadAtTheEnd_A, done, !left_q)

`ifdef XF_CHECK
  // The last beat of a result may wait while all steps of the next frame are done.
  xf_check_beats #(
    .In(Steps * PartBeats), .Out(Beats), .First(Steps * PartBeats), .Most((2 * Steps + 2) * PartBeats)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(push), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_loop
