// SPDX-License-Identifier: Apache-2.0
//
// Block RAMs, DSP blocks and UltraRAM of UltraScale+; what is behind the pins of the first two is in
// _xilinx.v.

// What is in a block RAM: the checks of its mode, and the memory at its pins.
`define XF_RAMB_E2(Given) \
  initial \
    if (CASCADE_ORDER_A != "NONE" || CASCADE_ORDER_B != "NONE") $fatal(1, "%m: cascades are not modelled"); \
  always @* if (SLEEP) $fatal(1, "%m: sleep is not modelled"); \
  xf_ramb #(Given) ram ( \
    .addr_a(ADDRARDADDR), .di_a(DINADIN), .dip_a(DINPADINP), .we_a(WEA), .do_a(DOUTADOUT), .dop_a(DOUTPADOUTP), \
    .addr_b(ADDRBWRADDR), .di_b(DINBDIN), .dip_b(DINPBDINP), .we_b(WEBWE), .do_b(DOUTBDOUT), .dop_b(DOUTPBDOUTP), .* \
  );

module RAMB36E2 #(
  `XF_RAMB36_PARAMETERS, parameter CASCADE_ORDER_A = "NONE", parameter CASCADE_ORDER_B = "NONE"
) (
  `XF_RAMB_PINS, input ADDRENA, ADDRENB, SLEEP,
  input [14:0] ADDRARDADDR, ADDRBWRADDR,
  input [31:0] DINADIN, DINBDIN,
  input [3:0] DINPADINP, DINPBDINP, WEA,
  input [7:0] WEBWE,
  output [31:0] DOUTADOUT, DOUTBDOUT,
  output [3:0] DOUTPADOUTP, DOUTPBDOUTP
);
  `XF_RAMB_E2(`XF_RAMB36_GIVEN)
endmodule

module RAMB18E2 #(
  `XF_RAMB18_PARAMETERS, parameter CASCADE_ORDER_A = "NONE", parameter CASCADE_ORDER_B = "NONE"
) (
  `XF_RAMB_PINS, input ADDRENA, ADDRENB, SLEEP,
  input [13:0] ADDRARDADDR, ADDRBWRADDR,
  input [15:0] DINADIN, DINBDIN,
  input [1:0] DINPADINP, DINPBDINP, WEA,
  input [3:0] WEBWE,
  output [15:0] DOUTADOUT, DOUTBDOUT,
  output [1:0] DOUTPADOUTP, DOUTPBDOUTP
);
  `XF_RAMB_E2(`XF_RAMB18_GIVEN)
endmodule

module DSP48E2 #(`XF_DSP_PARAMETERS, parameter AMULTSEL = "A", parameter BMULTSEL = "B") (
  `XF_DSP_PINS(27, 9), output [7:0] XOROUT
);
  initial
    if (AMULTSEL != "A" || BMULTSEL != "B") $fatal(1, "%m: only a plain product of A and B is modelled");

  xf_dsp #(.FactorW(27), `XF_DSP_GIVEN) dsp (.*);
endmodule

// Facts: Xilinx UG573, chapter 2: 4,096 words of 72 bits, one clock, of a port either a read or a
// write per cycle, port A before port B; a write leaves the output as it was (NO_CHANGE).
//
// The modes that Yosys' memory mapping writes: no pipeline or output register, no cascade, no sleep,
// no error correction, synchronous reset of the output. The contents begin unknown.
module URAM288 #(
  parameter BWE_MODE_A = "PARITY_INDEPENDENT", parameter BWE_MODE_B = "PARITY_INDEPENDENT",
  parameter EN_AUTO_SLEEP_MODE = "FALSE", parameter IREG_PRE_A = "FALSE", parameter IREG_PRE_B = "FALSE",
  parameter OREG_A = "FALSE", parameter OREG_B = "FALSE",
  parameter RST_MODE_A = "SYNC", parameter RST_MODE_B = "SYNC",
  parameter [0:0] IS_CLK_INVERTED = 0
) (
  input CLK, SLEEP,
  input EN_A, RDB_WR_A, RST_A, INJECT_DBITERR_A, INJECT_SBITERR_A,
  input EN_B, RDB_WR_B, RST_B, INJECT_DBITERR_B, INJECT_SBITERR_B,
  input [22:0] ADDR_A, ADDR_B,
  input [8:0] BWE_A, BWE_B,
  input [71:0] DIN_A, DIN_B,
  output reg [71:0] DOUT_A, DOUT_B
);
  reg [71:0] mem [0:4095];
  wire [71:0] mask_a, mask_b;  // a parity bit has the enable of its byte, or all have the ninth

  generate for (genvar k = 0; k < 8; k = k + 1) begin : gen_byte
    assign mask_a[8*k +: 8] = {8{BWE_A[k]}};
    assign mask_b[8*k +: 8] = {8{BWE_B[k]}};
    assign mask_a[64 + k] = BWE_A[BWE_MODE_A == "PARITY_INTERLEAVED" ? k : 8];
    assign mask_b[64 + k] = BWE_B[BWE_MODE_B == "PARITY_INTERLEAVED" ? k : 8];
  end endgenerate

  initial
    if (EN_AUTO_SLEEP_MODE != "FALSE" || IREG_PRE_A != "FALSE" || IREG_PRE_B != "FALSE"
        || OREG_A != "FALSE" || OREG_B != "FALSE" || RST_MODE_A != "SYNC" || RST_MODE_B != "SYNC"
        || IS_CLK_INVERTED) $fatal(1, "%m: a mode that is not modelled");

  always @(posedge CLK) begin
    if (SLEEP || INJECT_DBITERR_A || INJECT_SBITERR_A || INJECT_DBITERR_B || INJECT_SBITERR_B)
      $fatal(1, "%m: a port that is not modelled is on");
    if (RST_A) DOUT_A <= 72'd0;
    else if (EN_A && !RDB_WR_A) DOUT_A <= mem[ADDR_A[11:0]];
    if (EN_A && RDB_WR_A) mem[ADDR_A[11:0]] = mem[ADDR_A[11:0]] & ~mask_a | DIN_A & mask_a;
    if (RST_B) DOUT_B <= 72'd0;
    else if (EN_B && !RDB_WR_B) DOUT_B <= mem[ADDR_B[11:0]];
    if (EN_B && RDB_WR_B) mem[ADDR_B[11:0]] = mem[ADDR_B[11:0]] & ~mask_b | DIN_B & mask_b;
  end
endmodule
