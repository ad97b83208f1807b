// SPDX-License-Identifier: Apache-2.0
//
// Data flow of channel interaction: an input buffer for a group of channels, followed by the
// comparison or sum. The generated module around it computes step_i from the group.
//
// Raw = 0: the output is the bit Scale * x + Bias >= step of Pe channels per beat, or <= where
// turn_i is 1. Bias is 0 or the highest bit of a step, so that a step can be below all numbers.
// Raw = 1: the output is Scale * x + step modulo 2**OutBits, with StepW = OutBits. x is the input
// read as unsigned: a sign bit is inverted first.
//
// A group is Span beats. `take_o`: a beat is accepted. `last_o`: it is the last one of its group,
// and the outer module must register the codes of the group. In the following cycles `fold_o` =
// {group, beat of the group} counts the beats of the group, and step_i must be the step of that
// beat. The next group overwrites beats that have been read.
//
// Rate       one beat per cycle; s_ready_o is high whenever the output does not stall
// Latency    Span + 2 cycles
// Reset      synchronous, control state only; data registers and memory keep their values
// Bit model  op.py, Interact.execute_node

`include "xf_assert.svh"

module xf_interact #(
  parameter  int unsigned Groups  = 1,   // groups per pixel
  parameter  int unsigned Span    = 1,   // beats per group
  parameter  int unsigned Pe      = 1,   // channels per beat
  parameter  int unsigned InBits  = 8,
  parameter  int unsigned Signed  = 0,   // 1: the input is two's complement
  parameter  int unsigned StepW   = 9,   // holds Scale * x
  parameter  int unsigned Raw     = 0,
  parameter  int unsigned Scale   = 1,   // 1 or 2
  parameter  int unsigned Biased  = 0,
  parameter  int unsigned Turns   = 0,   // 1: a lane is flipped in some beats, else turn_i is 0
  parameter  int unsigned OutBits = 1,
  localparam int unsigned BeatW   = (Span > 1) ? $clog2(Span) : 0,
  localparam int unsigned GroupW  = (Groups > 1) ? $clog2(Groups) : 0,
  localparam int unsigned FoldW   = (BeatW + GroupW > 0) ? BeatW + GroupW : 1
) (
  input  logic                  clk_i, rst_ni,
  input  logic [Pe*InBits-1:0]  s_data_i,
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i,
  output logic                  take_o,
  output logic                  last_o,
  output logic [FoldW-1:0]      fold_o,
  input  logic [Pe*StepW-1:0]   step_i,
  input  logic [Pe-1:0]         turn_i
);

  if (Groups < 1 || Span < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_interact: Groups, Span, Pe, InBits must be at least 1; got %0d, %0d, %0d, %0d",
           Groups, Span, Pe, InBits);
  end else if (Scale < 1 || Scale > 2) begin : gen_bad_scale
    $error("xf_interact: Scale must be 1 or 2; got Scale=%0d", Scale);
  end else if (OutBits != ((Raw != 0) ? StepW : 1)) begin : gen_bad_out_bits
    $error("xf_interact: OutBits must be StepW if Raw, else 1; got OutBits=%0d, StepW=%0d, Raw=%0d",
           OutBits, StepW, Raw);
  end else if (Raw == 0 && StepW < InBits + Scale - 1) begin : gen_bad_step
    $error("xf_interact: StepW must hold Scale * x; got StepW=%0d, InBits=%0d, Scale=%0d",
           StepW, InBits, Scale);
  end

  localparam logic [InBits-1:0] SignBit = InBits'(Signed) << (InBits - 1);

  localparam logic [StepW-1:0]  Bias    = StepW'(Biased) << (StepW - 1);

  logic [Pe*InBits-1:0] kept, data_q;
  logic [Pe*StepW-1:0]  step_q;
  /* verilator lint_off UNUSEDSIGNAL */  // numbers (Raw = 1) are not compared
  logic [Pe-1:0]        turn;
  /* verilator lint_on UNUSEDSIGNAL */
  logic                 full_q;   // a whole group is there and being read
  logic [1:0]           valid_q;
  logic                 go, take, written, read;
  logic [Pe*OutBits-1:0] answers;

  if (Span > 1) begin : gen_group
    logic [Pe*InBits-1:0] group [Span];
    logic [BeatW-1:0]     write_q, beat_q;

    // The writer never overtakes the reader, so that one group's room is enough.
    assign s_ready_o = ~full_q | (write_q != beat_q) | go;
    assign written   = take && write_q == BeatW'(Span - 1);
    assign read      = full_q && go && beat_q == BeatW'(Span - 1);
    assign kept      = group[beat_q];

    always_ff @(posedge clk_i) if (take) group[write_q] <= s_data_i;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        write_q <= '0;
        beat_q  <= '0;
      end else begin
        if (take) write_q <= written ? '0 : write_q + 1'b1;
        if (full_q && go) beat_q <= read ? '0 : beat_q + 1'b1;
      end
    end
    assign fold_o[BeatW-1:0] = beat_q;

    `XF_ASSERT_WHEN(WriterBehindReader_A, full_q, write_q <= beat_q)
    `XF_ASSERT_WHEN(ReaderAtStartWhileEmpty_A, !full_q, beat_q == '0)
  end else begin : gen_beat
    logic [Pe*InBits-1:0] group_q;

    assign s_ready_o = ~full_q | go;
    assign written   = take;
    assign read      = full_q & go;
    assign kept      = group_q;

    always_ff @(posedge clk_i) if (take) group_q <= s_data_i;
  end

  if (Groups > 1) begin : gen_groups
    logic [GroupW-1:0] group_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) group_q <= '0;
      else if (read) group_q <= (group_q == GroupW'(Groups - 1)) ? '0 : group_q + 1'b1;
    end
    assign fold_o[BeatW +: GroupW] = group_q;
  end else if (Span == 1) begin : gen_one_fold
    assign fold_o = '0;
  end

  assign take   = s_valid_i & s_ready_o;
  assign take_o = take;
  assign last_o = written;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q  <= 1'b0;
      valid_q <= '0;
    end else begin
      full_q <= written | (full_q & ~read);
      if (go) valid_q <= {valid_q[0], full_q};
    end
    if (go) begin
      data_q <= kept;
      step_q <= step_i;
    end
  end

  if (Turns != 0) begin : gen_turn
    logic [Pe-1:0] turn_q;
    always_ff @(posedge clk_i) if (go) turn_q <= turn_i;
    assign turn = turn_q;
  end else begin : gen_no_turn
    assign turn = turn_i;
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [InBits-1:0]  x;
    logic [StepW-1:0]   scaled, step;
    logic [OutBits-1:0] y, y_q;

    assign x      = data_q[p*InBits +: InBits] ^ SignBit;
    assign scaled = StepW'(x) << (Scale - 1);
    assign step   = step_q[p*StepW +: StepW];
    if (Raw != 0) begin : gen_raw
      assign y = scaled + step;
    end else begin : gen_bit
      xf_at_least #(.Width(StepW)) u_compare (
        .a_i(scaled | Bias), .b_i(step), .turn_i(turn[p]), .y_o(y)
      );
    end
    always_ff @(posedge clk_i) if (go) y_q <= y;
    assign answers[p*OutBits +: OutBits] = y_q;
  end

  xf_spare #(.Width(Pe * OutBits)) u_spare (
    .clk_i, .rst_ni, .data_i(answers), .valid_i(valid_q[1]), .go_o(go),
    .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // A group is given when all of it is there, in its order; the next one is taken meanwhile.
  xf_check_beats #(.In(Span), .Out(Span), .First(Span), .Most(2 * Span + 2)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_interact
