// SPDX-License-Identifier: Apache-2.0
//
// Counts of equal bits of two vectors, Lanes pairs per count, each multiplied by a constant that
// arrives with it; the sum of the products.
//
// Each count (xf_popcount) is multiplied by planes of its constant: two planes share an adder,
// whose gates are free (xf_add2), and a single last plane is a gate per bit. All of them are one
// heap (xf_compress). With XF_SIM plain products with the same latency.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    heap_latency(heap_of_products(..)) such cycles from scale_i; from x_i and w_i
//            dot_latency(Lanes, 1) - Hold more, as a constant arrives with its count
// Reset      none: data only
// Bit model  op.py of spatial_mvu

module xf_scaled_count #(
  parameter  int unsigned Simd   = 8,  // pairs
  parameter  int unsigned Lanes  = 4,  // pairs that share a constant; divides Simd
  parameter  int unsigned ScaleW = 3,  // bits of a constant
  parameter  int unsigned Hold   = 0,  // 1: x_i and w_i are registers, see xf_mvu
  localparam int unsigned Parts  = Simd / Lanes,
  localparam int unsigned SumW   = $clog2(Simd * (2**ScaleW - 1) + 1)
) (
  input  logic                    clk_i,
  input  logic                    en_i,
  input  logic [Simd-1:0]         x_i,
  input  logic [Simd-1:0]         w_i,
  input  logic [Parts*ScaleW-1:0] scale_i,
  output logic [SumW-1:0]         sum_o
);

  if (Simd < 1 || Lanes < 1 || ScaleW < 1) begin : gen_bad_size
    $error("xf_scaled_count: Simd, Lanes, ScaleW must be at least 1; got %0d, %0d, %0d",
           Simd, Lanes, ScaleW);
  end else if (Simd % Lanes != 0) begin : gen_bad_lanes
    $error("xf_scaled_count: Lanes must divide Simd; got Lanes=%0d, Simd=%0d", Lanes, Simd);
  end else if (Hold > 1) begin : gen_bad_hold
    $error("xf_scaled_count: Hold must be 0 or 1; got Hold=%0d", Hold);
  end

`include "xf_heap.svh"

  localparam int unsigned  CountW  = $clog2(Lanes + 1);
  localparam int unsigned  Terms   = (ScaleW + 1) / 2;
  localparam logic [288:0] Heights = heap_of_products(Parts, CountW, ScaleW, Terms);

  logic [Parts*CountW-1:0] counts;

  for (genvar p = 0; p < Parts; p++) begin : gen_count
    xf_popcount #(.Simd(Lanes), .Hold(Hold)) u_count (
      .clk_i, .en_i, .x_i(x_i[p*Lanes +: Lanes]), .w_i(w_i[p*Lanes +: Lanes]),
      .sum_o(counts[p*CountW +: CountW])
    );
  end

`ifdef XF_SIM
  localparam int unsigned Latency = heap_latency(Heights);
  logic [SumW-1:0] sum;

  always_comb begin
    sum = '0;
    for (int unsigned p = 0; p < Parts; p++) begin
      sum = sum + SumW'(counts[p*CountW +: CountW]) * SumW'(scale_i[p*ScaleW +: ScaleW]);
    end
  end
  xf_delay #(.Width(SumW), .Stages(Latency)) u_sum (
    .clk_i, .en_i, .data_i(sum), .data_o(sum_o)
  );
`else
  localparam int unsigned HeapBits = heap_offset(Heights, 24);
  logic [HeapBits-1:0] heap;

  for (genvar t = 0; t < Terms; t++) begin : gen_term
    localparam bit           Both   = 2 * t + 1 < ScaleW;
    localparam int unsigned  TermW  = Both ? CountW + 2 : CountW;
    localparam logic [288:0] Before = heap_of_products(Parts, CountW, ScaleW, t);
    for (genvar p = 0; p < Parts; p++) begin : gen_part
      logic [CountW-1:0] count;
      logic [TermW-1:0]  term;
      assign count = counts[p*CountW +: CountW];
      if (Both) begin : gen_both
        xf_add2 #(.Width(CountW + 1), .Gate(1)) u_add (
          .a_i({1'b0, count}), .wa_i(scale_i[p*ScaleW+2*t]),
          .b_i({count, 1'b0}), .wb_i(scale_i[p*ScaleW+2*t+1]), .sum_o(term)
        );
      end else begin : gen_last
        assign term = count & {CountW{scale_i[p*ScaleW+2*t]}};
      end
      for (genvar c = 0; c < TermW; c++) begin : gen_column
        assign heap[heap_offset(Heights, 2*t+c) + heap_height(Before, 2*t+c) + p] = term[c];
      end
    end
  end

  xf_compress #(.Heights(Heights), .Bits(HeapBits), .SumW(SumW)) u_sum (
    .clk_i, .en_i, .bits_i(heap), .sum_o
  );
`endif

endmodule : xf_scaled_count
