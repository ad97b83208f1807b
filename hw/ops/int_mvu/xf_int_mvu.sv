// SPDX-License-Identifier: Apache-2.0
//
// Matrix-vector unit of InBits-wide integers and WBits-wide integer weights, folded over time.
//
// Accepts vectors of Mw integers, Simd per beat, and computes the sum of weight * x for Mh rows.
// Thresholds = 1: outputs the bit sum >= T of Pe rows per beat. Thresholds = 0: outputs the sums,
// SumW bits each, signed. Bipolar = 1: input bits stand for -1 and +1, so the sum is twice that of
// the bits minus the sum of the weights, which is a constant of the row.
//
// Chain = 0: planes of the weights, no multipliers; the sign bit of x is inverted at the input.
// Ternary = 1: weights are -1, 0 and 1, and each gates its element (xf_ternary_sum).
// Chain > 0: chains of this many multipliers, each for Rows rows.
//
// Rate       one vector per (Mw/Simd) * (Mh/Pe) cycles, no bubble while both sides stay ready
// Latency    stated in xf_mvu.sv
// Reset      synchronous, also in mid-stream: an unfinished vector is discarded
// Memories   WeightFile: word pass * (Mw/Simd) + beat, WBits bits at (p * Simd + s) * WBits =
//            weight of element beat * Simd + s in row pass * Pe + p, two's complement; with
//            Rows = 2 the weight of an odd p is reduced by one where that of p - 1 is negative
//            StartFile: word pass, AccW bits per row: start value of the accumulator
// Bit model  op.py, IntMvu.execute_node

module xf_int_mvu #(
  parameter  int unsigned Mw          = 27,  // elements of a vector
  parameter  int unsigned Mh          = 64,  // rows
  parameter  int unsigned Simd        = 3,   // elements per input beat; divides Mw
  parameter  int unsigned Pe          = 1,   // rows per output beat; divides Mh
  parameter  int unsigned InBits      = 8,
  parameter  int unsigned InSigned    = 0,   // two's complement
  parameter  int unsigned Bipolar     = 0,   // InBits = 1 and Chain = 0
  parameter  int unsigned WBits       = 8,   // 2 or more
  parameter  int unsigned Ternary     = 0,   // WBits = 2 and Chain = 0
  parameter  int unsigned Chain       = 0,
  parameter  int unsigned Rows        = 1,
  parameter  int unsigned SumW        = 20,  // holds every sum, signed
  parameter  int unsigned Thresholds  = 1,
  parameter  int unsigned WeightBlock = 1,   // weights in block RAM, else in logic
  parameter  int unsigned WeightRows  = 0,   // see xf_mvu
  parameter  int unsigned StartBlock  = 0,   // starts in block RAM, else in logic
  parameter               WeightFile  = "",
  parameter               StartFile   = "",
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

  if (WBits < 2) begin : gen_bad_weight
    $error("xf_int_mvu: WBits must be at least 2; got WBits=%0d", WBits);
  end else if (Bipolar != 0 && (InBits != 1 || Chain != 0)) begin : gen_bad_bipolar
    $error("xf_int_mvu: Bipolar needs InBits=1, Chain=0; got InBits=%0d, Chain=%0d",
           InBits, Chain);
  end

  // A bit counts 1 inside; compared with a threshold, half a bipolar sum is enough.
  localparam int unsigned Shift = (Bipolar != 0 && Thresholds == 0) ? 1 : 0;
  localparam int unsigned AccW  = (Thresholds != 0 && Bipolar == 0) ? SumW + 1 : SumW;

  logic [Simd*InBits-1:0] offset;

  always_comb begin
    offset = s_data_i;
    if (InSigned != 0 && Chain == 0) begin
      for (int unsigned k = 1; k <= Simd; k++) offset[k*InBits - 1] = ~s_data_i[k*InBits - 1];
    end
  end

  xf_mvu #(
    .Mw(Mw), .Mh(Mh), .Simd(Simd), .Pe(Pe), .Bits(InBits), .Signed((Chain > 0) ? InSigned : 0),
    .WBits(WBits), .Ternary(Ternary), .Chain(Chain), .Rows(Rows), .Shift(Shift), .AccW(AccW),
    .OutW(OutW), .Start(1), .WeightBlock(WeightBlock), .WeightRows(WeightRows),
    .StartBlock(StartBlock), .WeightFile(WeightFile), .StartFile(StartFile)
  ) u_mvu (
    .clk_i, .rst_ni, .s_data_i(offset), .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_int_mvu
