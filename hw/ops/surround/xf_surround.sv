// SPDX-License-Identifier: Apache-2.0
//
// A border around an image: one value per channel, Pe channels per beat.
//
// The border before the first pixel waits until a beat of the frame is offered, so that a frame
// starts only when its input is there; the rest of the border waits only for the beats before
// it.
//
// Rate       one output beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Surround.execute_node

`include "xf_assert.svh"

module xf_surround #(
  parameter  int unsigned ImageH    = 4,
  parameter  int unsigned ImageW    = 4,
  parameter  int unsigned Beats     = 1,  // beats per pixel
  parameter  int unsigned Pe        = 1,  // channels per beat
  parameter  int unsigned InBits    = 1,
  parameter  int unsigned Signed    = 0,  // 1: the input is two's complement
  parameter  int unsigned OutBits   = 1,  // InBits or more
  parameter  int unsigned PadTop    = 1,
  parameter  int unsigned PadLeft   = 1,
  parameter  int unsigned PadBottom = 1,
  parameter  int unsigned PadRight  = 1,
  parameter  logic [Beats*Pe*OutBits-1:0] Values = '0,  // of the border, channel 0 in the low bits
  localparam int unsigned OutH      = PadTop + ImageH + PadBottom,
  localparam int unsigned OutW      = PadLeft + ImageW + PadRight,
  localparam int unsigned BeatW     = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned ColumnW   = (OutW > 1) ? $clog2(OutW) : 1,
  localparam int unsigned RowW      = (OutH > 1) ? $clog2(OutH) : 1
) (
  input  logic                  clk_i, rst_ni,
  input  logic [Pe*InBits-1:0]  s_data_i,
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  if (ImageH < 1 || ImageW < 1) begin : gen_bad_image
    $error("xf_surround: ImageH, ImageW must be at least 1; got %0d, %0d", ImageH, ImageW);
  end else if (Beats < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_surround: Beats, Pe, InBits must be at least 1; got %0d, %0d, %0d",
           Beats, Pe, InBits);
  end else if (OutBits < InBits) begin : gen_bad_out_bits
    $error("xf_surround: OutBits must be at least InBits; got OutBits=%0d, InBits=%0d",
           OutBits, InBits);
  end

  logic [BeatW-1:0]      beat_q;
  logic [ColumnW-1:0]    column_q;  // of the bordered image
  logic [RowW-1:0]       row_q;
  logic                  begun_q;   // a beat of the frame has been taken
  logic                  valid_q, go, in_image, give, beat_last, column_last, row_last;
  logic [Pe*OutBits-1:0] data_q, image, border;

  assign beat_last   = beat_q == BeatW'(Beats - 1);
  assign column_last = beat_last && column_q == ColumnW'(OutW - 1);
  assign row_last    = column_last && row_q == RowW'(OutH - 1);
  assign give        = go & (s_valid_i | (begun_q & ~in_image));

  // A comparison with the whole width would be constant where there is no border on a side.
  logic above, below, left, right;
  if (PadTop != 0) begin : gen_top
    assign above = row_q < RowW'(PadTop);
  end else begin : gen_no_top
    assign above = 1'b0;
  end
  if (PadBottom != 0) begin : gen_bottom
    assign below = row_q >= RowW'(PadTop + ImageH);
  end else begin : gen_no_bottom
    assign below = 1'b0;
  end
  if (PadLeft != 0) begin : gen_left
    assign left = column_q < ColumnW'(PadLeft);
  end else begin : gen_no_left
    assign left = 1'b0;
  end
  if (PadRight != 0) begin : gen_right
    assign right = column_q >= ColumnW'(PadLeft + ImageW);
  end else begin : gen_no_right
    assign right = 1'b0;
  end
  assign in_image = ~(above | below | left | right);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q   <= '0;
      column_q <= '0;
      row_q    <= '0;
      begun_q  <= 1'b0;
      valid_q  <= 1'b0;
    end else if (go) begin
      valid_q <= give;
      if (give) begin
        begun_q <= (begun_q | in_image) & ~row_last;
        beat_q  <= beat_last ? '0 : beat_q + 1'b1;
        if (beat_last) column_q <= column_last ? '0 : column_q + 1'b1;
        if (column_last) row_q <= row_last ? '0 : row_q + 1'b1;
      end
    end
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    if (Signed != 0) begin : gen_signed
      assign image[p*OutBits +: OutBits] = OutBits'($signed(s_data_i[p*InBits +: InBits]));
    end else begin : gen_unsigned
      assign image[p*OutBits +: OutBits] = OutBits'(s_data_i[p*InBits +: InBits]);
    end
    // One choice per bit: an index times Pe would cost an adder where Pe is no power of two.
    for (genvar k = 0; k < OutBits; k++) begin : gen_bit
      logic [2**BeatW-1:0] bits;
      for (genvar b = 0; b < 2**BeatW; b++) begin : gen_beat
        assign bits[b] = Values[(b%Beats*Pe+p)*OutBits+k];
      end
      assign border[p*OutBits+k] = bits[beat_q];
    end
  end

  always_ff @(posedge clk_i) if (go) data_q <= in_image ? image : border;

  assign s_ready_o = go & in_image;

  xf_spare #(.Width(Pe * OutBits)) u_spare (
    .clk_i, .rst_ni, .data_i(data_q), .valid_i(valid_q), .go_o(go),
    .m_data_o, .m_valid_o, .m_ready_i
  );

  // Every beat that is made is given once; those between are in the register and the
  // spare one.
  `XF_ASSERT_INSIDE(NothingLost_A, give, m_valid_o & m_ready_i, {valid_q, ~go})

endmodule : xf_surround
