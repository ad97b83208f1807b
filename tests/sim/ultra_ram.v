// SPDX-License-Identifier: Apache-2.0
//
// UltraRAM of UltraScale+ for simulating a mapped netlist; Yosys has no model of its function.
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
  integer k;

  initial begin
    if (BWE_MODE_A != "PARITY_INDEPENDENT" || BWE_MODE_B != "PARITY_INDEPENDENT"
        || EN_AUTO_SLEEP_MODE != "FALSE" || IREG_PRE_A != "FALSE" || IREG_PRE_B != "FALSE"
        || OREG_A != "FALSE" || OREG_B != "FALSE" || RST_MODE_A != "SYNC" || RST_MODE_B != "SYNC"
        || IS_CLK_INVERTED) $fatal(1, "%m: a mode that is not modelled");
  end

  always @(posedge CLK) begin
    if (SLEEP || INJECT_DBITERR_A || INJECT_SBITERR_A || INJECT_DBITERR_B || INJECT_SBITERR_B)
      $fatal(1, "%m: a port that is not modelled is on");
    if (RST_A) DOUT_A <= 72'd0;
    else if (EN_A && !RDB_WR_A) DOUT_A <= mem[ADDR_A[11:0]];
    if (EN_A && RDB_WR_A)
      for (k = 0; k < 9; k = k + 1) if (BWE_A[k]) mem[ADDR_A[11:0]][8*k +: 8] = DIN_A[8*k +: 8];
    if (RST_B) DOUT_B <= 72'd0;
    else if (EN_B && !RDB_WR_B) DOUT_B <= mem[ADDR_B[11:0]];
    if (EN_B && RDB_WR_B)
      for (k = 0; k < 9; k = k + 1) if (BWE_B[k]) mem[ADDR_B[11:0]][8*k +: 8] = DIN_B[8*k +: 8];
  end
endmodule
