// SPDX-License-Identifier: Apache-2.0
//
// Cells of an ECP5 as nextpnr-ecp5 has packed and placed them, for simulating its netlist.
//
// `placed.py` writes the netlist: unconnected inputs have the level that they have on the part, pins
// of a bus stand in one vector, and what a model below cannot stand for stops the run.
// Facts: Lattice FPGA-TN-02204 (ECP5 memory), Project Trellis, and the way in which nextpnr-ecp5
// packs (its ecp5/cells.cc) and configures (its ecp5/bitstream.cc) a cell.
//
// Registers, block RAM outputs and memories without contents start with noise, where the part starts
// from 0 or 1: a design must not need it.

// Half a slice without its register: a LUT, half a CCU2C, or a bit of 16 words of LUT memory; and,
// in any of these, the mux behind it, of two LUTs in an even half and of two such muxes in an odd one.
// Bit {D, C, B, A} of INITVAL is the LUT's output.
module TRELLIS_COMB #(
  parameter        MODE = "LOGIC",
  parameter [15:0] INITVAL = 0,
  parameter        CCU2_INJECT1 = "NO",  // "YES": the carry stays out of F, and FCO of a 0 is 0
  parameter        WREMUX = "WRE",
  parameter        WCKMUX = "WCK",
  parameter [0:0]  IS_Z1 = 0             // 1: an odd half
) (
  input A, B, C, D, M, F1, FXA, FXB, FCI, WD, WAD0, WAD1, WAD2, WAD3, WRE, WCK,
  output F, FCO, OFX
);
  generate
    if (MODE == "DPRAM") begin : gen_memory
      // The address is {A, C, B, D}; the contents are given as those of a LUT.
      reg [15:0] bits;
      wire [3:0] written = {WAD0, WAD2, WAD1, WAD3};  // as {D, C, B, A}
      initial begin
        bits = INITVAL;
        if (WREMUX != "WRE" || WCKMUX != "WCK") $fatal(1, "%m: WREMUX or WCKMUX is not modelled");
      end
      always @(posedge WCK) if (WRE) bits[written] <= WD;
      assign F = bits[{D, C, B, A}];
      assign FCO = 1'b0;
    end else begin : gen_lut
      wire lut = INITVAL[{D, C, B, A}];
      if (MODE == "CCU2") begin : gen_carry
        wire own = INITVAL[{2'b00, B, A}];  // what the carry becomes where the LUT gives 0
        assign F = (CCU2_INJECT1 == "YES") ? lut : lut ^ FCI;
        assign FCO = lut ? FCI : (CCU2_INJECT1 == "YES") ? 1'b0 : own;
      end else begin : gen_logic
        assign F = lut;
        assign FCO = 1'b0;
        initial if (MODE != "LOGIC" && MODE != "RAMW_BLOCK") $fatal(1, "%m: a MODE that is not modelled");
      end
    end
  endgenerate
  assign OFX = IS_Z1 ? (M ? FXB : FXA) : (M ? F1 : F);
endmodule

// The write port of four halves that hold LUT memory: address and data pass it on their way.
module TRELLIS_RAMW (
  input A0, B0, C0, D0, A1, B1, C1, D1,
  output WDO0, WDO1, WDO2, WDO3, WADO0, WADO1, WADO2, WADO3
);
  assign {WADO3, WADO2, WADO1, WADO0} = {A0, C0, B0, D0};
  assign {WDO3, WDO2, WDO1, WDO0} = {B1, D1, A1, C1};
endmodule

module TRELLIS_FF #(
  parameter       CEMUX = "CE",
  parameter       CLKMUX = "CLK",
  parameter       LSRMUX = "LSR",
  parameter       LSRMODE = "LSR",
  parameter       SRMODE = "LSR_OVER_CE",
  parameter       REGSET = "RESET",
  parameter [0:0] SD = 0  // 1: from the LUT in front, by DI; 0: from the wire M
) (
  input CLK, LSR, CE, DI, M, output reg Q
);
  wire enabled = (CEMUX == "1") ? 1'b1 : (CEMUX == "0") ? 1'b0 : (CEMUX == "INV") ? ~CE : CE;
  wire cleared = (LSRMUX == "INV") ? ~LSR : LSR;
  always @(posedge CLK)
    if (cleared) Q <= (REGSET == "SET");
    else if (enabled) Q <= SD ? DI : M;
  initial
    if (CLKMUX != "CLK" || LSRMODE != "LSR" || SRMODE != "LSR_OVER_CE")
      $fatal(1, "%m: CLKMUX, LSRMODE or SRMODE is not modelled");
endmodule

// A block RAM: 512 words of four units of 9 bits. A port of width 1, 2 or 4 sees 8 bits of a unit; of
// width 18 or 36 the lowest address bits are a write enable per unit. Of width 36 are only port A's
// writing, its upper half in DIB, and port B's reading, its lower half in DOA. Both ports run on one
// clock. Where a port reads bits that the other writes at that edge, the part promises nothing: here
// they come inverted.
module DP16KD #(
  parameter integer   DATA_WIDTH_A = 18,
  parameter integer   DATA_WIDTH_B = 18,
  parameter           WRITEMODE_A = "NORMAL",  // the output of a port that writes: NORMAL as it was,
  parameter           WRITEMODE_B = "NORMAL",  // READBEFOREWRITE what was there, WRITETHROUGH what comes
  parameter           REGMODE_A = "NOREG",
  parameter           REGMODE_B = "NOREG",
  parameter           RESETMODE = "SYNC",    // where a reset comes
  parameter           CSDECODE_A = "0b000",
  parameter           CSDECODE_B = "0b000",
  parameter [20479:0] INITVAL = 0              // 1,024 times two units and two bits that are none
) (
  input CLKA, CEA, OCEA, WEA, RSTA, CLKB, CEB, OCEB, WEB, RSTB,
  input [2:0] CSA, CSB,
  input [13:0] ADA, ADB,
  input [17:0] DIA, DIB,
  output [17:0] DOA, DOB
);
  reg [35:0] words [0:511];
  integer w;
  initial begin
    for (w = 0; w < 512; w = w + 1) words[w] = {INITVAL[w*40+20 +: 18], INITVAL[w*40 +: 18]};
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") $fatal(1, "%m: CSDECODE is not modelled");
    if (DATA_WIDTH_B == 36 && REGMODE_A != REGMODE_B)
      $fatal(1, "%m: an output register of one half alone is not modelled");
  end

  // Bits of a word in front of those that a port of a width sees.
  function [5:0] first(input integer width, input [13:0] address);
    case (width)
      1: first = 6'd9 * address[4:3] + address[2:0];
      2: first = 6'd9 * address[4:3] + {address[2:1], 1'b0};
      4: first = 6'd9 * address[4:3] + {address[2], 2'b00};
      9: first = 6'd9 * address[4:3];
      18: first = 6'd18 * address[4];
      default: first = 6'd0;
    endcase
  endfunction

  // Those of them that a write changes, from bit 0 on.
  function [35:0] enabled(input integer width, input [13:0] address);
    case (width)
      18: enabled = {18'd0, {9{address[1]}}, {9{address[0]}}};
      36: enabled = {{9{address[3]}}, {9{address[2]}}, {9{address[1]}}, {9{address[0]}}};
      default: enabled = (36'd1 << width) - 36'd1;
    endcase
  endfunction

  wire [5:0] at_a = first(DATA_WIDTH_A, ADA);
  wire [5:0] at_b = first(DATA_WIDTH_B, ADB);
  wire chosen_a = CEA & (CSA == 3'd0);
  wire chosen_b = CEB & (CSB == 3'd0);
  wire [35:0] mask_a = (chosen_a & WEA & ~RSTA) ? enabled(DATA_WIDTH_A, ADA) << at_a : 36'd0;
  wire [35:0] mask_b = (chosen_b & WEB & ~RSTB) ? enabled(DATA_WIDTH_B, ADB) << at_b : 36'd0;
  wire [35:0] data_a = {DIB & {18{DATA_WIDTH_A == 36}}, DIA} << at_a;
  wire [35:0] data_b = {18'd0, DIB} << at_b;
  wire [35:0] old_a = words[ADA[13:5]];
  wire [35:0] old_b = words[ADB[13:5]];
  wire same = ADA[13:5] == ADB[13:5];
  wire [35:0] new_a = (old_a & ~mask_a) | (data_a & mask_a);
  wire [35:0] new_b = (old_b & ~mask_b) | (data_b & mask_b);
  reg [35:0] a_q, b_q;

  always @(posedge CLKB)
    if ((RSTA || RSTB) && RESETMODE != "SYNC") $fatal(1, "%m: an asynchronous reset is not modelled");

  always @(posedge CLKA) begin
    if (|mask_a) words[ADA[13:5]] <= new_a;
    if (|mask_a && |mask_b && same) $fatal(1, "%m: both ports write one word, which is not modelled");
    if (RSTA) a_q <= 36'd0;
    else if (chosen_a && (!WEA || WRITEMODE_A == "READBEFOREWRITE"))
      a_q <= (old_a ^ (same ? mask_b : 36'd0)) >> at_a;
    else if (chosen_a && WRITEMODE_A == "WRITETHROUGH") a_q <= new_a >> at_a;
  end

  always @(posedge CLKB) begin
    if (|mask_b) words[ADB[13:5]] <= new_b;
    if (RSTB) b_q <= 36'd0;
    else if (chosen_b && (!WEB || WRITEMODE_B == "READBEFOREWRITE"))
      b_q <= (old_b ^ (same ? mask_a : 36'd0)) >> at_b;
    else if (chosen_b && WRITEMODE_B == "WRITETHROUGH") b_q <= new_b >> at_b;
  end

  // Output registers: the word of before the edge, where OCE is high.
  localparam LateA = REGMODE_A == "OUTREG", LateB = REGMODE_B == "OUTREG";
  reg [35:0] late_a_q, late_b_q;
  always @(posedge CLKA) begin
    if (OCEA) late_a_q <= a_q;
    if (LateA && RSTA) $fatal(1, "%m: a reset of an output register is not modelled");
  end
  always @(posedge CLKB) begin
    if (OCEB) late_b_q <= b_q;
    if (LateB && RSTB) $fatal(1, "%m: a reset of an output register is not modelled");
    if (LateB && DATA_WIDTH_B == 36 && OCEA != OCEB)
      $fatal(1, "%m: an output register of one half alone is not modelled");
  end
  wire [35:0] out_a = LateA ? late_a_q : a_q;
  wire [35:0] out_b = LateB ? late_b_q : b_q;

  assign DOA = (DATA_WIDTH_B == 36) ? out_b[17:0] : out_a[17:0];
  assign DOB = (DATA_WIDTH_B == 36) ? out_b[35:18] : out_b[17:0];
endmodule

// A multiplier without its registers; SOURCEA and SOURCEB, which take the neighbour's operand, stay 0.
module MULT18X18D #(
  parameter REG_INPUTA_CLK = "NONE",
  parameter REG_INPUTB_CLK = "NONE",
  parameter REG_PIPELINE_CLK = "NONE",
  parameter REG_OUTPUT_CLK = "NONE"
) (
  input [17:0] A, B, input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB, output [35:0] P
);
  wire signed [18:0] a = {SIGNEDA & A[17], A};
  wire signed [18:0] b = {SIGNEDB & B[17], B};
  assign P = 36'(a * b);
  initial
    if (REG_INPUTA_CLK != "NONE" || REG_INPUTB_CLK != "NONE" || REG_PIPELINE_CLK != "NONE"
        || REG_OUTPUT_CLK != "NONE")
      $fatal(1, "%m: its registers are not modelled");
  always @* if (SOURCEA || SOURCEB) $fatal(1, "%m: an operand of the neighbour is not modelled");
endmodule

// The clock comes out as it goes in: cycles count here, and both clocks are one. The PLL has locked
// after 16 of them.
module EHXPLLL #(parameter CLKOP_ENABLE = "ENABLED") (input CLKI, CLKFB, RST, output CLKOP, LOCK);
  reg [4:0] count = 5'd0;
  always @(posedge CLKI) if (!LOCK) count <= count + 5'd1;
  assign LOCK = count[4];
  assign CLKOP = CLKI;
endmodule

// Onto the network of clocks.
module DCCA (input CLKI, CE, output CLKO);
  assign CLKO = CLKI;
  always @* if (!CE) $fatal(1, "%m: a clock that stops is not modelled");
endmodule

// A pin, in or out.
module TRELLIS_IO #(parameter DIR = "INPUT") (input PIN, I, output O, PAD);
  assign O = PIN;
  assign PAD = I;
  initial if (DIR != "INPUT" && DIR != "OUTPUT") $fatal(1, "%m: a DIR that is not modelled");
endmodule
