// SPDX-License-Identifier: Apache-2.0
//
// Sum of two numbers, each inverted where its weight bit is 0: one LUT6_2 and one position of the
// carry chain per bit.
//
// Latency    none

module xf_add2 #(
  parameter int unsigned Width = 8
) (
  input  logic [Width-1:0] a_i,
  input  logic             wa_i,
  input  logic [Width-1:0] b_i,
  input  logic             wb_i,
  output logic [Width:0]   sum_o
);

`ifdef XF_XC7
  localparam int unsigned Cells = (Width + 3) / 4;

  logic [4*Cells-1:0] s, di, o, co;

  for (genvar i = 0; i < 4 * Cells; i++) begin : gen_bit
    if (i < Width) begin : gen_lut
      LUT6_2 #(.INIT(64'h6996699699999999)) u_lut (
        .I0(a_i[i]), .I1(wa_i), .I2(b_i[i]), .I3(wb_i), .I4(1'b0), .I5(1'b1), .O5(di[i]), .O6(s[i])
      );
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

  assign sum_o = {co[Width-1], o[Width-1:0]};
`else
  logic [Width-1:0] a, b;
  assign a     = a_i ~^ {Width{wa_i}};
  assign b     = b_i ~^ {Width{wb_i}};
  assign sum_o = {1'b0, a} + {1'b0, b};
`endif

endmodule : xf_add2
