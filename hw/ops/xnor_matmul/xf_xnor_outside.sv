// SPDX-License-Identifier: Apache-2.0
//
// xf_xnor_matmul whose weights come from outside the network, from a memory that is read once per frame.
//
// Rate       as xf_xnor_matmul, while weights are there
// Latency    as xf_xnor_matmul
// Reset      synchronous, control state only
// Ready      depends on registers only
// Bit model  op.py, XnorMatmul.execute_node

module xf_xnor_outside #(
  parameter  int unsigned Mw      = 64,
  parameter  int unsigned Mh      = 64,
  parameter  int unsigned Vectors = 4,
  parameter  int unsigned Simd    = 16,
  parameter  int unsigned Pe      = 4,
  parameter  int unsigned Bits    = 1,
  parameter  int unsigned WBits   = 1,
  parameter  int unsigned AccW    = $clog2(Mw + 1),
  parameter  int unsigned SumW    = $clog2(Simd + 1),
  parameter  logic [AccW-1:0] Start = '0,
  parameter  int unsigned DotCycles = 4,
  localparam int unsigned BeatBits = Simd * Bits,
  localparam int unsigned WordBits = Pe * Simd * WBits
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic [WordBits-1:0] weights_data_i,
  input  logic               weights_valid_i,
  output logic               weights_ready_o,
  input  logic [BeatBits-1:0] s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [Pe*AccW-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i,
  output logic               en_o,
  output logic [BeatBits-1:0] x_o,
  output logic [WordBits-1:0] w_o,
  input  logic [Pe*SumW-1:0] sums_i
);

  xf_xnor_matmul #(
    .Mw(Mw), .Mh(Mh), .Vectors(Vectors), .Simd(Simd), .Pe(Pe), .Bits(Bits), .WBits(WBits), .AccW(AccW),
    .SumW(SumW), .Start(Start), .DotCycles(DotCycles)
  ) u_product (
    .clk_i, .rst_ni, .s_data_i({weights_data_i, s_data_i}), .s_valid_i({weights_valid_i, s_valid_i}),
    .s_ready_o({weights_ready_o, s_ready_o}), .m_data_o, .m_valid_o, .m_ready_i,
    .en_o, .x_o, .w_o, .sums_i
  );

endmodule : xf_xnor_outside
