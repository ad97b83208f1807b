// SPDX-License-Identifier: Apache-2.0
//
// Channels of several streams one after the other: for every pixel first all beats of stream 0,
// then all of stream 1, and so on. Meanwhile the other streams see back-pressure; a stream that
// must not stall needs a FIFO before it.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Concat.execute_node

`include "xf_assert.svh"

module xf_concat #(
  parameter  int unsigned          Inputs  = 2,
  parameter  int unsigned          Pe      = 1,               // channels per beat
  parameter  int unsigned          OutBits = 8,
  parameter  logic [8*Inputs-1:0]  InBits  = {Inputs{8'd8}},  // per element of each stream
  parameter  logic [Inputs-1:0]    Signed  = '0,
  parameter  logic [16*Inputs-1:0] Beats   = {Inputs{16'd1}}, // per pixel of each stream
  localparam int unsigned          InW     = Pe * xf_sum8(InBits, Inputs),
  localparam int unsigned          SelW    = (Inputs > 1) ? $clog2(Inputs) : 1
) (
  input  logic                  clk_i, rst_ni,
  input  logic [InW-1:0]        s_data_i,
  input  logic [Inputs-1:0]     s_valid_i,
  output logic [Inputs-1:0]     s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  if (Inputs < 1 || Pe < 1) begin : gen_bad_size
    $error("xf_concat: Inputs, Pe must be at least 1; got %0d, %0d", Inputs, Pe);
  end

`include "xf_bytes.svh"

  logic [Pe*OutBits-1:0] wide [Inputs];  // beats in the width of the output
  logic [Pe*OutBits-1:0] data_q;
  logic [SelW-1:0]       from_q;         // the stream of the next beat
  logic [15:0]           beat_q;
  logic                  go, take, m_valid_q;

  for (genvar k = 0; k < Inputs; k++) begin : gen_input
    localparam int unsigned Bits = 32'(InBits[8*k +: 8]);
    if (Bits < 1 || Bits > OutBits) begin : gen_bad_bits
      $error("xf_concat: InBits of stream %0d must be 1 .. OutBits; got InBits=%0d, OutBits=%0d",
             k, Bits, OutBits);
    end
    if (Beats[16*k +: 16] == 0) begin : gen_bad_beats
      $error("xf_concat: Beats of stream %0d must be at least 1; got Beats=0", k);
    end
    for (genvar p = 0; p < Pe; p++) begin : gen_lane
      localparam int unsigned At = Pe * xf_sum8(InBits, k) + p * Bits;
      assign wide[k][p*OutBits +: OutBits] =
        OutBits'(signed'({Signed[k] & s_data_i[At+Bits-1], s_data_i[At +: Bits]}));
    end
    assign s_ready_o[k] = go & (from_q == SelW'(k));
  end

  assign take = go & s_valid_i[from_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      from_q    <= '0;
      beat_q    <= '0;
      m_valid_q <= 1'b0;
    end else if (go) begin
      m_valid_q <= take;
      if (take) begin
        beat_q <= beat_q + 1'b1;
        if (beat_q == Beats[16*from_q +: 16] - 1'b1) begin
          beat_q <= '0;
          from_q <= (from_q == SelW'(Inputs - 1)) ? '0 : from_q + 1'b1;
        end
      end
    end
    if (go) data_q <= wide[from_q];
  end

  xf_spare #(.Width(Pe * OutBits)) u_spare (
    .clk_i, .rst_ni, .data_i(data_q), .valid_i(m_valid_q), .go_o(go),
    .m_data_o, .m_valid_o, .m_ready_i
  );

  `XF_ASSERT_WHEN(OneStreamAtATime_A, 1'b1, $onehot0(s_ready_o))
  `XF_ASSERT_WHEN(BeatOfThePixel_A, 1'b1, beat_q < Beats[16*from_q +: 16])

  // One beat is given for each that is taken, from one stream at a time.
  `XF_ASSERT_INSIDE(NothingLost_A, take, m_valid_o & m_ready_i, {m_valid_q, ~go})

endmodule : xf_concat
