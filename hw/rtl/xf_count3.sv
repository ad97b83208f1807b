// SPDX-License-Identifier: Apache-2.0
//
// Number of ones among three bits: one LUT6_2.
//
// Latency    none

module xf_count3 (
  input  logic [2:0] bits_i,
  output logic [1:0] count_o
);

`ifdef XF_XC7
  LUT6_2 #(.INIT(64'h96969696e8e8e8e8)) u_lut (
    .I0(bits_i[0]), .I1(bits_i[1]), .I2(bits_i[2]), .I3(1'b0), .I4(1'b0), .I5(1'b1),
    .O5(count_o[1]), .O6(count_o[0])
  );
`else
  assign count_o = 2'(bits_i[0]) + 2'(bits_i[1]) + 2'(bits_i[2]);
`endif

endmodule : xf_count3
