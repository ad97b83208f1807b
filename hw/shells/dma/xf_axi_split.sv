// SPDX-License-Identifier: Apache-2.0
//
// One AXI4-Lite slave that forwards to two: the highest address bit selects.
//
// An address is accepted first, then its data goes to the selected slave, and the answer returns.
// One write and one read are in flight at a time. m_*_o[0] belongs to the lower half of the
// addresses, m_*_o[1] to the upper half; both see the same addresses and data.
//
// Rate       one cycle more per access than the slave needs
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_axi_split #(
  parameter  int unsigned AddrW = 9,         // bits of an address, at least 2
  localparam int unsigned HalfW = AddrW - 1
) (
  input  logic             clk_i, rst_ni,
  input  logic [AddrW-1:0] awaddr_i,
  input  logic             awvalid_i,
  output logic             awready_o,
  input  logic             wvalid_i,
  output logic             wready_o,
  output logic [1:0]       bresp_o,
  output logic             bvalid_o,
  input  logic             bready_i,
  input  logic [AddrW-1:0] araddr_i,
  input  logic             arvalid_i,
  output logic             arready_o,
  output logic [31:0]      rdata_o,
  output logic [1:0]       rresp_o,
  output logic             rvalid_o,
  input  logic             rready_i,
  output logic [HalfW-1:0] m_awaddr_o,
  output logic [1:0]       m_awvalid_o,
  input  logic [1:0]       m_awready_i,
  output logic [1:0]       m_wvalid_o,
  input  logic [1:0]       m_wready_i,
  input  logic [3:0]       m_bresp_i,
  input  logic [1:0]       m_bvalid_i,
  output logic [1:0]       m_bready_o,
  output logic [HalfW-1:0] m_araddr_o,
  output logic [1:0]       m_arvalid_o,
  input  logic [1:0]       m_arready_i,
  input  logic [63:0]      m_rdata_i,
  input  logic [3:0]       m_rresp_i,
  input  logic [1:0]       m_rvalid_i,
  output logic [1:0]       m_rready_o
);

  if (AddrW < 2) begin : gen_bad_address
    $error("xf_axi_split: AddrW must be at least 2; got AddrW=%0d", AddrW);
  end

  logic [AddrW-1:0] write_q, read_q;  // addresses
  logic             writing_q, addr_sent_q, data_sent_q, reading_q, asked_q, upper_w, upper_r;

  assign upper_w = write_q[AddrW-1];
  assign upper_r = read_q[AddrW-1];

  assign awready_o   = ~writing_q;
  assign m_awaddr_o  = write_q[HalfW-1:0];
  assign m_awvalid_o = {upper_w, ~upper_w} & {2{writing_q & ~addr_sent_q}};
  assign m_wvalid_o  = {upper_w, ~upper_w} & {2{writing_q & ~data_sent_q & wvalid_i}};
  assign wready_o    = writing_q & ~data_sent_q & m_wready_i[upper_w];
  assign m_bready_o  = {upper_w, ~upper_w} & {2{writing_q & bready_i}};
  assign bvalid_o    = writing_q & m_bvalid_i[upper_w];
  assign bresp_o     = upper_w ? m_bresp_i[3:2] : m_bresp_i[1:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || (bvalid_o && bready_i)) begin
      writing_q   <= 1'b0;
      addr_sent_q <= 1'b0;
      data_sent_q <= 1'b0;
    end else begin
      if (awvalid_i) writing_q <= 1'b1;
      if (writing_q && m_awready_i[upper_w]) addr_sent_q <= 1'b1;
      if (wvalid_i && wready_o) data_sent_q <= 1'b1;
    end
    if (awready_o) write_q <= awaddr_i;
  end

  assign arready_o   = ~reading_q;
  assign m_araddr_o  = read_q[HalfW-1:0];
  assign m_arvalid_o = {upper_r, ~upper_r} & {2{reading_q & ~asked_q}};
  assign m_rready_o  = {upper_r, ~upper_r} & {2{reading_q & rready_i}};
  assign rvalid_o    = reading_q & m_rvalid_i[upper_r];
  assign rdata_o     = upper_r ? m_rdata_i[63:32] : m_rdata_i[31:0];
  assign rresp_o     = upper_r ? m_rresp_i[3:2] : m_rresp_i[1:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || (rvalid_o && rready_i)) begin
      reading_q <= 1'b0;
      asked_q   <= 1'b0;
    end else begin
      if (arvalid_i) reading_q <= 1'b1;
      if (reading_q && m_arready_i[upper_r]) asked_q <= 1'b1;
    end
    if (arready_o) read_q <= araddr_i;
  end

  `XF_ASSERT_STABLE(AnswerHeldWhileStalled_A, bvalid_o, bready_i, bresp_o)
  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, rvalid_o, rready_i, {rresp_o, rdata_o})

`ifdef XF_CHECK
  // One answer per access, and one access under way.
  xf_check_beats u_writes (
    .clk_i, .rst_ni, .taken_i(awvalid_i & awready_o), .given_i(bvalid_o & bready_i)
  );
  xf_check_beats u_reads (
    .clk_i, .rst_ni, .taken_i(arvalid_i & arready_o), .given_i(rvalid_o & rready_i)
  );
`endif

endmodule : xf_axi_split
