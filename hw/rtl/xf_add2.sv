// SPDX-License-Identifier: Apache-2.0
//
// Sum of two numbers, each behind a gate: one LUT6_2 and one position of the carry chain per bit.
//
// Gate 0: inverted where its weight bit is 0. Gate 1: zero there. Gate 2: both zero there, then b
// inverted. Gate 3: both zero there, then both inverted.
//
// Latency    none

module xf_add2 #(
  parameter int unsigned Width = 8,
  parameter int unsigned Gate  = 0
) (
  input  logic [Width-1:0] a_i,
  input  logic             wa_i,
  input  logic [Width-1:0] b_i,
  input  logic             wb_i,
  output logic [Width:0]   sum_o
);

`ifdef XF_XC7
  localparam int unsigned Cells = (Width + 3) / 4;
  // Upper half: gated a XOR gated b. Lower half: gated a.
  localparam logic [63:0] Init  = (Gate == 0) ? 64'h6996699699999999
                                : (Gate == 1) ? 64'h7888788888888888
                                : (Gate == 2) ? 64'h8777877788888888 : 64'h7888788877777777;

  logic [4*Cells-1:0] s, di, o, co;

  for (genvar i = 0; i < 4 * Cells; i++) begin : gen_bit
    if (i < Width) begin : gen_lut
      LUT6_2 #(.INIT(Init)) u_lut (
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
  assign a     = (Gate == 0) ? a_i ~^ {Width{wa_i}} : (a_i & {Width{wa_i}}) ^ {Width{Gate == 3}};
  assign b     = (Gate == 0) ? b_i ~^ {Width{wb_i}} : (b_i & {Width{wb_i}}) ^ {Width{Gate >= 2}};
  assign sum_o = {1'b0, a} + {1'b0, b};
`endif

endmodule : xf_add2
