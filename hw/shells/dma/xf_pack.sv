// SPDX-License-Identifier: Apache-2.0
//
// Beats of a stream to words of memory, of Word bytes: the inverse of xf_unpack.
//
// The bytes of a slot that its beat does not fill are zero; those after the last slot of a frame, in its
// last word, are anything.
//
// Rate       one beat per cycle, or one word per cycle if a slot has several words
// Latency    1 cycle from the beat that fills a word, none if a slot is a word, or 2 if it has several
// Reset      synchronous, control state only; data registers keep their values

`include "xf_assert.svh"

module xf_pack #(
  parameter  int unsigned Bytes = 1,  // of a beat
  parameter  int unsigned Beats = 1,  // per frame
  parameter  int unsigned Word  = 8,  // bytes of a word, 4 or 8
  // Derived: bytes of a slot, words of a frame.
  localparam int unsigned Slot  = (Bytes <= 2) ? Bytes
                                : (Bytes <= 4) ? 4 : (Bytes + Word - 1) / Word * Word,
  localparam int unsigned Words = (Slot * Beats + Word - 1) / Word
) (
  input  logic               clk_i, rst_ni,
  input  logic [8*Bytes-1:0] s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [8*Word-1:0]  m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  if (Bytes < 1 || Beats < 1) begin : gen_bad_size
    $error("xf_pack: Bytes, Beats must be at least 1; got %0d, %0d", Bytes, Beats);
  end else if (Word != 4 && Word != 8) begin : gen_bad_word
    $error("xf_pack: Word must be 4 or 8; got Word=%0d", Word);
  end

  logic [8*Slot-1:0] slot;

  if (Slot > Bytes) begin : gen_spare
    assign slot = {{8*(Slot-Bytes){1'b0}}, s_data_i};
  end else begin : gen_full
    assign slot = s_data_i;
  end

  if (Slot == Word) begin : gen_wire

    assign m_data_o  = slot;
    assign m_valid_o = s_valid_i;
    assign s_ready_o = m_ready_i;

  end else if (Slot > Word) begin : gen_wide

    xf_width #(.InWidth(8*Slot), .OutWidth(8*Word)) u_width (
      .clk_i, .rst_ni, .s_data_i(slot), .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i
    );

  end else begin : gen_narrow

    localparam int unsigned Parts = Word / Slot;
    localparam int unsigned PartW = $clog2(Parts);
    localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;

    logic [8*Word-1:0] word_q;
    logic              valid_q, take, last, last_beat;
    logic [PartW-1:0]  part_q;
    logic [BeatW-1:0]  beat_q;

    assign last_beat = beat_q == BeatW'(Beats - 1);
    assign last      = last_beat | (part_q == PartW'(Parts - 1));
    assign take      = s_valid_i & s_ready_o;
    assign s_ready_o = ~valid_q | m_ready_i;
    assign m_valid_o = valid_q;
    assign m_data_o  = word_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        valid_q <= 1'b0;
        part_q  <= '0;
        beat_q  <= '0;
      end else begin
        if (s_ready_o) valid_q <= take & last;
        if (take) begin
          part_q <= last ? '0 : part_q + 1'b1;
          beat_q <= last_beat ? '0 : beat_q + 1'b1;
        end
      end
      for (int unsigned p = 0; p < Parts; p++) begin
        if (take && part_q == PartW'(p)) word_q[8*Slot*p +: 8*Slot] <= slot;
      end
    end

  end

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

`ifdef XF_CHECK
  // What is taken and not given is at most a word, and a slot behind it.
  if (Slot != Word) begin : gen_check
    xf_check_beats #(.In(Beats), .Out(Words), .Most(Beats + 1)) u_beats (
      .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
    );
  end
`endif

endmodule : xf_pack
