// SPDX-License-Identifier: Apache-2.0
//
// Multi-threshold of two bits (two or three thresholds) whose table is read one beat ahead: a memory
// with a register, in LUTs (64 words per bit) or in block RAM.
//
// The first stage compares with the second threshold, the second stage with the one below or above
// it (with two thresholds there is none above). A channel's flag says whether its input is
// inverted; inputs are compared as unsigned (a sign bit is inverted first), and the thresholds in
// the file are shifted to match.
//
// Rate       one beat per cycle
// Latency    2 cycles
// Reset      synchronous, control state and the first word; other data registers keep their values
// Memories   ThresholdFile: word fold, per lane from the lowest bits: second threshold, first, third
//            (InBits + 1 bits each), 1 where flipped
// Bit model  op.py, Threshold.execute_node

`include "xf_assert.svh"

module xf_threshold_ahead #(
  parameter  int unsigned Folds       = 4,  // beats per pixel
  parameter  int unsigned Pe          = 1,  // channels per beat
  parameter  int unsigned InBits      = 8,
  parameter  int unsigned Signed      = 0,  // 1: the input is two's complement
  parameter  int unsigned Steps       = 3,  // thresholds, 2 or 3
  parameter  int unsigned Block       = 0,  // the table in block RAM, else in logic
  parameter               ThresholdFile = "",
  localparam int unsigned FoldW       = (Folds > 1) ? $clog2(Folds) : 1,
  localparam int unsigned WordW       = InBits + 1,  // inputs and one more: never reached
  localparam int unsigned LaneW       = Steps * WordW + 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic [Pe*InBits-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Pe*2-1:0]      m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i
);

  if (Folds < 1 || Pe < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_threshold_ahead: Folds, Pe, InBits must be at least 1; got %0d, %0d, %0d",
           Folds, Pe, InBits);
  end else if (Steps < 2 || Steps > 3) begin : gen_bad_steps
    $error("xf_threshold_ahead: Steps must be 2 or 3; got Steps=%0d", Steps);
  end

  localparam logic [InBits-1:0] SignBit = InBits'(Signed) << (InBits - 1);

  logic [1:0]          valid_q;
  logic [FoldW-1:0]    fold_q, fold_next;  // of the beat that is offered, of the one behind it
  logic                go, take;
  logic [Pe*LaneW-1:0] table_word;         // of the beat that is offered

  // One enable moves both stages.
  assign go        = m_ready_i | ~valid_q[1];
  assign take      = go & s_valid_i;
  assign fold_next = (!rst_ni || fold_q == FoldW'(Folds - 1)) ? '0 : fold_q + 1'b1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (go) valid_q <= {valid_q[0], s_valid_i};
    if (!rst_ni || take) fold_q <= fold_next;
  end

  xf_rom #(
    .Width(Pe * LaneW), .Depth(Folds), .Kind((Block != 0) ? 2 : 1), .File(ThresholdFile)
  ) u_table (
    .clk_i, .en_i(~rst_ni | take), .addr_i(fold_next), .data_o(table_word)
  );

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [LaneW-1:0]           own;
    logic [(Steps-1)*WordW-1:0] ends_q;     // first threshold, third
    logic [InBits-1:0]          x, x_q;
    logic                       beyond;     // the end on its side is reached
    logic                       reached_q;
    logic [1:0]                 level_q;

    assign own = table_word[p*LaneW +: LaneW];
    assign x   = s_data_i[p*InBits +: InBits] ^ SignBit ^ {InBits{own[LaneW-1]}};

    if (Steps == 3) begin : gen_two_ends
      logic [WordW-1:0] there;
      assign there  = reached_q ? ends_q[WordW +: WordW] : ends_q[0 +: WordW];
      assign beyond = {1'b0, x_q} >= there;
    end else begin : gen_lower_end
      assign beyond = ~reached_q & ({1'b0, x_q} >= ends_q);
    end

    always_ff @(posedge clk_i) begin
      if (go) begin
        x_q       <= x;
        ends_q    <= own[LaneW-2:WordW];
        reached_q <= {1'b0, x} >= own[WordW-1:0];
        level_q   <= {reached_q, beyond};
      end
    end

    assign m_data_o[2*p +: 2] = level_q;
  end

  assign s_ready_o = go;
  assign m_valid_o = valid_q[1];

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

  // One beat is given for each that is taken; what is between is in the stages.
  `XF_ASSERT_INSIDE(NothingLost_A, s_valid_i & s_ready_o, m_valid_o & m_ready_i, valid_q)

endmodule : xf_threshold_ahead
