// SPDX-License-Identifier: Apache-2.0
//
// Matrix-vector unit of InBits-wide integers and weights of one bit (+1 or -1), folded over time.
//
// Accepts vectors of Mw integers, Simd per beat, and computes the sum of +-x for each of Mh rows.
// Thresholds = 1: outputs the bit sum >= T of Pe rows per beat. Thresholds = 0: outputs the sums,
// SumW bits each, signed. Internally x is unsigned (sign bit inverted) and -x is its bitwise
// inverse; the constant that this adds to a row's sum is subtracted from the row's start value.
//
// Rate       one vector per (Mw/Simd) * (Mh/Pe) cycles, no bubble while both sides stay ready
// Latency    stated in xf_mvu.sv
// Reset      synchronous, also in mid-stream: an unfinished vector is discarded
// Memories   WeightFile: word pass * (Mw/Simd) + beat, bit p * Simd + s =
//            weight of element beat * Simd + s in row pass * Pe + p
//            StartFile: word pass, AccW bits per row: start value of the accumulator
// Bit model  op.py, ByteMvu.execute_node

module xf_byte_mvu #(
  parameter  int unsigned Mw          = 27,  // elements of a vector
  parameter  int unsigned Mh          = 64,  // rows
  parameter  int unsigned Simd        = 3,   // elements per input beat; divides Mw
  parameter  int unsigned Pe          = 1,   // rows per output beat; divides Mh
  parameter  int unsigned InBits      = 8,   // 2 or more
  parameter  int unsigned InSigned    = 0,   // two's complement
  parameter  int unsigned Thresholds  = 1,
  parameter  int unsigned WeightBlock = 1,   // weights in block RAM, else in logic
  parameter  int unsigned WeightRows  = 0,   // see xf_mvu
  parameter  int unsigned StartBlock  = 0,   // starts in block RAM, else in logic
  parameter               WeightFile  = "",
  parameter               StartFile   = "",
  localparam int unsigned Largest     = (InSigned != 0) ? 2**(InBits-1) : 2**InBits - 1,  // |x|
  localparam int unsigned SumW        = $clog2(Mw * Largest + 1) + 1,            // a signed result
  localparam int unsigned TopW        = $clog2(Mw * (2**InBits - 1) + 1),        // what adders see
  localparam int unsigned AccW        = (Thresholds != 0) ? TopW + 1 : SumW,
  localparam int unsigned OutW        = (Thresholds != 0) ? 1 : SumW
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic [Simd*InBits-1:0] s_data_i,
  input  logic                   s_valid_i,
  output logic                   s_ready_o,
  output logic [Pe*OutW-1:0]     m_data_o,
  output logic                   m_valid_o,
  input  logic                   m_ready_i
);

  if (InBits < 2) begin : gen_bad_in_bits
    $error("xf_byte_mvu: InBits must be at least 2; got InBits=%0d", InBits);
  end

  logic [Simd*InBits-1:0] offset;

  always_comb begin
    offset = s_data_i;
    if (InSigned != 0) begin
      for (int unsigned k = 1; k <= Simd; k++) offset[k*InBits - 1] = ~s_data_i[k*InBits - 1];
    end
  end

  xf_mvu #(
    .Mw(Mw), .Mh(Mh), .Simd(Simd), .Pe(Pe), .Bits(InBits), .AccW(AccW), .OutW(OutW), .Start(1),
    .WeightBlock(WeightBlock), .WeightRows(WeightRows), .StartBlock(StartBlock),
    .WeightFile(WeightFile), .StartFile(StartFile)
  ) u_mvu (
    .clk_i, .rst_ni, .s_data_i(offset), .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_byte_mvu
