// SPDX-License-Identifier: Apache-2.0
//
// Several readers share one AXI read port, a burst each in turn: who asks waits for at most one burst
// of every other reader. Answers come in the order of the bursts.
//
// A reader takes every word of its bursts at once (xf_dma_read), so rready of the port is always high.
// The port's arready reaches one register and no reader.
//
// Rate       one burst every two cycles, one word per cycle
// Latency    1 cycle from a reader's address to the port's, 0 for words
// Reset      synchronous; only while no burst is under way

`include "xf_assert.svh"

module xf_dma_share #(
  parameter int unsigned AddrW   = 32,  // bits of a byte address
  parameter int unsigned Readers = 2,
  parameter int unsigned Depth   = 16   // bursts under way, of all readers
) (
  input  logic                          clk_i, rst_ni,
  input  logic [Readers-1:0][AddrW-1:0] araddr_i,
  input  logic [Readers-1:0][7:0]       arlen_i,
  input  logic [Readers-1:0]            arvalid_i,
  output logic [Readers-1:0]            arready_o,
  output logic [Readers-1:0]            rvalid_o,
  // The port
  output logic [AddrW-1:0]              m_araddr_o,
  output logic [7:0]                    m_arlen_o,
  output logic                          m_arvalid_o,
  input  logic                          m_arready_i,
  input  logic                          m_rlast_i,
  input  logic                          m_rvalid_i
);

  if (Readers < 1) begin : gen_bad_readers
    $error("xf_dma_share: Readers must be at least 1; got Readers=%0d", Readers);
  end

  logic [Readers-1:0] first, owner;  // one-hot: who goes next, whose the next word is
  logic [Readers-1:0] served_q;       // the reader served last, and all with a lower number
  logic [Readers-1:0] behind, among;  // who asks: with a higher number; these, or all if none
  logic               room, take, valid_q, owned;
  logic [AddrW-1:0]   addr_q, addr;
  logic [7:0]         len_q, len;

  assign behind    = arvalid_i & ~served_q;
  assign among     = (behind != '0) ? behind : arvalid_i;
  assign first     = among & (~among + 1'b1);
  assign take      = ~valid_q & room & (|arvalid_i);
  assign arready_o = first & {Readers{take}};

  always_comb begin
    {addr, len} = '0;
    for (int r = 0; r < Readers; r++) begin
      addr |= araddr_i[r] & {AddrW{first[r]}};
      len  |= arlen_i[r] & {8{first[r]}};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {valid_q, served_q} <= '0;
    else if (take) {valid_q, served_q} <= {1'b1, first | (first - 1'b1)};
    else if (m_arready_i) valid_q <= 1'b0;
    if (take) {addr_q, len_q} <= {addr, len};
  end

  assign m_araddr_o  = addr_q;
  assign m_arlen_o   = len_q;
  assign m_arvalid_o = valid_q;

  xf_fifo #(.Width(Readers), .Depth(Depth), .Kind(1)) u_owners (
    .clk_i, .rst_ni, .s_data_i(first), .s_valid_i(take), .s_ready_o(room),
    .m_data_o(owner), .m_valid_o(owned), .m_ready_i(m_rvalid_i & m_rlast_i)
  );

  assign rvalid_o = owner & {Readers{m_rvalid_i}};

  logic unused;
  assign unused = owned;

  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, m_arvalid_o, m_arready_i, {m_arlen_o, m_araddr_o})
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, m_rvalid_i, owned)

`ifdef XF_CHECK
  // Each burst that a reader asks for is offered once.
  xf_check_beats u_bursts (
    .clk_i, .rst_ni, .taken_i(take), .given_i(m_arvalid_o & m_arready_i)
  );
`endif

endmodule : xf_dma_share
