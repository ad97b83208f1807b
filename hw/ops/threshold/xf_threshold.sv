// SPDX-License-Identifier: Apache-2.0
//
// Multi-threshold: the number of its channel's thresholds t that an integer reaches, x >= t, or -x
// >= t where the channel is flipped. Pe channels of Pixels pixels per beat.
//
// Thresholds ascend, so the level is found by binary search, one comparison in each of Bits stages,
// highest bit first. A channel has 2**Bits words: word 0 is 1 where the channel is flipped, word 1
// the middle threshold, words 2 and 3 the middles of the halves below and above it, and so on.
// Inputs are compared as unsigned (a sign bit is inverted first), and the bits of a flipped input
// are inverted; the thresholds in the file are shifted to match.
//
// A stage with few thresholds to choose from compares with all of them in parallel, bit by bit with
// chains of ANDs and ORs, five per LUT: Yosys would map a magnitude comparison to a carry chain
// before it sees that the operands are constants.
//
// Rate       one beat per cycle
// Latency    Bits cycles
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Threshold.execute_node

`include "xf_assert.svh"

module xf_threshold #(
  parameter  int unsigned Folds         = 4,  // beats per pixel
  parameter  int unsigned Pe            = 1,  // channels of a pixel per beat
  parameter  int unsigned Pixels        = 1,  // per beat, with the same thresholds
  parameter  int unsigned InBits        = 8,
  parameter  int unsigned Signed        = 0,  // 1: the input is two's complement
  parameter  int unsigned Bits          = 1,  // bits of a level
  parameter               ThresholdFile = "",
  localparam int unsigned Lanes         = Pixels * Pe,
  localparam int unsigned FoldW         = (Folds > 1) ? $clog2(Folds) : 1,
  localparam int unsigned LaneW         = (Pe > 1) ? $clog2(Pe) : 1,
  localparam int unsigned WordW         = InBits + 1,  // inputs and one more: never reached
  localparam int unsigned AddrW         = LaneW + FoldW + Bits
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic [Lanes*InBits-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Lanes*Bits-1:0] m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i
);

  if (Folds < 1 || Lanes < 1 || InBits < 1 || Bits < 1) begin : gen_bad_size
    $error("xf_threshold: Folds, Pe, Pixels, InBits, Bits must be at least 1; got %0d, %0d, %0d, %0d, %0d",
           Folds, Pe, Pixels, InBits, Bits);
  end

  // Address: lane, fold, word. Every reader has most of it constant, which logic profits from.
  (* rom_style = "logic" *) logic [WordW-1:0] words [1 << AddrW];
  initial if (ThresholdFile != "") $readmemh(ThresholdFile, words);

  // Thresholds of a stage that are compared side by side, and bits of such a chain.
`ifdef XF_XC7
  localparam int unsigned MostBySide = 4;
`else
  localparam int unsigned MostBySide = 2;  // LUTs of four inputs hold less of them
`endif
  localparam int unsigned MostBits = 26;

  localparam logic [InBits-1:0] SignBit = InBits'(Signed) << (InBits - 1);

  // One enable moves all stages; stage k knows k bits of the level.
  logic [Bits-1:0]  valid_q;
  logic [FoldW-1:0] fold_q [Bits];
  logic             go;

  assign go = m_ready_i | ~valid_q[Bits-1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q   <= '0;
      fold_q[0] <= '0;
    end else if (go) begin
      valid_q <= Bits'({valid_q, s_valid_i});
      if (s_valid_i) fold_q[0] <= (fold_q[0] == FoldW'(Folds - 1)) ? '0 : fold_q[0] + 1'b1;
    end
  end

  for (genvar k = 1; k < Bits; k++) begin : gen_fold
    always_ff @(posedge clk_i) if (go) fold_q[k] <= fold_q[k-1];
  end

  // Loops over pixels stay loops in simulators, where statements for each of a picture would take minutes
  // to compile. Channels are generated: Yosys takes a time that grows with the square of a block.
  for (genvar q = 0; q < Pe; q++) begin : gen_channel
    localparam logic [LaneW-1:0] Channel = LaneW'(q);

    logic [Pixels*InBits-1:0] entering, x [Bits+1];
    logic [Pixels*Bits-1:0]   level [Bits+1];
    logic                     flipped;

    assign flipped  = words[{Channel, fold_q[0], Bits'(0)}][0];
    assign x[0]     = entering;
    assign level[0] = '0;

    always_comb begin
      /* verilator unroll_disable */
      for (int unsigned p = 0; p < Pixels; p++)
        entering[p*InBits +: InBits] = s_data_i[(p*Pe + q)*InBits +: InBits] ^ SignBit ^ {InBits{flipped}};
    end

    for (genvar k = 0; k < Bits; k++) begin : gen_stage
      localparam int unsigned Choice  = Folds << k;
      localparam int unsigned ChoiceW = (Choice > 1) ? $clog2(Choice) : 1;
      logic [Pixels-1:0]      reached;
      logic [Pixels*Bits-1:0] found;
      if (Choice <= MostBySide && InBits <= MostBits) begin : gen_by_side
        logic [Pixels-1:0] each [Choice];
        for (genvar c = 0; c < Choice; c++) begin : gen_choice
          logic [WordW-1:0]  bound;
          logic [Pixels-1:0] above;
          assign bound   = words[{Channel, FoldW'(c >> k), Bits'((1 << k) | (c & ((1 << k) - 1)))}];
          assign each[c] = above;
          always_comb begin
            /* verilator unroll_disable */
            for (int unsigned p = 0; p < Pixels; p++) begin
              above[p] = 1'b1;
              for (int unsigned b = 0; b < InBits; b++)
                above[p] = bound[b] ? x[k][p*InBits + b] & above[p] : x[k][p*InBits + b] | above[p];
              above[p] &= ~bound[InBits];
            end
          end
        end
        for (genvar p = 0; p < Pixels; p++) begin : gen_pixel
          logic [Choice-1:0] own;
          for (genvar c = 0; c < Choice; c++) begin : gen_own
            assign own[c] = each[c][p];
          end
          assign reached[p] = own[ChoiceW'(AddrW'(fold_q[k]) << k | AddrW'(level[k][p*Bits +: Bits]))];
        end
      end else begin : gen_in_turn
        for (genvar p = 0; p < Pixels; p++) begin : gen_pixel
          logic [AddrW-1:0] address;
          assign address    = {Channel, fold_q[k], Bits'(1 << k) | level[k][p*Bits +: Bits]};
          assign reached[p] = {1'b0, x[k][p*InBits +: InBits]} >= words[address];
        end
      end
      always_comb begin
        /* verilator unroll_disable */
        for (int unsigned p = 0; p < Pixels; p++)
          found[p*Bits +: Bits] = Bits'({level[k][p*Bits +: Bits], reached[p]});
      end
      always_ff @(posedge clk_i) begin
        if (go) begin
          x[k+1]     <= x[k];
          level[k+1] <= found;
        end
      end
    end

    for (genvar p = 0; p < Pixels; p++) begin : gen_pixel
      assign m_data_o[(p*Pe + q)*Bits +: Bits] = level[Bits][p*Bits +: Bits];
    end
  end

  assign s_ready_o = go;
  assign m_valid_o = valid_q[Bits-1];

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

  // One beat is given for each that is taken; what is between is in the stages.
  `XF_ASSERT_INSIDE(NothingLost_A, s_valid_i & s_ready_o, m_valid_o & m_ready_i, valid_q)

endmodule : xf_threshold
