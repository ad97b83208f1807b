// SPDX-License-Identifier: Apache-2.0
//
// Dot product of unsigned elements and weights of -1, 0 and 1 in two's complement: the sum of x
// where the weight is 1, of its bitwise inverse where it is -1.
//
// A gated element (xf_ternary_gate) has as many bits as the element; all of them are one heap
// (xf_compress). With XF_SIM a plain sum with the same latency.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    heap_latency(heap_of_sevens(heap_rows(Simd, Bits))) - Hold such cycles
// Reset      none: data only
// Bit model  op.py of int_mvu

module xf_ternary_sum #(
  parameter  int unsigned Simd = 4,  // elements
  parameter  int unsigned Bits = 2,  // per element
  parameter  int unsigned Hold = 0,  // 1: x_i and w_i are registers, see xf_mvu
  localparam int unsigned SumW = $clog2(Simd * (2**Bits - 1) + 1)
) (
  input  logic                 clk_i,
  input  logic                 en_i,
  input  logic [Simd*Bits-1:0] x_i,
  input  logic [2*Simd-1:0]    w_i,   // weight by weight
  output logic [SumW-1:0]      sum_o
);

  if (Simd < 1 || Simd > 4095 || Bits < 1) begin : gen_bad_size
    $error("xf_ternary_sum: Simd must be 1 .. 4095, Bits at least 1; got %0d, %0d", Simd, Bits);
  end else if (Hold > 1) begin : gen_bad_hold
    $error("xf_ternary_sum: Hold must be 0 or 1; got Hold=%0d", Hold);
  end

`include "xf_heap.svh"

  localparam logic [288:0] Heights = heap_of_sevens(heap_rows(Simd, Bits));

`ifdef XF_SIM
  localparam int unsigned Latency = heap_latency(Heights) - Hold;
  logic [SumW-1:0] sum;

  always_comb begin
    sum = '0;
    for (int unsigned k = 0; k < Simd; k++) begin
      if (w_i[2*k]) sum = sum + SumW'(x_i[k*Bits +: Bits] ^ {Bits{w_i[2*k+1]}});
    end
  end
  xf_delay #(.Width(SumW), .Stages(Latency)) u_sum (
    .clk_i, .en_i, .data_i(sum), .data_o(sum_o)
  );
`else
  logic [Simd*Bits-1:0] heap;  // column by column

  for (genvar k = 0; k < Simd; k++) begin : gen_element
    logic [Bits-1:0] data;
    xf_ternary_gate #(.Bits(Bits)) u_gate (
      .x_i(x_i[k*Bits +: Bits]), .w_i(w_i[2*k +: 2]), .data_o(data)
    );
    for (genvar c = 0; c < Bits; c++) begin : gen_column
      assign heap[c*Simd+k] = data[c];
    end
  end

  xf_compress #(.Heights(Heights), .Bits(Simd * Bits), .SumW(SumW), .Hold(Hold)) u_sum (
    .clk_i, .en_i, .bits_i(heap), .sum_o
  );
`endif

endmodule : xf_ternary_sum
