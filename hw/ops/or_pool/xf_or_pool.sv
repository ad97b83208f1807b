// SPDX-License-Identifier: Apache-2.0
//
// Maximum (OR) or minimum (AND) of bits over KernelH x KernelW pixels, the stride being the kernel.
//
// One line of partial results is kept: every beat is joined to the partial of its window, and the
// window's last beat leaves. Rows and columns beyond the last whole window are taken and dropped.
//
// Rate       one input beat per cycle, ImageH * ImageW * Beats cycles per frame
// Latency    ((KernelH - 1) * ImageW + KernelW - 1) * Beats + 1 cycles
// Reset      synchronous, control state only; data registers and memory keep what they had
// Bit model  op.py, OrPool.execute_node

`include "xf_assert.svh"

module xf_or_pool #(
  parameter  int unsigned ImageH  = 4,
  parameter  int unsigned ImageW  = 4,
  parameter  int unsigned Beats   = 1,  // beats per pixel
  parameter  int unsigned Width   = 8,  // bits per beat
  parameter  int unsigned KernelH = 2,
  parameter  int unsigned KernelW = 2,
  parameter  int unsigned All     = 0,  // 0: OR, 1: AND
  localparam int unsigned OutW    = ImageW / KernelW,
  localparam int unsigned UsedH   = ImageH / KernelH * KernelH,
  localparam int unsigned UsedW   = OutW * KernelW,
  // Partials wait for the row below only where there is one.
  localparam int unsigned Depth   = ((KernelH > 1) ? OutW : 1) * Beats,
  localparam int unsigned AddrW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned BeatW   = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned ColW    = $clog2(ImageW + 1),
  localparam int unsigned RowW    = $clog2(ImageH + 1),
  localparam int unsigned KxW     = $clog2(KernelW + 1),
  localparam int unsigned KyW     = $clog2(KernelH + 1)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  localparam bit RestRows = UsedH != ImageH;
  localparam bit RestCols = UsedW != ImageW;

  logic [Width-1:0] line [Depth];
  logic [Width-1:0] partial, joined, data_q;
  logic [AddrW-1:0] addr_q;
  logic [BeatW-1:0] beat_q;
  logic [KxW-1:0]   kx_q;
  logic [KyW-1:0]   ky_q;
  logic [ColW-1:0]  col_q;
  logic [RowW-1:0]  row_q;   // stays 0 where whole windows fill the frame
  logic             valid_q, go, take, fresh, used, beat_last, kx_last, ky_last, col_last, row_last;

  assign go        = m_ready_i | ~valid_q;
  assign take      = go & s_valid_i;
  assign beat_last = beat_q == BeatW'(Beats - 1);
  assign kx_last   = kx_q == KxW'(KernelW - 1);
  assign ky_last   = ky_q == KyW'(KernelH - 1);
  assign col_last  = beat_last && col_q == ColW'(ImageW - 1);
  assign row_last  = RestRows && col_last && row_q == RowW'(ImageH - 1);
  assign fresh     = kx_q == '0 && ky_q == '0;
  assign used      = !(RestRows && row_q >= RowW'(UsedH)) && !(RestCols && col_q >= ColW'(UsedW));

  assign partial = line[addr_q];
  assign joined  = fresh ? s_data_i : (All != 0) ? s_data_i & partial : s_data_i | partial;

  always_ff @(posedge clk_i) begin
    if (take && used) line[addr_q] <= joined;
    if (go) data_q <= joined;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      addr_q  <= '0;
      beat_q  <= '0;
      kx_q    <= '0;
      ky_q    <= '0;
      col_q   <= '0;
      row_q   <= '0;
      valid_q <= 1'b0;
    end else if (go) begin
      valid_q <= s_valid_i & kx_last & ky_last & used;
      if (s_valid_i) begin
        beat_q <= beat_last ? '0 : beat_q + 1'b1;
        // Back to the window's first beat, or on to the next window.
        if (col_last) addr_q <= '0;
        else if (beat_last && (KernelH == 1 || !kx_last)) addr_q <= addr_q - AddrW'(Beats - 1);
        else if (used) addr_q <= addr_q + 1'b1;
        if (beat_last) begin
          kx_q  <= (kx_last || (RestCols && col_last)) ? '0 : kx_q + 1'b1;
          col_q <= col_last ? '0 : col_q + 1'b1;
        end
        if (col_last) begin
          ky_q  <= (ky_last || row_last) ? '0 : ky_q + 1'b1;
          if (RestRows) row_q <= row_last ? '0 : row_q + 1'b1;
        end
      end
    end
  end

  assign s_ready_o = go;
  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

  `XF_ASSERT(HeldWhileStalled_A, m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_data_o))
  `XF_ASSERT(AddressInLine_A, take && used |-> 32'(addr_q) < Depth)

endmodule : xf_or_pool
