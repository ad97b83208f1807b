// SPDX-License-Identifier: Apache-2.0
//
// Level of an integer whose thresholds are equally spaced: Zero + (u >> Shift) with u = d * x - offset,
// clipped to 0 .. Levels. Pe channels per beat.
//
// Without Slopes a level is less by 1 at a tie, a u without remainder where the level is even or odd,
// as the channel's word selects. With Slopes, u is multiplied by slope / 8 below 0, slope 0 .. 8;
// with Slopes = 1 every slope is 8 >> places, and the word has places.
//
// Rate       one beat per cycle
// Latency    2 cycles: subtraction; tie and range. With Slopes 3: subtraction; slope; range
// Reset      synchronous, control state only; data registers keep their values
// Memories   TableFile: word fold, lane after lane {own, flipped, -offset}; own is {tie at odd, tie at
//            even}, places or slope; -offset has SumBits bits and is greater by 1 where the channel
//            is flipped (d = -1), since x is inverted there
// Bit model  op.py, Requantise.execute_node

module xf_requantise #(
  parameter  int unsigned Folds     = 4,   // beats per pixel
  parameter  int unsigned Pe        = 1,   // channels per beat
  parameter  int unsigned InBits    = 12,
  parameter  int unsigned Signed    = 0,   // 1: the input is two's complement
  parameter  int unsigned SumBits   = 14,  // of u
  parameter  int unsigned Shift     = 4,
  parameter  int unsigned Levels    = 255,
  parameter  int unsigned Zero      = 0,
  parameter  int unsigned Slopes    = 0,   // 0: none; 1: powers of two; 2: any
  parameter               TableFile = "",
  parameter  int unsigned Load      = 0,  // of xf_rom
  localparam int unsigned OutBits   = $clog2(Levels + 1),
  localparam int unsigned OwnW      = (Slopes == 2) ? 4 : 2,
  localparam int unsigned WordW     = SumBits + 1 + OwnW,
  localparam int unsigned FoldW     = (Folds > 1) ? $clog2(Folds) : 1
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  xf_pkg::load_t         load_i,
  input  logic [Pe*InBits-1:0]  s_data_i,
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  if (Folds < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_requantise: Folds, Pe, InBits must be at least 1; got %0d, %0d, %0d",
           Folds, Pe, InBits);
  end else if ((Shift < 1 && Slopes == 0) || Slopes > 2) begin : gen_bad_slopes
    $error("xf_requantise: Shift must be at least 1 without Slopes, 0 .. 2; got %0d, %0d",
           Shift, Slopes);
  end else if (Levels < 1 || Zero > Levels) begin : gen_bad_levels
    $error("xf_requantise: Levels must be at least 1 and Zero at most Levels; got %0d, %0d",
           Levels, Zero);
  end else if (SumBits <= Shift) begin : gen_bad_sum
    $error("xf_requantise: SumBits must be more than Shift; got SumBits=%0d, Shift=%0d",
           SumBits, Shift);
  end

  localparam int unsigned QW = SumBits - Shift;  // of a level without Zero, signed
  localparam int unsigned CompareW = (QW > 33) ? QW : 33;
  // Signs are extended by hand: Yosys takes a cast of -Zero to more bits as positive.
  localparam int signed Down = -int'(Zero);
  localparam int signed Up   = int'(Levels) - int'(Zero);
  localparam logic signed [CompareW-1:0] Least = {{(CompareW - 32){Down[31]}}, Down};
  localparam logic signed [CompareW-1:0] Most  = {{(CompareW - 32){Up[31]}}, Up};

  localparam int unsigned MostInside = 32;  // words of a table that is part of this module

  logic [FoldW-1:0]      part, fold;
  logic [Pe*WordW-1:0]   word;  // constants of this beat
  logic                  go;
  logic [Pe*OutBits-1:0] levels;

  // A small table is part of what reads it; of a large one Yosys makes less by itself.
  if (Folds > MostInside || Load != 0) begin : gen_large
    xf_rom #(
      .Width(Pe * WordW), .Depth(Folds), .Kind(0), .File(TableFile), .Load(Load)
    ) u_table (
      .clk_i, .en_i(1'b1), .addr_i(fold), .load_i, .data_o(word)
    );
  end else begin : gen_small
    logic unused;
    assign unused = ^load_i;
    (* rom_style = "logic" *) logic [Pe*WordW-1:0] words [1 << FoldW];
    initial if (TableFile != "") $readmemh(TableFile, words, 0, Folds - 1);
    assign word = words[fold];
  end

  assign fold = (Folds > 1) ? part : '0;  // a constant for synthesis

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [SumBits-1:0]        added;
    logic [OwnW-1:0]           own, own_q;
    logic                      flip;
    logic                      sign;
    logic signed [SumBits-1:0] x, u_q;
    logic signed [QW-1:0]      level;
    logic [OutBits-1:0]        level_q;

    assign {own, flip, added} = word[p*WordW +: WordW];
    assign sign = (Signed != 0) & s_data_i[p*InBits + InBits-1];
    assign x    = SumBits'(signed'({sign, s_data_i[p*InBits +: InBits]}))
                  ^ {SumBits{flip}};

    always_ff @(posedge clk_i) begin
      if (go) begin
        u_q   <= x + signed'(added);
        own_q <= own;
      end
    end

    if (Slopes == 0) begin : gen_ties
      logic signed [QW-1:0] q;
      assign q     = u_q[SumBits-1:Shift];
      assign level = q - QW'({1'b0, (u_q[Shift-1:0] == '0) & own_q[q[0]]});
    end else begin : gen_slopes
      logic                 below;
      logic signed [QW-1:0] bent, bent_q;
      assign below = u_q[SumBits-1];
      if (Slopes == 1) begin : gen_shift
        logic signed [QW-1:0] q;
        assign q    = QW'(u_q >>> Shift);
        assign bent = q >>> (own_q & {2{below}});
      end else begin : gen_sums
        logic signed [SumBits+2:0] wide, low, high, all;
        assign wide = (SumBits + 3)'(u_q);
        assign low  = (wide & {(SumBits + 3){below & own_q[0]}})
                      + ((wide << 1) & {(SumBits + 3){below & own_q[1]}});
        assign high = (~below | own_q[3]) ? wide << 3
                      : (wide << 2) & {(SumBits + 3){own_q[2]}};
        assign all  = low + high;
        assign bent = QW'(all >>> (Shift + 3));
      end
      always_ff @(posedge clk_i) if (go) bent_q <= bent;
      assign level = bent_q;
    end

    always_ff @(posedge clk_i) begin
      if (go) begin
        if (CompareW'(level) < Least)     level_q <= '0;
        else if (CompareW'(level) > Most) level_q <= OutBits'(Levels);
        else                              level_q <= OutBits'(level) + OutBits'(Zero);
      end
    end
    assign levels[p*OutBits +: OutBits] = level_q;
  end

  assign s_ready_o = go;

  xf_stages #(.Width(Pe * OutBits), .Stages((Slopes != 0) ? 3 : 2), .Folds(Folds)) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(part), .data_i(levels),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_requantise
