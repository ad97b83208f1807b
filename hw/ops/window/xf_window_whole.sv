// SPDX-License-Identifier: Apache-2.0
//
// Sliding window, a whole one per output beat: for every output pixel all KernelH x KernelW pixels
// under it at once, row by row. An input beat is Pixels neighbouring pixels of a row.
//
// Beats pass a FIFO and step through the image from left to right and from top to bottom. The
// pixels above the new ones come from a memory of lines, and the registers under the kernel advance
// by Group = min(Pixels, StrideW) columns per step, so that at most one window is complete: a beat
// takes Pixels / Group steps. Padding columns to the right and padding rows below take steps as
// well, without pixels. If Pixels is above 1, a row that completes no window takes one step per beat
// and none for padding columns; these steps affect only the lines. Pixels outside the image become
// the pad value where they enter the registers: right and below as the new columns, on the left
// when a row starts.
//
// Rate       one step per cycle; a frame is OutH * Groups + (Rows - OutH) * Beats steps, which is
//            ImageH * ImageW for single pixels without padding
// Latency    steps up to and with the first window's, plus that of the FIFO
// Reset      synchronous, control state only; data registers and memories keep their values
// Ready      a register of the FIFO
// Bit model  op.py, Window.execute_node

`include "xf_assert.svh"

module xf_window_whole #(
  parameter  int unsigned ImageH    = 5,
  parameter  int unsigned ImageW    = 5,
  parameter  int unsigned Pixels    = 1,  // pixels per beat
  parameter  int unsigned Lanes     = 8,  // elements per pixel
  parameter  int unsigned Bits      = 1,  // bits per element
  parameter  int unsigned KernelH   = 3,
  parameter  int unsigned KernelW   = 3,
  parameter  int unsigned StrideH   = 1,
  parameter  int unsigned StrideW   = 1,
  parameter  int unsigned PadTop    = 0,
  parameter  int unsigned PadLeft   = 0,
  parameter  int unsigned PadBottom = 0,
  parameter  int unsigned PadRight  = 0,
  parameter  int unsigned DilationH = 1,
  parameter  int unsigned DilationW = 1,
  parameter  int          PadValue  = 0,  // element outside the image
  parameter  int unsigned Depth     = 4,  // beats that may wait, in the memory of the FIFO
  parameter  int unsigned DepthKind = 1,  // of that memory: 1 LUT, 2 block
  localparam int unsigned Width     = Lanes * Bits,
  localparam int unsigned BeatW     = Pixels * Width
) (
  input  logic                             clk_i, rst_ni,
  input  logic [BeatW-1:0]                 s_data_i,
  input  logic                             s_valid_i,
  output logic                             s_ready_o,
  output logic [KernelH*KernelW*Width-1:0] m_data_o,
  output logic                             m_valid_o,
  input  logic                             m_ready_i
);

  localparam int ReachH = (KernelH - 1) * DilationH;  // first to last row of a window
  localparam int ReachW = (KernelW - 1) * DilationW;

  // (What is refused below must not divide by zero here.)
  localparam int unsigned StepH    = (StrideH > 0) ? StrideH : 1;
  localparam int unsigned StepW    = (StrideW > 0) ? StrideW : 1;
  localparam int unsigned Several  = (Pixels > 0) ? Pixels : 1;
  localparam int unsigned ElementW = (Bits > 0) ? Bits : 1;
  localparam int unsigned Group    = (Several < StepW) ? Several : StepW;  // columns per step

  if (ImageH < 1 || ImageW < 1 || Lanes < 1 || Bits < 1) begin : gen_bad_size
    $error("xf_window_whole: image, Lanes and Bits must be at least 1; got %0d, %0d, %0d, %0d",
           ImageH, ImageW, Lanes, Bits);
  end else if (KernelH < 1 || KernelW < 1 || StrideH < 1 || StrideW < 1) begin : gen_bad_kernel
    $error("xf_window_whole: kernel and stride must be at least 1; got %0d, %0d, %0d, %0d",
           KernelH, KernelW, StrideH, StrideW);
  end else if (DilationH < 1 || DilationW < 1) begin : gen_bad_dilation
    $error("xf_window_whole: DilationH, DilationW must be at least 1; got %0d, %0d",
           DilationH, DilationW);
  end else if (Pixels < 1 || ImageW % Several != 0) begin : gen_bad_pixels
    $error("xf_window_whole: Pixels must be at least 1 and divide ImageW=%0d; got Pixels=%0d",
           ImageW, Pixels);
  end else if (Several % Group != 0 || StepW % Group != 0) begin : gen_bad_group
    $error("xf_window_whole: Pixels must divide StrideW=%0d or be its multiple; got Pixels=%0d",
           StrideW, Pixels);
  end else if (PadTop > ReachH || PadBottom > ReachH) begin : gen_bad_pad_h
    $error("xf_window_whole: PadTop, PadBottom must be at most the reach %0d; got %0d, %0d",
           ReachH, PadTop, PadBottom);
  end else if (PadLeft > ReachW || PadRight > ReachW) begin : gen_bad_pad_w
    $error("xf_window_whole: PadLeft, PadRight must be at most the reach %0d; got %0d, %0d",
           ReachW, PadLeft, PadRight);
  end else if (ReachH >= ImageH + PadTop + PadBottom) begin : gen_bad_span_h
    $error("xf_window_whole: the kernel's span must fit the padded height; got %0d, %0d",
           ReachH + 1, ImageH + PadTop + PadBottom);
  end else if (ReachW >= ImageW + PadLeft + PadRight) begin : gen_bad_span_w
    $error("xf_window_whole: the kernel's span must fit the padded width; got %0d, %0d",
           ReachW + 1, ImageW + PadLeft + PadRight);
  end else if (Depth < 3) begin : gen_bad_depth
    $error("xf_window_whole: Depth must be at least 3; got Depth=%0d", Depth);
  end

  localparam int OutH  = (ImageH + PadTop + PadBottom - ReachH - 1) / StepH + 1;
  localparam int OutW  = (ImageW + PadLeft + PadRight - ReachW - 1) / StepW + 1;
  // Steps in front of the first window's last row and column, that of the last window, and what is
  // stepped through: beats, and behind them groups of columns right of the image.
  localparam int FirstH = ReachH - PadTop;
  localparam int FirstW = ReachW - PadLeft;
  localparam int LastH  = (OutH - 1) * StrideH + FirstH;
  localparam int LastW  = (OutW - 1) * StrideW + FirstW;
  localparam int Rows   = (LastH >= ImageH) ? LastH + 1 : ImageH;
  localparam int Beats  = ImageW / Several;
  localparam int Cols   = (LastW >= ImageW) ? Beats + (LastW + Group - ImageW) / Group : Beats;

  localparam int unsigned Subs    = Several / Group;  // steps of a beat in a row of windows
  localparam int unsigned SubW    = (Subs > 1) ? $clog2(Subs) : 1;
  localparam int unsigned YW      = (Rows > 1) ? $clog2(Rows) : 1;
  localparam int unsigned XW      = (Cols > 1) ? $clog2(Cols) : 1;
  localparam int          FirstG  = FirstW / Group;  // groups in front of the first window's last
  localparam int          StrideG = StepW / Group;
  localparam int unsigned ToRowsW = $clog2(((FirstH > StrideH) ? FirstH : StrideH) + 1);
  localparam int unsigned ToColsW = $clog2(((FirstG > StrideG) ? FirstG : StrideG) + 1);
  localparam int unsigned GroupW  = Group * Width;

  // Registers hold the columns of a window, and those of the newest group to its right.
  localparam int Right = Group - 1 - FirstW % Group;
  localparam int Held  = (ReachW + 1 + Right > Group) ? ReachW + 1 + Right : Group;
  localparam logic [Width-1:0] Pad = {Lanes{ElementW'(PadValue)}};

  logic [BeatW-1:0]   beat;
  logic               there, take, valid_q, go, step, in_image, gives, beat_end, row_end;
  logic               frame_end, give;
  logic [YW-1:0]      y_q;
  logic [XW-1:0]      x_q;
  logic [SubW-1:0]    sub;
  logic [ToRowsW-1:0] to_row_q;  // rows up to the next window's last, 0 in it
  logic [ToColsW-1:0] to_col_q;  // groups up to the next window's last, 0 in it

  xf_fifo #(.Width(BeatW), .Depth(Depth), .Kind(DepthKind)) u_fifo (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o,
    .m_data_o(beat), .m_valid_o(there), .m_ready_i(take)
  );

  logic column_in_image;
  if (Cols > Beats) begin : gen_columns_beyond
    assign column_in_image = x_q < XW'(Beats);
    assign row_end = beat_end && x_q == (gives || Pixels == 1 ? XW'(Cols - 1) : XW'(Beats - 1));
  end else begin : gen_no_columns_beyond
    assign column_in_image = 1'b1;
    assign row_end = beat_end && x_q == XW'(Beats - 1);
  end
  if (Rows > ImageH) begin : gen_rows_beyond
    assign in_image = column_in_image && y_q < YW'(ImageH);
  end else begin : gen_no_rows_beyond
    assign in_image = column_in_image;
  end
  if (Subs > 1) begin : gen_subs
    logic [SubW-1:0] sub_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) sub_q <= '0;
      else if (step) sub_q <= beat_end ? '0 : sub_q + 1'b1;
    end
    assign sub      = sub_q;
    assign beat_end = !gives || !column_in_image || sub_q == SubW'(Subs - 1);
  end else begin : gen_no_subs
    assign sub      = '0;
    assign beat_end = 1'b1;
  end

  assign go        = m_ready_i | ~valid_q;
  assign step      = go & (there | ~in_image);
  assign take      = go & in_image & beat_end;
  assign gives     = to_row_q == '0;
  assign give      = gives && to_col_q == '0;
  assign frame_end = row_end && y_q == YW'(Rows - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      x_q      <= '0;
      y_q      <= '0;
      to_row_q <= ToRowsW'(FirstH);
      to_col_q <= ToColsW'(FirstG);
      valid_q  <= 1'b0;
    end else begin
      if (go) valid_q <= step & give;
      if (step) begin
        if (beat_end) x_q <= row_end ? '0 : x_q + 1'b1;
        to_col_q <= row_end         ? ToColsW'(FirstG)
                  : to_col_q == '0  ? ToColsW'(StrideG - 1) : to_col_q - 1'b1;
        if (row_end) begin
          y_q <= frame_end ? '0 : y_q + 1'b1;
          to_row_q <= frame_end       ? ToRowsW'(FirstH)
                    : to_row_q == '0  ? ToRowsW'(StrideH - 1) : to_row_q - 1'b1;
        end
      end
    end
  end

  // The new beat, then those DilationH, 2 * DilationH, .. rows above it.
  logic [KernelH*BeatW-1:0] column;
  assign column[BeatW-1:0] = beat;

  if (KernelH > 1) begin : gen_lines
    localparam int unsigned LineW  = (KernelH - 1) * BeatW;
    localparam int unsigned Period = Beats * DilationH;
    logic [LineW-1:0] line_q;
    logic             move;
    assign column[KernelH*BeatW-1:BeatW] = line_q;
    assign move = step & beat_end & column_in_image;

    if (Period == 1) begin : gen_register
      always_ff @(posedge clk_i) if (move) line_q <= column[LineW-1:0];
    end else begin : gen_memory
      localparam int unsigned AddrW = $clog2(Period);
      (* no_rw_check *) logic [LineW-1:0] lines [Period];  // the word read is never the one written
      logic [AddrW-1:0] write_q, read_q;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) begin
          write_q <= '0;
          read_q  <= AddrW'(1);
        end else if (move) begin
          write_q <= read_q;
          read_q  <= (read_q == AddrW'(Period - 1)) ? '0 : read_q + 1'b1;
        end
        if (move) begin
          lines[write_q] <= column[LineW-1:0];
          line_q <= lines[read_q];
        end
      end
      `XF_ASSERT_WHEN(ReadOneAhead_A, 1'b1, 32'(read_q) == (32'(write_q) + 1) % Period)
    end
  end

  // Registers under the kernel, the newest column highest.
  for (genvar ky = 0; ky < KernelH; ky++) begin : gen_row
    localparam int Above = (KernelH - 1 - ky) * DilationH;  // rows between this one and the new one
    logic              outside, above_image, below_image;
    logic [GroupW-1:0] newest;
    /* verilator lint_off UNUSEDSIGNAL */  // a stride or dilation leaves columns out
    logic [Held*Width-1:0] held_q;
    /* verilator lint_on UNUSEDSIGNAL */

    if (PadTop > 0 && Above >= Rows) begin : gen_always_above
      assign above_image = 1'b1;
    end else if (PadTop > 0 && Above > FirstH) begin : gen_above
      assign above_image = y_q < YW'(Above);
    end else begin : gen_not_above
      assign above_image = 1'b0;
    end
    if (Rows > ImageH + Above) begin : gen_below
      assign below_image = y_q >= YW'(ImageH + Above);
    end else begin : gen_not_below
      assign below_image = 1'b0;
    end
    assign outside = above_image | below_image | ~column_in_image;

    // One bit of all groups side by side: selecting a group is then a multiplexer, not a wide shift.
    for (genvar b = 0; b < GroupW; b++) begin : gen_bit
      logic [Subs-1:0] groups;
      for (genvar g = 0; g < Subs; g++) begin : gen_group
        assign groups[g] = column[(KernelH-1-ky)*BeatW + g*GroupW + b];
      end
      assign newest[b] = groups[sub];
    end

    always_ff @(posedge clk_i) begin
      if (step) begin
        if (outside) held_q[(Held-Group)*Width +: GroupW] <= {Group{Pad}};
        else held_q[(Held-Group)*Width +: GroupW] <= newest;
      end
    end
    if (Held > Group) begin : gen_older
      always_ff @(posedge clk_i) begin
        if (step) begin
          if (PadLeft > 0 && x_q == '0 && sub == '0) held_q[(Held-Group)*Width-1:0] <= {(Held - Group){Pad}};
          else held_q[(Held-Group)*Width-1:0] <= held_q[Held*Width-1:GroupW];
        end
      end
    end
    for (genvar kx = 0; kx < KernelW; kx++) begin : gen_tap
      localparam int Place = Held - 1 - Right - (KernelW - 1 - kx) * DilationW;
      assign m_data_o[(ky*KernelW+kx)*Width +: Width] = held_q[Place*Width +: Width];
    end
  end

  assign m_valid_o = valid_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

`ifdef XF_CHECK
  // All windows, none before its pixels; beyond the last of a frame is what the FIFO holds.
  localparam int BeginW = (FirstW < ImageW) ? FirstW / Several + 1 : Beats;
  localparam int First  = (FirstH < ImageH) ? FirstH * Beats + BeginW : ImageH * Beats;
  localparam int EndW   = (LastW < ImageW) ? LastW / Several + 1 : Beats;
  localparam int Needed = (LastH < ImageH) ? LastH * Beats + EndW : ImageH * Beats;
  xf_check_beats #(
    .In(ImageH * Beats),
    .Out(OutH * OutW),
    .First(First),
    .Needed(Needed),
    .Most(Needed + Depth + DepthKind)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_window_whole
