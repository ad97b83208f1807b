// SPDX-License-Identifier: Apache-2.0
//
// Writes frames to memory: descriptors and a stream of words in, AXI bursts out.
//
// Frames and bursts are those of xf_dma_bursts. A burst is requested when all of its words are in
// the FIFO, so it always completes, whatever the source of the stream does, and a reset in
// mid-stream cannot leave half a burst.
//
// stop_i: no further burst is requested; idle_o says when all requested ones have been sent and
// answered. A reset follows.
//
// Rate       a burst of n words every n + 2 cycles
// Reset      synchronous, control state only; only while idle_o

`include "xf_assert.svh"

module xf_dma_write #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Words   = 1,   // per frame
  parameter  int unsigned Depth   = 32,  // words of the FIFO; at least a burst
  localparam int unsigned PlaceW  = AddrW - 3
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic               stop_i,
  output logic               idle_o,
  // Descriptor: number of the first word in memory, and of frames (at least 1).
  input  logic [PlaceW-1:0]  s_place_i,
  input  logic [FramesW-1:0] s_frames_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  // Words, a strobe per byte
  input  logic [63:0]        s_word_data_i,
  input  logic [7:0]         s_word_strb_i,
  input  logic               s_word_valid_i,
  output logic               s_word_ready_o,
  // AXI, write channels; bursts of whole words, addresses upwards.
  output logic [AddrW-1:0]   awaddr_o,
  output logic [7:0]         awlen_o,
  output logic               awvalid_o,
  input  logic               awready_i,
  output logic [63:0]        wdata_o,
  output logic [7:0]         wstrb_o,
  output logic               wlast_o,
  output logic               wvalid_o,
  input  logic               wready_i,
  input  logic [1:0]         bresp_i,
  input  logic               bvalid_i,
  output logic               bready_o,
  // Pulses: all of a frame, of a descriptor, is in memory.
  output logic               frame_done_o,
  output logic               done_o,
  // An answer was no OKAY: a pulse, what it was, and the address of its burst.
  output logic               error_o,
  output logic [1:0]         error_resp_o,
  output logic [AddrW-1:0]   error_addr_o
);

  localparam int unsigned FillW = $clog2(Depth + 2);

  if (AddrW < 13 || AddrW > 64) begin : gen_bad_address
    $error("xf_dma_write: AddrW must be 13 .. 64; got AddrW=%0d", AddrW);
  end else if (Words < 1 || FramesW < 1) begin : gen_bad_size
    $error("xf_dma_write: Words, FramesW must be at least 1; got %0d, %0d", Words, FramesW);
  end else if (Depth < 16) begin : gen_bad_depth
    $error("xf_dma_write: Depth must hold a burst of 16; got Depth=%0d", Depth);
  end

  logic [4:0]       len;
  logic [4:0]       send_q;  // words of this burst not yet sent
  logic [FillW-1:0] fill_q;  // words in the FIFO that belong to no burst
  logic             ask, sending, sent, taken, answered, word_valid;
  logic [AddrW+1:0] oldest;

  xf_dma_bursts #(.AddrW(AddrW), .FramesW(FramesW), .Words(Words), .Waits(1)) u_bursts (
    .clk_i, .rst_ni, .stop_i, .idle_o, .s_place_i, .s_frames_i, .s_valid_i, .s_ready_o,
    .len_o(len), .enough_i(fill_q >= FillW'(len)), .ask_o(ask), .sending_o(sending),
    .sent_i(sent & wlast_o),
    .axaddr_o(awaddr_o), .axlen_o(awlen_o), .axvalid_o(awvalid_o), .axready_i(awready_i),
    .answered_i(answered), .oldest_o(oldest)
  );

  assign taken    = s_word_valid_i & s_word_ready_o;
  assign sent     = wvalid_o & wready_i;
  assign answered = bvalid_i & bready_o;
  assign wvalid_o = word_valid & sending;
  assign wlast_o  = send_q == 5'd1;
  assign bready_o = 1'b1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) fill_q <= '0;
    else         fill_q <= fill_q + FillW'(taken) - (ask ? FillW'(len) : '0);
    if (ask)       send_q <= len;
    else if (sent) send_q <= send_q - 1'b1;
  end

  assign frame_done_o = answered & ~bresp_i[1] & oldest[AddrW];
  assign done_o       = answered & ~bresp_i[1] & oldest[AddrW+1];
  assign error_o      = answered & bresp_i[1];
  assign error_resp_o = bresp_i;
  assign error_addr_o = oldest[AddrW-1:0];

  xf_fifo #(.Width(72), .Depth(Depth), .Kind(1)) u_fifo (
    .clk_i, .rst_ni, .s_data_i({s_word_strb_i, s_word_data_i}), .s_valid_i(s_word_valid_i),
    .s_ready_o(s_word_ready_o), .m_data_o({wstrb_o, wdata_o}), .m_valid_o(word_valid),
    .m_ready_i(wready_i & sending)
  );

`ifdef XF_CHECK
  // All words go to memory, each once and in order.
  xf_check_order #(.Width(72), .Most(Depth + 1)) u_order (
    .clk_i, .rst_ni, .taken_i(taken), .taken_data_i({s_word_strb_i, s_word_data_i}),
    .given_i(sent), .given_data_i({wstrb_o, wdata_o})
  );
`endif

  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, wvalid_o, wready_i, {wlast_o, wstrb_o, wdata_o})
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, bvalid_i, !idle_o)

endmodule : xf_dma_write
