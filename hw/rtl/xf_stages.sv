// SPDX-License-Identifier: Apache-2.0
//
// Control of a pipeline of Stages registers whose beats are one of Folds parts of a pixel each: when
// the stages advance, which of them have a beat, and which part enters.
//
// While go_o is high the data registers of the module around it advance: a beat s_valid_i, of part
// fold_o, enters, and Stages advances later the last stage offers it as data_i. A table of constants
// per part is read at fold_o; where Folds is 1, use a constant in its place, so that synthesis of the
// module around it sees one.
//
// Rate       one beat per cycle
// Latency    Stages
// Reset      synchronous, control state only; the spare register keeps what it had
// Ready      go_o is a register (xf_spare)
// Bit model  identity

`include "xf_assert.svh"

module xf_stages #(
  parameter  int unsigned Width  = 8,  // bits per output beat
  parameter  int unsigned Stages = 1,
  parameter  int unsigned Folds  = 1,  // beats per pixel
  localparam int unsigned FoldW  = (Folds > 1) ? $clog2(Folds) : 1
) (
  input  logic             clk_i, rst_ni,
  input  logic             s_valid_i,
  output logic             go_o,
  output logic [FoldW-1:0] fold_o,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Width < 1 || Stages < 1 || Folds < 1) begin : gen_bad_size
    $error("xf_stages: Width, Stages, Folds must be at least 1; got %0d, %0d, %0d",
           Width, Stages, Folds);
  end

  logic [Stages-1:0] valid_q;
  logic [FoldW-1:0]  fold_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else if (go_o) begin
      valid_q <= Stages'({valid_q, s_valid_i});
      if (s_valid_i) fold_q <= (fold_q == FoldW'(Folds - 1)) ? '0 : fold_q + 1'b1;
    end
  end

  assign fold_o = fold_q;

  xf_spare #(.Width(Width)) u_spare (
    .clk_i, .rst_ni, .data_i, .valid_i(valid_q[Stages-1]), .go_o, .m_data_o, .m_valid_o, .m_ready_i
  );

  // One beat is given for each that enters; what is between is in the stages and the spare register.
  `XF_ASSERT_INSIDE(NothingLost_A, s_valid_i & go_o, m_valid_o & m_ready_i, {valid_q, ~go_o})

endmodule : xf_stages
