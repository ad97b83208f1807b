// SPDX-License-Identifier: Apache-2.0
//
// Dot product of unsigned elements and two's complement weights, without multipliers.
//
// Bit j of all weights is plane j: elements whose bit is 1 count 2**j times, in the highest plane
// -2**j times. There the bitwise inverse is added instead, and its constant is part of the start
// value of the row's accumulator. The gates fit into the LUTs of the first adders: two elements of
// a plane (xf_add2), three where they are single bits (xf_xnor3). All planes are one heap
// (xf_compress).
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    int_latency(..) - Hold such cycles
// Reset      none: data only
// Bit model  op.py of int_mvu

module xf_plane_sum #(
  parameter int unsigned Simd   = 4,   // elements
  parameter int unsigned Bits   = 8,   // per element
  parameter int unsigned Planes = 8,   // bits of a weight, 2 or more
  parameter int unsigned SumW   = 18,
  parameter int unsigned Hold   = 0    // 1: x_i and w_i are registers, see xf_mvu
) (
  input  logic                   clk_i,
  input  logic                   en_i,
  input  logic [Simd*Bits-1:0]   x_i,
  input  logic [Simd*Planes-1:0] w_i,   // weight by weight
  output logic [SumW-1:0]        sum_o
);

  if (Simd < 1 || Bits < 1 || SumW < 1) begin : gen_bad_size
    $error("xf_plane_sum: Simd, Bits, SumW must be at least 1; got %0d, %0d, %0d",
           Simd, Bits, SumW);
  end else if (Planes < 2) begin : gen_bad_planes
    $error("xf_plane_sum: Planes must be at least 2; got Planes=%0d", Planes);
  end else if (Hold > 1) begin : gen_bad_hold
    $error("xf_plane_sum: Hold must be 0 or 1; got Hold=%0d", Hold);
  end

`include "xf_heap.svh"

  localparam logic [288:0] Heights  = heap_of_planes(Simd, Bits, Planes,
                                                     heap_terms(Simd, Bits, Planes));
  localparam int unsigned  HeapBits = heap_offset(Heights, 24);
  localparam int unsigned  Pairs    = Simd / 2;

  logic [HeapBits-1:0]    heap;
  logic [Planes*Simd-1:0] w;     // plane by plane

  for (genvar j = 0; j < Planes; j++) begin : gen_plane
    for (genvar k = 0; k < Simd; k++) begin : gen_weight
      assign w[j*Simd+k] = w_i[k*Planes+j];
    end
  end

  for (genvar j = 0; j < Planes; j++) begin : gen_term
    localparam bit           Top    = j == Planes - 1;
    localparam logic [288:0] Before = heap_of_planes(Simd, Bits, Planes, j);
    if (Bits == 1) begin : gen_bits
      localparam int unsigned Ones  = heap_offset(Heights, j) + heap_height(Before, j);
      localparam int unsigned Twos  = heap_offset(Heights, j + 1) + heap_height(Before, j + 1);
      localparam int unsigned Threes = Simd / 3;
      for (genvar k = 0; k < Threes; k++) begin : gen_three
        xf_xnor3 #(.Gate(Top ? 2 : 1)) u_count (
          .x_i(x_i[3*k +: 3]), .w_i(w[j*Simd+3*k +: 3]), .count_o({heap[Twos+k], heap[Ones+k]})
        );
      end
      if (Simd % 3 != 0) begin : gen_rest
        logic [Simd%3-1:0] passes;
        assign passes = (x_i[Simd-1 -: Simd%3] & w[(j+1)*Simd-1 -: Simd%3]) ^ {(Simd%3){Top}};
        assign heap[Ones+Threes] = ^passes;
        if (Simd % 3 == 2) begin : gen_two
          assign heap[Twos+Threes] = &passes;
        end
      end
    end else begin : gen_elements
      for (genvar k = 0; k < Pairs; k++) begin : gen_pair
        logic [Bits:0] sum;
        xf_add2 #(.Width(Bits), .Gate(Top ? 3 : 1)) u_add (
          .a_i(x_i[2*k*Bits +: Bits]), .wa_i(w[j*Simd+2*k]),
          .b_i(x_i[(2*k+1)*Bits +: Bits]), .wb_i(w[j*Simd+2*k+1]), .sum_o(sum)
        );
        for (genvar c = 0; c <= Bits; c++) begin : gen_column
          assign heap[heap_offset(Heights, j+c) + heap_height(Before, j+c) + k] = sum[c];
        end
      end
    end
  end

  // An odd number of elements: two planes of the last one share an adder.
  if (Bits > 1 && Simd % 2 == 1) begin : gen_odd
    for (genvar t = 0; t < (Planes + 1) / 2; t++) begin : gen_two
      localparam int unsigned  J      = 2 * t;
      localparam bit           Both   = J + 1 < Planes;
      localparam int unsigned  SumB   = Both ? Bits + 2 : Bits;
      localparam logic [288:0] Before = heap_of_planes(Simd, Bits, Planes, Planes + t);
      logic [Bits-1:0] last;
      logic [SumB-1:0] sum;
      assign last = x_i[(Simd-1)*Bits +: Bits];
      if (Both) begin : gen_both
        xf_add2 #(.Width(Bits + 1), .Gate((J + 2 == Planes) ? 2 : 1)) u_add (
          .a_i({1'b0, last}), .wa_i(w[J*Simd+Simd-1]),
          .b_i({last, 1'b0}), .wb_i(w[(J+1)*Simd+Simd-1]), .sum_o(sum)
        );
      end else begin : gen_top
        assign sum = ~(last & {Bits{w[J*Simd+Simd-1]}});
      end
      for (genvar c = 0; c < SumB; c++) begin : gen_column
        assign heap[heap_offset(Heights, J+c) + heap_height(Before, J+c)] = sum[c];
      end
    end
  end

  xf_compress #(.Heights(Heights), .Bits(HeapBits), .SumW(SumW), .Hold(Hold)) u_sum (
    .clk_i, .en_i, .bits_i(heap), .sum_o
  );

endmodule : xf_plane_sum
