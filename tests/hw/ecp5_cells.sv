// Our models of placed ECP5 cells beside Yosys' own of the cells that they were packed from, and the block
// RAMs, registers and multiplier, which have none, for the test to compare. A beat is one cycle of all.
module xf_cells (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic [127:0] s_data_i,
  input  logic         s_valid_i,
  output logic         s_ready_o,
  output logic [511:0] m_data_o,
  output logic         m_valid_o,
  input  logic         m_ready_i
);
  // Full rate only: stimulus x during a cycle, its answers behind the next edge.
  logic [127:0] x;
  logic valid_q, given_q;
  assign x = s_valid_i ? s_data_i : '0;
  assign s_ready_o = 1'b1;

  // Differences between two models, which have to stay 0.
  logic [23:0] lut_wrong;
  logic [23:0] carry_wrong;
  logic [1:0] mux_wrong;
  logic [7:0] memory_wrong;

  for (genvar k = 0; k < 24; k++) begin : gen_lut
    localparam logic [15:0] Init = (k < 16) ? 16'd1 << k : 16'(k * 40503 + 12345);
    wire ours, theirs;
    TRELLIS_COMB #(.INITVAL(Init)) u_ours (
      .A(x[0]), .B(x[1]), .C(x[2]), .D(x[3]), .M(1'b0), .F1(1'b0), .FXA(1'b0), .FXB(1'b0), .FCI(1'b0),
      .WD(1'b0), .WAD0(1'b0), .WAD1(1'b0), .WAD2(1'b0), .WAD3(1'b0), .WRE(1'b0), .WCK(1'b0),
      .F(ours), .FCO(), .OFX()
    );
    LUT4 #(.INIT(Init)) u_theirs (.A(x[0]), .B(x[1]), .C(x[2]), .D(x[3]), .Z(theirs));
    assign lut_wrong[k] = ours != theirs;
  end

  for (genvar k = 0; k < 24; k++) begin : gen_carry
    localparam logic [15:0] Init0 = (k < 4) ? 16'h96AA : 16'(k * 40503 + 999);
    localparam logic [15:0] Init1 = (k < 4) ? 16'h96AA : 16'(k * 25173 + 13849);
    localparam First = k[0] ? "YES" : "NO";
    localparam Second = k[1] ? "YES" : "NO";
    wire [2:0] ours, theirs;
    wire between;
    TRELLIS_COMB #(.MODE("CCU2"), .INITVAL(Init0), .CCU2_INJECT1(First)) u_ours_0 (
      .A(x[80]), .B(x[81]), .C(x[82]), .D(x[83]), .M(1'b0), .F1(1'b0), .FXA(1'b0), .FXB(1'b0), .FCI(x[88]),
      .WD(1'b0), .WAD0(1'b0), .WAD1(1'b0), .WAD2(1'b0), .WAD3(1'b0), .WRE(1'b0), .WCK(1'b0),
      .F(ours[0]), .FCO(between), .OFX()
    );
    TRELLIS_COMB #(.MODE("CCU2"), .INITVAL(Init1), .CCU2_INJECT1(Second), .IS_Z1(1'b1)) u_ours_1 (
      .A(x[84]), .B(x[85]), .C(x[86]), .D(x[87]), .M(1'b0), .F1(1'b0), .FXA(1'b0), .FXB(1'b0), .FCI(between),
      .WD(1'b0), .WAD0(1'b0), .WAD1(1'b0), .WAD2(1'b0), .WAD3(1'b0), .WRE(1'b0), .WCK(1'b0),
      .F(ours[1]), .FCO(ours[2]), .OFX()
    );
    CCU2C #(.INIT0(Init0), .INIT1(Init1), .INJECT1_0(First), .INJECT1_1(Second)) u_theirs (
      .CIN(x[88]), .A0(x[80]), .B0(x[81]), .C0(x[82]), .D0(x[83]), .A1(x[84]), .B1(x[85]), .C1(x[86]), .D1(x[87]),
      .S0(theirs[0]), .S1(theirs[1]), .COUT(theirs[2])
    );
    assign carry_wrong[k] = ours != theirs;
  end

  // The mux of an even half takes its own LUT (here D) and that of its neighbour; of an odd half FXA and FXB.
  wire [3:0] muxed;
  for (genvar k = 0; k < 2; k++) begin : gen_mux
    TRELLIS_COMB #(.INITVAL(16'hFF00), .IS_Z1(k == 1)) u_ours (
      .A(1'b1), .B(1'b1), .C(1'b1), .D(x[3]), .M(x[0]), .F1(x[1]), .FXA(x[2]), .FXB(x[4]), .FCI(1'b0),
      .WD(1'b0), .WAD0(1'b0), .WAD1(1'b0), .WAD2(1'b0), .WAD3(1'b0), .WRE(1'b0), .WCK(1'b0),
      .F(), .FCO(), .OFX(muxed[k])
    );
  end
  PFUMX u_even (.ALUT(x[1]), .BLUT(x[3]), .C0(x[0]), .Z(muxed[2]));
  L6MUX21 u_odd (.D0(x[2]), .D1(x[4]), .SD(x[0]), .Z(muxed[3]));
  assign mux_wrong = muxed[1:0] ^ muxed[3:2];

  function automatic logic [15:0] contents(input logic [63:0] init, input int b);
    for (int w = 0; w < 16; w++) contents[{w[0], w[2], w[1], w[3]}] = init[4*w + b];
  endfunction

  // 16 words of 4 bits, without contents and with: word w of bit b is bit {w[0], w[2], w[1], w[3]} of INITVAL.
  for (genvar k = 0; k < 2; k++) begin : gen_memory
    localparam logic [63:0] Init = k[0] ? 64'hC3A5_0F96_E178_24DB : 64'd0;
    wire [3:0] wd, wad;
    wire [3:0] ours, theirs;
    TRELLIS_RAMW u_write (
      .D0(x[96]), .B0(x[97]), .C0(x[98]), .A0(x[99]), .C1(x[100]), .A1(x[101]), .D1(x[102]), .B1(x[103]),
      .WDO0(wd[0]), .WDO1(wd[1]), .WDO2(wd[2]), .WDO3(wd[3]),
      .WADO0(wad[0]), .WADO1(wad[1]), .WADO2(wad[2]), .WADO3(wad[3])
    );
    for (genvar b = 0; b < 4; b++) begin : gen_bit
      TRELLIS_COMB #(.MODE("DPRAM"), .INITVAL(contents(Init, b))) u_ours (
        .D(x[104]), .B(x[105]), .C(x[106]), .A(x[107]), .M(1'b0), .F1(1'b0), .FXA(1'b0), .FXB(1'b0), .FCI(1'b0),
        .WD(wd[b]), .WAD0(wad[0]), .WAD1(wad[1]), .WAD2(wad[2]), .WAD3(wad[3]), .WRE(x[108]), .WCK(clk_i),
        .F(ours[b]), .FCO(), .OFX()
      );
    end
    TRELLIS_DPR16X4 #(.INITVAL(Init)) u_theirs (
      .DI(x[103:100]), .WAD(x[99:96]), .WRE(x[108]), .WCK(clk_i), .RAD(x[107:104]), .DO(theirs)
    );
    assign memory_wrong[4*k +: 4] = ours ^ theirs;
  end

  // Registers: data from DI or M, each form of the enable, reset and set.
  wire [3:0] q;
  TRELLIS_FF #(.CEMUX("CE"), .SD(1'b1)) u_ff0 (.CLK(clk_i), .LSR(x[0]), .CE(x[1]), .DI(x[2]), .M(x[3]), .Q(q[0]));
  TRELLIS_FF #(.CEMUX("INV"), .REGSET("SET")) u_ff1 (.CLK(clk_i), .LSR(x[0]), .CE(x[1]), .DI(x[2]), .M(x[3]), .Q(q[1]));
  TRELLIS_FF #(.CEMUX("1"), .LSRMUX("INV")) u_ff2 (.CLK(clk_i), .LSR(x[0]), .CE(x[1]), .DI(x[2]), .M(x[3]), .Q(q[2]));
  TRELLIS_FF #(.CEMUX("0")) u_ff3 (.CLK(clk_i), .LSR(x[0]), .CE(x[1]), .DI(x[2]), .M(x[3]), .Q(q[3]));

  wire [35:0] product;
  MULT18X18D u_mult (
    .A(x[17:0]), .B(x[35:18]), .SIGNEDA(x[36]), .SIGNEDB(x[37]), .SOURCEA(1'b0), .SOURCEB(1'b0), .P(product)
  );

  // Block RAMs of all widths and write modes; the test puts their contents here.
  localparam logic [20479:0] Stored = 20480'hCONTENTS;
  wire [17:0] doa [7], dob [7];
  `define BLOCK(K, WA, WB, MODEA, MODEB) \
    DP16KD #(.DATA_WIDTH_A(WA), .DATA_WIDTH_B(WB), .WRITEMODE_A(MODEA), .WRITEMODE_B(MODEB), \
             .INITVAL(Stored)) u_block_``K`` ( \
      .CLKA(clk_i), .CLKB(clk_i), .OCEA(1'b1), .OCEB(1'b1), .CSA(3'd0), .CSB(3'd0), \
      .CEA(x[0]), .WEA(x[1]), .RSTA(x[2]), .CEB(x[3]), .WEB(x[4] & (WA != 36)), .RSTB(x[5]), \
      .ADA(x[21:8]), .ADB(x[37:24]), .DIA(x[57:40]), .DIB(x[77:60]), .DOA(doa[K]), .DOB(dob[K]) \
    );
  `BLOCK(0, 1, 1, "NORMAL", "NORMAL")
  `BLOCK(1, 2, 9, "READBEFOREWRITE", "READBEFOREWRITE")
  `BLOCK(2, 4, 18, "WRITETHROUGH", "NORMAL")
  `BLOCK(3, 9, 9, "READBEFOREWRITE", "WRITETHROUGH")
  `BLOCK(4, 18, 18, "NORMAL", "READBEFOREWRITE")
  `BLOCK(5, 36, 36, "NORMAL", "NORMAL")
  `BLOCK(6, 36, 9, "NORMAL", "NORMAL")

  // Answers of what has no register are kept for a cycle, as those of the others are.
  logic [57:0] wrong_q;
  logic [35:0] product_q;
  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni & s_valid_i;
    wrong_q <= {memory_wrong, mux_wrong, carry_wrong, lut_wrong};
    product_q <= product;
  end
  assign m_valid_o = valid_q;
  always_comb begin
    m_data_o = '0;
    m_data_o[57:0] = wrong_q;
    m_data_o[67:64] = q;
    m_data_o[107:72] = product_q;
    for (int k = 0; k < 7; k++) m_data_o[128 + 36*k +: 36] = {dob[k], doa[k]};
  end
endmodule
