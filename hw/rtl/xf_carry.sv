// SPDX-License-Identifier: Apache-2.0
//
// Carry chain: the leaf cell of every adder and comparison that is mapped by hand.
//
// Where select_i[i] is 1, position i propagates the carry from below, else it sends data_i[i] up.
// Its sum is select_i[i] XOR the carry into it. So with select = a ^ b and data = a the chain adds
// a, b and carry_i, the carry into position 0.
//
// On 7-series (XF_XC7) four positions are one CARRY4; positions above Width are unused.
//
// Latency    none, combinational

module xf_carry #(
  parameter int unsigned Width = 4  // positions
) (
  input  logic             carry_i,
  input  logic [Width-1:0] select_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] sum_o,
  output logic [Width-1:0] carry_o  // out of each position
);

  if (Width < 1) begin : gen_bad_width
    $error("xf_carry: Width must be at least 1; got Width=%0d", Width);
  end

`ifdef XF_XC7
  localparam int unsigned Cells = (Width + 3) / 4;

  logic [4*Cells-1:0] s, di, o, co;

  assign s       = (4 * Cells)'(select_i);
  assign di      = (4 * Cells)'(data_i);
  assign sum_o   = o[Width-1:0];
  assign carry_o = co[Width-1:0];

  for (genvar k = 0; k < Cells; k++) begin : gen_cell
    logic carry;
    if (k == 0) begin : gen_first
      assign carry = 1'b0;
    end else begin : gen_next
      assign carry = co[4*k-1];
    end
    CARRY4 u_carry (
      .CI(carry), .CYINIT((k == 0) ? carry_i : 1'b0), .DI(di[4*k +: 4]), .S(s[4*k +: 4]),
      .O(o[4*k +: 4]), .CO(co[4*k +: 4])
    );
  end
`else
  logic [Width:0] carry;

  always_comb begin
    carry[0] = carry_i;
    for (int unsigned k = 0; k < Width; k++) carry[k+1] = select_i[k] ? carry[k] : data_i[k];
  end
  assign sum_o   = select_i ^ carry[Width-1:0];
  assign carry_o = carry[Width:1];
`endif

endmodule : xf_carry
