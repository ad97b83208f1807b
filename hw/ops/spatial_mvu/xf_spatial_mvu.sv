// SPDX-License-Identifier: Apache-2.0
//
// Matrix-vector unit of bits and weights +-c, where c is a small constant of the position in the
// vector, the same in all rows; folded over time.
//
// Accepts vectors of Mw bits, Simd per beat, and computes for each of Mh rows the sum of the
// weights whose bit is 1. Internally c is added where a bit equals the sign of its weight; the
// excess, c of the negative weights, is subtracted from the row's start. Thresholds = 1: outputs
// the bit sum >= T of Pe rows per beat. Thresholds = 0: outputs the sums, AccW bits, signed.
//
// Rate       one vector per (Mw/Simd) * (Mh/Pe) cycles, no bubble while both sides stay ready
// Latency    stated in xf_mvu.sv
// Reset      synchronous, also in mid-stream: an unfinished vector is discarded
// Memories   WeightFile: word pass * (Mw/Simd) + beat, bit p * Simd + s = 1 for a positive
//            weight of element beat * Simd + s in row pass * Pe + p
//            ScaleFile: word beat, ScaleW bits for each Run elements of the beat, or for all
//            StartFile: word pass, AccW bits per row: start value of the accumulator
// Bit model  op.py, SpatialMvu.execute_node

module xf_spatial_mvu #(
  parameter  int unsigned Mw          = 36,  // elements of a vector
  parameter  int unsigned Mh          = 64,  // rows
  parameter  int unsigned Simd        = 4,   // elements per input beat; divides Mw
  parameter  int unsigned Pe          = 1,   // rows per output beat; divides Mh
  parameter  int unsigned Run         = 4,   // elements in a row that share a constant
  parameter  int unsigned ScaleW      = 3,   // bits of a constant
  parameter  int unsigned AccW        = 9,   // holds every sum, and with Thresholds one bit more
  parameter  int unsigned Thresholds  = 1,
  parameter  int unsigned WeightBlock = 1,   // weights in block RAM, else in logic
  parameter  int unsigned WeightRows  = 0,   // see xf_mvu
  parameter  int unsigned StartBlock  = 0,   // starts in block RAM, else in logic
  parameter               WeightFile  = "",
  parameter               ScaleFile   = "",
  parameter               StartFile   = "",
  localparam int unsigned OutW        = (Thresholds != 0) ? 1 : AccW
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

  if (ScaleW < 1) begin : gen_bad_scale
    $error("xf_spatial_mvu: ScaleW must be at least 1; got ScaleW=%0d", ScaleW);
  end

  xf_mvu #(
    .Mw(Mw), .Mh(Mh), .Simd(Simd), .Pe(Pe), .Bits(1), .ScaleW(ScaleW), .Run(Run), .AccW(AccW),
    .OutW(OutW), .Start(1), .WeightBlock(WeightBlock), .WeightRows(WeightRows),
    .StartBlock(StartBlock), .WeightFile(WeightFile), .ScaleFile(ScaleFile), .StartFile(StartFile)
  ) u_mvu (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_spatial_mvu
