// SPDX-License-Identifier: Apache-2.0
//
// The larger number of two streams, Pe of them per beat. A beat is taken from both at once, so ready
// of one stream waits for valid of the other.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only
// Bit model  op.py, Maximum.execute_node

`include "xf_assert.svh"

module xf_maximum #(
  parameter int unsigned Pe     = 1,  // numbers per beat
  parameter int unsigned Bits   = 8,
  parameter int unsigned Signed = 1   // 1: the inputs are two's complement
) (
  input  logic                 clk_i, rst_ni,
  input  logic [2*Pe*Bits-1:0] s_data_i,  // stream 0 in the low half
  input  logic [1:0]           s_valid_i,
  output logic [1:0]           s_ready_o,
  output logic [Pe*Bits-1:0]   m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i
);

  if (Pe < 1 || Bits < 1) begin : gen_bad_size
    $error("xf_maximum: Pe and Bits must be at least 1; got Pe=%0d, Bits=%0d", Pe, Bits);
  end

  logic valid_q, go;

  assign go        = m_ready_i | ~valid_q;
  assign s_ready_o = {go & s_valid_i[0], go & s_valid_i[1]};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (go) valid_q <= &s_valid_i;
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [Bits-1:0] a, b, y_q;
    logic            larger;
    assign a      = s_data_i[p*Bits +: Bits];
    assign b      = s_data_i[(Pe+p)*Bits +: Bits];
    assign larger = (Signed != 0) ? $signed(a) > $signed(b) : a > b;
    always_ff @(posedge clk_i) begin
      if (go) y_q <= larger ? a : b;
    end
    assign m_data_o[p*Bits +: Bits] = y_q;
  end

  assign m_valid_o = valid_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

endmodule : xf_maximum
