// SPDX-License-Identifier: Apache-2.0
//
// Sliding window over a line buffer: for every output pixel the KernelH x KernelW pixels under it,
// row by row, all channels of a pixel in Beats beats. With several Rates the window is sent once
// per dilation rate, in order, all around the same pixel. With Abreast, the KernelW pixels of a
// kernel row leave in one beat: each is read from a copy of the ring.
//
// The line buffer is a ring of 2**AddrW beats. Rows are written into it once and read once per
// window that covers them. All addresses are modulo the ring: a row outside the image has an
// address like any other, and its beat is replaced by the pad value at the output, so padding
// costs neither memory nor cycles. Writer and reader exchange the number of whole rows written and
// freed. If the reader skips no column, it follows the writer into the row being written: the only
// beat of that row that it can reach too early is the one the writer writes next.
//
// Rate       initiation interval of max(input beats, output beats) cycles per frame with the AddrW
//            that op.py chooses
// Latency    (rows of the first window - 1) * ImageW * Beats + 2 cycles, 3 for one row; one row more
//            if columns are skipped; 1 cycle if the windows are the stream itself
// Reset      synchronous, control state only; data registers and ring keep their values
// Pipeline   ring | output register: a read of block RAM takes most of a cycle (5.8 ns on ECP5), so
//            the route to the reader would not fit as well
// Bit model  op.py, Window.execute_node

`include "xf_assert.svh"

module xf_window #(
  parameter  int unsigned ImageH    = 5,
  parameter  int unsigned ImageW    = 5,
  parameter  int unsigned Beats     = 1,  // beats per pixel
  parameter  int unsigned Lanes     = 8,  // elements per beat
  parameter  int unsigned Bits      = 1,  // bits per element
  parameter  int unsigned KernelH   = 3,
  parameter  int unsigned KernelW   = 3,
  parameter  int unsigned StrideH   = 1,
  parameter  int unsigned StrideW   = 1,
  parameter  int unsigned PadTop    = 0,  // every pad is smaller than the span of the kernel
  parameter  int unsigned PadLeft   = 0,
  parameter  int unsigned PadBottom = 0,
  parameter  int unsigned PadRight  = 0,
  parameter  int unsigned DilationH = 1,
  parameter  int unsigned DilationW = 1,
  parameter  int          PadValue  = 0,  // element outside the image
  parameter  int unsigned Rates     = 1,  // kernels of several dilations, the largest of which is
  parameter  logic [Rates*8-1:0] RateList = '0,  // DilationH = DilationW; ascending, last on top
  parameter  int unsigned AddrW     = 5,  // the ring has 2**AddrW beats
  parameter  int unsigned Abreast   = 1,  // pixels per output beat: 1 or KernelW, of one beat each
  localparam int unsigned Width     = Lanes * Bits
) (
  input  logic                     clk_i, rst_ni,
  input  logic [Width-1:0]         s_data_i,
  input  logic                     s_valid_i,
  output logic                     s_ready_o,
  output logic [Abreast*Width-1:0] m_data_o,
  output logic                     m_valid_o,
  input  logic                     m_ready_i
);

  localparam int unsigned SpanH = (KernelH - 1) * DilationH + 1;  // rows under a kernel
  localparam int unsigned SpanW = (KernelW - 1) * DilationW + 1;
  localparam int unsigned LastRate = 32'(RateList[8*(Rates-1) +: 8]);

  if (ImageH < 1 || ImageW < 1) begin : gen_bad_image
    $error("xf_window: ImageH, ImageW must be at least 1; got %0d, %0d", ImageH, ImageW);
  end else if (Beats < 1 || Lanes < 1 || Bits < 1 || AddrW < 1) begin : gen_bad_size
    $error("xf_window: Beats, Lanes, Bits, AddrW must be at least 1; got %0d, %0d, %0d, %0d",
           Beats, Lanes, Bits, AddrW);
  end else if (KernelH < 1 || KernelW < 1) begin : gen_bad_kernel
    $error("xf_window: KernelH, KernelW must be at least 1; got %0d, %0d", KernelH, KernelW);
  end else if (StrideH < 1 || StrideW < 1) begin : gen_bad_stride
    $error("xf_window: StrideH, StrideW must be at least 1; got %0d, %0d", StrideH, StrideW);
  end else if (DilationH < 1 || DilationW < 1) begin : gen_bad_dilation
    $error("xf_window: DilationH, DilationW must be at least 1; got %0d, %0d",
           DilationH, DilationW);
  end else if (PadTop >= SpanH || PadBottom >= SpanH) begin : gen_bad_pad_h
    $error("xf_window: PadTop, PadBottom must be below the kernel's span; got %0d, %0d, span %0d",
           PadTop, PadBottom, SpanH);
  end else if (PadLeft >= SpanW || PadRight >= SpanW) begin : gen_bad_pad_w
    $error("xf_window: PadLeft, PadRight must be below the kernel's span; got %0d, %0d, span %0d",
           PadLeft, PadRight, SpanW);
  end else if (SpanH > ImageH + PadTop + PadBottom) begin : gen_bad_span_h
    $error("xf_window: the kernel's span must fit the padded height; got %0d, %0d",
           SpanH, ImageH + PadTop + PadBottom);
  end else if (SpanW > ImageW + PadLeft + PadRight) begin : gen_bad_span_w
    $error("xf_window: the kernel's span must fit the padded width; got %0d, %0d",
           SpanW, ImageW + PadLeft + PadRight);
  end else if (Rates < 1) begin : gen_bad_rates
    $error("xf_window: Rates must be at least 1; got Rates=%0d", Rates);
  end else if (Rates > 1 && (LastRate != DilationH || LastRate != DilationW)) begin : gen_bad_last
    $error("xf_window: the last rate must be both dilations; got %0d, DilationH=%0d, DilationW=%0d",
           LastRate, DilationH, DilationW);
  end else if (Abreast != 1 && (Abreast != KernelW || Beats != 1)) begin : gen_bad_abreast
    $error("xf_window: Abreast must be 1 or KernelW with one beat per pixel; got %0d, %0d, %0d",
           Abreast, KernelW, Beats);
  end

  localparam bit Padded  = PadTop + PadLeft + PadBottom + PadRight != 0;
  localparam bit OnePix  = KernelH * KernelW * StrideH * StrideW * Rates == 1;
  localparam bit OneView = KernelH == ImageH && KernelW == ImageW;

  if (!Padded && (OnePix || OneView)) begin : gen_same

    // The windows in a row are the stream itself.
    xf_skid #(.Width(Width)) u_skid (.*);

  end else begin : gen_ring

    logic [Abreast*Width-1:0] word, data_q;  // as the ring gives it, at the output
    logic                     full_q, valid_q, give, go;

    assign give      = m_ready_i | ~valid_q;
    assign go        = give | ~full_q;
    assign m_valid_o = valid_q;
    assign m_data_o  = data_q;

    `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

    // Extent of kernel and output, in pixels; steps of the reader, in beats. With several rates
    // these are those of the last, and First is where the first one's kernel lies within. Of pixels
    // side by side the first one is meant.
    localparam int ReachH   = (KernelH - 1) * DilationH;      // first to last row of a window
    localparam int ReachW   = (KernelW - 1) * DilationW;
    localparam int Walks    = int'(KernelW / ((Abreast > 0) ? Abreast : 1));  // beats of such a row
    localparam int WalkW    = (Walks - 1) * DilationW;        // its first to its last beat
    localparam int OutH     = (ImageH + PadTop + PadBottom - ReachH - 1) / StrideH + 1;
    localparam int OutW     = (ImageW + PadLeft + PadRight - ReachW - 1) / StrideW + 1;
    localparam int AcrossH  = (OutH - 1) * StrideH + ReachH;  // first to last row of all windows
    localparam int AcrossW  = (OutW - 1) * StrideW + WalkW;
    localparam int RowBeats = ImageW * Beats;
    localparam int Rows     = (1 << AddrW) / ((RowBeats > 0) ? RowBeats : 1);  // whole, in the ring
    localparam int Smallest = int'(RateList[7:0]);
    localparam int FirstH   = (Rates > 1) ? (ReachH - (KernelH - 1) * Smallest) / 2 : 0;
    localparam int FirstW   = (Rates > 1) ? (ReachW - (KernelW - 1) * Smallest) / 2 : 0;
    localparam int ToWindow = (FirstH - ReachH) * RowBeats
                            + (StrideW + FirstW - WalkW - 1) * Beats + 1;
    localparam int ToRow    = (StrideH + FirstH - ReachH) * RowBeats
                            + (FirstW - AcrossW - 1) * Beats + 1;
    localparam int ToFrame  = (ImageH + FirstH - AcrossH) * RowBeats
                            + (FirstW - AcrossW - 1) * Beats + 1;

    // Image rows counted by whole rows: how many an output row needs, and how many are over after
    // it.
    localparam int LastNeed  = (AcrossH - PadTop + 1 < ImageH) ? AcrossH - PadTop + 1 : ImageH;
    localparam int FirstNeed = (ReachH - PadTop + 1 < ImageH) ? ReachH - PadTop + 1 : ImageH;
    localparam int WrapNeed  = ImageH - LastNeed + FirstNeed;
    localparam int RestNeed  = (ImageH - FirstNeed) % StrideH;
    // Output rows that free some, the last apart; the most that are freed before they are written.
    localparam int Freeing   = OutH - 1 - ((PadTop + StrideH - 1) / StrideH);
    localparam int WrapFree  = ImageH - ((Freeing > 0) ? Freeing : 0) * StrideH;
    localparam int Unread    = (ImageH - LastNeed > StrideH) ? ImageH - LastNeed : StrideH;
    localparam int Most      = (Rows + Unread > WrapNeed) ? Rows + Unread : WrapNeed;
    // Kernel and stride leave no column out: the last row of a window may be read while it is
    // written. A first row that begins outside of the image waits for a beat of it.
    localparam int Follows   = (ReachH < int'(KernelH) && ReachW < int'(KernelW)
                                && StrideW <= KernelW && Abreast == 1) ? 1 : 0;
    localparam int WaitsOut  = (FirstNeed == 1 && PadTop + PadLeft != 0) ? 1 : 0;

    if (Rows < FirstNeed) begin : gen_bad_ring
      $error("xf_window: the ring must hold the first window's %0d rows; got AddrW=%0d, %0d rows",
             FirstNeed, AddrW, Rows);
    end

    localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;
    localparam int unsigned ColW  = $clog2(RowBeats + 1);
    localparam int unsigned KxW   = $clog2(KernelW + 1);
    localparam int unsigned KyW   = $clog2(KernelH + 1);
    localparam int unsigned XW    = $clog2(PadLeft + ImageW + PadRight + 1);
    localparam int unsigned YW    = $clog2(PadTop + ImageH + PadBottom + 1);
    localparam int unsigned RowsW = $clog2(Most + 1) + 1;
    localparam int unsigned RateW = (Rates > 1) ? $clog2(Rates) : 1;
    localparam int unsigned StepW = (AddrW > XW) ? AddrW : XW;

    // Writer.
    logic [AddrW-1:0] write_q;
    logic [ColW-1:0]  col_q;
    logic             push, row_written;

    // Negative: the output row waits for whole rows; the writer waits for room. At 0 a reader that
    // follows reads the row that is being written.
    logic signed [RowsW-1:0] ahead_q, room_q;
    logic signed [RowsW-1:0] need, free;

    assign s_ready_o   = ~room_q[RowsW-1];
    assign push        = s_valid_i & s_ready_o;
    assign row_written = push && col_q == ColW'(RowBeats - 1);

    // Reader. x, y: the image position read, modulo 2**XW and 2**YW, so that a position left of or
    // above the image is a large one. Pixels side by side lie a dilation apart.
    logic [AddrW-1:0] read_q;
    logic [BeatW-1:0] beat_q;
    logic [KxW-1:0]   kx_q;
    logic [KyW-1:0]   ky_q;
    logic [XW-1:0]    x_q;
    logic [YW-1:0]    y_q;
    logic [RateW-1:0] rate;
    logic             step, caught_up, row_in_image;
    logic             pixel_end, line_end, rate_end, window_end, row_end, frame_end;

    assign step       = go & ~ahead_q[RowsW-1] & ~caught_up;
    assign pixel_end  = beat_q == BeatW'(Beats - 1);
    assign line_end   = pixel_end && kx_q == KxW'(Walks - 1);
    assign rate_end   = line_end && ky_q == KyW'(KernelH - 1);
    assign row_end    = window_end && x_q == XW'(AcrossW - PadLeft);
    assign frame_end  = row_end && y_q == YW'(AcrossH - PadTop);

    if (PadTop + PadBottom != 0) begin : gen_pad_rows
      assign row_in_image = y_q < YW'(ImageH);
    end else begin : gen_no_pad_rows
      assign row_in_image = 1'b1;
    end

    logic [Abreast-1:0] in_image;
    for (genvar p = 0; p < Abreast; p++) begin : gen_pixel
      // No word of the image is read in the cycle in which it is written.
      (* no_rw_check *) logic [Width-1:0] ring [1 << AddrW];
      logic [Width-1:0] word_q;
      logic [AddrW-1:0] address;
      logic [StepW-1:0] apart [Rates];  // from the first of the pixels side by side to this one
      for (genvar r = 0; r < Rates; r++) begin : gen_apart
        localparam int Here = (Rates > 1) ? int'(RateList[8*r +: 8]) : int'(DilationW);
        assign apart[r] = StepW'(p * Here);
      end
      assign address = read_q + AddrW'(apart[rate]);

      if (PadLeft + PadRight != 0) begin : gen_pad_columns
        logic [XW-1:0] x;
        assign x           = x_q + XW'(apart[rate]);
        assign in_image[p] = row_in_image && x < XW'(ImageW);
      end else begin : gen_no_pad_columns
        assign in_image[p] = row_in_image;
      end

      always_ff @(posedge clk_i) begin
        if (push) ring[write_q] <= s_data_i;
        if (go) word_q <= in_image[p] ? ring[address] : {Lanes{Bits'(PadValue)}};
      end
      assign word[p*Width +: Width] = word_q;
    end

    // The writer's address is that of a beat to be read too where the ring is full to the last word.
    if (Follows == 1) begin : gen_follows
      localparam bit Filled = Rows * RowBeats == (1 << AddrW);
      assign caught_up = (in_image[0] && read_q == write_q && !(Filled && room_q[RowsW-1]))
                         || (WaitsOut == 1 && ahead_q == '0 && col_q == '0);
    end else begin : gen_rows
      assign caught_up = 1'b0;
    end

    // Steps within the kernel of a rate, and from its last pixel to the first of the next rate.
    logic [AddrW-1:0] to_pixel, to_line, to_rate;
    logic [XW-1:0]    x_pixel, x_line, x_rate;
    logic [YW-1:0]    y_line, y_rate;

    if (Rates > 1) begin : gen_rates
      localparam int unsigned StepsW = 3 * AddrW + 3 * XW + 2 * YW;
      logic [RateW-1:0]  rate_q;
      logic [StepsW-1:0] steps [Rates];

      for (genvar r = 0; r < Rates; r++) begin : gen_rate
        localparam int Here  = int'(RateList[8*r +: 8]);
        localparam int Next  = int'(RateList[8*((r+1) % Rates) +: 8]);
        // From the last pixel of this kernel to the first of the next: half of each lies between.
        localparam int BackH = (KernelH - 1) * (Here + Next) / 2;
        localparam int BackW = (KernelW - 1) * (Here + Next) / 2 - (int'(KernelW) - Walks) * Here;
        assign steps[r] = {
          AddrW'((Here - 1) * Beats + 1),
          AddrW'(Here * RowBeats - ((Walks - 1) * Here + 1) * Beats + 1),
          AddrW'(-BackH * RowBeats - (BackW + 1) * Beats + 1),
          XW'(Here), XW'(-(Walks - 1) * Here), XW'(-BackW), YW'(Here), YW'(-BackH)
        };
      end

      assign {to_pixel, to_line, to_rate, x_pixel, x_line, x_rate, y_line, y_rate} = steps[rate_q];
      assign rate       = rate_q;
      assign window_end = rate_end && rate_q == RateW'(Rates - 1);

      always_ff @(posedge clk_i) begin
        if (!rst_ni) rate_q <= '0;
        else if (step && rate_end) rate_q <= window_end ? '0 : rate_q + 1'b1;
      end
    end else begin : gen_one_rate
      assign to_pixel   = AddrW'((DilationW - 1) * Beats + 1);
      assign to_line    = AddrW'(DilationH * RowBeats - (WalkW + 1) * Beats + 1);
      assign to_rate    = '0;
      assign x_pixel    = XW'(DilationW);
      assign x_line     = XW'(-WalkW);
      assign x_rate     = '0;
      assign y_line     = YW'(DilationH);
      assign y_rate     = '0;
      assign rate       = '0;
      assign window_end = rate_end;
    end

    // At the end of an output row y_q is the window's last row.
    if (AcrossH - PadTop + 1 > ImageH) begin : gen_need_clipped
      // Rows below this one are followed by a whole stride of rows.
      localparam int Whole = (ImageH > StrideH) ? ImageH - StrideH : 0;
      assign need = frame_end                             ? RowsW'(WrapNeed)
                  : (Whole > 0 && y_q < YW'(Whole))       ? RowsW'(StrideH)
                  : (ImageH > 1 && y_q < YW'(ImageH - 1)) ? RowsW'(RestNeed) : '0;
    end else begin : gen_need
      assign need = frame_end ? RowsW'(WrapNeed) : RowsW'(StrideH);
    end
    if (PadTop != 0) begin : gen_free_clipped
      assign free = frame_end ? RowsW'(WrapFree) : (y_q >= YW'(ReachH)) ? RowsW'(StrideH) : '0;
    end else begin : gen_free
      assign free = frame_end ? RowsW'(WrapFree) : RowsW'(StrideH);
    end

    always_ff @(posedge clk_i) begin
      if (give) data_q <= word;
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        write_q <= '0;
        col_q   <= '0;
        ahead_q <= RowsW'(Follows - FirstNeed);
        room_q  <= RowsW'(Rows - 1);
        read_q  <= AddrW'((FirstH - PadTop) * RowBeats + (FirstW - PadLeft) * Beats);
        beat_q  <= '0;
        kx_q    <= '0;
        ky_q    <= '0;
        x_q     <= XW'(FirstW - PadLeft);
        y_q     <= YW'(FirstH - PadTop);
        full_q  <= 1'b0;
        valid_q <= 1'b0;
      end else begin
        if (push) begin
          write_q <= write_q + 1'b1;
          col_q   <= row_written ? '0 : col_q + 1'b1;
        end
        if (go) full_q <= step;
        if (give) valid_q <= full_q;
        ahead_q <= ahead_q + RowsW'(row_written) - ((step && row_end) ? need : '0);
        room_q  <= room_q - RowsW'(row_written) + ((step && row_end) ? free : '0);
        if (step) begin
          beat_q <= pixel_end ? '0 : beat_q + 1'b1;
          if (pixel_end) kx_q <= line_end ? '0 : kx_q + 1'b1;
          if (line_end) ky_q <= rate_end ? '0 : ky_q + 1'b1;
          read_q <= read_q + (frame_end  ? AddrW'(ToFrame)
                            : row_end    ? AddrW'(ToRow)
                            : window_end ? AddrW'(ToWindow)
                            : rate_end   ? to_rate
                            : line_end   ? to_line
                            : pixel_end  ? to_pixel : AddrW'(1));
          if (pixel_end) begin
            x_q <= x_q + (row_end    ? XW'(FirstW - AcrossW)
                        : window_end ? XW'(StrideW + FirstW - WalkW)
                        : rate_end   ? x_rate
                        : line_end   ? x_line : x_pixel);
          end
          if (line_end) begin
            y_q <= y_q + (frame_end  ? YW'(FirstH - AcrossH)
                        : row_end    ? YW'(StrideH + FirstH - ReachH)
                        : window_end ? YW'(FirstH - ReachH)
                        : rate_end   ? y_rate : y_line);
          end
        end
      end
    end

    `XF_ASSERT_WHEN(RowsInRing_A, 1'b1, room_q >= -1)
    `XF_ASSERT_WHEN(NoRowReadBeforeItIsWritten_A, step, ahead_q >= 0)
    `XF_ASSERT_WHEN(NoBeatReadBeforeItIsWritten_A,
                    Follows == 1 && step && in_image[0] && ahead_q == 0,
                    AddrW'(read_q - write_q) >= AddrW'(RowBeats))

`ifdef XF_CHECK
    localparam int RowOut = OutW * KernelH * Walks * Rates * Beats;  // beats of an output row

    // Rows that are there whole before the first and the last beat of a frame.
    localparam int WholeFirst = FirstNeed - Follows;
    localparam int WholeLast  = LastNeed - Follows;
    localparam int LastColumn = (AcrossW - PadLeft + 1 < ImageW) ? AcrossW - PadLeft + 1 : ImageW;

    // All windows, none before its pixels; beyond what is read there is a ring of rows. While the
    // last beat of a frame waits at the output, the next is read: where that is a whole row, it
    // frees some.
    xf_check_beats #(
      .In(ImageH * RowBeats),
      .Out(OutH * RowOut),
      .First((WholeFirst > 0) ? WholeFirst * RowBeats : 1),
      .Needed(WholeLast * RowBeats + Follows * LastColumn * Beats),
      .Most((ImageH + Rows + ((RowOut == 1) ? ImageH : 0)) * RowBeats)
    ) u_beats (
      .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
    );
`endif

  end

endmodule : xf_window
