// SPDX-License-Identifier: Apache-2.0
//
// a >= b of unsigned numbers, or b >= a where turn_i is 1: on 7-series one LUT6_2 and one position
// of the carry chain (xf_carry) per two bits.
//
// A position passes the carry from below if its two bits are equal (O6); else it sends 1 if the
// bits of a (with turn_i of b) are greater (O5). The carry into position 0 is 1, since equal
// numbers count as at least.
//
// Latency    none, combinational
// Bit model  op.py, Interact.execute_node

module xf_at_least #(
  parameter int unsigned Width = 8
) (
  input  logic [Width-1:0] a_i,
  input  logic [Width-1:0] b_i,
  input  logic             turn_i,
  output logic             y_o
);

  if (Width < 1) begin : gen_bad_width
    $error("xf_at_least: Width must be at least 1; got Width=%0d", Width);
  end

`ifdef XF_XC7
  localparam int unsigned Pairs = (Width + 1) / 2;

  logic [2*Pairs-1:0] a, b;
  logic [Pairs-1:0]   equal, greater;
  /* verilator lint_off UNUSEDSIGNAL */  // the last carry is the answer
  logic [Pairs-1:0]   sum, carry;
  /* verilator lint_on UNUSEDSIGNAL */

  assign a = (2 * Pairs)'(a_i);
  assign b = (2 * Pairs)'(b_i);

  for (genvar k = 0; k < Pairs; k++) begin : gen_lut
    LUT6_2 #(.INIT(64'h84218421_731008ce)) u_lut (
      .I0(a[2*k]), .I1(a[2*k+1]), .I2(b[2*k]), .I3(b[2*k+1]), .I4(turn_i), .I5(1'b1),
      .O5(greater[k]), .O6(equal[k])
    );
  end

  xf_carry #(.Width(Pairs)) u_carry (
    .carry_i(1'b1),    .select_i(equal), .data_i(greater), .sum_o(sum), .carry_o(carry)
  );
  assign y_o = carry[Pairs-1];
`else
  assign y_o = turn_i ? b_i >= a_i : a_i >= b_i;
`endif

endmodule : xf_at_least
