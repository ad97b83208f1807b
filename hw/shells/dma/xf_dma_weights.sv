// SPDX-License-Identifier: Apache-2.0
//
// Weights of one operator, read from memory once for every frame: descriptors in, AXI bursts out, a stream.
//
// In memory they have the layout of a frame (xf_unpack) and begin `Offset` words behind the address that the
// descriptor gives. All frames of a descriptor read from that address, so no frame mixes two sets.
//
// Rate       one beat per cycle, limited by 8 bytes per cycle
// Reset      synchronous, control state only; only while idle_o

module xf_dma_weights #(
  parameter  int unsigned AddrW   = 32,  // bits of a byte address, 13 .. 64
  parameter  int unsigned FramesW = 16,  // bits of a number of frames
  parameter  int unsigned Bytes   = 1,   // of a beat
  parameter  int unsigned Beats   = 1,   // of a frame
  parameter  int unsigned Offset  = 0,   // words
  parameter  int unsigned Queue   = 4,   // descriptors that wait
  localparam int unsigned PlaceW  = AddrW - 3
) (
  input  logic               clk_i, rst_ni,
  input  logic               stop_i,
  output logic               idle_o,
  // Descriptor: number of the first word of all weights, and of frames (at least 1).
  input  logic [PlaceW-1:0]  s_place_i,
  input  logic [FramesW-1:0] s_frames_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  // AXI, read channels; bursts of whole words, addresses upwards. Words are taken at once.
  output logic [AddrW-1:0]   araddr_o,
  output logic [7:0]         arlen_o,
  output logic               arvalid_o,
  input  logic               arready_i,
  input  logic [63:0]        rdata_i,
  input  logic [1:0]         rresp_i,
  input  logic               rlast_i,
  input  logic               rvalid_i,
  // Beats
  output logic [8*Bytes-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i,
  // An answer was no OKAY: a pulse, what it was, and the address of its burst.
  output logic               error_o,
  output logic [1:0]         error_resp_o,
  output logic [AddrW-1:0]   error_addr_o
);

  if (Bytes < 1 || Beats < 1) begin : gen_bad_size
    $error("xf_dma_weights: Bytes, Beats must be at least 1; got %0d, %0d", Bytes, Beats);
  end

  localparam int unsigned Slot  = (Bytes <= 2) ? Bytes
                                : (Bytes <= 4) ? 4 : (Bytes + 7) / 8 * 8;
  localparam int unsigned Words = (Slot * Beats + 7) / 8;

  logic [PlaceW-1:0]  place;
  logic [FramesW-1:0] frames;
  logic               valid, ready, word_valid, word_ready, beat_valid, beat_ready;
  logic               unused_rready;
  logic [63:0]        word;
  logic [8*Bytes-1:0] beat;

  xf_fifo #(.Width(PlaceW + FramesW), .Depth(Queue), .Kind(1)) u_queue (
    .clk_i, .rst_ni, .s_data_i({s_place_i + PlaceW'(Offset), s_frames_i}), .s_valid_i, .s_ready_o,
    .m_data_o({place, frames}), .m_valid_o(valid), .m_ready_i(ready)
  );

  xf_dma_read #(.AddrW(AddrW), .FramesW(FramesW), .Words(Words), .Again(1)) u_read (
    .clk_i, .rst_ni, .stop_i, .idle_o,
    .s_place_i(place), .s_frames_i(frames), .s_valid_i(valid), .s_ready_o(ready),
    .araddr_o, .arlen_o, .arvalid_o, .arready_i,
    .rdata_i, .rresp_i, .rlast_i, .rvalid_i, .rready_o(unused_rready),
    .m_data_o(word), .m_valid_o(word_valid), .m_ready_i(word_ready),
    .error_o, .error_resp_o, .error_addr_o
  );

  xf_unpack #(.Bytes(Bytes), .Beats(Beats)) u_unpack (
    .clk_i, .rst_ni, .s_data_i(word), .s_valid_i(word_valid), .s_ready_o(word_ready),
    .m_data_o(beat), .m_valid_o(beat_valid), .m_ready_i(beat_ready)
  );

  xf_skid #(.Width(8*Bytes)) u_out (
    .clk_i, .rst_ni, .s_data_i(beat), .s_valid_i(beat_valid), .s_ready_o(beat_ready),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_dma_weights
