// SPDX-License-Identifier: Apache-2.0
//
// Sum of three numbers modulo 2**SumW: one LUT6_2 and one position of the carry chain per bit on
// 7-series.
//
// The LUT of bit i adds the three bits (O6 with the majority of bit i-1, which it takes in) and
// gives their majority (O5) to bit i+1. Above the operands one more position adds the last majority
// and the carry.
//
// Latency    none

module xf_add3 #(
  parameter int unsigned Width = 4,  // of each operand
  parameter int unsigned SumW  = 6   // Width .. Width + 2
) (
  input  logic [Width-1:0] a_i,
  input  logic [Width-1:0] b_i,
  input  logic [Width-1:0] c_i,
  output logic [SumW-1:0]  sum_o
);

`ifdef XF_XC7
  localparam int unsigned Cells = (Width + 4) / 4;

  logic [4*Cells-1:0] s, di, o, co;
  logic [Width:0]     majority;

  assign majority[0] = 1'b0;
  for (genvar i = 0; i < 4 * Cells; i++) begin : gen_bit
    if (i < Width) begin : gen_lut
      LUT6_2 #(.INIT(64'h69966996e8e8e8e8)) u_lut (
        .I0(a_i[i]), .I1(b_i[i]), .I2(c_i[i]), .I3(majority[i]), .I4(1'b0), .I5(1'b1),
        .O5(majority[i+1]), .O6(s[i])
      );
      assign di[i] = majority[i];
    end else if (i == Width && SumW > Width) begin : gen_top
      // The chain is fed by a LUT only, so this position costs one too.
      LUT2 #(.INIT(4'ha)) u_lut (.I0(majority[i]), .I1(1'b0), .O(s[i]));
      assign di[i] = majority[i];
    end else begin : gen_idle
      assign s[i]  = 1'b0;
      assign di[i] = 1'b0;
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

  if (SumW > Width + 1) begin : gen_carry_out
    assign sum_o = {co[Width], o[Width:0]};
  end else begin : gen_sum
    assign sum_o = o[SumW-1:0];
  end
`else
  assign sum_o = SumW'(a_i) + SumW'(b_i) + SumW'(c_i);
`endif

endmodule : xf_add3
