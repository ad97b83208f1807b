// SPDX-License-Identifier: Apache-2.0
//
// Sum of streams, each times a multiplier of its channel: y = sum of m[k][c] * x[k][c], modulo
// 2**OutBits. Pe channels per beat. A stream whose multipliers are all equal has a constant
// (WordBits 0), which synthesis maps to adders or wires; otherwise they come from a table, and the
// product is written so that it fits a DSP block with its register.
//
// A beat is accepted from all streams in the same cycle: ready of one stream depends on valid of
// the others.
//
// Rate       one beat per cycle
// Latency    2 cycles: products, sum
// Reset      synchronous, control state only; data registers keep their values
// Memories   MultiplierFile: word fold, lane after lane the WordBits of stream 0, 1, ...
// Bit model  op.py, Join.execute_node

`include "xf_assert.svh"

module xf_join #(
  parameter  int unsigned          Inputs         = 2,
  parameter  int unsigned          Pe             = 1,             // channels per beat
  parameter  int unsigned          Folds          = 4,             // beats per pixel
  parameter  int unsigned          OutBits        = 16,
  parameter  int unsigned          SumBits        = 16,            // of an exact sum, <= OutBits
  parameter  logic [8*Inputs-1:0]  InBits         = {Inputs{8'd8}},  // per element of each stream
  parameter  logic [Inputs-1:0]    Signed         = '0,
  parameter  logic [8*Inputs-1:0]  WordBits       = '0,            // multiplier, two's complement
  parameter  int unsigned          ConstantBits   = 32,            // of a constant, two's complement
  parameter  logic [ConstantBits*Inputs-1:0] Constants = {Inputs{ConstantBits'(1)}},
  parameter  int unsigned          Block          = 0,  // 1: the table is in block RAM
  parameter                        MultiplierFile = "",
  parameter  int unsigned          Load           = 0,  // of xf_rom
  localparam int unsigned          InW            = Pe * xf_sum8(InBits, Inputs),
  localparam int unsigned          LaneW          = xf_sum8(WordBits, Inputs),
  localparam int unsigned          WordW          = (LaneW != 0) ? Pe * LaneW : 1,
  localparam int unsigned          FoldW          = (Folds > 1) ? $clog2(Folds) : 1
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  xf_pkg::load_t         load_i,
  input  logic [InW-1:0]        s_data_i,
  input  logic [Inputs-1:0]     s_valid_i,
  output logic [Inputs-1:0]     s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  if (Inputs < 1 || Pe < 1 || Folds < 1) begin : gen_bad_size
    $error("xf_join: Inputs, Pe, Folds must be at least 1; got %0d, %0d, %0d", Inputs, Pe, Folds);
  end else if (SumBits < 1 || SumBits > OutBits) begin : gen_bad_sum
    $error("xf_join: SumBits must be 1 .. OutBits; got SumBits=%0d, OutBits=%0d",
           SumBits, OutBits);
  end

`include "xf_bytes.svh"

  localparam int unsigned MostInside = 32;  // words of a table that is part of this module

  logic [WordW-1:0] word;  // multipliers of this beat
  logic             go, take, valid_q, m_valid_q;

  assign go   = m_ready_i | ~m_valid_q;
  assign take = go & (&s_valid_i);

  for (genvar k = 0; k < Inputs; k++) begin : gen_ready
    if (InBits[8*k +: 8] == 0) begin : gen_bad_bits
      $error("xf_join: InBits of stream %0d must be at least 1; got InBits=0", k);
    end
    logic [Inputs-1:0] others;  // a width cast of a constant, shifted, is 0 to Yosys 0.70
    always_comb begin
      others    = s_valid_i;
      others[k] = 1'b1;
    end
    assign s_ready_o[k] = go & (&others);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q   <= 1'b0;
      m_valid_q <= 1'b0;
    end else if (go) begin
      valid_q   <= take;
      m_valid_q <= valid_q;
    end
  end

  if (LaneW != 0) begin : gen_words
    logic [FoldW-1:0] fold_q, next;
    always_comb begin
      next = fold_q;
      if (!rst_ni)   next = '0;
      else if (take) next = (fold_q == FoldW'(Folds - 1)) ? '0 : fold_q + 1'b1;
    end
    always_ff @(posedge clk_i) fold_q <= next;
    // A small table is part of what reads it; of a large one Yosys makes less by itself.
    if (Folds > MostInside || Load != 0) begin : gen_large
      xf_rom #(
        .Width(WordW), .Depth(Folds), .Kind(2 * Block), .File(MultiplierFile), .Load(Load)
      ) u_table (
        .clk_i, .en_i(1'b1), .addr_i((Block != 0) ? next : fold_q), .load_i, .data_o(word)
      );
    end else begin : gen_small
      logic unused;
      assign unused = ^load_i;
      (* rom_style = "logic" *) logic [WordW-1:0] words [1 << FoldW];
      initial if (MultiplierFile != "") $readmemh(MultiplierFile, words, 0, Folds - 1);
      assign word = words[fold_q];
    end
  end else begin : gen_no_words
    logic unused;
    assign word   = '0;
    assign unused = word ^ (^load_i);
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    // Bits beyond those of the sum are made behind the register: in front of it, Yosys 0.70 loses
    // the sign where a DSP block takes sum and register.
    logic signed [SumBits-1:0] part [Inputs];  // products
    logic signed [SumBits-1:0] total, total_q;

    for (genvar k = 0; k < Inputs; k++) begin : gen_input
      localparam int unsigned Bits = 32'(InBits[8*k +: 8]);
      localparam int unsigned MulW = 32'(WordBits[8*k +: 8]);
      localparam int unsigned At   = Pe * xf_sum8(InBits, k) + p * Bits;
      localparam int unsigned TakeW = (Bits < SumBits) ? Bits + 1 : SumBits;
      logic signed [TakeW-1:0] x;
      assign x = TakeW'(signed'({Signed[k] & s_data_i[At+Bits-1], s_data_i[At +: Bits]}));
      if (MulW == 0) begin : gen_constant
        localparam logic signed [ConstantBits-1:0] Constant =
          Constants[ConstantBits*k +: ConstantBits];
        always_ff @(posedge clk_i) if (go) part[k] <= SumBits'(x) * SumBits'(Constant);
      end else begin : gen_table
        localparam int unsigned KeepW = (Bits + MulW < SumBits) ? Bits + MulW : SumBits;
        logic signed [MulW-1:0]  m;
        logic signed [KeepW-1:0] product_q;
        assign m = word[p*LaneW + xf_sum8(WordBits, k) +: MulW];
        always_ff @(posedge clk_i) if (go) product_q <= KeepW'(x) * KeepW'(m);
        assign part[k] = SumBits'(product_q);
      end
    end

    always_comb begin
      total = '0;
      for (int unsigned k = 0; k < Inputs; k++) total += part[k];
    end
    always_ff @(posedge clk_i) if (go) total_q <= total;
    assign m_data_o[p*OutBits +: OutBits] = OutBits'(total_q);
  end

  assign m_valid_o = m_valid_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

  `XF_ASSERT_WHEN(TakenTogether_A, |(s_valid_i & s_ready_o), &(s_valid_i & s_ready_o))

  // One beat is given for each that is taken of all streams; what is between is in the stages.
  `XF_ASSERT_INSIDE(NothingLost_A, take, m_valid_o & m_ready_i, {valid_q, m_valid_q})

endmodule : xf_join
