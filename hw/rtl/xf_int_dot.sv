// SPDX-License-Identifier: Apache-2.0
//
// Dot products of elements with two's complement weights of one or two rows, plus a constant
// (int_offset) that makes them positive: by planes of the weights (xf_plane_sum), or by multipliers
// (xf_dsp_sum). With XF_SIM plain products with the same latency.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    int_latency(..) - Hold such cycles
// Reset      none: data only
// Bit model  op.py of int_mvu

module xf_int_dot #(
  parameter int unsigned Simd   = 4,   // elements
  parameter int unsigned Bits   = 8,   // per element
  parameter int unsigned Signed = 0,   // elements are two's complement; with multipliers only
  parameter int unsigned WBits  = 8,   // per weight
  parameter int unsigned Rows   = 1,   // 2 with multipliers only
  parameter int unsigned Chain  = 0,   // multipliers in a chain; 0: planes
  parameter int unsigned FieldW = 1,   // bits of a chain's sum
  parameter int unsigned SumW   = 18,
  parameter int unsigned Hold   = 0    // 1: x_i and w_i are registers, see xf_mvu; Chain = 0
) (
  input  logic                       clk_i,
  input  logic                       en_i,
  input  logic [Simd*Bits-1:0]       x_i,
  input  logic [Rows*Simd*WBits-1:0] w_i,
  output logic [Rows*SumW-1:0]       sum_o
);

  if (Simd < 1 || Bits < 1 || SumW < 1) begin : gen_bad_size
    $error("xf_int_dot: Simd, Bits, SumW must be at least 1; got %0d, %0d, %0d",
           Simd, Bits, SumW);
  end else if (WBits < 2) begin : gen_bad_weight
    $error("xf_int_dot: WBits must be at least 2; got WBits=%0d", WBits);
  end else if (Rows < 1 || Rows > 2) begin : gen_bad_rows
    $error("xf_int_dot: Rows must be 1 or 2; got Rows=%0d", Rows);
  end else if (Chain == 0 && (Signed != 0 || Rows != 1)) begin : gen_bad_planes
    $error("xf_int_dot: Signed and Rows=2 need Chain > 0; got Signed=%0d, Rows=%0d, Chain=%0d",
           Signed, Rows, Chain);
  end else if (Hold > 1 || (Hold == 1 && Chain > 0)) begin : gen_bad_hold
    $error("xf_int_dot: Hold must be 0, or 1 with Chain=0; got Hold=%0d, Chain=%0d", Hold, Chain);
  end

`ifdef XF_SIM
`include "xf_heap.svh"

  localparam int unsigned Latency = int_latency(Simd, Bits, WBits, Chain, FieldW) - Hold;

  int signed            x, w, sum;
  logic [Rows*SumW-1:0] sums;

  always_comb begin
    for (int unsigned r = 0; r < Rows; r++) begin
      sum = int_offset(Simd, Bits, WBits, Chain, FieldW);
      for (int unsigned k = 0; k < Simd; k++) begin
        x = 32'(x_i[k*Bits +: Bits]);
        if (Signed != 0 && x_i[(k+1)*Bits-1]) x = x - 2**Bits;
        w = 32'(w_i[(r*Simd+k)*WBits +: WBits]);
        if (w_i[(r*Simd+k+1)*WBits-1]) w = w - 2**WBits;
        if (r == 1 && w_i[(k+1)*WBits-1]) w = w + 1;  // stored less by one
        sum = sum + x * w;
      end
      sums[r*SumW +: SumW] = SumW'(sum);
    end
  end
  xf_delay #(.Width(Rows * SumW), .Stages(Latency)) u_sum (
    .clk_i, .en_i, .data_i(sums), .data_o(sum_o)
  );
`else
  if (Chain == 0) begin : gen_planes
    xf_plane_sum #(.Simd(Simd), .Bits(Bits), .Planes(WBits), .SumW(SumW), .Hold(Hold)) u_sum (
      .clk_i, .en_i, .x_i, .w_i, .sum_o
    );
  end else begin : gen_multipliers
    xf_dsp_sum #(
      .Simd(Simd), .Bits(Bits), .Signed(Signed), .WBits(WBits), .Rows(Rows), .Chain(Chain),
      .FieldW(FieldW), .SumW(SumW)
    ) u_sum (
      .clk_i, .en_i, .x_i, .w_i, .sum_o
    );
  end
`endif

endmodule : xf_int_dot
