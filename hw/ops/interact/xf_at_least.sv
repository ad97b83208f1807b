// SPDX-License-Identifier: Apache-2.0
//
// a >= b of unsigned numbers, or b >= a where they are turned: on 7-series one LUT6_2 and one position
// of the carry chain per two bits.
//
// A position passes the carry from below where its two bits are equal (O6), else it sends 1 where
// those of a (turned: of b) are the greater (O5). What goes in below is 1: equal numbers are at least.
//
// Latency    none

module xf_at_least #(
  parameter int unsigned Width = 8
) (
  input  logic [Width-1:0] a_i,
  input  logic [Width-1:0] b_i,
  input  logic             turn_i,
  output logic             y_o
);

`ifdef XF_XC7
  localparam int unsigned Pairs = (Width + 1) / 2;
  localparam int unsigned Cells = (Pairs + 3) / 4;

  logic [2*Pairs-1:0] a, b;
  logic [4*Cells-1:0] s, di, co;
  /* verilator lint_off UNUSEDSIGNAL */  // the chain's sums
  logic [4*Cells-1:0] o;
  /* verilator lint_on UNUSEDSIGNAL */

  assign a = (2 * Pairs)'(a_i);
  assign b = (2 * Pairs)'(b_i);

  for (genvar k = 0; k < 4 * Cells; k++) begin : gen_pair
    if (k < Pairs) begin : gen_lut
      LUT6_2 #(.INIT(64'h84218421_731008ce)) u_lut (
        .I0(a[2*k]), .I1(a[2*k+1]), .I2(b[2*k]), .I3(b[2*k+1]), .I4(turn_i), .I5(1'b1),
        .O5(di[k]), .O6(s[k])
      );
    end else begin : gen_idle
      assign s[k]  = 1'b1;
      assign di[k] = 1'b0;
    end
  end

  for (genvar k = 0; k < Cells; k++) begin : gen_chain
    localparam bit First = k == 0;
    logic carry;
    if (First) begin : gen_first
      assign carry = 1'b0;
    end else begin : gen_next
      assign carry = co[4*k-1];
    end
    CARRY4 u_carry (
      .CI(carry), .CYINIT(First), .DI(di[4*k +: 4]), .S(s[4*k +: 4]),
      .O(o[4*k +: 4]), .CO(co[4*k +: 4])
    );
  end

  assign y_o = co[Pairs-1];
`else
  assign y_o = turn_i ? b_i >= a_i : a_i >= b_i;
`endif

endmodule : xf_at_least
