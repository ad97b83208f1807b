// SPDX-License-Identifier: Apache-2.0
//
// Sum of two numbers, each after a gate that a weight bit controls.
//
// Gate 0: a number is inverted where its weight bit is 0. Gate 1: it is zero there. Gate 2: both
// are zero there, then b is inverted. Gate 3: both are zero there, then both are inverted.
//
// On 7-series one LUT6_2 and one position of the carry chain (xf_carry) per bit: the gates cost
// nothing. On other families plain arithmetic.
//
// Latency    none, combinational

module xf_add2 #(
  parameter int unsigned Width = 8,  // bits of each number
  parameter int unsigned Gate  = 0   // 0 .. 3
) (
  input  logic [Width-1:0] a_i,
  input  logic             wa_i,
  input  logic [Width-1:0] b_i,
  input  logic             wb_i,
  output logic [Width:0]   sum_o
);

  if (Width < 1) begin : gen_bad_width
    $error("xf_add2: Width must be at least 1; got Width=%0d", Width);
  end
  if (Gate > 3) begin : gen_bad_gate
    $error("xf_add2: Gate must be 0 .. 3; got Gate=%0d", Gate);
  end

`ifdef XF_XC7
  // Upper half: gated a XOR gated b. Lower half: gated a.
  localparam logic [63:0] Init  = (Gate == 0) ? 64'h6996699699999999
                                : (Gate == 1) ? 64'h7888788888888888
                                : (Gate == 2) ? 64'h8777877788888888 : 64'h7888788877777777;

  logic [Width-1:0] differ, a;
  /* verilator lint_off UNUSEDSIGNAL */  // the last carry alone is part of the sum
  logic [Width-1:0] carry;
  /* verilator lint_on UNUSEDSIGNAL */

  for (genvar i = 0; i < Width; i++) begin : gen_lut
    LUT6_2 #(.INIT(Init)) u_lut (
      .I0(a_i[i]), .I1(wa_i), .I2(b_i[i]), .I3(wb_i), .I4(1'b0), .I5(1'b1),
      .O5(a[i]), .O6(differ[i])
    );
  end

  xf_carry #(.Width(Width)) u_carry (
    .carry_i(1'b0),    .select_i(differ), .data_i(a), .sum_o(sum_o[Width-1:0]), .carry_o(carry)
  );
  assign sum_o[Width] = carry[Width-1];
`else
  logic [Width-1:0] a, b;
  assign a     = (Gate == 0) ? a_i ~^ {Width{wa_i}} : (a_i & {Width{wa_i}}) ^ {Width{Gate == 3}};
  assign b     = (Gate == 0) ? b_i ~^ {Width{wb_i}} : (b_i & {Width{wb_i}}) ^ {Width{Gate >= 2}};
  assign sum_o = {1'b0, a} + {1'b0, b};
`endif

endmodule : xf_add2
