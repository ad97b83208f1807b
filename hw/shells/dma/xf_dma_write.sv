// SPDX-License-Identifier: Apache-2.0
//
// Writes frames to memory: descriptors and a stream of words in, AXI bursts out.
//
// Frames, bursts and addresses are those of xf_dma_read. A burst is asked for when all of its words
// are in the FIFO, so that it ends whatever the source of the stream does, and a reset in
// mid-stream leaves no half burst behind.
//
// stop_i: no burst is asked for any more; idle_o says when all that were have been sent and
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

  localparam int unsigned Burst = 16;
  localparam int unsigned Most  = 8;  // bursts under way
  localparam int unsigned LeftW = $clog2(Words + 1);
  localparam int unsigned FillW = $clog2(Depth + 2);

  if (AddrW < 13 || AddrW > 64) begin : gen_bad_address
    $error("xf_dma_write: AddrW must be 13 .. 64; got AddrW=%0d", AddrW);
  end else if (Words < 1 || FramesW < 1) begin : gen_bad_size
    $error("xf_dma_write: Words, FramesW must be at least 1; got %0d, %0d", Words, FramesW);
  end else if (Depth < Burst) begin : gen_bad_depth
    $error("xf_dma_write: Depth must hold a burst of 16; got Depth=%0d", Depth);
  end

  typedef enum logic [1:0] {Idle, Plan, Offer, Send} state_e;

  state_e             state_q;
  logic [PlaceW-1:0]  place_q;   // of the next burst
  logic [FramesW-1:0] frames_q;  // not yet asked for in full
  logic [LeftW-1:0]   left_q;    // words of the frame not yet asked for
  logic [4:0]         len_q;     // of this burst, 1 .. 16
  logic [4:0]         send_q;    // words of it not yet sent
  logic [9:0]         to_border; // words up to the next 4 KiB, 1 .. 512
  logic [FillW-1:0]   fill_q;    // words in the FIFO that belong to no burst
  logic               aw_valid_q, ask, frame_end, all_end, sent, taken, answered;
  logic [AddrW-1:0]   aw_addr_q;
  logic [3:0]         aw_len_q;
  logic [3:0]         under_way_q;  // bursts asked for and not answered
  logic               last_q;       // this burst is the last of its descriptor
  logic               word_valid;

  assign to_border = 10'd512 - 10'(place_q[8:0]);
  assign frame_end = left_q == LeftW'(len_q);
  assign all_end   = frame_end && frames_q == FramesW'(1);
  assign ask       = state_q == Offer && !stop_i && !aw_valid_q && under_way_q != 4'(Most)
                     && fill_q >= FillW'(len_q);
  assign s_ready_o = state_q == Idle && !stop_i;
  assign taken     = s_word_valid_i & s_word_ready_o;
  assign sent      = wvalid_o & wready_i;
  assign answered  = bvalid_i & bready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
    end else begin
      unique case (state_q)
        Idle: if (s_valid_i && !stop_i) state_q <= Plan;
        Plan: state_q <= stop_i ? Idle : Offer;
        Offer: begin
          if (stop_i) state_q <= Idle;
          else if (ask) state_q <= Send;
        end
        default: if (sent && wlast_o) state_q <= (last_q || stop_i) ? Idle : Plan;
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
    if (ask) begin
      send_q <= len_q;
      last_q <= all_end;
    end else if (sent) begin
      send_q <= send_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_valid_q  <= 1'b0;
      under_way_q <= '0;
      fill_q      <= '0;
    end else begin
      if (ask) aw_valid_q <= 1'b1;
      else if (awready_i) aw_valid_q <= 1'b0;
      under_way_q <= under_way_q + 4'(ask) - 4'(answered);
      fill_q      <= fill_q + FillW'(taken) - (ask ? FillW'(len_q) : '0);
    end
    if (ask) begin
      aw_addr_q <= {place_q, 3'b0};
      aw_len_q  <= 4'(len_q - 1'b1);
    end
  end

  assign awaddr_o  = aw_addr_q;
  assign awlen_o   = 8'(aw_len_q);
  assign awvalid_o = aw_valid_q;
  assign wvalid_o  = word_valid & (state_q == Send);
  assign wlast_o   = send_q == 5'd1;
  assign bready_o  = 1'b1;
  assign idle_o    = under_way_q == '0;

  // Of the bursts under way, oldest first: {ends a descriptor, ends a frame, where it began}.
  logic [AddrW+1:0] begins [Most];
  logic [AddrW+1:0] oldest;
  logic [2:0]       newest_q, oldest_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      newest_q <= '0;
      oldest_q <= '0;
    end else begin
      if (ask) newest_q <= newest_q + 1'b1;
      if (answered) oldest_q <= oldest_q + 1'b1;
    end
    if (ask) begins[newest_q] <= {all_end, frame_end, place_q, 3'b0};
  end

  assign oldest       = begins[oldest_q];
  assign frame_done_o = answered & ~bresp_i[1] & oldest[AddrW];
  assign done_o       = answered & ~bresp_i[1] & oldest[AddrW+1];
  assign error_o      = answered & bresp_i[1];
  assign error_resp_o = bresp_i;
  assign error_addr_o = oldest[AddrW-1:0];

  xf_fifo #(.Width(72), .Depth(Depth), .Kind(1)) u_fifo (
    .clk_i, .rst_ni, .s_data_i({s_word_strb_i, s_word_data_i}), .s_valid_i(s_word_valid_i),
    .s_ready_o(s_word_ready_o), .m_data_o({wstrb_o, wdata_o}), .m_valid_o(word_valid),
    .m_ready_i(wready_i & (state_q == Send))
  );

`ifdef XF_CHECK
  // All words go to memory, each once and in order.
  xf_check_order #(.Width(72), .Most(Depth + 1)) u_order (
    .clk_i, .rst_ni, .taken_i(taken), .taken_data_i({s_word_strb_i, s_word_data_i}),
    .given_i(sent), .given_data_i({wstrb_o, wdata_o})
  );
`endif

  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, awvalid_o, awready_i, {awlen_o, awaddr_o})
  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, wvalid_o, wready_i, {wlast_o, wstrb_o, wdata_o})
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, bvalid_i, under_way_q != '0)
  `XF_ASSERT_WHEN(WithinFourKiB_A, awvalid_o,
                  10'(aw_addr_q[11:3]) + 10'(aw_len_q) < 10'd512)

endmodule : xf_dma_write
