// SPDX-License-Identifier: Apache-2.0
//
// Plans the bursts of a DMA: descriptors in, an AXI address channel out.
//
// A frame is Words words of 64 bits at a word-aligned address; the frames of a descriptor follow
// each other, or are the same words again (Again = 1). A burst ends with a frame or with a block of
// 16 words (the limit of AXI3 on Zynq's HP ports) that lies at a multiple of 128 bytes, so that none
// crosses 4 KiB. It is requested, with a pulse of ask_o, a cycle after enough_i said that its words,
// or the room for 16, are available, which must stay so.
//
// stop_i: no burst is requested from the next cycle on; idle_o says when all requested ones have
// been answered.
//
// Rate       a burst every two cycles, with Waits three
// Reset      synchronous, control state only; only while idle_o

`include "xf_assert.svh"

module xf_dma_bursts #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Words   = 1,   // per frame
  parameter  int unsigned Waits   = 0,   // 1: enough_i depends on len_o
  parameter  int unsigned Again   = 0,   // 1: all frames of a descriptor are at its address
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
  // The burst that is planned: its words less one, and whether a frame ends with it.
  output logic [3:0]         len_o,
  output logic               ends_o,
  input  logic               enough_i,
  input  logic               busy_i,      // words of the burst before are still to be sent
  output logic               ask_o,
  // AXI, an address channel; addresses upwards.
  output logic [AddrW-1:0]   axaddr_o,
  output logic [7:0]         axlen_o,
  output logic               axvalid_o,
  input  logic               axready_i,
  // A burst is answered in full; of the oldest under way: {ends a descriptor, ends a frame, where
  // it began}.
  input  logic               answered_i,
  output logic [AddrW+1:0]   oldest_o
);

  localparam int unsigned Most   = 8;  // bursts under way
  localparam int unsigned High   = (Words - 1) / 16;
  localparam int unsigned BlockW = $clog2(High + 2);

  typedef enum logic [1:0] {Idle, Plan, Offer} state_e;

  state_e             state_q;
  logic [PlaceW-1:0]  start_q;           // of the descriptor
  logic [PlaceW-5:0]  block_q, block;    // of the next burst, and its first word in that
  logic [3:0]         low_q, low;
  logic [3:0]         tail_q, tail;      // the frame's last word in its last block
  logic [BlockW-1:0]  blocks_q, blocks;  // behind this one up to that, inverted: counts up to all ones
  logic [FramesW-1:0] frames_q, frames;  // not yet asked for in full, inverted
  logic [3:0]         len_q;             // of this burst, less one
  logic               ends_q, final_q;   // it ends a frame, the descriptor's last one
  logic               idle, ask, frame_begins, goes_on, frame_ends, next_block, carry, go_q, ax_valid_q, full;
  logic [AddrW-1:0]   ax_addr_q;
  logic [3:0]         ax_len_q;
  logic [3:0]         newest_q, oldest_q;  // of the bursts under way

  assign idle         = state_q == Idle;
  assign ask          = go_q & ~ax_valid_q & ~busy_i;
  assign frame_begins = idle | ends_q;
  assign goes_on      = ~frame_begins;
  assign frame_ends   = ends_q & ~idle;
  assign next_block   = ~idle & (ends_q ? (Again == 0) & (&tail_q) : 1'b1);
  assign s_ready_o    = idle & ~stop_i;

  // Where the next burst begins, and with a frame where that ends.
  always_comb begin
    block = block_q;
    low   = ends_q ? tail_q + 1'b1 : '0;
    if (idle) {block, low} = s_place_i;
    else if (Again != 0 && ends_q) {block, low} = start_q;
    {carry, tail} = 5'(low) + 5'((Words - 1) % 16);
    blocks = frame_begins ? BlockW'(carry ? ~(High + 1) : ~High) : blocks_q;
    frames = idle ? ~s_frames_i : frames_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
    end else begin
      unique case (state_q)
        Idle: if (s_valid_i && !stop_i) state_q <= Plan;
        Plan: state_q <= stop_i ? Idle : Offer;
        default: if (stop_i || ask) state_q <= (stop_i || (ends_q && final_q)) ? Idle : Plan;
      endcase
    end
    if (idle) start_q <= s_place_i;
    if (idle || ask) begin
      block_q  <= block + (PlaceW-4)'(next_block);
      low_q    <= low;
      blocks_q <= blocks + BlockW'(goes_on);
      frames_q <= frames + FramesW'(frame_ends);
      if (frame_begins) tail_q <= tail;
    end
    if (state_q == Plan) begin
      len_q   <= ((&blocks_q) ? tail_q : 4'd15) - low_q;
      ends_q  <= &blocks_q;
      final_q <= &(frames_q ^ FramesW'(1));
    end
    if (!rst_ni) go_q <= 1'b0;
    else go_q <= ((state_q == Offer) | ((Waits == 0) & (state_q == Plan)))
                 & enough_i & ~full & ~stop_i & ~ask;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) ax_valid_q <= 1'b0;
    else ax_valid_q <= ax_valid_q ? ~axready_i : go_q & ~busy_i;
    if (ask) begin
      ax_addr_q <= {block_q, low_q, 3'b0};
      ax_len_q  <= len_q;
    end
  end

  assign len_o     = len_q;
  assign ends_o    = ends_q;
  assign ask_o     = ask;
  assign axaddr_o  = ax_addr_q;
  assign axlen_o   = 8'(ax_len_q);
  assign axvalid_o = ax_valid_q;
  assign idle_o    = newest_q == oldest_q;
  assign full      = newest_q == (oldest_q ^ 4'(Most));

  logic [AddrW+1:0] begins [Most];  // of the bursts under way

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      newest_q <= '0;
      oldest_q <= '0;
    end else begin
      if (ask) newest_q <= newest_q + 1'b1;
      if (answered_i) oldest_q <= oldest_q + 1'b1;
    end
    if (ask) begins[newest_q[2:0]] <= {ends_q & final_q, ends_q, block_q, low_q, 3'b0};
  end

  assign oldest_o = begins[oldest_q[2:0]];

`ifdef XF_CHECK
  // Each burst that is asked for is offered once, before the next is asked for.
  xf_check_beats u_offers (
    .clk_i, .rst_ni, .taken_i(ask), .given_i(axvalid_o & axready_i)
  );
`endif

  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, axvalid_o, axready_i, {axlen_o, axaddr_o})
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, answered_i, !idle_o)
  `XF_ASSERT_WHEN(WithinFourKiB_A, axvalid_o,
                  10'(ax_addr_q[11:3]) + 10'(ax_len_q) < 10'd512)

endmodule : xf_dma_bursts
