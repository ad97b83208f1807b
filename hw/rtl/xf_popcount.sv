// SPDX-License-Identifier: Apache-2.0
//
// Number of equal bits of two vectors: the binary dot product.
//
// Three pairs become a two-bit count (xf_xnor3); the counts are a heap of two columns
// (xf_compress). With XF_SIM $countones with the same latency.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    dot_latency(Simd, 1) - Hold such cycles
// Reset      none: data only
// Bit model  op.py of xnor_mvu

module xf_popcount #(
  parameter  int unsigned Simd = 8,                 // pairs
  parameter  int unsigned Hold = 0,                 // 1: x_i and w_i are registers, see xf_mvu
  localparam int unsigned SumW = $clog2(Simd + 1)   // holds 0 .. Simd
) (
  input  logic            clk_i,
  input  logic            en_i,
  input  logic [Simd-1:0] x_i,
  input  logic [Simd-1:0] w_i,
  output logic [SumW-1:0] sum_o
);

  if (Simd < 1 || Simd > 12285) begin : gen_bad_simd
    $error("xf_popcount: Simd must be 1 .. 12285; got Simd=%0d", Simd);
  end else if (Hold > 1) begin : gen_bad_hold
    $error("xf_popcount: Hold must be 0 or 1; got Hold=%0d", Hold);
  end

`include "xf_heap.svh"

`ifdef XF_SIM
  localparam int unsigned Latency = dot_latency(Simd, 1) - Hold;
  logic [Simd-1:0] equal;

  assign equal = x_i ~^ w_i;
  xf_delay #(.Width(SumW), .Stages(Latency)) u_sum (
    .clk_i, .en_i, .data_i(SumW'($countones(equal))), .data_o(sum_o)
  );
`else
  localparam int unsigned  Threes  = Simd / 3;
  localparam int unsigned  Rest    = Simd % 3;
  localparam logic [288:0] Heights = heap_of_dot(Simd, 1);
  localparam int unsigned  Bits    = heap_offset(Heights, 24);
  localparam int unsigned  Ones    = heap_height(Heights, 0);

  logic [Bits-1:0] counts;  // low bits of all counts, then high bits

  for (genvar k = 0; k < Threes; k++) begin : gen_three
    xf_xnor3 u_count (
      .x_i(x_i[3*k +: 3]), .w_i(w_i[3*k +: 3]), .count_o({counts[Ones+k], counts[k]})
    );
  end
  if (Rest == 1) begin : gen_one
    assign counts[Threes] = x_i[Simd-1] ~^ w_i[Simd-1];
  end else if (Rest == 2) begin : gen_two
    assign counts[Threes]      = x_i[Simd-1] ^ w_i[Simd-1] ^ x_i[Simd-2] ^ w_i[Simd-2];
    assign counts[Ones+Threes] = (x_i[Simd-1] ~^ w_i[Simd-1]) & (x_i[Simd-2] ~^ w_i[Simd-2]);
  end

  xf_compress #(.Heights(Heights), .Bits(Bits), .SumW(SumW), .Hold(Hold)) u_sum (
    .clk_i, .en_i, .bits_i(counts), .sum_o
  );
`endif

endmodule : xf_popcount
