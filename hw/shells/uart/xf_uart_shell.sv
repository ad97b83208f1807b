// SPDX-License-Identifier: Apache-2.0
//
// The ends of a serial line: bytes in, bytes out.
//
// A serial line has no back-pressure: bytes that are not accepted at once wait in a FIFO of Depth
// bytes. A byte that finds it full is lost; then lost_o stays high until reset.
//
// Rate       one byte per 10 * Clocks cycles in each direction
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_uart_shell #(
  parameter int unsigned Clocks = 50,  // cycles per bit on the line
  parameter int unsigned Depth  = 512  // bytes that wait
) (
  input  logic       clk_i, rst_ni,
  input  logic       rxd_i,
  output logic       txd_o,
  output logic       lost_o,
  output logic [7:0] m_data_o,   // from the host
  output logic       m_valid_o,
  input  logic       m_ready_i,
  input  logic [7:0] s_data_i,   // to the host
  input  logic       s_valid_i,
  output logic       s_ready_o
);

  if (Depth < 1) begin : gen_bad_depth
    $error("xf_uart_shell: Depth must be at least 1; got Depth=%0d", Depth);
  end

  logic [7:0] data, waiting;
  logic       valid, ready, waiting_valid, waiting_ready, lost_q;

  xf_uart_rx #(.Clocks(Clocks)) u_rx (
    .clk_i, .rst_ni, .line_i(rxd_i), .data_o(data), .valid_o(valid)
  );

  xf_fifo #(.Width(8), .Depth(Depth), .Kind(2)) u_waiting (
    .clk_i, .rst_ni, .s_data_i(data), .s_valid_i(valid), .s_ready_o(ready),
    .m_data_o(waiting), .m_valid_o(waiting_valid), .m_ready_i(waiting_ready)
  );

  // Ready of the requests comes late in a cycle: this register keeps it out of the FIFO's counter.
  xf_skid #(.Width(8)) u_next (
    .clk_i, .rst_ni, .s_data_i(waiting), .s_valid_i(waiting_valid), .s_ready_o(waiting_ready),
    .m_data_o, .m_valid_o, .m_ready_i
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) lost_q <= 1'b0;
    else if (valid && !ready) lost_q <= 1'b1;
  end

  xf_uart_tx #(.Clocks(Clocks)) u_tx (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .line_o(txd_o)
  );

  assign lost_o = lost_q;

endmodule : xf_uart_shell
