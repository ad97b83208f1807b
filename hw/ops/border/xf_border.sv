// SPDX-License-Identifier: Apache-2.0
//
// A factor times x plus an offset that depends on the channel, the class of the row and the class of
// the column: what padding adds near the border of an image. Pe channels per beat.
//
// Rows[h] is the class of row h, Columns[w] that of column w. A word of the table has the offsets
// of one beat and, if FactorBits is not 0, above them the factor of the position; its address is
// {row class, column class, beat of the pixel}.
//
// Rate       one beat per cycle
// Latency    2 cycles
// Reset      synchronous, control state only; data registers keep their values
// Memories   OffsetFile, two's complement
// Bit model  op.py, Border.execute_node, modulo 2**OutBits

`include "xf_assert.svh"

module xf_border #(
  parameter  int unsigned Height     = 4,
  parameter  int unsigned Width      = 4,
  parameter  int unsigned Folds      = 1,  // beats per pixel
  parameter  int unsigned Pe         = 1,  // channels per beat
  parameter  int unsigned InBits     = 8,
  parameter  int unsigned Signed     = 0,  // 1: the input is two's complement
  parameter  logic [63:0] Mul        = 64'd1,  // the factor where FactorBits is 0
  parameter  int unsigned FactorBits = 0,  // bits of the factors in the table
  parameter  int unsigned OutBits    = 8,  // the result is taken modulo 2**OutBits
  parameter  int unsigned OffsetBits = 8,  // bits of an offset, OutBits or fewer
  parameter  int unsigned RowW       = 1,  // bits of a class of rows
  parameter  int unsigned ColumnW    = 1,
  parameter  logic [Height*RowW-1:0]   Rows    = '0,
  parameter  logic [Width*ColumnW-1:0] Columns = '0,
  parameter  int unsigned Kind       = 1,  // of the table: 1 logic, 2 block RAM
  parameter               OffsetFile = "",
  parameter  int unsigned Load       = 0,  // of xf_rom
  localparam int unsigned FoldW      = (Folds > 1) ? $clog2(Folds) : 1,
  localparam int unsigned HeightW    = (Height > 1) ? $clog2(Height) : 1,
  localparam int unsigned WidthW     = (Width > 1) ? $clog2(Width) : 1
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

  if (Height < 1 || Width < 1 || RowW < 1 || ColumnW < 1) begin : gen_bad_image
    $error("xf_border: Height, Width, RowW, ColumnW must be at least 1; got %0d, %0d, %0d, %0d",
           Height, Width, RowW, ColumnW);
  end else if (Folds < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_border: Folds, Pe, InBits must be at least 1; got %0d, %0d, %0d", Folds, Pe, InBits);
  end else if (Mul < 1) begin : gen_bad_mul
    $error("xf_border: Mul must be at least 1; got Mul=%0d", Mul);
  end else if (OffsetBits < 1 || OffsetBits > OutBits) begin : gen_bad_offset
    $error("xf_border: OffsetBits must be 1 .. OutBits; got OffsetBits=%0d, OutBits=%0d",
           OffsetBits, OutBits);
  end else if (Kind < 1 || Kind > 2) begin : gen_bad_kind
    $error("xf_border: Kind must be 1 or 2; got Kind=%0d", Kind);
  end

  logic [FoldW-1:0]         fold_q;
  logic [WidthW-1:0]        column_q;
  logic [HeightW-1:0]       row_q;
  logic [Pe*InBits-1:0]     x_q;
  localparam int unsigned WordW   = Pe * OffsetBits + FactorBits;
  localparam int unsigned FactorW = (FactorBits != 0) ? FactorBits : $clog2(Mul + 1);

  logic [WordW-1:0]         offsets;
  logic [FactorW-1:0]       factor;
  logic [Pe*OutBits-1:0]    data_q;
  logic [1:0]               valid_q;
  logic                     go, fold_last, column_last;

  assign fold_last   = fold_q == FoldW'(Folds - 1);
  assign column_last = fold_last && column_q == WidthW'(Width - 1);

  // One choice per bit: an index times the bits of a class would cost an adder.
  logic [RowW-1:0]    row_class;
  logic [ColumnW-1:0] column_class;
  for (genvar k = 0; k < RowW; k++) begin : gen_row_bit
    logic [2**HeightW-1:0] bits;
    for (genvar h = 0; h < 2**HeightW; h++) begin : gen_row
      assign bits[h] = Rows[h%Height*RowW+k];
    end
    assign row_class[k] = bits[row_q];
  end
  for (genvar k = 0; k < ColumnW; k++) begin : gen_column_bit
    logic [2**WidthW-1:0] bits;
    for (genvar w = 0; w < 2**WidthW; w++) begin : gen_column
      assign bits[w] = Columns[w%Width*ColumnW+k];
    end
    assign column_class[k] = bits[column_q];
  end

  xf_rom #(
    .Width(WordW), .Depth(1 << (RowW + ColumnW + FoldW)), .Kind(Kind), .File(OffsetFile),
    .Load(Load)
  ) u_offsets (
    .clk_i,
    .en_i   (go),
    .addr_i ({row_class, column_class, fold_q}),
    .load_i,
    .data_o (offsets)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q  <= '0;
      fold_q   <= '0;
      column_q <= '0;
      row_q    <= '0;
    end else if (go) begin
      valid_q <= {valid_q[0], s_valid_i};
      if (s_valid_i) begin
        fold_q <= fold_last ? '0 : fold_q + 1'b1;
        if (fold_last) column_q <= column_last ? '0 : column_q + 1'b1;
        if (column_last) row_q <= (row_q == HeightW'(Height - 1)) ? '0 : row_q + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) if (go) x_q <= s_data_i;

  if (FactorBits != 0) begin : gen_factors
    assign factor = offsets[WordW-1 -: FactorW];
  end else begin : gen_factor
    assign factor = FactorW'(Mul);
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane

    logic [OutBits-1:0] wide, offset, sum;

    if (Signed != 0) begin : gen_signed
      assign wide = OutBits'($signed(x_q[p*InBits +: InBits]));
    end else begin : gen_unsigned
      assign wide = OutBits'(x_q[p*InBits +: InBits]);
    end
    assign offset = OutBits'($signed(offsets[p*OffsetBits +: OffsetBits]));

    // Shifted and added: factors have few bits, and no multiplier is spent on them.
    always_comb begin
      sum = offset;
      for (int unsigned k = 0; k < FactorW; k++) begin
        sum = sum + ((wide << k) & {OutBits{factor[k]}});
      end
    end

    always_ff @(posedge clk_i) if (go) data_q[p*OutBits +: OutBits] <= sum;

  end

  assign s_ready_o = go;

  xf_spare #(.Width(Pe * OutBits)) u_spare (
    .clk_i, .rst_ni, .data_i(data_q), .valid_i(valid_q[1]), .go_o(go),
    .m_data_o, .m_valid_o, .m_ready_i
  );

  // One beat is given for each that is taken; what is between is in the two stages and the spare
  // register.
  `XF_ASSERT_INSIDE(NothingLost_A, s_valid_i & s_ready_o, m_valid_o & m_ready_i, {valid_q, ~go})

endmodule : xf_border
