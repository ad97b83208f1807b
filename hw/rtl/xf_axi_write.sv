// SPDX-License-Identifier: Apache-2.0
//
// The write channels of an AXI4-Lite slave of 32 bits.
//
// AW and W are accepted in any order; one write is in flight at a time. If it has all four bytes
// and known_i says that its word can be written, it is offered on write_* until write_ready_i. The
// answer is OKAY; SLVERR if it was not offered, or if write_error_i was high with its ready. The
// lowest two bits of an address are ignored.
//
// Rate       a write in two cycles
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_axi_write #(
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
  output logic [WordW-1:0] write_addr_o,
  output logic [31:0]      write_data_o,
  output logic             write_valid_o,
  input  logic             write_known_i,  // write_addr_o can be written
  input  logic             write_ready_i,
  input  logic             write_error_i   // beside write_ready_i: it was not
);

  if (AddrW < 3) begin : gen_bad_address
    $error("xf_axi_write: AddrW must be at least 3; got AddrW=%0d", AddrW);
  end

  localparam logic [1:0] Okay = 2'b00, Slverr = 2'b10;

  logic             addr_valid_q, data_valid_q, b_valid_q, both, allowed, done;
  logic [WordW-1:0] addr_q;
  logic [31:0]      data_q;
  logic             whole_q;  // it has all four bytes
  logic [1:0]       b_resp_q;

  // Address and data wait for each other, then for write_*, then the answer for its reader.
  assign awready_o     = ~addr_valid_q;
  assign wready_o      = ~data_valid_q;
  assign both          = addr_valid_q & data_valid_q & ~b_valid_q;
  assign allowed       = write_known_i & whole_q;
  assign done          = both & (write_ready_i | ~allowed);
  assign write_addr_o  = addr_q;
  assign write_data_o  = data_q;
  assign write_valid_o = both & allowed;
  assign bvalid_o      = b_valid_q;
  assign bresp_o       = b_resp_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      addr_valid_q <= 1'b0;
      data_valid_q <= 1'b0;
      b_valid_q    <= 1'b0;
    end else begin
      if (done) addr_valid_q <= 1'b0;
      else if (awvalid_i) addr_valid_q <= 1'b1;
      if (done) data_valid_q <= 1'b0;
      else if (wvalid_i) data_valid_q <= 1'b1;
      b_valid_q <= done | (b_valid_q & ~bready_i);
    end
    if (awready_o) addr_q <= awaddr_i[AddrW-1:2];
    if (wready_o) begin
      data_q  <= wdata_i;
      whole_q <= &wstrb_i;
    end
    if (done) b_resp_q <= (allowed & ~write_error_i) ? Okay : Slverr;
  end

  /* verilator lint_off UNUSEDSIGNAL */  // bytes within a word are not addressed
  logic unused;
  /* verilator lint_on UNUSEDSIGNAL */
  assign unused = ^awaddr_i[1:0];

  `XF_ASSERT_STABLE(AnswerHeldWhileStalled_A, bvalid_o, bready_i, bresp_o)
  `XF_ASSERT_STABLE(WriteHeldWhileStalled_A, write_valid_o, write_ready_i,
                    {write_addr_o, write_data_o})

`ifdef XF_CHECK
  // One answer for every address and its data; one is under way, and the next may wait behind the
  // answer.
  xf_check_beats #(.Most(2)) u_addresses (
    .clk_i, .rst_ni, .taken_i(awvalid_i & awready_o), .given_i(bvalid_o & bready_i)
  );
  xf_check_beats #(.Most(2)) u_words (
    .clk_i, .rst_ni, .taken_i(wvalid_i & wready_o), .given_i(bvalid_o & bready_i)
  );
`endif

endmodule : xf_axi_write
