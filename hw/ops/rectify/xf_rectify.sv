// SPDX-License-Identifier: Apache-2.0
//
// PReLU of u = d * x - offset, rounded down: Zero + (u >> Shift), below 0 Zero + (slope * u >> Shift
// + 3), clipped to 0 .. Levels. Pe channels per beat.
//
// Slopes are eighths, 0 .. 8. With ByShifts they are 8 >> n, and the word holds n.
//
// Rate       one beat per cycle
// Latency    3 cycles: subtraction; slope; range
// Reset      synchronous, control state only; data registers keep their values
// Memories   TableFile: word fold, lane after lane {slope, flipped, -offset};
//            -offset has SumBits bits and is greater by 1 where the channel is flipped (d = -1),
//            since x is inverted there
// Bit model  op.py, Rectify.execute_node

module xf_rectify #(
  parameter  int unsigned Folds     = 4,   // beats per pixel
  parameter  int unsigned Pe        = 1,   // channels per beat
  parameter  int unsigned InBits    = 12,
  parameter  int unsigned Signed    = 0,   // 1: the input is two's complement
  parameter  int unsigned SumBits   = 14,  // of u
  parameter  int unsigned Shift     = 4,
  parameter  int unsigned Levels    = 255,
  parameter  int unsigned Zero      = 128,
  parameter  int unsigned ByShifts  = 0,
  parameter               TableFile = "",
  localparam int unsigned OutBits   = $clog2(Levels + 1),
  localparam int unsigned SlopeW    = (ByShifts != 0) ? 2 : 4,
  localparam int unsigned WordW     = SumBits + 1 + SlopeW,
  localparam int unsigned FoldW     = (Folds > 1) ? $clog2(Folds) : 1
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic [Pe*InBits-1:0]  s_data_i,
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  if (Folds < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_rectify: Folds, Pe, InBits must be at least 1; got %0d, %0d, %0d",
           Folds, Pe, InBits);
  end else if (Levels < 1 || Zero > Levels) begin : gen_bad_levels
    $error("xf_rectify: Levels must be at least 1 and Zero at most Levels; got %0d, %0d",
           Levels, Zero);
  end else if (SumBits <= Shift) begin : gen_bad_sum
    $error("xf_rectify: SumBits must be more than Shift; got SumBits=%0d, Shift=%0d",
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
  if (Folds > MostInside) begin : gen_large
    xf_rom #(.Width(Pe * WordW), .Depth(Folds), .Kind(0), .File(TableFile)) u_table (
      .clk_i, .en_i(1'b1), .addr_i(fold), .data_o(word)
    );
  end else begin : gen_small
    (* rom_style = "logic" *) logic [Pe*WordW-1:0] words [1 << FoldW];
    initial if (TableFile != "") $readmemh(TableFile, words, 0, Folds - 1);
    assign word = words[fold];
  end

  assign fold = (Folds > 1) ? part : '0;  // a constant for synthesis

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [SumBits-1:0]        added;
    logic [SlopeW-1:0]         slope, slope_q;
    logic                      flip;
    logic                      sign;
    logic signed [SumBits-1:0] x, u_q;
    logic signed [QW-1:0]      bent, bent_q;
    logic [OutBits-1:0]        level_q;

    assign {slope, flip, added} = word[p*WordW +: WordW];
    assign sign = (Signed != 0) & s_data_i[p*InBits + InBits-1];
    assign x    = SumBits'(signed'({sign, s_data_i[p*InBits +: InBits]}))
                  ^ {SumBits{flip}};

    always_ff @(posedge clk_i) begin
      if (go) begin
        u_q     <= x + signed'(added);
        slope_q <= slope;
        bent_q  <= bent;
      end
    end

    if (ByShifts != 0) begin : gen_shift
      logic [1:0]           places;
      logic signed [QW-1:0] q;
      assign places = slope_q & {2{u_q[SumBits-1]}};
      assign q      = QW'(u_q >>> Shift);
      assign bent   = q >>> places;
    end else begin : gen_sums
      logic signed [SumBits+2:0] wide, low, high, all;
      logic                      below;
      assign wide  = (SumBits + 3)'(u_q);
      assign below = u_q[SumBits-1];
      assign low   = (wide & {(SumBits + 3){below & slope_q[0]}})
                     + ((wide << 1) & {(SumBits + 3){below & slope_q[1]}});
      assign high  = (~below | slope_q[3]) ? wide << 3
                     : (wide << 2) & {(SumBits + 3){slope_q[2]}};
      assign all   = low + high;
      assign bent  = QW'(all >>> (Shift + 3));
    end

    always_ff @(posedge clk_i) begin
      if (go) begin
        if (CompareW'(bent_q) < Least)     level_q <= '0;
        else if (CompareW'(bent_q) > Most) level_q <= OutBits'(Levels);
        else                               level_q <= OutBits'(bent_q) + OutBits'(Zero);
      end
    end
    assign levels[p*OutBits +: OutBits] = level_q;
  end

  assign s_ready_o = go;

  xf_stages #(.Width(Pe * OutBits), .Stages(3), .Folds(Folds)) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(part), .data_i(levels),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_rectify
