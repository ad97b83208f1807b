// SPDX-License-Identifier: Apache-2.0
//
// Sum, maximum or minimum over KernelH x KernelW pixels; the stride equals the kernel.
//
// A line buffer of partial results: every beat is combined with the partial result of its window,
// and the last beat of a window leaves. Rows and columns beyond the last whole window are accepted
// and dropped. For single bits the maximum is an OR and the minimum an AND.
//
// Rate       one input beat per cycle, ImageH * ImageW * Beats cycles per frame
// Latency    ((KernelH - 1) * ImageW + KernelW - 1) * Beats + 1 cycles
// Reset      synchronous, control state only; data registers and memory keep their values
// Bit model  hw/ops/_pool.py, Pool.execute_node

`include "xf_assert.svh"

module xf_pool #(
  parameter  int unsigned ImageH  = 4,
  parameter  int unsigned ImageW  = 4,
  parameter  int unsigned Beats   = 1,  // beats per pixel
  parameter  int unsigned Pe      = 8,  // elements per beat
  parameter  int unsigned InBits  = 1,
  parameter  int unsigned Signed  = 0,  // 1: elements are two's complement
  parameter  int unsigned OutBits = 1,  // holds every result; InBits for maxima
  parameter  int unsigned KernelH = 2,
  parameter  int unsigned KernelW = 2,
  parameter  int unsigned Sum     = 0,  // 1: sums, 0: maxima
  parameter  logic [Beats*Pe-1:0] Minimum = '0,  // 1: the minimum of this channel, not its maximum
  localparam int unsigned OutH    = ImageH / KernelH,
  localparam int unsigned OutW    = ImageW / KernelW,
  localparam int unsigned RestH   = ImageH % KernelH,
  localparam int unsigned RestW   = ImageW % KernelW,
  // Partials wait for the row below only where there is one.
  localparam int unsigned Depth   = ((KernelH > 1) ? OutW : 1) * Beats,
  localparam int unsigned AddrW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned BeatW   = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned KxW     = (KernelW > 1) ? $clog2(KernelW) : 1,
  localparam int unsigned KyW     = (KernelH > 1) ? $clog2(KernelH) : 1,
  localparam int unsigned ColW    = (OutW > 1) ? $clog2(OutW) : 1,
  localparam int unsigned RowW    = $clog2(OutH + 1)
) (
  input  logic                  clk_i, rst_ni,
  input  logic [Pe*InBits-1:0]  s_data_i,
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  // Bits of the largest sum; of signed elements the most negative one.
  localparam int unsigned SumBits = (Signed != 0)
    ? $clog2(KernelH * KernelW) + InBits
    : $clog2((InBits+33)'(KernelH * KernelW) * {33'd0, {InBits{1'b1}}} + (InBits+33)'(1));

  if (Beats < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_pool: Beats, Pe, InBits must be at least 1; got %0d, %0d, %0d", Beats, Pe, InBits);
  end else if (KernelH < 1 || KernelH > ImageH) begin : gen_bad_kernel_h
    $error("xf_pool: KernelH must be 1 .. ImageH; got KernelH=%0d, ImageH=%0d", KernelH, ImageH);
  end else if (KernelW < 1 || KernelW > ImageW) begin : gen_bad_kernel_w
    $error("xf_pool: KernelW must be 1 .. ImageW; got KernelW=%0d, ImageW=%0d", KernelW, ImageW);
  end else if (Sum == 0 && OutBits != InBits) begin : gen_bad_out_bits
    $error("xf_pool: OutBits must be InBits of maxima; got OutBits=%0d, InBits=%0d",
           OutBits, InBits);
  end else if (Sum != 0 && OutBits < SumBits) begin : gen_bad_sum_bits
    $error("xf_pool: OutBits must hold every sum; got OutBits=%0d of %0d bits", OutBits, SumBits);
  end

  logic [Pe*OutBits-1:0] partial, joined, data_q;
  logic [AddrW-1:0]      addr;
  logic [BeatW-1:0]      beat_q;
  logic [KxW-1:0]        kx_q;   // column in the window
  logic [KyW-1:0]        ky_q;
  logic [RowW-1:0]       row_q;  // row of windows; stays 0 where they fill the frame
  logic                  beat_last, kx_last, col_last, ky_last, window_last;
  logic                  rest_row, rest_q, valid_q, go, take, fresh, used;

  assign rest_row  = RestH != 0 && row_q == RowW'(OutH);
  assign beat_last = beat_q == BeatW'(Beats - 1);
  assign kx_last   = beat_last && kx_q == (rest_q ? KxW'(RestW - 1) : KxW'(KernelW - 1));
  assign col_last  = kx_last && ((RestW != 0) ? rest_q : window_last);
  assign ky_last   = ky_q == (rest_row ? KyW'(RestH - 1) : KyW'(KernelH - 1));
  assign used      = !rest_q && !rest_row;
  assign fresh     = kx_q == '0 && ky_q == '0;
  assign take      = go & s_valid_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q  <= '0;
      kx_q    <= '0;
      ky_q    <= '0;
      row_q   <= '0;
      rest_q  <= 1'b0;
      valid_q <= 1'b0;
    end else if (go) begin
      valid_q <= s_valid_i && used && ky_last && kx_q == KxW'(KernelW - 1);
      if (s_valid_i) begin
        beat_q <= beat_last ? '0 : beat_q + 1'b1;
        if (beat_last) kx_q <= kx_last ? '0 : kx_q + 1'b1;
        if (RestW != 0 && kx_last) rest_q <= window_last && !rest_q;
        if (col_last) begin
          ky_q <= ky_last ? '0 : ky_q + 1'b1;
          if (RestH != 0 && ky_last) row_q <= rest_row ? '0 : row_q + 1'b1;
        end
      end
    end
  end

  if (Depth > Beats) begin : gen_walk

    // Back to the window's first beat, or on to the next window.
    logic [AddrW-1:0] addr_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        addr_q <= '0;
      end else if (take) begin
        if (col_last) addr_q <= '0;
        else if (beat_last && !kx_last) addr_q <= addr_q - AddrW'(Beats - 1);
        else if (!rest_q) addr_q <= addr_q + 1'b1;
      end
    end
    assign addr        = addr_q;
    assign window_last = addr_q == AddrW'(Depth - 1);

  end else begin : gen_stay

    logic [ColW-1:0] col_q;  // window in the row
    always_ff @(posedge clk_i) begin
      if (!rst_ni) col_q <= '0;
      else if (take && kx_last) col_q <= col_last ? '0 : col_q + 1'b1;
    end
    assign addr        = beat_q;
    assign window_last = col_q == ColW'(OutW - 1);

  end

  // A line of one beat is the output register itself. Into a longer one a partial result goes from
  // there, a cycle later: no path leads from the memory through the gates to the memory.
  always_ff @(posedge clk_i) if ((Depth > 1) ? go : take && used) data_q <= joined;
  if (Depth > 1) begin : gen_line
    logic [Pe*OutBits-1:0] read;
    logic [AddrW-1:0]      addr_q;
    logic                  write_q;
    always_ff @(posedge clk_i) begin
      write_q <= rst_ni & take & used;
      addr_q  <= addr;
    end
    // Of pixels of one beat the one before may be of the same window, and its result on its way.
    assign partial = (Beats == 1 && write_q && kx_q != '0) ? data_q : read;
    // An attribute takes no parameter, hence memories of which one is built. A small line in block
    // RAM would wait for it (5.8 ns on ECP5). A pixel of three beats is read where none is written,
    // even a cycle ahead, as block RAM is.
    if (Depth * Pe * OutBits <= 1024) begin : gen_small
      (* ram_style = "distributed" *) logic [Pe*OutBits-1:0] line [Depth];
      always_ff @(posedge clk_i) if (write_q) line[addr_q] <= data_q;
      assign read = line[addr];
    end else if (Beats > 2) begin : gen_apart
      (* no_rw_check *) logic [Pe*OutBits-1:0] line [Depth];
      always_ff @(posedge clk_i) if (write_q) line[addr_q] <= data_q;
      assign read = line[addr];
    end else begin : gen_near
      logic [Pe*OutBits-1:0] line [Depth];
      always_ff @(posedge clk_i) if (write_q) line[addr_q] <= data_q;
      assign read = line[addr];
    end
    `XF_ASSERT_WHEN(AddressInLine_A, write_q, 32'(addr_q) < Depth)
    `XF_ASSERT_WHEN(NoneOnItsWay_A, take && used && !fresh && (Beats > 1 || kx_q == '0),
                    !(write_q && addr_q == addr))
  end else begin : gen_no_line
    logic unused_addr;
    assign unused_addr = ^addr;
    assign partial     = data_q;
  end

  if (Sum != 0) begin : gen_sum

    for (genvar p = 0; p < Pe; p++) begin : gen_lane
      logic [OutBits-1:0] x;
      if (Signed != 0) begin : gen_signed
        assign x = OutBits'($signed(s_data_i[p*InBits +: InBits]));
      end else begin : gen_unsigned
        assign x = OutBits'(s_data_i[p*InBits +: InBits]);
      end
      assign joined[p*OutBits +: OutBits] = x + (fresh ? '0 : partial[p*OutBits +: OutBits]);
    end

  end else begin : gen_max

    localparam logic [InBits-1:0] SignBit = InBits'(Signed) << (InBits - 1);
    // Of two equal values either may be taken.
    for (genvar p = 0; p < Pe; p++) begin : gen_lane
      // One choice per lane: an index times Pe would cost an adder where Pe is no power of two.
      logic [2**BeatW-1:0] minimum;
      for (genvar b = 0; b < 2**BeatW; b++) begin : gen_beat
        assign minimum[b] = Minimum[b%Beats*Pe+p];
      end
      logic [InBits-1:0] x, y;
      logic              above;
      assign x     = s_data_i[p*InBits +: InBits];
      assign y     = partial[p*InBits +: InBits];
      assign above = (x ^ SignBit) >= (y ^ SignBit);
      assign joined[p*InBits +: InBits] = (fresh || above != minimum[beat_q]) ? x : y;
    end

  end

  assign s_ready_o = go;

  xf_spare #(.Width(Pe * OutBits)) u_spare (
    .clk_i, .rst_ni, .data_i(data_q), .valid_i(valid_q), .go_o(go),
    .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // Every whole window gives one beat, when its last one is there; other input is dropped.
  xf_check_beats #(
    .In(ImageH * ImageW * Beats),
    .Out(OutH * OutW * Beats),
    .First(((KernelH - 1) * ImageW + KernelW - 1) * Beats + 1),
    .Needed(((OutH * KernelH - 1) * ImageW + OutW * KernelW) * Beats),
    .Most(((OutH * KernelH - 1) * ImageW + OutW * KernelW) * Beats + 1)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_pool
