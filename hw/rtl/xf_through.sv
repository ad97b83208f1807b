// SPDX-License-Identifier: Apache-2.0
//
// Control of a pipeline of Stages registers that takes a beat from all of its streams at once: when
// the stages advance, and which of a pixel's Folds beats enters.
//
// While go_o is high the data registers of the module around it advance: a beat, of part fold_o,
// enters if every stream has one, and Stages advances later the last stage offers it. Ready of one
// stream depends on valid of the others. Where Folds is 1, fold_o is a constant for synthesis.
//
// Rate       one beat per cycle
// Latency    Stages
// Reset      synchronous
// Ready      go_o follows m_ready_i in the same cycle
// Bit model  identity

`include "xf_assert.svh"

module xf_through #(
  parameter  int unsigned Streams = 2,
  parameter  int unsigned Stages  = 1,
  parameter  int unsigned Folds   = 1,  // beats per pixel
  parameter  int unsigned Ahead   = 0,  // 1: next_o is used
  localparam int unsigned FoldW   = (Folds > 1) ? $clog2(Folds) : 1
) (
  input  logic               clk_i, rst_ni,
  input  logic [Streams-1:0] s_valid_i,
  output logic [Streams-1:0] s_ready_o,
  output logic               go_o,
  output logic [FoldW-1:0]   fold_o,
  output logic [FoldW-1:0]   next_o,  // with Ahead fold_o of the next cycle, for memories with a register
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  if (Streams < 1 || Stages < 1 || Folds < 1) begin : gen_bad_size
    $error("xf_through: Streams, Stages, Folds must be at least 1; got %0d, %0d, %0d",
           Streams, Stages, Folds);
  end

  logic              take;
  logic [Stages-1:0] valid_q;
  logic [FoldW-1:0]  fold_q;

  assign go_o      = m_ready_i | ~valid_q[Stages-1];
  assign take      = go_o & (&s_valid_i);
  assign m_valid_o = valid_q[Stages-1];
  assign fold_o    = (Folds > 1) ? fold_q : '0;

  for (genvar k = 0; k < Streams; k++) begin : gen_ready
    logic [Streams-1:0] others;  // a width cast of a constant, shifted, is 0 to Yosys 0.70
    always_comb begin
      others    = s_valid_i;
      others[k] = 1'b1;
    end
    assign s_ready_o[k] = go_o & (&others);
  end

  if (Ahead != 0) begin : gen_ahead
    always_comb begin
      next_o = fold_o;
      if (!rst_ni)   next_o = '0;
      else if (take) next_o = (fold_o == FoldW'(Folds - 1)) ? '0 : fold_o + 1'b1;
    end
  end else begin : gen_now
    assign next_o = '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else begin
      if (go_o) valid_q <= Stages'({valid_q, &s_valid_i});  // not take, which takes a LUT more
      if (take) fold_q  <= (fold_q == FoldW'(Folds - 1)) ? '0 : fold_q + 1'b1;
    end
  end

  `XF_ASSERT_WHEN(TakenTogether_A, |(s_valid_i & s_ready_o), &(s_valid_i & s_ready_o))

  // One beat is given for each that is taken of all streams; what is between is in the stages.
  `XF_ASSERT_INSIDE(NothingLost_A, take, m_valid_o & m_ready_i, valid_q)

endmodule : xf_through
