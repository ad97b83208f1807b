// SPDX-License-Identifier: Apache-2.0
//
// Sender of a serial line: 8 data bits, no parity, one stop bit, least significant bit first.
//
// Rate       one byte per 10 * Clocks + 1 cycles
// Latency    the start bit follows one cycle after the byte
// Reset      synchronous, control state only; the line goes high

`include "xf_assert.svh"

module xf_uart_tx #(
  parameter  int unsigned Clocks = 50,             // cycles per bit, at least 4
  localparam int unsigned CountW = $clog2(Clocks)
) (
  input  logic       clk_i, rst_ni,
  input  logic [7:0] s_data_i,
  input  logic       s_valid_i,
  output logic       s_ready_o,
  output logic       line_o
);

  if (Clocks < 4) begin : gen_bad_clocks
    $error("xf_uart_tx: Clocks must be at least 4; got Clocks=%0d", Clocks);
  end

  logic [CountW-1:0] count_q;
  logic [3:0]        left_q;  // bits left, stop bit included
  logic              idle_q;
  logic [8:0]        bits_q;  // what follows the bit that is on the line
  logic              line_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= 4'd0;
      idle_q <= 1'b1;
      line_q <= 1'b1;
    end else if (idle_q) begin
      count_q <= CountW'(Clocks - 1);
      bits_q  <= {1'b1, s_data_i};
      if (s_valid_i) begin
        left_q <= 4'd10;
        idle_q <= 1'b0;
        line_q <= 1'b0;
      end
    end else if (count_q != '0) begin
      count_q <= count_q - 1'b1;
    end else begin
      count_q <= CountW'(Clocks - 1);
      left_q  <= left_q - 1'b1;
      idle_q  <= left_q == 4'd1;
      line_q  <= bits_q[0];
      bits_q  <= {1'b1, bits_q[8:1]};
    end
  end

  assign s_ready_o = idle_q;
  assign line_o    = line_q;

  `XF_ASSERT_WHEN(IdleIsHigh_A, idle_q, line_o && left_q == 4'd0)
  `XF_ASSERT_STABLE(HeldWhileStalled_A, s_valid_i, s_ready_o, s_data_i)
`ifdef XF_CHECK
  xf_check_beats u_check (
    .clk_i, .rst_ni, .taken_i(s_valid_i && s_ready_o), .given_i(left_q == 4'd1 && count_q == '0)
  );
`endif

endmodule : xf_uart_tx
