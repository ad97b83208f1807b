// SPDX-License-Identifier: Apache-2.0
//
// Sum of unsigned elements, each bitwise inverted where its weight bit is 0.
//
// An inverted element is 2**Bits - 1 - x, so the sum is (sum of +-x) + (2**Bits - 1) * (number of
// weights that are 0): the constant of a row is part of its accumulator's start value, and a sign
// is free in the adders. Two elements share an adder (xf_add2); an odd one joins the first of
// these sums a cycle later, with Hold = 1 in the same cycle.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    dot_latency(Simd, Bits) - Hold such cycles
// Reset      none: data only
// Bit model  op.py of byte_mvu

module xf_signed_sum #(
  parameter  int unsigned Simd = 3,   // elements
  parameter  int unsigned Bits = 8,   // 2 or more, per element
  parameter  int unsigned Hold = 0,   // 1: x_i and w_i are registers, see xf_mvu
  localparam int unsigned SumW = $clog2(Simd * (2**Bits - 1) + 1)
) (
  input  logic                 clk_i,
  input  logic                 en_i,
  input  logic [Simd*Bits-1:0] x_i,
  input  logic [Simd-1:0]      w_i,
  output logic [SumW-1:0]      sum_o
);

  if (Simd < 1 || Simd > 8191) begin : gen_bad_simd
    $error("xf_signed_sum: Simd must be 1 .. 8191; got Simd=%0d", Simd);
  end else if (Bits < 2) begin : gen_bad_bits
    $error("xf_signed_sum: Bits must be at least 2; got Bits=%0d", Bits);
  end else if (Hold > 1) begin : gen_bad_hold
    $error("xf_signed_sum: Hold must be 0 or 1; got Hold=%0d", Hold);
  end

`include "xf_heap.svh"

`ifdef XF_SIM
  localparam int unsigned Latency = dot_latency(Simd, Bits) - Hold;
  logic [Bits-1:0] element;
  logic [SumW-1:0] sum;

  always_comb begin
    sum = '0;
    for (int unsigned k = 0; k < Simd; k++) begin
      element = x_i[k*Bits +: Bits] ~^ {Bits{w_i[k]}};  // named: a cast would invert the padding
      sum     = sum + SumW'(element);
    end
  end
  xf_delay #(.Width(SumW), .Stages(Latency)) u_sum (
    .clk_i, .en_i, .data_i(sum), .data_o(sum_o)
  );
`else
  localparam int unsigned  Pairs    = Simd / 2;
  localparam bit           Odd      = (Simd % 2 == 1) && (Simd > 1);
  localparam logic [288:0] Heights  = heap_of_dot(Simd, Bits);
  localparam int unsigned  HeapBits = heap_offset(Heights, 24);

  logic [HeapBits-1:0] heap;

  if (Simd == 1) begin : gen_single
    assign heap = x_i ~^ {Bits{w_i}};
  end else begin : gen_pairs
    // Column c of the heap holds bit c of all sums; only the first sum may have one bit more.
    for (genvar k = 0; k < Pairs; k++) begin : gen_pair
      logic [Bits:0] sum;
      xf_add2 #(.Width(Bits)) u_add (
        .a_i(x_i[2*k*Bits +: Bits]), .wa_i(w_i[2*k]),
        .b_i(x_i[(2*k+1)*Bits +: Bits]), .wb_i(w_i[2*k+1]), .sum_o(sum)
      );
      if (Odd) begin : gen_wait
        logic [Bits:0] first;
        if (Hold != 0) begin : gen_none
          assign first = sum;
        end else begin : gen_register
          logic [Bits:0] sum_q;
          always_ff @(posedge clk_i) if (en_i) sum_q <= sum;
          assign first = sum_q;
        end
        if (k == 0) begin : gen_join
          logic [Bits-1:0] x;
          logic            w;
          logic [Bits:0]   low;
          logic [Bits+1:0] joined;
          if (Hold != 0) begin : gen_none
            assign x = x_i[(Simd-1)*Bits +: Bits];
            assign w = w_i[Simd-1];
          end else begin : gen_register
            logic [Bits-1:0] x_q;
            logic            w_q;
            always_ff @(posedge clk_i) begin
              if (en_i) begin
                x_q <= x_i[(Simd-1)*Bits +: Bits];
                w_q <= w_i[Simd-1];
              end
            end
            assign x = x_q;
            assign w = w_q;
          end
          xf_add2 #(.Width(Bits)) u_join (
            .a_i(first[Bits-1:0]), .wa_i(1'b1), .b_i(x), .wb_i(w), .sum_o(low)
          );
          assign joined = {first[Bits] & low[Bits], first[Bits] ^ low[Bits], low[Bits-1:0]};
          for (genvar c = 0; c < Bits + 2; c++) begin : gen_column
            assign heap[c*Pairs] = joined[c];
          end
        end else begin : gen_plain
          for (genvar c = 0; c < Bits + 1; c++) begin : gen_column
            assign heap[c*Pairs+k] = first[c];
          end
        end
      end else begin : gen_now
        for (genvar c = 0; c < Bits + 1; c++) begin : gen_column
          assign heap[c*Pairs+k] = sum[c];
        end
      end
    end
  end

  xf_compress #(.Heights(Heights), .Bits(HeapBits), .SumW(SumW), .Hold(Odd ? 0 : Hold)) u_sum (
    .clk_i, .en_i, .bits_i(heap), .sum_o
  );
`endif

endmodule : xf_signed_sum
