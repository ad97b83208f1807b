// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave of 32 bits for registers in another module.
//
// A write of four bytes leaves as one pulse of write_valid_o, and its address and data stay for another
// cycle. read_addr_o requests a word, with a pulse of read_asked_o and, a cycle later, of read_fetch_o; its
// value and existence are sampled in the cycle behind them, which read_valid_o marks. While ready_i is low
// no access begins. Accesses to addresses that do not exist, and writes of less than four bytes, are
// answered with SLVERR and have no effect. AW and W are accepted in any order; one write and one read are in
// flight at a time. Address bits 1 and 0 are ignored.
//
// Rate       a write in two cycles, a read in five
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_axi_regs #(
  parameter  int unsigned AddrW = 8,         // bits of an address, at least 3
  localparam int unsigned WordW = AddrW - 2  // bits of the number of a word
) (
  input  logic             clk_i, rst_ni,
  input  logic [AddrW-1:0] awaddr_i,
  input  logic             awvalid_i,
  output logic             awready_o,
  input  logic [31:0]      wdata_i,
  input  logic [3:0]       wstrb_i,
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
  output logic [WordW-1:0] write_addr_o,
  output logic [31:0]      write_data_o,
  output logic             write_valid_o,
  input  logic             write_known_i,  // write_addr_o can be written
  output logic [WordW-1:0] read_addr_o,
  output logic             read_asked_o,
  output logic             read_fetch_o,
  output logic             read_valid_o,
  input  logic [31:0]      read_data_i,
  input  logic             read_known_i,   // read_addr_o can be read
  input  logic             ready_i
);

  if (AddrW < 3) begin : gen_bad_address
    $error("xf_axi_regs: AddrW must be at least 3; got AddrW=%0d", AddrW);
  end

  localparam logic [1:0] Okay = 2'b00, Slverr = 2'b10;

  logic             asked_q, fetch_q, sample_q, r_valid_q, offered;
  logic [WordW-1:0] read_addr_q;
  logic [31:0]      r_data_q;
  logic [1:0]       r_resp_q;

  xf_axi_write #(.AddrW(AddrW)) u_write (
    .clk_i, .rst_ni, .awaddr_i, .awvalid_i, .awready_o, .wdata_i, .wstrb_i, .wvalid_i, .wready_o,
    .bresp_o, .bvalid_o, .bready_i, .write_addr_o, .write_data_o, .write_valid_o(offered),
    .write_known_i, .write_ready_i(ready_i), .write_error_i(1'b0)
  );

  // Reads: address, then its word, then the reader.
  assign write_valid_o = offered & ready_i;

  assign arready_o    = ~asked_q & ~fetch_q & ~sample_q & ~r_valid_q & ready_i;
  assign read_addr_o  = read_addr_q;
  assign {read_asked_o, read_fetch_o, read_valid_o} = {asked_q, fetch_q, sample_q};
  assign rvalid_o     = r_valid_q;
  assign rdata_o      = r_data_q;
  assign rresp_o      = r_resp_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {asked_q, fetch_q, sample_q, r_valid_q} <= '0;
    else begin
      {asked_q, fetch_q, sample_q} <= {arvalid_i & arready_o, asked_q, fetch_q};
      if (sample_q) r_valid_q <= 1'b1;
      else if (rready_i) r_valid_q <= 1'b0;
    end
    if (arready_o) read_addr_q <= araddr_i[AddrW-1:2];
    if (sample_q) begin
      r_data_q <= read_known_i ? read_data_i : '0;
      r_resp_q <= read_known_i ? Okay : Slverr;
    end
  end

  logic unused;
  assign unused = ^araddr_i[1:0];

  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, rvalid_o, rready_i, {rresp_o, rdata_o})

`ifdef XF_CHECK
  // One answer for every read; one is under way.
  xf_check_beats u_reads (
    .clk_i, .rst_ni, .taken_i(arvalid_i & arready_o), .given_i(rvalid_o & rready_i)
  );
`endif

endmodule : xf_axi_regs
