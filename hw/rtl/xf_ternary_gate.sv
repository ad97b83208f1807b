// SPDX-License-Identifier: Apache-2.0
//
// An element gated by a weight of -1, 0 or 1 in two's complement: its inverse, zero, or itself.
//
// -x = ~x + 1 - 2**Bits; the constant belongs to the row. On 7-series one LUT6_2 per two bits.
//
// Latency    none, combinational

module xf_ternary_gate #(
  parameter int unsigned Bits = 2
) (
  input  logic [Bits-1:0] x_i,
  input  logic [1:0]      w_i,
  output logic [Bits-1:0] data_o
);

  if (Bits < 1) begin : gen_bad_bits
    $error("xf_ternary_gate: Bits must be at least 1; got Bits=%0d", Bits);
  end

`ifdef XF_XC7
  for (genvar k = 0; k < Bits / 2; k++) begin : gen_two
    LUT6_2 #(.INIT(64'h30c030c050a050a0)) u_lut (
      .I0(x_i[2*k]), .I1(x_i[2*k+1]), .I2(w_i[0]), .I3(w_i[1]), .I4(1'b0), .I5(1'b1),
      .O5(data_o[2*k]), .O6(data_o[2*k+1])
    );
  end
  if (Bits % 2 == 1) begin : gen_last
    assign data_o[Bits-1] = (x_i[Bits-1] ^ w_i[1]) & w_i[0];
  end
`else
  assign data_o = (x_i ^ {Bits{w_i[1]}}) & {Bits{w_i[0]}};
`endif

endmodule : xf_ternary_gate
