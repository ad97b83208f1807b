// SPDX-License-Identifier: Apache-2.0
//
// Absolute values, Pe of them per beat. The result is unsigned, so that the most negative number has one.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only
// Bit model  op.py, Absolute.execute_node

`include "xf_assert.svh"

module xf_absolute #(
  parameter int unsigned Pe     = 1,  // numbers per beat
  parameter int unsigned Bits   = 8,
  parameter int unsigned Signed = 1   // 1: the input is two's complement
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic [Pe*Bits-1:0] s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [Pe*Bits-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  if (Pe < 1 || Bits < 1) begin : gen_bad_size
    $error("xf_absolute: Pe and Bits must be at least 1; got Pe=%0d, Bits=%0d", Pe, Bits);
  end

  logic valid_q, go;

  assign go = m_ready_i | ~valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (go) valid_q <= s_valid_i;
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [Bits-1:0] x, y_q;
    assign x = s_data_i[p*Bits +: Bits];
    always_ff @(posedge clk_i) begin
      if (go) y_q <= (Signed != 0 && x[Bits-1]) ? -x : x;
    end
    assign m_data_o[p*Bits +: Bits] = y_q;
  end

  assign s_ready_o = go;
  assign m_valid_o = valid_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

`ifdef XF_CHECK
  // One beat leaves for each beat that enters; a beat in between is in the register.
  xf_check_beats #(.Most(1)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
  `XF_ASSERT(NothingLost_A, u_beats.ahead_q == $countones(valid_q))
`endif

endmodule : xf_absolute
