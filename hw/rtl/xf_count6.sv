// SPDX-License-Identifier: Apache-2.0
//
// Groups of six bits counted on one carry chain: sum over g of 4**g * (ones in group g).
//
// On 7-series a group takes two LUTs and two positions of the chain (xf_carry). The lower LUT is
// the parity of the six bits; the sixth bit also feeds the chain, so that the position adds it to
// the first five. The upper LUT makes bit 1 (select) and bit 2 (data) of the count of the first
// five. The carry out of a group has weight 4 and is the carry into the next group. On other
// families plain arithmetic.
//
// Latency    none, combinational

module xf_count6 #(
  parameter  int unsigned Groups  = 1,  // of six bits
  parameter  int unsigned Seventh = 0,  // 1: one more bit, as high as the first six
  localparam int unsigned SumW    = 2 * Groups + 1
) (
  input  logic [6*Groups+Seventh-1:0] bits_i,  // the seventh above all others
  output logic [SumW-1:0]             sum_o
);

  if (Groups < 1) begin : gen_bad_groups
    $error("xf_count6: Groups must be at least 1; got Groups=%0d", Groups);
  end else if (Seventh > 1) begin : gen_bad_seventh
    $error("xf_count6: Seventh must be 0 or 1; got Seventh=%0d", Seventh);
  end

  logic seventh;
  assign seventh = (Seventh != 0) ? bits_i[6*Groups+Seventh-1] : 1'b0;

`ifdef XF_XC7
  logic [2*Groups-1:0] select, data;
  /* verilator lint_off UNUSEDSIGNAL */  // the last carry alone is part of the sum
  logic [2*Groups-1:0] carry;
  /* verilator lint_on UNUSEDSIGNAL */

  for (genvar g = 0; g < Groups; g++) begin : gen_group
    LUT6 #(.INIT(64'h6996966996696996)) u_low (
      .I0(bits_i[6*g]), .I1(bits_i[6*g+1]), .I2(bits_i[6*g+2]), .I3(bits_i[6*g+3]),
      .I4(bits_i[6*g+4]), .I5(bits_i[6*g+5]), .O(select[2*g])
    );
    LUT6_2 #(.INIT(64'h177e7ee8e8808000)) u_high (
      .I0(bits_i[6*g]), .I1(bits_i[6*g+1]), .I2(bits_i[6*g+2]), .I3(bits_i[6*g+3]),
      .I4(bits_i[6*g+4]), .I5(1'b1), .O5(data[2*g+1]), .O6(select[2*g+1])
    );
    assign data[2*g] = bits_i[6*g+5];
  end

  xf_carry #(.Width(2 * Groups)) u_carry (
    .carry_i(seventh),
    .select_i(select), .data_i(data), .sum_o(sum_o[2*Groups-1:0]), .carry_o(carry)
  );
  assign sum_o[2*Groups] = carry[2*Groups-1];
`else
  always_comb begin
    sum_o = SumW'(seventh);
    for (int unsigned k = 0; k < 6 * Groups; k++) begin
      sum_o = sum_o + (SumW'(bits_i[k]) << (2 * (k / 6)));
    end
  end
`endif

endmodule : xf_count6
