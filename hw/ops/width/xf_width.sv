// SPDX-License-Identifier: Apache-2.0
//
// Joins beats into wider ones or cuts them into narrower ones, least significant part first.
//
// Rate       one beat per cycle on the narrower side, no bubble
// Latency    InWidth <= OutWidth: OutWidth / InWidth cycles, the first joined beat follows its last part;
//            else 1 cycle
// Reset      synchronous, control state only; data registers keep what they had
// Bit model  op.py, Width.execute_node

`include "xf_assert.svh"

module xf_width #(
  parameter int unsigned InWidth  = 8,  // bits per beat taken
  parameter int unsigned OutWidth = 32  // bits per beat given; one divides the other
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [InWidth-1:0]  s_data_i,
  input  logic                s_valid_i,
  output logic                s_ready_o,
  output logic [OutWidth-1:0] m_data_o,
  output logic                m_valid_o,
  input  logic                m_ready_i
);

  if (InWidth == OutWidth) begin : gen_same

    xf_skid #(.Width(InWidth)) u_skid (.*);

  end else begin : gen_convert

    localparam bit          Up     = OutWidth > InWidth;
    localparam int unsigned Ratio  = Up ? OutWidth / InWidth : InWidth / OutWidth;
    localparam int unsigned CountW = $clog2(Ratio + 1);

    logic [CountW-1:0] parts_q;  // parts held: gathered so far, or still to give
    logic              push, pop;

    assign push = s_valid_i & s_ready_o;
    assign pop  = m_valid_o & m_ready_i;

    if (Up) begin : gen_up
      logic [OutWidth-1:0] data_q;
      logic                full_q;
      always_ff @(posedge clk_i) begin
        if (push) data_q <= {s_data_i, data_q[OutWidth-1:InWidth]};
        if (!rst_ni) begin
          parts_q <= '0;
          full_q  <= 1'b0;
        end else begin
          if (push) parts_q <= (parts_q == CountW'(Ratio - 1)) ? '0 : parts_q + 1'b1;
          if (push) full_q <= parts_q == CountW'(Ratio - 1);
          else if (pop) full_q <= 1'b0;
        end
      end
      assign s_ready_o = ~full_q | m_ready_i;
      assign m_valid_o = full_q;
      assign m_data_o  = data_q;
    end else begin : gen_down
      logic [InWidth-1:0] data_q;
      always_ff @(posedge clk_i) begin
        if (push) data_q <= s_data_i;
        else if (pop) data_q <= data_q >> OutWidth;
        if (!rst_ni) parts_q <= '0;
        else if (push) parts_q <= CountW'(Ratio);
        else if (pop) parts_q <= parts_q - 1'b1;
      end
      assign s_ready_o = parts_q == '0 || (parts_q == CountW'(1) && m_ready_i);
      assign m_valid_o = parts_q != '0;
      assign m_data_o  = data_q[OutWidth-1:0];
    end

    `XF_ASSERT(HeldWhileStalled_A, m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_data_o))

  end

endmodule : xf_width
