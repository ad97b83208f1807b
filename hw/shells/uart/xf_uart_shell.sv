// SPDX-License-Identifier: Apache-2.0
//
// Shell of an accelerator on a serial line: bytes of frames in, bytes of results out.
//
// The bytes of a beat of either AXI-Stream port travel least significant first. The host sends a
// frame and reads its result before it sends the next. A serial line has no back-pressure: input
// beats that the accelerator does not accept at once wait in a FIFO of Depth beats. A beat that
// finds it full is lost; then lost_o stays high until reset.
//
// Rate       one byte per 10 * Clocks cycles in each direction
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_uart_shell #(
  parameter  int unsigned InBytes  = 1,    // bytes per beat in
  parameter  int unsigned OutBytes = 1,    // bytes per beat out
  parameter  int unsigned Clocks   = 50,   // cycles per bit on the line
  parameter  int unsigned Depth    = 512,  // beats that wait for the accelerator
  localparam int unsigned InCountW  = (InBytes > 1) ? $clog2(InBytes) : 1,
  localparam int unsigned OutCountW = $clog2(OutBytes + 1)
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  rxd_i,
  output logic                  txd_o,
  output logic                  lost_o,
  output logic [8*InBytes-1:0]  m_axis_tdata,   // to the accelerator
  output logic                  m_axis_tvalid,
  input  logic                  m_axis_tready,
  input  logic [8*OutBytes-1:0] s_axis_tdata,   // from the accelerator
  input  logic                  s_axis_tvalid,
  output logic                  s_axis_tready
);

  if (InBytes < 1 || OutBytes < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_uart_shell: InBytes, OutBytes, Depth must be at least 1; got %0d, %0d, %0d",
           InBytes, OutBytes, Depth);
  end

  logic [7:0] rx_data;
  logic       rx_valid;

  xf_uart_rx #(.Clocks(Clocks)) u_rx (
    .clk_i, .rst_ni, .line_i(rxd_i), .data_o(rx_data), .valid_o(rx_valid)
  );

  logic [8*InBytes-1:0] beat_q;
  logic [InCountW-1:0]  in_q;  // bytes of the beat that have come
  logic                 full_q, ready, lost_q;

  always_ff @(posedge clk_i) begin
    full_q <= 1'b0;
    if (!rst_ni) begin
      in_q   <= '0;
      lost_q <= 1'b0;
    end else begin
      if (rx_valid) begin
        in_q   <= (in_q == InCountW'(InBytes - 1)) ? '0 : in_q + 1'b1;
        full_q <= in_q == InCountW'(InBytes - 1);
      end
      if (full_q && !ready) lost_q <= 1'b1;
    end
    if (rx_valid) beat_q <= (8*InBytes)'({rx_data, beat_q} >> 8);
  end

  xf_fifo #(.Width(8*InBytes), .Depth(Depth), .Kind(2)) u_waiting (
    .clk_i, .rst_ni, .s_data_i(beat_q), .s_valid_i(full_q), .s_ready_o(ready),
    .m_data_o(m_axis_tdata), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  logic [8*OutBytes-1:0] bytes_q;
  logic [OutCountW-1:0]  out_q;  // bytes of the beat that are not on the line yet
  logic                  tx_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_q <= '0;
    else if (out_q == '0) out_q <= s_axis_tvalid ? OutCountW'(OutBytes) : '0;
    else if (tx_ready) out_q <= out_q - 1'b1;
    if (out_q == '0) bytes_q <= s_axis_tdata;
    else if (tx_ready) bytes_q <= bytes_q >> 8;
  end

  xf_uart_tx #(.Clocks(Clocks)) u_tx (
    .clk_i, .rst_ni, .s_data_i(bytes_q[7:0]), .s_valid_i(out_q != '0), .s_ready_o(tx_ready), .line_o(txd_o)
  );

  assign s_axis_tready = out_q == '0;
  assign lost_o        = lost_q;

  `XF_ASSERT(BytesOfOneBeat_A, out_q <= OutCountW'(OutBytes))
  `XF_ASSERT_STABLE(ByteHeldWhileStalled_A, out_q != '0, tx_ready, bytes_q[7:0])
`ifdef XF_CHECK
  xf_check_beats #(.Out(OutBytes)) u_check (
    .clk_i, .rst_ni, .taken_i(s_axis_tvalid && s_axis_tready), .given_i(out_q != '0 && tx_ready)
  );
`endif

endmodule : xf_uart_shell
