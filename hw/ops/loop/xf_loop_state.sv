// SPDX-License-Identifier: Apache-2.0
//
// A state of a loop: what the body made of it in a step is read in the next one; in the first step
// of a frame constants. It is kept twice: one is written while the other is read.
//
// Rate       one beat in and one beat out per cycle
// Reset      synchronous, control state only; the memory is read only where it was written

`include "xf_assert.svh"

module xf_loop_state #(
  parameter  int unsigned            Beats  = 1,
  parameter  int unsigned            Width  = 8,   // bits per beat
  parameter  logic [Beats*Width-1:0] Start  = '0,  // the first state, beat 0 in the lowest bits
  localparam int unsigned            PlaceW = (Beats > 1) ? $clog2(Beats) : 1
) (
  input  logic             clk_i, rst_ni,
  input  logic             start_i,   // a step begins
  input  logic             run_i,
  input  logic             first_i,   // of a frame
  input  logic             second_i,  // the second place is written
  output logic [Width-1:0] data_o,    // to the body
  output logic             valid_o,
  input  logic             ready_i,
  input  logic [Width-1:0] next_data_i,
  input  logic             next_valid_i,
  output logic             held_o,
  input  logic             pull_i     // the result is read
);

  if (Beats < 1 || Width < 1) begin : gen_bad_size
    $error("xf_loop_state: Beats, Width must be > 0; got %0d, %0d", Beats, Width);
  end

  logic [Width-1:0]  words [2*Beats];
  logic [PlaceW-1:0] read_q, write_q;
  logic              left_q, held_q, last, take, push;

  localparam int unsigned AddrW = $clog2(2 * Beats);
  logic [AddrW-1:0] read, write;

  assign read    = AddrW'(read_q) + (second_i ? '0 : AddrW'(Beats));
  assign write   = AddrW'(write_q) + (second_i ? AddrW'(Beats) : '0);
  assign data_o  = first_i ? Start[32'(read_q)*Width +: Width] : words[read];
  assign valid_o = run_i & left_q;
  assign take    = valid_o & ready_i;
  assign push    = run_i & next_valid_i;
  assign last    = push && write_q == PlaceW'(Beats - 1);
  assign held_o  = held_q | last;

  always_ff @(posedge clk_i) if (push) words[write] <= next_data_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q  <= '0;
      write_q <= '0;
      left_q  <= 1'b0;
      held_q  <= 1'b0;
    end else begin
      if (take || pull_i) read_q <= (read_q == PlaceW'(Beats - 1)) ? '0 : read_q + 1'b1;
      if (take && read_q == PlaceW'(Beats - 1)) left_q <= 1'b0;
      if (push) write_q <= last ? '0 : write_q + 1'b1;
      if (last) held_q <= 1'b1;
      if (start_i) begin
        left_q <= 1'b1;
        held_q <= 1'b0;
      end
    end
  end

  `XF_ASSERT_WHEN(NothingAtRest_A, !run_i, !next_valid_i)
  `XF_ASSERT_WHEN(OncePerStep_A, push, !held_q)

endmodule : xf_loop_state
