// SPDX-License-Identifier: Apache-2.0
//
// Cells of AMD/Xilinx families for simulating a mapped netlist: the small ones, and what is behind
// the block RAMs and DSP blocks of each generation, whose names and pins are in the families' cells.v.
// Block RAMs have timing but no function in Yosys' cells_sim.v; the cells that occur by the thousand
// are written here without vectors that feed back into themselves, which Verilator would have to
// settle by iteration (tests/sim/test_netlist.py runs them against Yosys' own). All others come from
// cells_sim.v. Facts: Xilinx UG473, chapter 1 (write modes, parity) and chapter 3 (parameters); UG474
// for the rest; UltraScale+ differs in names, in cascades and in the widths of a DSP block only, as
// far as is modelled (UG573, UG579).
//
// Block RAM in the modes that Yosys' memory mapping writes: no output register, no cascade, no
// reset of the output. A port of width 9, 18, 36 or 72 holds one parity bit per eight data bits. An
// address counts data bits; those below the port's width are ignored. A read beside a write to the
// same word sees the old word, as READ_FIRST promises. What a model cannot stand for stops the run.

// Sixteen blocks of the first contents of a block RAM: as parameters, and the last one first.
`define XF_INITS(n) n``0 = 256'h0, n``1 = 256'h0, n``2 = 256'h0, n``3 = 256'h0, n``4 = 256'h0, n``5 = 256'h0, \
    n``6 = 256'h0, n``7 = 256'h0, n``8 = 256'h0, n``9 = 256'h0, n``A = 256'h0, n``B = 256'h0, n``C = 256'h0, \
    n``D = 256'h0, n``E = 256'h0, n``F = 256'h0
`define XF_INITS_DOWN(n) n``F, n``E, n``D, n``C, n``B, n``A, n``9, n``8, n``7, n``6, n``5, n``4, n``3, n``2, n``1, n``0

// Parameters and pins that the block RAMs of every generation have, and how they are handed on.
`define XF_RAMB36_PARAMETERS parameter [255:0] `XF_INITS(INIT_0), `XF_INITS(INIT_1), `XF_INITS(INIT_2), \
    `XF_INITS(INIT_3), `XF_INITS(INIT_4), `XF_INITS(INIT_5), `XF_INITS(INIT_6), `XF_INITS(INIT_7), \
    `XF_INITS(INITP_0), `XF_RAMB_PARAMETERS
`define XF_RAMB18_PARAMETERS parameter [255:0] `XF_INITS(INIT_0), `XF_INITS(INIT_1), `XF_INITS(INIT_2), \
    `XF_INITS(INIT_3), INITP_00 = 256'h0, INITP_01 = 256'h0, INITP_02 = 256'h0, INITP_03 = 256'h0, \
    INITP_04 = 256'h0, INITP_05 = 256'h0, INITP_06 = 256'h0, INITP_07 = 256'h0, `XF_RAMB_PARAMETERS
`define XF_RAMB_PARAMETERS parameter INIT_A = 0, parameter INIT_B = 0, \
    parameter [71:0] SRVAL_A = 0, parameter [71:0] SRVAL_B = 0, \
    parameter WRITE_MODE_A = "READ_FIRST", parameter WRITE_MODE_B = "READ_FIRST", \
    parameter integer DOA_REG = 0, parameter integer DOB_REG = 0, \
    parameter integer READ_WIDTH_A = 0, parameter integer READ_WIDTH_B = 0, \
    parameter integer WRITE_WIDTH_A = 0, parameter integer WRITE_WIDTH_B = 0
`define XF_RAMB_PINS input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, \
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB
`define XF_RAMB36_GIVEN .Words(512), .Init({`XF_INITS_DOWN(INIT_7), `XF_INITS_DOWN(INIT_6), \
    `XF_INITS_DOWN(INIT_5), `XF_INITS_DOWN(INIT_4), `XF_INITS_DOWN(INIT_3), `XF_INITS_DOWN(INIT_2), \
    `XF_INITS_DOWN(INIT_1), `XF_INITS_DOWN(INIT_0)}), .InitP({`XF_INITS_DOWN(INITP_0)}), `XF_RAMB_GIVEN
`define XF_RAMB18_GIVEN .Words(256), .Init({`XF_INITS_DOWN(INIT_3), `XF_INITS_DOWN(INIT_2), \
    `XF_INITS_DOWN(INIT_1), `XF_INITS_DOWN(INIT_0)}), .InitP({INITP_07, INITP_06, INITP_05, INITP_04, \
    INITP_03, INITP_02, INITP_01, INITP_00}), `XF_RAMB_GIVEN
`define XF_RAMB_GIVEN .ModeA(WRITE_MODE_A), .ModeB(WRITE_MODE_B), .ResetA(SRVAL_A), .ResetB(SRVAL_B), \
    .Registers(DOA_REG + DOB_REG), .ReadA(READ_WIDTH_A), .ReadB(READ_WIDTH_B), .WriteA(WRITE_WIDTH_A), \
    .WriteB(WRITE_WIDTH_B)

// The same of DSP blocks; d: bits of their narrower input D, o: of OPMODE.
`define XF_DSP_PARAMETERS parameter integer AREG = 1, BREG = 1, CREG = 1, MREG = 1, PREG = 1, \
    parameter integer ACASCREG = 1, BCASCREG = 1, ADREG = 1, DREG = 1, ALUMODEREG = 1, INMODEREG = 1, \
    OPMODEREG = 1, CARRYINREG = 1, CARRYINSELREG = 1, \
    parameter A_INPUT = "DIRECT", B_INPUT = "DIRECT", USE_MULT = "MULTIPLY", USE_SIMD = "ONE48"
`define XF_DSP_PINS(d, o) input CLK, CEA1, CEA2, CEB1, CEB2, CEC, CEM, CEP, RSTA, RSTB, RSTC, RSTM, RSTP, \
    input signed [29:0] A, ACIN, input signed [17:0] B, BCIN, input [47:0] C, PCIN, input [d-1:0] D, \
    input [3:0] ALUMODE, input [4:0] INMODE, input [o-1:0] OPMODE, input CARRYIN, \
    input [2:0] CARRYINSEL, \
    input CARRYCASCIN, MULTSIGNIN, CEAD, CEALUMODE, CECARRYIN, CECTRL, CED, CEINMODE, RSTALLCARRYIN, \
    input RSTALUMODE, RSTCTRL, RSTD, RSTINMODE, \
    output [47:0] P, PCOUT, output signed [29:0] ACOUT, output signed [17:0] BCOUT, \
    output CARRYCASCOUT, MULTSIGNOUT, OVERFLOW, UNDERFLOW, PATTERNBDETECT, PATTERNDETECT, \
    output [3:0] CARRYOUT
`define XF_DSP_GIVEN .AREG(AREG), .BREG(BREG), .CREG(CREG), .MREG(MREG), .PREG(PREG), \
    .ACASCREG(ACASCREG), .BCASCREG(BCASCREG), .A_INPUT(A_INPUT), .B_INPUT(B_INPUT), .USE_MULT(USE_MULT), \
    .USE_SIMD(USE_SIMD)

module LUT1 #(parameter [1:0] INIT = 0) (output O, input I0);
  assign O = INIT[{I0}];
endmodule

module LUT2 #(parameter [3:0] INIT = 0) (output O, input I0, I1);
  assign O = INIT[{I1, I0}];
endmodule

module LUT3 #(parameter [7:0] INIT = 0) (output O, input I0, I1, I2);
  assign O = INIT[{I2, I1, I0}];
endmodule

module LUT4 #(parameter [15:0] INIT = 0) (output O, input I0, I1, I2, I3);
  assign O = INIT[{I3, I2, I1, I0}];
endmodule

module LUT5 #(parameter [31:0] INIT = 0) (output O, input I0, I1, I2, I3, I4);
  assign O = INIT[{I4, I3, I2, I1, I0}];
endmodule

module LUT6 #(parameter [63:0] INIT = 0) (output O, input I0, I1, I2, I3, I4, I5);
  assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module LUT6_2 #(parameter [63:0] INIT = 0) (output O6, output O5, input I0, I1, I2, I3, I4, I5);
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
endmodule

module CARRY4 (
  output [3:0] CO, output [3:0] O, input CI, input CYINIT, input [3:0] DI, input [3:0] S
);
  wire c0 = CI | CYINIT;
  wire c1 = S[0] ? c0 : DI[0];
  wire c2 = S[1] ? c1 : DI[1];
  wire c3 = S[2] ? c2 : DI[2];
  wire c4 = S[3] ? c3 : DI[3];
  assign CO = {c4, c3, c2, c1};
  assign O = S ^ {c3, c2, c1, c0};
endmodule

module FDRE #(parameter [0:0] INIT = 1'bx) (output reg Q, input C, CE, D, R);
  initial Q = INIT;
  always @(posedge C)
    if (R) Q <= 1'b0;
    else if (CE) Q <= D;
endmodule

module FDSE #(parameter [0:0] INIT = 1'bx) (output reg Q, input C, CE, D, S);
  initial Q = INIT;
  always @(posedge C)
    if (S) Q <= 1'b1;
    else if (CE) Q <= D;
endmodule

// Four memories in LUTs, of one written address.
`define XF_LUT_RAM(NAME, AddrW, Width) module NAME #( \
  parameter [63:0] INIT_A = 0, INIT_B = 0, INIT_C = 0, INIT_D = 0, parameter [0:0] IS_WCLK_INVERTED = 0 \
) ( \
  output [Width-1:0] DOA, DOB, DOC, DOD, \
  input [AddrW-1:0] ADDRA, ADDRB, ADDRC, ADDRD, \
  input [Width-1:0] DIA, DIB, DIC, DID, \
  input WCLK, WE \
); \
  reg [63:0] a, b, c, d; \
  initial begin \
    {a, b, c, d} = {INIT_A, INIT_B, INIT_C, INIT_D}; \
    if (IS_WCLK_INVERTED) $fatal(1, "%m: an inverted clock is not modelled"); \
  end \
  always @(posedge WCLK) \
    if (WE) begin \
      a[6'(ADDRD) * Width +: Width] <= DIA; \
      b[6'(ADDRD) * Width +: Width] <= DIB; \
      c[6'(ADDRD) * Width +: Width] <= DIC; \
      d[6'(ADDRD) * Width +: Width] <= DID; \
    end \
  assign DOA = a[6'(ADDRA) * Width +: Width]; \
  assign DOB = b[6'(ADDRB) * Width +: Width]; \
  assign DOC = c[6'(ADDRC) * Width +: Width]; \
  assign DOD = d[6'(ADDRD) * Width +: Width]; \
endmodule
`XF_LUT_RAM(RAM32M, 5, 6'd2)
`XF_LUT_RAM(RAM64M, 6, 6'd1)

module xf_ramb #(
  parameter integer Words = 512,  // of 64 data bits and 8 parity bits
  parameter integer ReadA = 0, parameter integer ReadB = 0,
  parameter integer WriteA = 0, parameter integer WriteB = 0,
  parameter ModeA = "READ_FIRST", parameter ModeB = "READ_FIRST",
  parameter integer Registers = 0,
  parameter [71:0] ResetA = 0, parameter [71:0] ResetB = 0,
  parameter [Words*64-1:0] Init = 0,
  parameter [Words*8-1:0] InitP = 0,
  parameter integer Pins = Words / 16, parameter integer PinsP = Pins / 8  // of a port, for data and parity
) (
  input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, RSTRAMARSTRAM, RSTRAMB,
  input [$clog2(Words)+5:0] addr_a, addr_b,
  input [Pins-1:0] di_a, di_b,
  input [PinsP-1:0] dip_a, dip_b, we_a,
  input [2*PinsP-1:0] we_b,
  output [Pins-1:0] do_a, do_b,
  output [PinsP-1:0] dop_a, dop_b
);
  localparam integer AddrW = $clog2(Words) + 6;
  localparam WideRead = ReadA == 18 * PinsP;    // port A reads over the pins of both
  localparam WideWrite = WriteB == 18 * PinsP;  // port B writes over the pins of both

  reg [63:0] data [0:Words-1];
  reg [7:0] parity [0:Words-1];

  integer k;
  initial begin
    if (Registers != 0) $fatal(1, "%m: output registers are not modelled");
    for (k = 0; k < Words; k = k + 1) begin
      data[k] = Init[k*64 +: 64];
      parity[k] = InitP[k*8 +: 8];
    end
  end

  wire [63:0] q_a, q_b;
  wire [7:0] p_a, p_b;
  wire [63:0] d_b = WideWrite ? 64'({di_b, di_a}) : 64'(di_b);
  wire [7:0] dp_b = WideWrite ? 8'({dip_b, dip_a}) : 8'(dip_b);
  assign do_a = q_a[Pins-1:0];
  assign dop_a = p_a[PinsP-1:0];
  assign do_b = WideRead ? q_a[Pins +: Pins] : q_b[Pins-1:0];
  assign dop_b = WideRead ? p_a[PinsP +: PinsP] : p_b[PinsP-1:0];

  xf_ramb_read #(
    .Width(ReadA), .Writes(WriteA != 0), .Mode(ModeA),
    .Reset(WideRead ? 72'({ResetB[Pins +: PinsP], ResetA[Pins +: PinsP], ResetB[Pins-1:0], ResetA[Pins-1:0]}) : ResetA)
  ) read_a (
    .clk(CLKARDCLK), .en(ENARDEN), .reset(RSTRAMARSTRAM), .we(|we_a), .bit_i(addr_a[5:0]),
    .data(data[addr_a[AddrW-1:6]]), .parity(parity[addr_a[AddrW-1:6]]), .q(q_a), .p(p_a)
  );
  xf_ramb_read #(.Width(ReadB), .Writes(WriteB != 0), .Mode(ModeB), .Reset(ResetB)) read_b (
    .clk(CLKBWRCLK), .en(ENBWREN), .reset(RSTRAMB), .we(|we_b), .bit_i(addr_b[5:0]),
    .data(data[addr_b[AddrW-1:6]]), .parity(parity[addr_b[AddrW-1:6]]), .q(q_b), .p(p_b)
  );

`define XF_RAMB_WRITE(Width, CLK, EN, WE, ADDR, DI, DIP) if (Width != 0) begin \
    localparam integer Bits = Width >= 9 ? Width / 9 * 8 : Width; \
    localparam integer Lane = Bits < 8 ? Bits : 8; \
    wire [5:0] first = ADDR[5:0] & ~6'(Bits - 1); \
    integer i; \
    always @(posedge CLK) \
      if (EN) \
        for (i = 0; i < Bits / Lane; i = i + 1) \
          if (WE[i]) begin \
            data[ADDR[AddrW-1:6]][first + 6'(i * Lane) +: Lane] <= DI[i*Lane +: Lane]; \
            if (Width >= 9) parity[ADDR[AddrW-1:6]][3'(first / 8) + 3'(i)] <= DIP[i]; \
          end \
  end
  generate `XF_RAMB_WRITE(WriteA, CLKARDCLK, ENARDEN, we_a, addr_a, di_a, dip_a) endgenerate
  generate `XF_RAMB_WRITE(WriteB, CLKBWRCLK, ENBWREN, we_b, addr_b, d_b, dp_b) endgenerate
endmodule

module xf_ramb_read #(
  parameter integer Width = 0, parameter Writes = 0, parameter Mode = "READ_FIRST",
  parameter [71:0] Reset = 0  // data, then parity, as UG473 orders SRVAL
) (
  input clk, en, reset, we,
  input [5:0] bit_i,
  input [63:0] data,
  input [7:0] parity,
  output [63:0] q,
  output [7:0] p
);
  generate if (Width == 0) begin : gen_unused
    assign q = 64'b0;
    assign p = 8'b0;
  end else begin : gen_read
    localparam integer Bits = Width >= 9 ? Width / 9 * 8 : Width;
    localparam integer Parity = Width >= 9 ? Width / 9 : 1;
    wire [5:0] first = bit_i & ~6'(Bits - 1);
    reg [63:0] q_q;
    reg [7:0] p_q;
    initial
      if (Writes && Mode == "WRITE_FIRST")
        $fatal(1, "%m: reading what the same port writes is not modelled");
    always @(posedge clk)
      if (en) begin
        if (reset) begin
          q_q <= 64'(Reset[Bits-1:0]);
          if (Width >= 9) p_q <= 8'(Reset[Bits +: Parity]);
        end else if (!(Writes && we && Mode == "NO_CHANGE")) begin
          q_q <= 64'(data[first +: Bits]);
          if (Width >= 9) p_q <= parity >> (first / 8);
        end
      end
    assign q = q_q;
    assign p = Width >= 9 ? p_q : 8'b0;
  end endgenerate
endmodule

// Multiply-adder in the modes that Yosys infers: A * B, added to or taken from C, PCIN, P or 0, with
// registers, and the chains of a product wider than one block: A and B cascades, and PCIN shifted by 17
// bits (Xilinx UG479, chapter 2). No pre-adder, pattern detector or carry: what Yosys leaves open.
module xf_dsp #(
  parameter integer FactorW = 25,  // bits of the factor in A
  parameter integer AREG = 1, BREG = 1, CREG = 1, MREG = 1, PREG = 1, ACASCREG = 1, BCASCREG = 1,
  parameter A_INPUT = "DIRECT", B_INPUT = "DIRECT", USE_MULT = "MULTIPLY", USE_SIMD = "ONE48"
) (
  input CLK, CEA1, CEA2, CEB1, CEB2, CEC, CEM, CEP, RSTA, RSTB, RSTC, RSTM, RSTP,
  input signed [29:0] A, ACIN, input signed [17:0] B, BCIN, input [47:0] C, PCIN,
  input [3:0] ALUMODE, input [4:0] INMODE, input [8:0] OPMODE, input CARRYIN, input [2:0] CARRYINSEL,
  output [47:0] P, PCOUT, output signed [29:0] ACOUT, output signed [17:0] BCOUT
);
  reg signed [29:0] a1_q, a2_q;
  reg signed [17:0] b1_q, b2_q;
  reg [47:0] c_q, m_q, p_q;

  initial
    if (USE_SIMD != "ONE48" || USE_MULT != "MULTIPLY")
      $fatal(1, "%m: only a plain product of A and B is modelled");
  always @*
    if (OPMODE[8:7] != 2'b0 || OPMODE[3:0] != 4'b0101 || (OPMODE[6] && OPMODE[5:4] != 2'b01) || (ALUMODE != 4'b0000 && ALUMODE != 4'b0011)
        || INMODE != 5'b0 || CARRYIN || CARRYINSEL != 3'b0)
      $fatal(1, "%m: OPMODE %b, ALUMODE %b is not modelled", OPMODE, ALUMODE);

  always @(posedge CLK) begin
    if (RSTA) a1_q <= 0; else if (CEA1) a1_q <= a_in;
    if (RSTA) a2_q <= 0; else if (CEA2) a2_q <= (AREG == 2) ? a1_q : a_in;
    if (RSTB) b1_q <= 0; else if (CEB1) b1_q <= b_in;
    if (RSTB) b2_q <= 0; else if (CEB2) b2_q <= (BREG == 2) ? b1_q : b_in;
    if (RSTC) c_q <= 0; else if (CEC) c_q <= C;
    if (RSTM) m_q <= 0; else if (CEM) m_q <= product;
    if (RSTP) p_q <= 0; else if (CEP) p_q <= sum;
  end

  wire signed [29:0] a_in = (A_INPUT == "CASCADE") ? ACIN : A;
  wire signed [17:0] b_in = (B_INPUT == "CASCADE") ? BCIN : B;
  wire signed [FactorW-1:0] a = (AREG > 0) ? a2_q[FactorW-1:0] : a_in[FactorW-1:0];
  wire signed [17:0] b = (BREG > 0) ? b2_q : b_in;
  wire signed [47:0] product = a * b;
  wire [47:0] m = (MREG > 0) ? m_q : product;
  wire [47:0] z = (OPMODE[5:4] == 2'd0) ? 48'b0
                : (OPMODE[5:4] == 2'd1) ? (OPMODE[6] ? {{17{PCIN[47]}}, PCIN[47:17]} : PCIN)
                : (OPMODE[5:4] == 2'd2) ? p_q
                : (CREG > 0) ? c_q : C;
  wire [47:0] sum = (ALUMODE == 4'b0011) ? z - m : z + m;

  assign P = (PREG > 0) ? p_q : sum;
  assign PCOUT = P;
  assign ACOUT = (ACASCREG == 0) ? a_in : (ACASCREG < AREG) ? a1_q : a2_q;
  assign BCOUT = (BCASCREG == 0) ? b_in : (BCASCREG < BREG) ? b1_q : b2_q;
endmodule
