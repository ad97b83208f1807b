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
// Rate       an access takes four cycles more than the slave needs
// Latency    every channel has a register, and an input enters at most one gate in front of one
// Reset      synchronous, control state only

`include "xf_assert.svh"

module xf_axi3_lite #(
  parameter int unsigned AddrW = 8,  // bits of an address of the slave, 8 .. 29
  parameter int unsigned IdW   = 12  // bits of an identifier
) (
  input  logic             clk_i, rst_ni,
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

  if (AddrW < 8 || AddrW > 29) begin : gen_bad_address
    $error("xf_axi3_lite: AddrW must be 8 .. 29; got AddrW=%0d", AddrW);
  end

  localparam logic [1:0] Fixed = 2'b00, Wrap = 2'b10, Decerr = 2'b11;

  // The address behind one of a burst: a wrapping burst stays within (len + 1) << size bytes, 64 at most.
  function automatic logic [AddrW:0] next(logic [AddrW:0] at, logic [1:0] size, logic [3:0] len,
                                          logic [1:0] burst);
    logic [AddrW:0] step, kept;
    logic [5:0]     span;
    step      = at;
    step[1:0] = size[1] ? '0 : size[0] ? {~at[1], 1'b0} : at[1:0] + 1'b1;
    if (size[1] || (at[1] && (size[0] || at[0]))) step[AddrW:2] = at[AddrW:2] + 1'b1;
    span      = size[1] ? {len, 2'b11} : size[0] ? {1'b0, len, 1'b1} : {2'b00, len};
    kept      = {(AddrW+1){burst == Fixed || burst == Wrap}};
    kept[5:0] = kept[5:0] & ~(burst == Wrap ? span : '0);
    next      = (at & kept) | (step & ~kept);
  endfunction

  // Writes. An address is looked at for a cycle. A beat is done when the slave has answered it.
  logic           writing_q, w_known_q, w_far_q, w_valid_q, w_addr_sent_q, w_data_sent_q, b_valid_q;
  logic           w_go, w_done, w_last_q;
  logic [IdW-1:0] w_id_q;
  logic [29:0]    w_first_q;
  logic [AddrW:0] w_addr_q;  // the highest bit: it has gone beyond the slave's
  logic [3:0]     w_len_q, w_left_q, w_strb_q;
  logic [1:0]     w_size_q, w_burst_q, b_resp_q;
  logic [31:0]    w_data_q;

  assign w_go        = w_known_q & w_valid_q & ~b_valid_q;
  assign w_done      = w_go & (w_far_q | (w_addr_sent_q & w_data_sent_q & m_bvalid_i));
  assign awready_o   = ~writing_q;
  assign wready_o    = ~w_valid_q;
  assign m_awaddr_o  = w_addr_q[AddrW-1:0];
  assign m_awvalid_o = w_go & ~w_far_q & ~w_addr_sent_q;
  assign m_wdata_o   = w_data_q;
  assign m_wstrb_o   = w_strb_q;
  assign m_wvalid_o  = w_go & ~w_far_q & ~w_data_sent_q;
  assign m_bready_o  = w_addr_sent_q & w_data_sent_q;

  assign {bid_o, bresp_o, bvalid_o} = {w_id_q, b_resp_q, b_valid_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {writing_q, w_known_q, w_valid_q, b_valid_q, w_addr_sent_q, w_data_sent_q} <= '0;
    else begin
      writing_q     <= writing_q ? ~(b_valid_q & bready_i) : awvalid_i;
      w_known_q     <= writing_q & ~b_valid_q;
      w_valid_q     <= w_valid_q ? ~w_done : wvalid_i;
      b_valid_q     <= b_valid_q ? ~bready_i : w_done & (w_left_q == '0);
      w_addr_sent_q <= ~w_done & (w_addr_sent_q | (m_awvalid_o & m_awready_i));
      w_data_sent_q <= ~w_done & (w_data_sent_q | (m_wvalid_o & m_wready_i));
    end
    w_far_q <= writing_q & (w_far_q | w_addr_q[AddrW] | (|(w_first_q >> AddrW)));
    if (!w_valid_q) {w_data_q, w_strb_q, w_last_q} <= {wdata_i, wstrb_i, wlast_i};
    if (!writing_q) begin
      {w_id_q, w_len_q, w_left_q, w_size_q, w_burst_q} <= {awid_i, awlen_i, awlen_i, awsize_i, awburst_i};
      w_first_q <= awaddr_i[29:0];
      w_addr_q  <= {1'b0, awaddr_i[AddrW-1:0]};
      b_resp_q  <= '0;
    end else if (w_done) begin
      w_addr_q <= next(w_addr_q, w_size_q, w_len_q, w_burst_q);
      w_left_q <= w_left_q - 1'b1;
      b_resp_q <= b_resp_q | (w_far_q ? Decerr : m_bresp_i);  // of 0, 2 and 3 the worst
    end
  end

  // Reads.
  logic           reading_q, r_known_q, r_far_q, r_valid_q, asked_q, r_last_q, r_go, r_done;
  logic [IdW-1:0] r_id_q;
  logic [29:0]    r_first_q;
  logic [AddrW:0] r_addr_q;
  logic [3:0]     r_len_q, r_left_q;
  logic [1:0]     r_size_q, r_burst_q, r_resp_q;
  logic [31:0]    r_data_q;

  assign r_go        = r_known_q & ~r_valid_q;
  assign r_done      = r_go & (r_far_q | (asked_q & m_rvalid_i));
  assign arready_o   = ~reading_q;
  assign m_araddr_o  = r_addr_q[AddrW-1:0];
  assign m_arvalid_o = r_go & ~r_far_q & ~asked_q;
  assign m_rready_o  = r_go & asked_q;

  assign {rid_o, rdata_o, rresp_o, rlast_o, rvalid_o} = {r_id_q, r_data_q, r_resp_q, r_last_q, r_valid_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {reading_q, r_known_q, r_valid_q, asked_q} <= '0;
    else begin
      reading_q <= reading_q ? ~(r_valid_q & r_last_q & rready_i) : arvalid_i;
      r_known_q <= reading_q & ~(r_valid_q & r_last_q);
      r_valid_q <= r_valid_q ? ~rready_i : r_done;
      asked_q   <= ~r_done & (asked_q | (m_arvalid_o & m_arready_i));
    end
    r_far_q <= reading_q & (r_far_q | r_addr_q[AddrW] | (|(r_first_q >> AddrW)));
    if (!reading_q) begin
      {r_id_q, r_len_q, r_left_q, r_size_q, r_burst_q} <= {arid_i, arlen_i, arlen_i, arsize_i, arburst_i};
      r_first_q <= araddr_i[29:0];
      r_addr_q  <= {1'b0, araddr_i[AddrW-1:0]};
    end else if (r_done) begin
      r_data_q <= m_rdata_i;
      r_resp_q <= r_far_q ? Decerr : m_rresp_i;
      r_last_q <= r_left_q == '0;
      r_addr_q <= next(r_addr_q, r_size_q, r_len_q, r_burst_q);
      r_left_q <= r_left_q - 1'b1;
    end
  end

  logic unused;
  assign unused = ^{awaddr_i[31:30], araddr_i[31:30], w_last_q};

  `XF_ASSERT_WHEN(LastIsCounted_A, w_done, w_last_q == (w_left_q == '0))
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
