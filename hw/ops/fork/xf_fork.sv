// SPDX-License-Identifier: Apache-2.0
//
// One stream to several readers: every beat once to each. A reader that has accepted its beat waits
// for the others, so a reader that must run ahead needs a FIFO after its output.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Fork.execute_node

`include "xf_assert.svh"

module xf_fork #(
  parameter int unsigned Width   = 8,
  parameter int unsigned Outputs = 2
) (
  input  logic                     clk_i, rst_ni,
  input  logic [Width-1:0]         s_data_i,
  input  logic                     s_valid_i,
  output logic                     s_ready_o,
  output logic [Outputs*Width-1:0] m_data_o,
  output logic [Outputs-1:0]       m_valid_o,
  input  logic [Outputs-1:0]       m_ready_i
);

  if (Width < 1 || Outputs < 1) begin : gen_bad_size
    $error("xf_fork: Width, Outputs must be at least 1; got %0d, %0d", Width, Outputs);
  end

  logic [Width-1:0]   data_q;
  logic [Outputs-1:0] valid_q;  // who has not taken the beat yet
  logic [Outputs-1:0] left;

  assign left      = valid_q & ~m_ready_i;
  assign s_ready_o = left == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni)        valid_q <= '0;
    else if (s_ready_o) valid_q <= {Outputs{s_valid_i}};
    else                valid_q <= left;
    if (s_ready_o) data_q <= s_data_i;
  end

  assign m_data_o  = {Outputs{data_q}};
  assign m_valid_o = valid_q;

`ifdef XF_CHECK
  // Every beat once to every reader, in order; one at most waits for it, and it waits unchanged.
  for (genvar k = 0; k < Outputs; k++) begin : gen_reader
    logic [Width-1:0] data;
    assign data = m_data_o[k*Width +: Width];
    `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o[k], m_ready_i[k], data)
    xf_check_order #(.Width(Width), .Most(1)) u_order (
      .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .taken_data_i(s_data_i),
      .given_i(m_valid_o[k] & m_ready_i[k]), .given_data_i(data)
    );
  end
`endif

endmodule : xf_fork
