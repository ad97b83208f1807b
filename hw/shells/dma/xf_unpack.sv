// SPDX-License-Identifier: Apache-2.0
//
// Words of memory, of Word bytes, to the beats of a stream.
//
// A beat of Bytes bytes has a slot of 1, 2 or 4 bytes, or of a multiple of Word: the smallest that
// holds it. The first slot of a frame starts a word, the others follow without a gap, lowest bytes
// first. The bytes after the last slot of a frame, in its last word, are skipped.
//
// Rate       one beat per cycle, or one word per cycle if a slot has several words
// Latency    1 cycle, none if a slot is a word, or the number of words of a slot if it has several
// Reset      synchronous, control state only; data registers keep their values

`include "xf_assert.svh"

module xf_unpack #(
  parameter  int unsigned Bytes = 1,  // of a beat
  parameter  int unsigned Beats = 1,  // per frame
  parameter  int unsigned Word  = 8,  // bytes of a word, 4 or 8
  // Derived: bytes of a slot, words of a frame.
  localparam int unsigned Slot  = (Bytes <= 2) ? Bytes
                                : (Bytes <= 4) ? 4 : (Bytes + Word - 1) / Word * Word,
  localparam int unsigned Words = (Slot * Beats + Word - 1) / Word
) (
  input  logic               clk_i, rst_ni,
  input  logic [8*Word-1:0]  s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [8*Bytes-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  if (Bytes < 1 || Beats < 1) begin : gen_bad_size
    $error("xf_unpack: Bytes, Beats must be at least 1; got %0d, %0d", Bytes, Beats);
  end else if (Word != 4 && Word != 8) begin : gen_bad_word
    $error("xf_unpack: Word must be 4 or 8; got Word=%0d", Word);
  end

  logic [8*Slot-1:0] slot;

  if (Slot == Word) begin : gen_wire

    assign slot      = s_data_i;
    assign m_valid_o = s_valid_i;
    assign s_ready_o = m_ready_i;

    logic unused;
    assign unused = clk_i ^ rst_ni;

  end else if (Slot > Word) begin : gen_wide

    xf_width #(.InWidth(8*Word), .OutWidth(8*Slot)) u_width (
      .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o(slot), .m_valid_o, .m_ready_i
    );

  end else begin : gen_narrow

    localparam int unsigned Parts = Word / Slot;
    localparam int unsigned PartW = $clog2(Parts);
    localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;

    logic [8*Word-1:0] word_q;
    logic              valid_q, take, frame_next;  // the beat behind this one is the last of a frame
    logic              last_q, end_q;              // this one is the last of a word, of a frame
    logic [PartW-1:0]  part_q;
    logic [BeatW-1:0]  beat_q;

    assign frame_next = Beats == 1 || (!end_q && beat_q == BeatW'(Beats - 2));
    assign take      = valid_q & m_ready_i;
    assign s_ready_o = ~valid_q | (m_ready_i & last_q);
    assign m_valid_o = valid_q;
    assign slot      = word_q[8*Slot*part_q +: 8*Slot];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        valid_q <= 1'b0;
        part_q  <= '0;
        beat_q  <= '0;
        end_q   <= Beats == 1;
        last_q  <= Beats == 1;
      end else begin
        if (s_ready_o) valid_q <= s_valid_i;
        if (take) begin
          part_q <= last_q ? '0 : part_q + 1'b1;
          beat_q <= end_q ? '0 : beat_q + 1'b1;
          end_q  <= frame_next;
          last_q <= frame_next || (!last_q && part_q == PartW'(Parts - 2));
        end
      end
      if (s_ready_o) word_q <= s_data_i;
    end

  end

  assign m_data_o = slot[8*Bytes-1:0];

  if (Slot > Bytes) begin : gen_spare
    logic unused;
    assign unused = ^slot[8*Slot-1:8*Bytes];
  end

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

`ifdef XF_CHECK
  // What is taken and not given is at most a slot, and a word behind it.
  if (Slot != Word) begin : gen_check
    xf_check_beats #(.In(Words), .Out(Beats), .Most(Words + 1)) u_beats (
      .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
    );
  end
`endif

endmodule : xf_unpack
