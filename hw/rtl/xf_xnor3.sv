// SPDX-License-Identifier: Apache-2.0
//
// Number of pairs, out of three, that pass a gate: two LUT6, the gate is free.
//
// Gate 0: the bits are equal. Gate 1: both are 1. Gate 2: not both are 1.
//
// Latency    none

module xf_xnor3 #(
  parameter int unsigned Gate = 0
) (
  input  logic [2:0] x_i,
  input  logic [2:0] w_i,
  output logic [1:0] count_o
);

  if (Gate > 2) begin : gen_bad_gate
    $error("xf_xnor3: Gate must be 0, 1 or 2; got Gate=%0d", Gate);
  end

`ifdef XF_XC7
  localparam logic [63:0] Low  = (Gate == 0) ? 64'h9669699669969669
                               : (Gate == 1) ? 64'h963c5af066ccaa00 : 64'h69c3a50f993355ff;
  localparam logic [63:0] High = (Gate == 0) ? 64'he8d4b2718e4d2b17
                               : (Gate == 1) ? 64'he8c0a00088000000 : 64'h173f5fff77ffffff;
  LUT6 #(.INIT(Low)) u_bit0 (
    .I0(x_i[0]), .I1(x_i[1]), .I2(x_i[2]), .I3(w_i[0]), .I4(w_i[1]), .I5(w_i[2]), .O(count_o[0])
  );
  LUT6 #(.INIT(High)) u_bit1 (
    .I0(x_i[0]), .I1(x_i[1]), .I2(x_i[2]), .I3(w_i[0]), .I4(w_i[1]), .I5(w_i[2]), .O(count_o[1])
  );
`else
  logic [2:0] passes;
  assign passes  = (Gate == 0) ? x_i ~^ w_i : (Gate == 1) ? x_i & w_i : ~(x_i & w_i);
  assign count_o = 2'(passes[0]) + 2'(passes[1]) + 2'(passes[2]);
`endif

endmodule : xf_xnor3
