// SPDX-License-Identifier: Apache-2.0
//
// Binary matrix-vector unit, folded over time.
//
// Accepts vectors of Mw bits, Simd per beat, and counts for each of Mh rows the bits that equal the
// row's weights. With bit 1 for +1 and bit 0 for -1, the signed dot product is 2 * matches - Mw.
// Thresholds = 1: outputs the bit matches >= T of Pe rows per beat. Thresholds = 0: outputs the
// matches, OutW bits each.
//
// Rate       one vector per (Mw/Simd) * (Mh/Pe) cycles, no bubble while both sides stay ready
// Latency    stated in xf_mvu.sv
// Reset      synchronous, also in mid-stream: an unfinished vector is discarded
// Memories   WeightFile: word pass * (Mw/Simd) + beat, bit p * Simd + s =
//            weight of element beat * Simd + s in row pass * Pe + p
//            StartFile: word pass, AccW bits per row: 2**(AccW-1) - T; with Thresholds = 0 unused
// Bit model  op.py, XnorMvu.execute_node

module xf_xnor_mvu #(
  parameter  int unsigned Mw          = 64,  // elements of a vector
  parameter  int unsigned Mh          = 64,  // rows
  parameter  int unsigned Simd        = 16,  // elements per input beat; divides Mw
  parameter  int unsigned Pe          = 1,   // rows per output beat; divides Mh
  parameter  int unsigned Thresholds  = 1,
  parameter  int unsigned WeightBlock = 1,   // weights in block RAM, else in logic
  parameter  int unsigned WeightRows  = 0,   // see xf_mvu
  parameter  int unsigned WeightDeep  = 0,   // see xf_mvu
  parameter  int unsigned StartBlock  = 0,   // thresholds in block RAM, else in logic
  parameter               WeightFile  = "",
  parameter               StartFile   = "",
  localparam int unsigned MatchW      = $clog2(Mw + 1),                           // holds 0 .. Mw
  localparam int unsigned AccW        = (Thresholds != 0) ? MatchW + 1 : MatchW,
  localparam int unsigned OutW        = (Thresholds != 0) ? 1 : MatchW
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic [Simd-1:0]    s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [Pe*OutW-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  xf_mvu #(
    .Mw(Mw), .Mh(Mh), .Simd(Simd), .Pe(Pe), .Bits(1), .AccW(AccW), .OutW(OutW), .Start(Thresholds),
    .WeightBlock(WeightBlock), .WeightRows(WeightRows), .WeightDeep(WeightDeep),
    .StartBlock(StartBlock), .WeightFile(WeightFile), .StartFile(StartFile)
  ) u_mvu (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_xnor_mvu
