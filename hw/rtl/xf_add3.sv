// SPDX-License-Identifier: Apache-2.0
//
// Sum of three numbers modulo 2**SumW.
//
// On 7-series one LUT6_2 and one position of the carry chain (xf_carry) per bit: the LUT of bit i
// adds the three bits (O6 with the majority of bit i-1, which it takes in) and gives their majority
// (O5) to bit i+1. Above the operands one more position adds the last majority and the carry.
// Elsewhere plain arithmetic.
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

  if (Width < 1) begin : gen_bad_width
    $error("xf_add3: Width must be at least 1; got Width=%0d", Width);
  end
  if (SumW < Width || SumW > Width + 2) begin : gen_bad_sum_w
    $error("xf_add3: SumW must be Width .. Width + 2; got SumW=%0d, Width=%0d", SumW, Width);
  end

`ifdef XF_XC7
  localparam int unsigned Chain = (SumW > Width) ? Width + 1 : Width;  // positions

  logic [Width:0]   majority;
  logic [Chain-1:0] odd, sum;
  /* verilator lint_off UNUSEDSIGNAL */  // at most the last carry is part of the sum
  logic [Chain-1:0] carry;
  /* verilator lint_on UNUSEDSIGNAL */

  assign majority[0] = 1'b0;
  for (genvar i = 0; i < Width; i++) begin : gen_lut
    LUT6_2 #(.INIT(64'h69966996e8e8e8e8)) u_lut (
      .I0(a_i[i]), .I1(b_i[i]), .I2(c_i[i]), .I3(majority[i]), .I4(1'b0), .I5(1'b1),
      .O5(majority[i+1]), .O6(odd[i])
    );
  end
  if (Chain > Width) begin : gen_top
    // The chain is fed by a LUT only, so this position costs one too.
    LUT2 #(.INIT(4'ha)) u_lut (.I0(majority[Width]), .I1(1'b0), .O(odd[Width]));
  end

  xf_carry #(.Width(Chain)) u_carry (
    .carry_i(1'b0),    .select_i(odd), .data_i(majority[Chain-1:0]), .sum_o(sum), .carry_o(carry)
  );

  if (SumW > Width + 1) begin : gen_carry_out
    assign sum_o = {carry[Width], sum};
  end else begin : gen_sum
    assign sum_o = sum;
  end
`else
  assign sum_o = SumW'(a_i) + SumW'(b_i) + SumW'(c_i);
`endif

endmodule : xf_add3
