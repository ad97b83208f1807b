// SPDX-License-Identifier: Apache-2.0
//
// Plans the bursts of a DMA: descriptors in, an AXI address channel out.
//
// A frame is Words words of 64 bits at a word-aligned address; the frames of a descriptor follow
// each other, or are the same words again (Again = 1). Bursts have at most 16 beats (the limit of AXI3 on Zynq's HP ports), stay within a
// frame, and never cross 4 KiB. A burst of len_o words is requested, with a pulse of ask_o, when
// enough_i says that the words, or the room for them, are available. Waits = 1: the next burst is
// planned after sent_i, when the words of this one have been sent.
//
// stop_i: no further burst is requested; idle_o says when all requested ones have been answered.
//
// Rate       a burst every two cycles
// Reset      synchronous, control state only; only while idle_o

`include "xf_assert.svh"

module xf_dma_bursts #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Words   = 1,   // per frame
  parameter  int unsigned Waits   = 0,
  parameter  int unsigned Again   = 0,   // 1: all frames of a descriptor are at its address
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
  // The burst that is planned, 1 .. 16 words.
  output logic [4:0]         len_o,
  input  logic               enough_i,
  output logic               ask_o,
  output logic               sending_o,   // Waits = 1: from ask_o to sent_i
  input  logic               sent_i,
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

  localparam int unsigned Burst = 16;
  localparam int unsigned Most  = 8;  // bursts under way
  localparam int unsigned LeftW = $clog2(Words + 1);

  typedef enum logic [1:0] {Idle, Plan, Offer, Send} state_e;

  state_e             state_q;
  logic [PlaceW-1:0]  place_q;   // of the next burst
  logic [PlaceW-1:0]  start_q;   // of the descriptor
  logic [FramesW-1:0] frames_q;  // not yet asked for in full
  logic [LeftW-1:0]   left_q;    // words of the frame not yet asked for
  logic [4:0]         len_q;     // of this burst, 1 .. 16
  logic [9:0]         to_border; // words up to the next 4 KiB, 1 .. 512
  logic               ax_valid_q, ask, frame_end, all_end;
  logic [AddrW-1:0]   ax_addr_q;
  logic [3:0]         ax_len_q;
  logic [3:0]         under_way_q;  // bursts asked for and not answered
  logic               last_q;       // the burst that was asked for is the last of its descriptor

  assign to_border = 10'd512 - 10'(place_q[8:0]);
  assign frame_end = left_q == LeftW'(len_q);
  assign all_end   = frame_end && frames_q == FramesW'(1);
  assign ask       = state_q == Offer && !stop_i && !ax_valid_q && under_way_q != 4'(Most)
                     && enough_i;
  assign s_ready_o = state_q == Idle && !stop_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
    end else begin
      unique case (state_q)
        Idle: if (s_valid_i && !stop_i) state_q <= Plan;
        Plan: state_q <= stop_i ? Idle : Offer;
        Offer: begin
          if (stop_i) state_q <= Idle;
          else if (ask) state_q <= (Waits != 0) ? Send : all_end ? Idle : Plan;
        end
        default: if (sent_i) state_q <= (last_q || stop_i) ? Idle : Plan;
      endcase
    end
    if (state_q == Idle) begin
      place_q  <= s_place_i;
      start_q  <= s_place_i;
      frames_q <= s_frames_i;
      left_q   <= LeftW'(Words);
    end else if (ask) begin
      place_q  <= (Again != 0 && frame_end) ? start_q : place_q + PlaceW'(len_q);
      left_q   <= frame_end ? LeftW'(Words) : left_q - LeftW'(len_q);
      frames_q <= frames_q - FramesW'(frame_end);
    end
    if (state_q == Plan) begin
      len_q <= 5'(Burst);
      if (32'(left_q) < Burst && 32'(left_q) <= 32'(to_border)) len_q <= 5'(left_q);
      else if (to_border < 10'(Burst)) len_q <= 5'(to_border);
    end
    if (ask) last_q <= all_end;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ax_valid_q  <= 1'b0;
      under_way_q <= '0;
    end else begin
      if (ask) ax_valid_q <= 1'b1;
      else if (axready_i) ax_valid_q <= 1'b0;
      under_way_q <= under_way_q + 4'(ask) - 4'(answered_i);
    end
    if (ask) begin
      ax_addr_q <= {place_q, 3'b0};
      ax_len_q  <= 4'(len_q - 1'b1);
    end
  end

  assign len_o     = len_q;
  assign ask_o     = ask;
  assign sending_o = state_q == Send;
  assign axaddr_o  = ax_addr_q;
  assign axlen_o   = 8'(ax_len_q);
  assign axvalid_o = ax_valid_q;
  assign idle_o    = under_way_q == '0;

  logic [AddrW+1:0] begins [Most];  // of the bursts under way
  logic [2:0]       newest_q, oldest_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      newest_q <= '0;
      oldest_q <= '0;
    end else begin
      if (ask) newest_q <= newest_q + 1'b1;
      if (answered_i) oldest_q <= oldest_q + 1'b1;
    end
    if (ask) begins[newest_q] <= {all_end, frame_end, place_q, 3'b0};
  end

  assign oldest_o = begins[oldest_q];

`ifdef XF_CHECK
  // Each burst that is asked for is offered once, before the next is asked for.
  xf_check_beats u_offers (
    .clk_i, .rst_ni, .taken_i(ask), .given_i(axvalid_o & axready_i)
  );
`endif

  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, axvalid_o, axready_i, {axlen_o, axaddr_o})
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, answered_i, under_way_q != '0)
  `XF_ASSERT_WHEN(WithinFourKiB_A, axvalid_o,
                  10'(ax_addr_q[11:3]) + 10'(ax_len_q) < 10'd512)

endmodule : xf_dma_bursts
