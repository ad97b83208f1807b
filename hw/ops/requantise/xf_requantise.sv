// SPDX-License-Identifier: Apache-2.0
//
// Level of an integer whose thresholds are equally spaced: q = u >> Shift with u = d * x - offset,
// less 1 at a tie, clipped to 0 .. Levels. Pe channels per beat. A tie is a u without remainder
// where q is even or odd, as the channel's word selects.
//
// Rate       one beat per cycle
// Latency    2 cycles: subtraction; shift, tie and range
// Reset      synchronous, control state only; data registers keep their values
// Memories   TableFile: word fold, lane after lane {flipped, tie at odd, tie at even, -offset};
//            -offset has SumBits bits and is greater by 1 where the channel is flipped (d = -1),
//            since x is inverted there
// Bit model  op.py, Requantise.execute_node

module xf_requantise #(
  parameter  int unsigned Folds     = 4,   // beats per pixel
  parameter  int unsigned Pe        = 1,   // channels per beat
  parameter  int unsigned InBits    = 12,
  parameter  int unsigned Signed    = 0,   // 1: the input is two's complement
  parameter  int unsigned SumBits   = 14,  // of u
  parameter  int unsigned Shift     = 4,
  parameter  int unsigned Levels    = 255,
  parameter               TableFile = "",
  localparam int unsigned OutBits   = $clog2(Levels + 1),
  localparam int unsigned WordW     = SumBits + 3,
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
    $error("xf_requantise: Folds, Pe, InBits must be at least 1; got %0d, %0d, %0d",
           Folds, Pe, InBits);
  end else if (Shift < 1 || Levels < 1) begin : gen_bad_levels
    $error("xf_requantise: Shift, Levels must be at least 1; got %0d, %0d", Shift, Levels);
  end else if (SumBits <= Shift) begin : gen_bad_sum
    $error("xf_requantise: SumBits must be more than Shift; got SumBits=%0d, Shift=%0d",
           SumBits, Shift);
  end

  localparam int unsigned QW = SumBits - Shift;  // of q, signed
  localparam int unsigned CompareW = (QW > 33) ? QW : 33;
  localparam logic signed [CompareW-1:0] Most = CompareW'(Levels);

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
    logic [1:0]                ties;
    logic                      flip;
    logic                      sign;
    logic signed [SumBits-1:0] x, u_q;
    logic [1:0]                ties_q;  // tie at odd, tie at even
    logic signed [QW-1:0]      q, level;
    logic [OutBits-1:0]        level_q;

    assign {flip, ties, added} = word[p*WordW +: WordW];
    assign sign = (Signed != 0) & s_data_i[p*InBits + InBits-1];
    assign x    = SumBits'(signed'({sign, s_data_i[p*InBits +: InBits]}))
                  ^ {SumBits{flip}};

    always_ff @(posedge clk_i) begin
      if (go) begin
        u_q    <= x + signed'(added);
        ties_q <= ties;
      end
    end

    assign q     = u_q[SumBits-1:Shift];
    assign level = q - QW'({1'b0, (u_q[Shift-1:0] == '0) & ties_q[q[0]]});

    always_ff @(posedge clk_i) begin
      if (go) begin
        if (level < 0)                      level_q <= '0;
        else if (CompareW'(level) > Most)   level_q <= OutBits'(Levels);
        else                                level_q <= OutBits'(level);
      end
    end
    assign levels[p*OutBits +: OutBits] = level_q;
  end

  assign s_ready_o = go;

  xf_stages #(.Width(Pe * OutBits), .Stages(2), .Folds(Folds)) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(part), .data_i(levels),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_requantise
