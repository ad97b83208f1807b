// SPDX-License-Identifier: Apache-2.0
//
// Multi-threshold whose tables are memories, read one beat ahead: in LUTs (64
// words per bit) or in block RAM. A beat of more than two bits has one channel.
//
// The first stage compares with the middle threshold, the second with the middle of the half below
// or above it, and so on; what is beyond the last threshold is never reached. The thresholds of the
// first two stages lie side by side in one word. Each further stage has a memory of its own, which
// is read at the bits that are known. A channel's flag says whether its input is inverted; inputs are
// compared as unsigned (a sign bit is inverted first), and the thresholds in the files are shifted
// to match.
//
// Rate       one beat per cycle
// Latency    Bits cycles
// Reset      synchronous, control state and the first word; other data registers keep their values
// Memories   ThresholdFile: word fold, per lane from the lowest bits: threshold of the first stage,
//            both of the second (InBits + 1 bits each; of two thresholds the lower one, of one bit none),
//            1 where flipped
//            StepFile<k>: word fold * 2**k + the k bits that are known (k = 2 .. Bits - 1)
// Bit model  op.py, Threshold.execute_node

`include "xf_assert.svh"

module xf_threshold_ahead #(
  parameter  int unsigned Folds       = 4,  // beats per pixel
  parameter  int unsigned Pe          = 1,  // channels per beat
  parameter  int unsigned InBits      = 8,
  parameter  int unsigned Signed      = 0,  // 1: the input is two's complement
  parameter  int unsigned Bits        = 2,  // of a level
  parameter  int unsigned Steps       = 3,  // thresholds of the first two stages, 1 with one bit, else 2 or 3
  parameter  int unsigned Block       = 0,  // bit 0: the first table in block RAM, bit k: of stage k
  parameter               ThresholdFile = "",
  parameter               StepFile2   = "",
  parameter               StepFile3   = "",
  parameter               StepFile4   = "",
  parameter               StepFile5   = "",
  parameter               StepFile6   = "",
  parameter               StepFile7   = "",
  parameter  int unsigned Load        = 0,  // of xf_rom: the first, the steps
  localparam int unsigned FoldW       = (Folds > 1) ? $clog2(Folds) : 1,
  localparam int unsigned WordW       = InBits + 1,  // inputs and one more: never reached
  localparam int unsigned LaneW       = Steps * WordW + 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  xf_pkg::load_t        load_i,
  input  logic [Pe*InBits-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Pe*Bits-1:0]   m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i
);

  if (Folds < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_threshold_ahead: Folds, Pe, InBits must be at least 1; got %0d, %0d, %0d",
           Folds, Pe, InBits);
  end else if (Bits < 1 || Bits > 8 || (Bits > 2 && Pe > 1)) begin : gen_bad_bits
    $error("xf_threshold_ahead: Bits must be 1, 2, or with Pe=1 3 .. 8; got Bits=%0d, Pe=%0d", Bits, Pe);
  end else if (Steps < 1 || Steps > 3 || (Steps == 1) != (Bits == 1)) begin : gen_bad_steps
    $error("xf_threshold_ahead: Steps must be 2 or 3, 1 with Bits=1; got Steps=%0d, Bits=%0d", Steps, Bits);
  end

  localparam logic [InBits-1:0] SignBit = InBits'(Signed) << (InBits - 1);

  logic [Bits-1:0]     valid_q;
  logic [FoldW-1:0]    fold_q, fold_next;  // of the beat that is offered, of the one behind it
  logic                go, take;
  logic [Pe*LaneW-1:0] table_word;         // of the beat that is offered

  // One enable moves all stages.
  assign go        = m_ready_i | ~valid_q[Bits-1];
  assign take      = go & s_valid_i;
  assign fold_next = (!rst_ni || fold_q == FoldW'(Folds - 1)) ? '0 : fold_q + 1'b1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (go) valid_q <= Bits'({valid_q, s_valid_i});
    if (!rst_ni || take) fold_q <= fold_next;
  end

  xf_rom #(
    .Width(Pe * LaneW), .Depth(Folds), .Kind((Block[0]) ? 2 : 1), .File(ThresholdFile),
    .Load(Load)
  ) u_table (
    .clk_i, .en_i(~rst_ni | take), .addr_i(fold_next), .load_i, .data_o(table_word)
  );

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [LaneW-1:0]           own;
    logic [InBits-1:0]          x;
    /* verilator lint_off UNUSEDSIGNAL */  // the last one, which has no stage behind it
    logic [InBits-1:0]          x_q [1:Bits];  // of the beat in stage k
    /* verilator lint_on UNUSEDSIGNAL */
    logic                       reached [Bits];
    logic [Bits-1:0]            level_q [Bits+1];

    assign own        = table_word[p*LaneW +: LaneW];
    assign x          = s_data_i[p*InBits +: InBits] ^ SignBit ^ {InBits{own[LaneW-1]}};
    assign reached[0] = {1'b0, x} >= own[WordW-1:0];
    assign level_q[0] = '0;

    if (Steps > 1) begin : gen_second
      logic [(Steps-1)*WordW-1:0] ends_q;  // thresholds of the second stage
      always_ff @(posedge clk_i) if (go) ends_q <= own[LaneW-2:WordW];
      if (Steps == 3) begin : gen_two_ends
        logic [WordW-1:0] there;
        assign there      = level_q[1][0] ? ends_q[WordW +: WordW] : ends_q[0 +: WordW];
        assign reached[1] = {1'b0, x_q[1]} >= there;
      end else begin : gen_lower_end
        assign reached[1] = ~level_q[1][0] & ({1'b0, x_q[1]} >= ends_q);
      end
    end

    always_ff @(posedge clk_i) if (go) x_q[1] <= x;

    for (genvar k = 0; k < Bits; k++) begin : gen_level
      always_ff @(posedge clk_i) if (go) level_q[k+1] <= Bits'({level_q[k], reached[k]});
    end

    if (Bits > 2) begin : gen_steps
      logic [FoldW-1:0] fold_behind_q [1:Bits-2];  // of the beat in stage k

      always_ff @(posedge clk_i) if (go) fold_behind_q[1] <= fold_q;

      for (genvar k = 2; k < Bits; k++) begin : gen_step
        localparam int unsigned Depth = Folds << k;
        localparam int unsigned Kind  = Block[k] ? 2 : 1;
        localparam int unsigned Number = (Load != 0) ? Load + k - 1 : 0;
        logic [$clog2(Depth)-1:0] known;
        logic [WordW-1:0]         bound;

        // The word of stage k is read with the bits that stage k - 1 completes.
        assign known = $bits(known)'({fold_behind_q[k-1], level_q[k-1][k-2:0], reached[k-1]});
        if (k == 2) begin : gen_2
          xf_rom #(
            .Width(WordW), .Depth(Depth), .Kind(Kind), .File(StepFile2), .Load(Number)
          ) u_step2 (
            .clk_i, .en_i(go), .addr_i(known), .load_i, .data_o(bound)
          );
        end else if (k == 3) begin : gen_3
          xf_rom #(
            .Width(WordW), .Depth(Depth), .Kind(Kind), .File(StepFile3), .Load(Number)
          ) u_step3 (
            .clk_i, .en_i(go), .addr_i(known), .load_i, .data_o(bound)
          );
        end else if (k == 4) begin : gen_4
          xf_rom #(
            .Width(WordW), .Depth(Depth), .Kind(Kind), .File(StepFile4), .Load(Number)
          ) u_step4 (
            .clk_i, .en_i(go), .addr_i(known), .load_i, .data_o(bound)
          );
        end else if (k == 5) begin : gen_5
          xf_rom #(
            .Width(WordW), .Depth(Depth), .Kind(Kind), .File(StepFile5), .Load(Number)
          ) u_step5 (
            .clk_i, .en_i(go), .addr_i(known), .load_i, .data_o(bound)
          );
        end else if (k == 6) begin : gen_6
          xf_rom #(
            .Width(WordW), .Depth(Depth), .Kind(Kind), .File(StepFile6), .Load(Number)
          ) u_step6 (
            .clk_i, .en_i(go), .addr_i(known), .load_i, .data_o(bound)
          );
        end else if (k == 7) begin : gen_7
          xf_rom #(
            .Width(WordW), .Depth(Depth), .Kind(Kind), .File(StepFile7), .Load(Number)
          ) u_step7 (
            .clk_i, .en_i(go), .addr_i(known), .load_i, .data_o(bound)
          );
        end
        assign reached[k] = {1'b0, x_q[k]} >= bound;

        always_ff @(posedge clk_i) if (go) x_q[k] <= x_q[k-1];
        if (k < Bits - 1) begin : gen_fold
          always_ff @(posedge clk_i) if (go) fold_behind_q[k] <= fold_behind_q[k-1];
        end
      end
    end

    assign m_data_o[Bits*p +: Bits] = level_q[Bits];
  end

  assign s_ready_o = go;
  assign m_valid_o = valid_q[Bits-1];

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

  // One beat is given for each that is taken; what is between is in the stages.
  `XF_ASSERT_INSIDE(NothingLost_A, s_valid_i & s_ready_o, m_valid_o & m_ready_i, valid_q)

endmodule : xf_threshold_ahead
