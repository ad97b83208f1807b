// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave of 32 bits: a few words that can be read, and a write port.
//
// Lower half of the address space: word k of values_i at address 4 * k, which can only be read. Upper
// half: only writes; each leaves on load_*, with the number of its word in that half. Everything
// else is answered with SLVERR and has no effect: a write of less than four bytes or to the lower
// half, a read of the upper half or after the last word. A write that load_error_i refuses is also
// answered with SLVERR.
//
// AW and W are accepted in any order. One write and one read are in flight at a time. A write is
// answered after load_* has accepted it. The lowest two bits of an address are ignored.
//
// Rate       a write in two cycles, a read in two
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_axi_lite #(
  parameter  int unsigned          AddrW  = 8,   // at least 4
  parameter  int unsigned          Count  = 1,   // words that can be read, at most 2**(AddrW-3)
  localparam int unsigned          LoadW  = AddrW - 3
) (
  input  logic             clk_i, rst_ni,
  input  logic [32*Count-1:0] values_i,  // the first in the lowest bits
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
  output logic [LoadW-1:0] load_addr_o,
  output logic [31:0]      load_data_o,
  output logic             load_valid_o,
  input  logic             load_ready_i,
  input  logic             load_error_i  // beside load_ready_i: there is no such word
);

  if (AddrW < 4) begin : gen_bad_address
    $error("xf_axi_lite: AddrW must be at least 4; got AddrW=%0d", AddrW);
  end else if (Count < 1 || Count > 2**(AddrW-3)) begin : gen_bad_count
    $error("xf_axi_lite: Count must be 1 .. 2**(AddrW-3); got Count=%0d, AddrW=%0d",
           Count, AddrW);
  end

  localparam logic [1:0] Okay = 2'b00, Slverr = 2'b10;

  logic [AddrW-3:0] write_word;

  xf_axi_write #(.AddrW(AddrW)) u_write (
    .clk_i, .rst_ni, .awaddr_i, .awvalid_i, .awready_o, .wdata_i, .wstrb_i, .wvalid_i, .wready_o,
    .bresp_o, .bvalid_o, .bready_i,
    .write_addr_o(write_word), .write_data_o(load_data_o), .write_valid_o(load_valid_o),
    .write_known_i(write_word[AddrW-3]), .write_ready_i(load_ready_i), .write_error_i(load_error_i)
  );
  assign load_addr_o = write_word[LoadW-1:0];

  // Reads.
  logic             r_valid_q;
  logic [AddrW-3:0] word;
  assign arready_o = ~r_valid_q;
  assign rvalid_o  = r_valid_q;
  assign word      = araddr_i[AddrW-1:2];
  always_ff @(posedge clk_i) begin
    if (!rst_ni) r_valid_q <= 1'b0;
    else r_valid_q <= r_valid_q ? ~rready_i : arvalid_i;
    if (arready_o) begin
      rdata_o <= '0;
      rresp_o <= Slverr;
      for (int unsigned k = 0; k < Count; k++) begin
        if (32'(word) == k) begin
          rdata_o <= values_i[32*k +: 32];
          rresp_o <= Okay;
        end
      end
    end
  end

  /* verilator lint_off UNUSEDSIGNAL */  // bytes within a word are not addressed
  logic unused;
  /* verilator lint_on UNUSEDSIGNAL */
  assign unused = ^araddr_i[1:0];

  `XF_ASSERT_STABLE(ReadHeld_A, rvalid_o, rready_i, {rdata_o, rresp_o})

`ifdef XF_CHECK
  // One answer for every read; one is under way.
  xf_check_beats u_reads (
    .clk_i, .rst_ni, .taken_i(arvalid_i & arready_o), .given_i(rvalid_o & rready_i)
  );
`endif

endmodule : xf_axi_lite
