// SPDX-License-Identifier: Apache-2.0
//
// Number of equal bits among three pairs: two LUT6, the comparison costs nothing.
//
// Latency    none

module xf_xnor3 (
  input  logic [2:0] x_i,
  input  logic [2:0] w_i,
  output logic [1:0] count_o
);

`ifdef XF_XC7
  LUT6 #(.INIT(64'h9669699669969669)) u_bit0 (
    .I0(x_i[0]), .I1(x_i[1]), .I2(x_i[2]), .I3(w_i[0]), .I4(w_i[1]), .I5(w_i[2]), .O(count_o[0])
  );
  LUT6 #(.INIT(64'he8d4b2718e4d2b17)) u_bit1 (
    .I0(x_i[0]), .I1(x_i[1]), .I2(x_i[2]), .I3(w_i[0]), .I4(w_i[1]), .I5(w_i[2]), .O(count_o[1])
  );
`else
  logic [2:0] equal;
  assign equal   = x_i ~^ w_i;
  assign count_o = 2'(equal[0]) + 2'(equal[1]) + 2'(equal[2]);
`endif

endmodule : xf_xnor3
