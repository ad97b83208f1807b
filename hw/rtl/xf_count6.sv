// SPDX-License-Identifier: Apache-2.0
//
// Groups of six bits counted on one carry chain: sum over g of 4**g * (ones in group g).
//
// On 7-series a group takes two LUTs and two positions of the chain. The lower LUT is the parity of
// the six bits; the sixth bit also feeds the chain, so that the position adds it to the first five.
// The upper LUT gives bit 1 (to S) and bit 2 (to DI) of the count of the first five. The carry that
// leaves a group has weight 4: the next group takes it in.
//
// Latency    none

module xf_count6 #(
  parameter  int unsigned Groups = 1,
  localparam int unsigned SumW   = 2 * Groups + 1
) (
  input  logic [6*Groups-1:0] bits_i,
  output logic [SumW-1:0]     sum_o
);

`ifdef XF_XC7
  localparam int unsigned Cells = (Groups + 1) / 2;

  logic [4*Cells-1:0] s, di, o, co;

  for (genvar g = 0; g < 2 * Cells; g++) begin : gen_group
    if (g < Groups) begin : gen_used
      LUT6 #(.INIT(64'h6996966996696996)) u_low (
        .I0(bits_i[6*g]), .I1(bits_i[6*g+1]), .I2(bits_i[6*g+2]), .I3(bits_i[6*g+3]),
        .I4(bits_i[6*g+4]), .I5(bits_i[6*g+5]), .O(s[2*g])
      );
      LUT6_2 #(.INIT(64'h177e7ee8e8808000)) u_high (
        .I0(bits_i[6*g]), .I1(bits_i[6*g+1]), .I2(bits_i[6*g+2]), .I3(bits_i[6*g+3]),
        .I4(bits_i[6*g+4]), .I5(1'b1), .O5(di[2*g+1]), .O6(s[2*g+1])
      );
      assign di[2*g] = bits_i[6*g+5];
    end else begin : gen_idle
      assign s[2*g +: 2]  = '0;
      assign di[2*g +: 2] = '0;
    end
  end

  for (genvar k = 0; k < Cells; k++) begin : gen_chain
    logic carry;
    if (k == 0) begin : gen_first
      assign carry = 1'b0;
    end else begin : gen_next
      assign carry = co[4*k-1];
    end
    CARRY4 u_carry (
      .CI(carry), .CYINIT(1'b0), .DI(di[4*k +: 4]), .S(s[4*k +: 4]),
      .O(o[4*k +: 4]), .CO(co[4*k +: 4])
    );
  end

  assign sum_o = {co[2*Groups-1], o[2*Groups-1:0]};
`else
  always_comb begin
    sum_o = '0;
    for (int unsigned k = 0; k < 6 * Groups; k++) begin
      sum_o = sum_o + (SumW'(bits_i[k]) << (2 * (k / 6)));
    end
  end
`endif

endmodule : xf_count6
