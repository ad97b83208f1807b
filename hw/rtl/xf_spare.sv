// SPDX-License-Identifier: Apache-2.0
//
// A second output register after the last stage of a pipeline, used only while the reader stalls,
// so that the pipeline's enable is a register.
//
// The last stage offers data_i with valid_i, both from registers; go_o advances all stages. A beat
// that is offered while m_ready_i is low moves into the spare register, and the stages stop one
// cycle later.
//
// Rate       one beat per cycle
// Latency    none: while the spare register is empty the last stage is the output
// Reset      synchronous, control state only; the spare register keeps what it had
// Ready      go_o is a register; m_data_o and m_valid_o are registers followed by one gate
// Bit model  identity

`include "xf_assert.svh"

module xf_spare #(
  parameter int unsigned Width = 8  // bits per beat
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] data_i,
  input  logic             valid_i,
  output logic             go_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Width < 1) begin : gen_bad_size
    $error("xf_spare: Width must be at least 1; got Width=%0d", Width);
  end

  logic [Width-1:0] spare_q;
  logic             go_q;  // the spare register is empty

  always_ff @(posedge clk_i) begin
    if (!rst_ni) go_q <= 1'b1;
    else         go_q <= m_ready_i | ~m_valid_o;
    if (go_q) spare_q <= data_i;
  end

  assign go_o      = go_q;
  assign m_valid_o = valid_i | ~go_q;
  assign m_data_o  = go_q ? data_i : spare_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_STABLE(StagesStop_A, valid_i, go_o, data_i)

endmodule : xf_spare
