// SPDX-License-Identifier: Apache-2.0
//
// Reads frames from memory: descriptors in, AXI bursts out, a stream of words.
//
// A frame is Words words of 64 bits at an address that a word divides; the frames of a descriptor
// follow each other. Bursts have at most 16 beats (AXI3 of Zynq's HP ports takes no more), stay in
// a frame, and never cross 4 KiB. A burst is asked for when the FIFO has room for all of it, so
// that rready_o is always high and nothing under way depends on the reader of the stream.
//
// stop_i: no burst is asked for any more; idle_o says when all that were have been answered. What
// was not read then stays so: a reset follows.
//
// Rate       one word per cycle; a burst, or a frame that is shorter, every two cycles
// Reset      synchronous, control state only; only while idle_o

`include "xf_assert.svh"

module xf_dma_read #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Words   = 1,   // per frame
  parameter  int unsigned Depth   = 64,  // words of the FIFO; at least a burst
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

  localparam int unsigned Burst = 16;
  localparam int unsigned Most  = 8;  // bursts under way
  localparam int unsigned LeftW = $clog2(Words + 1);
  localparam int unsigned RoomW = $clog2(Depth + 1);

  if (AddrW < 13 || AddrW > 64) begin : gen_bad_address
    $error("xf_dma_read: AddrW must be 13 .. 64; got AddrW=%0d", AddrW);
  end else if (Words < 1 || FramesW < 1) begin : gen_bad_size
    $error("xf_dma_read: Words, FramesW must be at least 1; got %0d, %0d", Words, FramesW);
  end else if (Depth < Burst) begin : gen_bad_depth
    $error("xf_dma_read: Depth must hold a burst of 16; got Depth=%0d", Depth);
  end

  typedef enum logic [1:0] {Idle, Plan, Offer} state_e;

  state_e             state_q;
  logic [PlaceW-1:0]  place_q;   // of the next burst
  logic [FramesW-1:0] frames_q;  // not yet asked for in full
  logic [LeftW-1:0]   left_q;    // words of the frame not yet asked for
  logic [4:0]         len_q;     // of the next burst, 1 .. 16
  logic [9:0]         to_border; // words up to the next 4 KiB, 1 .. 512
  logic [RoomW-1:0]   room_q;    // words of the FIFO that no burst was promised
  logic               ar_valid_q, ask, frame_end, taken, popped;
  logic [AddrW-1:0]   ar_addr_q;
  logic [3:0]         ar_len_q;
  logic [3:0]         under_way_q;  // bursts asked for and not answered in full

  assign to_border = 10'd512 - 10'(place_q[8:0]);
  assign frame_end = left_q == LeftW'(len_q);
  assign ask       = state_q == Offer && !stop_i && !ar_valid_q && under_way_q != 4'(Most)
                     && room_q >= RoomW'(len_q);
  assign s_ready_o = state_q == Idle && !stop_i;
  assign taken     = rvalid_i & rready_o;
  assign popped    = m_valid_o & m_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
    end else if (stop_i) begin
      state_q <= Idle;
    end else begin
      unique case (state_q)
        Idle: if (s_valid_i) state_q <= Plan;
        Plan: state_q <= Offer;
        default: if (ask) state_q <= (frame_end && frames_q == FramesW'(1)) ? Idle : Plan;
      endcase
    end
    if (state_q == Idle) begin
      place_q  <= s_place_i;
      frames_q <= s_frames_i;
      left_q   <= LeftW'(Words);
    end else if (ask) begin
      place_q  <= place_q + PlaceW'(len_q);
      left_q   <= frame_end ? LeftW'(Words) : left_q - LeftW'(len_q);
      frames_q <= frames_q - FramesW'(frame_end);
    end
    if (state_q == Plan) begin
      len_q <= 5'(Burst);
      if (32'(left_q) < Burst && 32'(left_q) <= 32'(to_border)) len_q <= 5'(left_q);
      else if (to_border < 10'(Burst)) len_q <= 5'(to_border);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ar_valid_q  <= 1'b0;
      under_way_q <= '0;
      room_q      <= RoomW'(Depth);
    end else begin
      if (ask) ar_valid_q <= 1'b1;
      else if (arready_i) ar_valid_q <= 1'b0;
      under_way_q <= under_way_q + 4'(ask) - 4'(taken & rlast_i);
      room_q      <= room_q - (ask ? RoomW'(len_q) : '0) + RoomW'(popped);
    end
    if (ask) begin
      ar_addr_q <= {place_q, 3'b0};
      ar_len_q  <= 4'(len_q - 1'b1);
    end
  end

  assign araddr_o  = ar_addr_q;
  assign arlen_o   = 8'(ar_len_q);
  assign arvalid_o = ar_valid_q;
  assign rready_o  = 1'b1;
  assign idle_o    = under_way_q == '0;

  // Where the bursts under way began, oldest first.
  logic [AddrW-1:0] begins [Most];
  logic [2:0]       newest_q, oldest_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      newest_q <= '0;
      oldest_q <= '0;
    end else begin
      if (ask) newest_q <= newest_q + 1'b1;
      if (taken && rlast_i) oldest_q <= oldest_q + 1'b1;
    end
    if (ask) begins[newest_q] <= {place_q, 3'b0};
  end

  assign error_o      = taken & rresp_i[1];
  assign error_resp_o = rresp_i;
  assign error_addr_o = begins[oldest_q];

  logic fifo_ready;

  xf_fifo #(.Width(64), .Depth(Depth), .Kind(1)) u_fifo (
    .clk_i, .rst_ni, .s_data_i(rdata_i), .s_valid_i(rvalid_i), .s_ready_o(fifo_ready),
    .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // All words of the bursts that were asked for come out, each once and in order.
  xf_check_order #(.Width(64), .Most(Depth + 1)) u_order (
    .clk_i, .rst_ni, .taken_i(taken), .taken_data_i(rdata_i),
    .given_i(popped), .given_data_i(m_data_o)
  );
`else
  logic unused;
  assign unused = fifo_ready;
`endif

  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, arvalid_o, arready_i, {arlen_o, araddr_o})
  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(RoomForEveryWord_A, rvalid_i, fifo_ready)
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, rvalid_i, under_way_q != '0)
  `XF_ASSERT_WHEN(WithinFourKiB_A, arvalid_o,
                  10'(ar_addr_q[11:3]) + 10'(ar_len_q) < 10'd512)

endmodule : xf_dma_read
