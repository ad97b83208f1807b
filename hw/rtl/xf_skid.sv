// SPDX-License-Identifier: Apache-2.0
//
// Two-entry buffer that cuts the paths of data, valid and ready.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep what they had
// Bit model  identity

`include "xf_assert.svh"

module xf_skid #(
  parameter int unsigned Width = 8  // bits per beat
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Width < 1) begin : gen_bad_size
    $error("xf_skid: Width must be at least 1; got Width=%0d", Width);
  end

  logic [Width-1:0] data_q, spare_q;
  logic             valid_q, spare_valid_q, move;

  assign move = m_ready_i | ~valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q       <= 1'b0;
      spare_valid_q <= 1'b0;
    end else if (move) begin
      valid_q       <= spare_valid_q | s_valid_i;
      spare_valid_q <= 1'b0;
    end else if (s_valid_i) begin
      spare_valid_q <= 1'b1;
    end
    if (move) data_q <= spare_valid_q ? spare_q : s_data_i;
    if (!spare_valid_q) spare_q <= s_data_i;
  end

  assign s_ready_o = ~spare_valid_q;
  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(SpareOnlyBehindValid_A, spare_valid_q, valid_q)

`ifdef XF_CHECK
  // Every beat once, in order; two at most are inside.
  xf_check_order #(.Width(Width), .Most(2)) u_order (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .taken_data_i(s_data_i),
    .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
  );
`endif

endmodule : xf_skid
