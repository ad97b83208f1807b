// SPDX-License-Identifier: Apache-2.0
//
// Checker for simulation only (XF_CHECK): the timing contract of a plain port. Frames come at least
// Interval cycles apart, each is taken at once, and exactly Latency cycles later comes its result;
// no result comes in another cycle. The checker drives no hardware.
//
// Rate       one frame every Interval cycles
// Latency    Latency cycles
// Reset      synchronous; frames without a result are forgotten

`include "xf_assert.svh"

`ifdef XF_CHECK

module xf_check_timing #(
  parameter int unsigned Latency  = 1,
  parameter int unsigned Interval = 1
) (
  input logic clk_i, rst_ni,
  input logic in_valid_i,
  input logic in_ready_i,
  input logic out_valid_i
);

  if (Latency < 1 || Interval < 1) begin : gen_bad_size
    $error("xf_check_timing: Latency, Interval must be at least 1; got %0d, %0d", Latency, Interval);
  end

  logic [Latency-1:0] sent_q;   // in which of the last cycles a frame came, the last one at 0
  int unsigned        since_q;  // cycles since the last frame, at most Interval

  always_ff @(posedge clk_i) begin
    sent_q <= rst_ni ? Latency'({sent_q, in_valid_i}) : '0;
    if (!rst_ni || since_q >= Interval) since_q <= Interval;
    else since_q <= since_q + 1;
    if (rst_ni && in_valid_i) since_q <= 1;
  end

  `XF_ASSERT_WHEN(NotTooSoon_A, in_valid_i, since_q >= Interval)
  `XF_ASSERT_WHEN(TakenAtOnce_A, in_valid_i, in_ready_i)
  `XF_ASSERT_WHEN(OnTime_A, 1'b1, out_valid_i == sent_q[Latency-1])

endmodule : xf_check_timing
`endif
