// SPDX-License-Identifier: Apache-2.0
//
// Bridge from AXI3, 32 bits, to an AXI4-Lite slave: from Zynq's M_AXI_GP ports to registers.
//
// Bursts of all three kinds become single accesses, one after the other; the answer to a burst is
// the worst of its accesses. One write and one read are in flight at a time, so the identifier of
// an answer is that of its address, and write data belongs to the address before it. Addresses
// after the slave's are answered with DECERR and not forwarded; the two highest bits select the
// port and are ignored.
//
// Rate       an access takes two cycles more than the slave needs
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_axi3_lite #(
  parameter int unsigned AddrW = 8,  // bits of an address of the slave, 2 .. 29
  parameter int unsigned IdW   = 12  // bits of an identifier
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [IdW-1:0]   awid_i,
  input  logic [31:0]      awaddr_i,
  input  logic [3:0]       awlen_i,
  input  logic [1:0]       awsize_i,
  input  logic [1:0]       awburst_i,
  input  logic             awvalid_i,
  output logic             awready_o,
  input  logic [31:0]      wdata_i,
  input  logic [3:0]       wstrb_i,
  input  logic             wlast_i,
  input  logic             wvalid_i,
  output logic             wready_o,
  output logic [IdW-1:0]   bid_o,
  output logic [1:0]       bresp_o,
  output logic             bvalid_o,
  input  logic             bready_i,
  input  logic [IdW-1:0]   arid_i,
  input  logic [31:0]      araddr_i,
  input  logic [3:0]       arlen_i,
  input  logic [1:0]       arsize_i,
  input  logic [1:0]       arburst_i,
  input  logic             arvalid_i,
  output logic             arready_o,
  output logic [IdW-1:0]   rid_o,
  output logic [31:0]      rdata_o,
  output logic [1:0]       rresp_o,
  output logic             rlast_o,
  output logic             rvalid_o,
  input  logic             rready_i,
  output logic [AddrW-1:0] m_awaddr_o,
  output logic             m_awvalid_o,
  input  logic             m_awready_i,
  output logic [31:0]      m_wdata_o,
  output logic [3:0]       m_wstrb_o,
  output logic             m_wvalid_o,
  input  logic             m_wready_i,
  input  logic [1:0]       m_bresp_i,
  input  logic             m_bvalid_i,
  output logic             m_bready_o,
  output logic [AddrW-1:0] m_araddr_o,
  output logic             m_arvalid_o,
  input  logic             m_arready_i,
  input  logic [31:0]      m_rdata_i,
  input  logic [1:0]       m_rresp_i,
  input  logic             m_rvalid_i,
  output logic             m_rready_o
);

  if (AddrW < 2 || AddrW > 29) begin : gen_bad_address
    $error("xf_axi3_lite: AddrW must be 2 .. 29; got AddrW=%0d", AddrW);
  end

  localparam logic [1:0] Fixed = 2'b00, Wrap = 2'b10, Decerr = 2'b11;

  // The address behind one of a burst: a wrapping burst stays within (len + 1) << size bytes.
  function automatic logic [29:0] next(logic [29:0] at, logic [1:0] size, logic [3:0] len,
                                       logic [1:0] burst);
    logic [29:0] step, span;
    step = (at & ~((30'd1 << size) - 30'd1)) + (30'd1 << size);
    span = ((30'(len) + 30'd1) << size) - 30'd1;
    next = (burst == Fixed) ? at : (burst == Wrap) ? (at & ~span) | (step & span) : step;
  endfunction

  // Writes. A beat is taken when the slave has answered it.
  logic           writing_q, w_addr_sent_q, w_data_sent_q, b_valid_q, w_far, w_beat;
  logic [IdW-1:0] w_id_q;
  logic [29:0]    w_addr_q;
  logic [3:0]     w_len_q, w_left_q;
  logic [1:0]     w_size_q, w_burst_q, b_resp_q, w_resp;

  assign w_far       = |(w_addr_q >> AddrW);
  assign w_beat      = wvalid_i & wready_o;
  assign w_resp      = w_far ? Decerr : m_bresp_i;
  assign awready_o   = ~writing_q;
  assign wready_o    = writing_q & ~b_valid_q & (w_far | (w_addr_sent_q & w_data_sent_q & m_bvalid_i));
  assign m_awaddr_o  = w_addr_q[AddrW-1:0];
  assign m_awvalid_o = writing_q & ~b_valid_q & wvalid_i & ~w_far & ~w_addr_sent_q;
  assign m_wdata_o   = wdata_i;
  assign m_wstrb_o   = wstrb_i;
  assign m_wvalid_o  = writing_q & ~b_valid_q & wvalid_i & ~w_far & ~w_data_sent_q;
  assign m_bready_o  = w_addr_sent_q & w_data_sent_q;
  assign bid_o       = w_id_q;
  assign bresp_o     = b_resp_q;
  assign bvalid_o    = b_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      writing_q     <= 1'b0;
      b_valid_q     <= 1'b0;
      w_addr_sent_q <= 1'b0;
      w_data_sent_q <= 1'b0;
    end else begin
      if (awvalid_i && awready_o) writing_q <= 1'b1;
      else if (b_valid_q && bready_i) writing_q <= 1'b0;
      if (w_beat && w_left_q == '0) b_valid_q <= 1'b1;
      else if (bready_i) b_valid_q <= 1'b0;
      w_addr_sent_q <= ~w_beat & (w_addr_sent_q | (m_awvalid_o & m_awready_i));
      w_data_sent_q <= ~w_beat & (w_data_sent_q | (m_wvalid_o & m_wready_i));
    end
    if (awready_o) begin
      w_id_q    <= awid_i;
      w_addr_q  <= awaddr_i[29:0];
      w_len_q   <= awlen_i;
      w_left_q  <= awlen_i;
      w_size_q  <= awsize_i;
      w_burst_q <= awburst_i;
      b_resp_q  <= '0;
    end else if (w_beat) begin
      w_addr_q <= next(w_addr_q, w_size_q, w_len_q, w_burst_q);
      w_left_q <= w_left_q - 1'b1;
      if (w_resp > b_resp_q) b_resp_q <= w_resp;
    end
  end

  // Reads.
  logic           reading_q, asked_q, r_far, r_beat;
  logic [IdW-1:0] r_id_q;
  logic [29:0]    r_addr_q;
  logic [3:0]     r_len_q, r_left_q;
  logic [1:0]     r_size_q, r_burst_q;

  assign r_far       = |(r_addr_q >> AddrW);
  assign r_beat      = rvalid_o & rready_i;
  assign arready_o   = ~reading_q;
  assign m_araddr_o  = r_addr_q[AddrW-1:0];
  assign m_arvalid_o = reading_q & ~r_far & ~asked_q;
  assign m_rready_o  = asked_q & rready_i;
  assign rid_o       = r_id_q;
  assign rdata_o     = r_far ? '0 : m_rdata_i;
  assign rresp_o     = r_far ? Decerr : m_rresp_i;
  assign rlast_o     = r_left_q == '0;
  assign rvalid_o    = reading_q & (r_far | (asked_q & m_rvalid_i));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      reading_q <= 1'b0;
      asked_q   <= 1'b0;
    end else begin
      if (arvalid_i && arready_o) reading_q <= 1'b1;
      else if (r_beat && rlast_o) reading_q <= 1'b0;
      asked_q <= ~r_beat & (asked_q | (m_arvalid_o & m_arready_i));
    end
    if (arready_o) begin
      r_id_q    <= arid_i;
      r_addr_q  <= araddr_i[29:0];
      r_len_q   <= arlen_i;
      r_left_q  <= arlen_i;
      r_size_q  <= arsize_i;
      r_burst_q <= arburst_i;
    end else if (r_beat) begin
      r_addr_q <= next(r_addr_q, r_size_q, r_len_q, r_burst_q);
      r_left_q <= r_left_q - 1'b1;
    end
  end

  logic unused;
  assign unused = ^{awaddr_i[31:30], araddr_i[31:30], wlast_i};

  `XF_ASSERT_WHEN(LastIsCounted_A, w_beat, wlast_i == (w_left_q == '0))
  `XF_ASSERT_STABLE(AnswerHeldWhileStalled_A, bvalid_o, bready_i, {bid_o, bresp_o})
  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, rvalid_o, rready_i, {rid_o, rdata_o, rresp_o, rlast_o})

`ifdef XF_CHECK
  xf_check_beats u_writes (
    .clk_i, .rst_ni, .taken_i(awvalid_i && awready_o), .given_i(bvalid_o && bready_i)
  );
  xf_check_beats u_reads (
    .clk_i, .rst_ni, .taken_i(arvalid_i && arready_o), .given_i(rvalid_o && rready_i && rlast_o)
  );
`endif

endmodule : xf_axi3_lite
