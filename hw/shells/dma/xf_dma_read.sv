// SPDX-License-Identifier: Apache-2.0
//
// Reads frames from memory: descriptors in, AXI bursts out, a stream of words.
//
// Frames and bursts are those of xf_dma_bursts. A burst is requested when the FIFO has room for 16
// words, so rready_o is always high and no burst in flight depends on the reader of the stream.
//
// stop_i: no further burst is requested; idle_o says when all requested ones have been answered.
// The rest of the descriptor is not read: a reset follows.
//
// Rate       one word per cycle; a burst, or a frame that is shorter, every two cycles
// Reset      synchronous, control state only; only while idle_o

`include "xf_assert.svh"

module xf_dma_read #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Words   = 1,   // per frame
  parameter  int unsigned Depth   = 64,  // words of the FIFO; at least a burst
  parameter  int unsigned Again   = 0,   // as of xf_dma_bursts
  localparam int unsigned PlaceW  = AddrW - 3
) (
  input  logic               clk_i, rst_ni,
  input  logic               stop_i,
  output logic               idle_o,
  // Descriptor: number of the first word in memory, and of frames (at least 1).
  input  logic [PlaceW-1:0]  s_place_i,
  input  logic [FramesW-1:0] s_frames_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  // AXI, read channels; bursts of whole words, addresses upwards.
  output logic [AddrW-1:0]   araddr_o,
  output logic [7:0]         arlen_o,
  output logic               arvalid_o,
  input  logic               arready_i,
  input  logic [63:0]        rdata_i,
  input  logic [1:0]         rresp_i,
  input  logic               rlast_i,
  input  logic               rvalid_i,
  output logic               rready_o,
  // Words
  output logic [63:0]        m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i,
  // An answer was no OKAY: a pulse, what it was, and the address of its burst.
  output logic               error_o,
  output logic [1:0]         error_resp_o,
  output logic [AddrW-1:0]   error_addr_o
);

  localparam int unsigned CountW = $clog2(Depth) + 1;

  if (AddrW < 13 || AddrW > 64) begin : gen_bad_address
    $error("xf_dma_read: AddrW must be 13 .. 64; got AddrW=%0d", AddrW);
  end else if (Words < 1 || FramesW < 1) begin : gen_bad_size
    $error("xf_dma_read: Words, FramesW must be at least 1; got %0d, %0d", Words, FramesW);
  end else if (Depth < 16 || (Depth & (Depth - 1)) != 0) begin : gen_bad_depth
    $error("xf_dma_read: Depth must be a power of two from 16 on; got Depth=%0d", Depth);
  end

  // Words that bursts were asked for, that came, that left the memory.
  logic [CountW-1:0] asked_q, came_q, left_q, size, used;
  logic              ask, ends, taken, room_q, have, go, valid_q;
  logic [3:0]        len;
  logic [63:0]       data_q;
  logic [AddrW+1:0]  oldest;

  (* ram_style = "distributed" *) logic [63:0] mem [Depth];

  xf_dma_bursts #(
    .AddrW(AddrW), .FramesW(FramesW), .Words(Words), .Again(Again)
  ) u_bursts (
    .clk_i, .rst_ni, .stop_i, .idle_o, .s_place_i, .s_frames_i, .s_valid_i, .s_ready_o,
    .len_o(len), .ends_o(ends), .enough_i(room_q), .busy_i(1'b0), .ask_o(ask),
    .axaddr_o(araddr_o), .axlen_o(arlen_o), .axvalid_o(arvalid_o), .axready_i(arready_i),
    .answered_i(taken & rlast_i), .oldest_o(oldest)
  );

  assign taken     = rvalid_i & rready_o;
  assign rready_o  = 1'b1;
  assign size      = CountW'(len);
  assign used      = asked_q - left_q;
  assign have      = came_q != left_q;
  assign go        = m_ready_i | ~valid_q;  // an enable and nothing else
  assign {m_valid_o, m_data_o} = {valid_q, data_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {asked_q, came_q, left_q, room_q, valid_q} <= '0;
    else begin
      if (ask) asked_q <= asked_q - ~size;  // len + 1 in one chain of carries
      if (taken) came_q <= came_q + 1'b1;
      if (go) left_q <= left_q + CountW'(have);
      if (go) valid_q <= have;
      room_q <= used <= CountW'(Depth - 16) && !ask;
    end
    if (taken) mem[came_q[CountW-2:0]] <= rdata_i;
    if (go) data_q <= mem[left_q[CountW-2:0]];
  end

  assign error_o      = taken & rresp_i[1];
  assign error_resp_o = rresp_i;
  assign error_addr_o = oldest[AddrW-1:0];

`ifdef XF_CHECK
  // All words of the bursts that were asked for come out, each once and in order.
  xf_check_order #(.Width(64), .Most(Depth + 1)) u_order (
    .clk_i, .rst_ni, .taken_i(taken), .taken_data_i(rdata_i),
    .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
  );
`endif

  logic unused;
  assign unused = ^{ends, oldest[AddrW+1:AddrW]};

  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(RoomForEveryWord_A, rvalid_i, CountW'(came_q - left_q) < CountW'(Depth))
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, rvalid_i, !idle_o)

endmodule : xf_dma_read
