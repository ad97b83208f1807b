// SPDX-License-Identifier: Apache-2.0
//
// Receiver of a serial line: 8 data bits, no parity, one stop bit, least significant bit first.
//
// The line is sampled in the middle of each bit. A byte whose stop bit is low is dropped.
//
// Rate       one byte per 10 * Clocks cycles
// Latency    the byte is offered for one cycle, in the middle of its stop bit
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_uart_rx #(
  parameter  int unsigned Clocks = 50,             // cycles per bit, at least 4
  localparam int unsigned CountW = $clog2(Clocks)
) (
  input  logic       clk_i, rst_ni,
  input  logic       line_i,   // asynchronous, high when idle
  output logic [7:0] data_o,
  output logic       valid_o   // for one cycle per byte; nobody can refuse it
);

  if (Clocks < 4) begin : gen_bad_clocks
    $error("xf_uart_rx: Clocks must be at least 4; got Clocks=%0d", Clocks);
  end

  logic [1:0]        line_q;   // two registers against metastability
  logic [CountW-1:0] count_q;  // cycles until the next sample
  logic [3:0]        bit_q;    // 0 idle, 1 start, 2 to 9 data, 10 stop
  logic [7:0]        data_q;
  logic              valid_q;

  always_ff @(posedge clk_i) begin
    line_q  <= {line_q[0], line_i};
    valid_q <= 1'b0;
    if (!rst_ni) begin
      line_q <= 2'b11;
      bit_q  <= 4'd0;
    end else if (bit_q == 4'd0) begin
      count_q <= CountW'(Clocks / 2 - 1);
      if (!line_q[1]) bit_q <= 4'd1;
    end else if (count_q != '0) begin
      count_q <= count_q - 1'b1;
    end else begin
      count_q <= CountW'(Clocks - 1);
      bit_q   <= bit_q + 1'b1;
      if (bit_q == 4'd1) begin
        if (line_q[1]) bit_q <= 4'd0;  // no start bit, a disturbance
      end else if (bit_q == 4'd10) begin
        bit_q   <= 4'd0;
        valid_q <= line_q[1];
      end else begin
        data_q <= {line_q[1], data_q[7:1]};
      end
    end
  end

  assign data_o  = data_q;
  assign valid_o = valid_q;

  `XF_ASSERT_WHEN(AtMostTenBits_A, 1'b1, bit_q <= 4'd10)

endmodule : xf_uart_rx
