// SPDX-License-Identifier: Apache-2.0
//
// The four 7-series cells that the counters instantiate, for Verilator; from Xilinx UG953, not from
// Yosys.

module LUT2 #(parameter logic [3:0] INIT = '0) (input logic I0, I1, output logic O);
  assign O = INIT[{I1, I0}];
endmodule

module LUT6 #(parameter logic [63:0] INIT = '0) (
  input logic I0, I1, I2, I3, I4, I5, output logic O
);
  assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module LUT6_2 #(parameter logic [63:0] INIT = '0) (
  input logic I0, I1, I2, I3, I4, I5, output logic O5, O6
);
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module CARRY4 (input logic CI, CYINIT, input logic [3:0] DI, S, output logic [3:0] CO, O);
  logic carry;
  always_comb begin
    carry = CI | CYINIT;
    for (int k = 0; k < 4; k++) begin
      O[k]  = S[k] ^ carry;
      CO[k] = S[k] ? carry : DI[k];
      carry = CO[k];
    end
  end
endmodule
