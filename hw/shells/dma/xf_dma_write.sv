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
// Rate       a word per cycle; a burst every three cycles
// Reset      synchronous, control state only; only while idle_o

`include "xf_assert.svh"

module xf_dma_write #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Words   = 1,   // per frame
  parameter  logic [7:0]  Strobes = '1,  // of the last word of a frame
  parameter  int unsigned Depth   = 32,  // words of the FIFO, a power of two
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
  // Words
  input  logic [63:0]        s_word_data_i,
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

  localparam int unsigned CountW = $clog2(Depth) + 1;

  if (AddrW < 13 || AddrW > 64) begin : gen_bad_address
    $error("xf_dma_write: AddrW must be 13 .. 64; got AddrW=%0d", AddrW);
  end else if (Words < 1 || FramesW < 1) begin : gen_bad_size
    $error("xf_dma_write: Words, FramesW must be at least 1; got %0d, %0d", Words, FramesW);
  end else if (Depth < 32 || (Depth & (Depth - 1)) != 0) begin : gen_bad_depth
    $error("xf_dma_write: Depth must be a power of two from 32 on; got Depth=%0d", Depth);
  end

  // Words of the memory: those that came, those that bursts were asked for, those that left it.
  logic [CountW-1:0] came_q, asked_q, left_q, here, fill_q, size;
  logic [3:0]        len, next_len_q, rest_q;  // of the next burst, of that which is sent: words less one
  logic              ask, ends, next_ends_q, ends_q, next_q, sent_q;  // a burst waits where these differ
  logic              taken, answered, ready_q, go, amid;
  logic              more_q, one_q;  // a word is to leave, the last one of the burst
  logic              valid_q, last_q, whole_q;
  logic [63:0]       data_q;
  logic [AddrW+1:0]  oldest;

  (* ram_style = "distributed" *) logic [63:0] mem [Depth];

  xf_dma_bursts #(.AddrW(AddrW), .FramesW(FramesW), .Words(Words), .Waits(1)) u_bursts (
    .clk_i, .rst_ni, .stop_i, .idle_o, .s_place_i, .s_frames_i, .s_valid_i, .s_ready_o,
    .len_o(len), .ends_o(ends), .enough_i(fill_q > size), .busy_i(next_q ^ sent_q), .ask_o(ask),
    .axaddr_o(awaddr_o), .axlen_o(awlen_o), .axvalid_o(awvalid_o), .axready_i(awready_i),
    .answered_i(answered), .oldest_o(oldest)
  );

  assign taken    = s_word_valid_i & s_word_ready_o;
  assign answered = bvalid_i & bready_o;
  assign here     = came_q - left_q;
  assign size     = CountW'(len);
  assign bready_o = 1'b1;

  assign s_word_ready_o = ready_q;
  assign wstrb_o        = whole_q ? '1 : Strobes;

  assign {wvalid_o, wlast_o, wdata_o} = {valid_q, last_q, data_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {came_q, asked_q, fill_q, ready_q, next_q} <= '0;
    else begin
      if (taken) came_q <= came_q + 1'b1;
      if (ask) asked_q <= asked_q - ~size;  // len + 1 in one chain of carries
      fill_q  <= came_q - asked_q;
      ready_q <= here < CountW'(Depth - 2);
      next_q  <= next_q ^ ask;
    end
    if (taken) mem[came_q[CountW-2:0]] <= s_word_data_i;
    if (ask) {next_len_q, next_ends_q} <= {len, ends};
  end

  // The bus's ready is an enable and nothing else.
  assign go   = wready_i | ~valid_q;
  assign amid = more_q & ~one_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {left_q, sent_q, more_q, valid_q} <= '0;
    else if (go) begin
      left_q  <= left_q + CountW'(more_q);
      sent_q  <= sent_q ^ ((next_q ^ sent_q) & ~amid);
      more_q  <= amid | (next_q ^ sent_q);
      valid_q <= more_q;
    end
    if (go) begin
      rest_q  <= amid ? rest_q - 1'b1 : next_len_q;
      one_q   <= amid ? rest_q == 4'd1 : next_len_q == '0;
      ends_q  <= (ends_q & amid) | (next_ends_q & ~amid);
      data_q  <= mem[left_q[CountW-2:0]];
      last_q  <= one_q;
      whole_q <= ~(one_q & ends_q);
    end
  end

  assign frame_done_o = answered & ~bresp_i[1] & oldest[AddrW];
  assign done_o       = answered & ~bresp_i[1] & oldest[AddrW+1];
  assign error_o      = answered & bresp_i[1];
  assign error_resp_o = bresp_i;
  assign error_addr_o = oldest[AddrW-1:0];

`ifdef XF_CHECK
  // All words go to memory, each once and in order.
  xf_check_order #(.Width(64), .Most(Depth + 1)) u_order (
    .clk_i, .rst_ni, .taken_i(taken), .taken_data_i(s_word_data_i),
    .given_i(wvalid_o & wready_i), .given_data_i(wdata_o)
  );
`endif

  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, wvalid_o, wready_i, {wlast_o, wstrb_o, wdata_o})
  `XF_ASSERT_WHEN(AnswersWhatWasAsked_A, bvalid_i, !idle_o)

endmodule : xf_dma_write
