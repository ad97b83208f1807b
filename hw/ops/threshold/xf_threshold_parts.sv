// SPDX-License-Identifier: Apache-2.0
//
// xf_threshold for many pixels per beat, in parts of MostPixels: tools read such a part once, and the
// time that they take for a module grows with the square of its lanes.
//
// Rate       one beat per cycle
// Latency    Bits cycles
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Threshold.execute_node

`include "xf_assert.svh"

module xf_threshold_parts #(
  parameter  int unsigned Folds         = 1,
  parameter  int unsigned Pe            = 1,
  parameter  int unsigned Pixels        = 128,
  parameter  int unsigned MostPixels    = 64,  // of a part
  parameter  int unsigned InBits        = 8,
  parameter  int unsigned Signed        = 0,
  parameter  int unsigned Bits          = 1,
  parameter               ThresholdFile = "",
  localparam int unsigned Lanes         = Pixels * Pe,
  localparam int unsigned Parts         = (Pixels + MostPixels - 1) / MostPixels
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic [Lanes*InBits-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Lanes*Bits-1:0] m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i
);

  if (Pixels < 1) begin : gen_bad_size
    $error("xf_threshold_parts: Pixels must be at least 1; got %0d", Pixels);
  end

  /* verilator lint_off UNUSEDSIGNAL */  // all parts do the same at the same time
  logic [Parts-1:0] ready, valid;
  /* verilator lint_on UNUSEDSIGNAL */

  for (genvar part = 0; part < Parts; part++) begin : gen_part
    localparam int unsigned First = part * MostPixels * Pe;  // lane
    localparam int unsigned Size  = (part < Parts - 1) ? MostPixels : Pixels - part * MostPixels;
    xf_threshold #(
      .Folds(Folds), .Pe(Pe), .Pixels(Size), .InBits(InBits), .Signed(Signed), .Bits(Bits),
      .ThresholdFile(ThresholdFile)
    ) u_part (
      .clk_i, .rst_ni, .s_data_i(s_data_i[First*InBits +: Size*Pe*InBits]), .s_valid_i,
      .s_ready_o(ready[part]), .m_data_o(m_data_o[First*Bits +: Size*Pe*Bits]), .m_valid_o(valid[part]),
      .m_ready_i
    );
  end

  assign s_ready_o = ready[0];
  assign m_valid_o = valid[0];

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

`ifdef XF_CHECK
  xf_check_beats #(.Most(Bits)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_threshold_parts
