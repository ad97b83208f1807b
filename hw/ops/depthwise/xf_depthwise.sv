// SPDX-License-Identifier: Apache-2.0
//
// Depthwise unit: one kernel of +1 and -1 per channel.
//
// Accepts windows of Taps elements per channel, tap by tap, in Folds beats of Pe channels, and adds
// to each channel's sum the element if its weight is 1, else its bitwise inverse: for bits this
// counts equal pairs. Thresholds = 1: outputs the bit sum >= T, else the sum. Inverses and signs
// (top bit inverted at the input) add a constant per channel, which its start value subtracts.
// Sums wait in a memory of Folds words.
//
// Rate       one input beat per cycle; results leave with the last tap's beats
// Latency    (Taps - 1) * Folds + 3 cycles
// Reset      synchronous, control state only; data registers and memory keep their values
// Memories   WeightFile: word tap * Folds + fold, bit p = weight of channel fold * Pe + p
//            StartFile: word fold, AccW bits per channel
// Bit model  op.py, Depthwise.execute_node

`include "xf_assert.svh"

module xf_depthwise #(
  parameter  int unsigned Taps        = 9,
  parameter  int unsigned Folds       = 4,
  parameter  int unsigned Pe          = 1,   // channels per beat
  parameter  int unsigned Bits        = 1,   // per element
  parameter  int unsigned Signed      = 0,   // elements are two's complement
  parameter  int unsigned AccW        = 5,
  parameter  int unsigned Thresholds  = 1,
  parameter  int unsigned WeightBlock = 0,   // weights in block RAM, else in logic
  parameter  int unsigned StartBlock  = 0,
  parameter               WeightFile  = "",
  parameter               StartFile   = "",
  parameter  int unsigned Load        = 0,  // of xf_rom: weights, starts
  localparam int unsigned OutW        = (Thresholds != 0) ? 1 : AccW
) (
  input  logic               clk_i, rst_ni,
  input  xf_pkg::load_t      load_i,
  input  logic [Pe*Bits-1:0] s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [Pe*OutW-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  if (Taps < 1 || Folds < 1 || Pe < 1 || Bits < 1) begin : gen_bad_size
    $error("xf_depthwise: Taps, Folds, Pe, Bits must be at least 1; got %0d, %0d, %0d, %0d",
           Taps, Folds, Pe, Bits);
  end else if (AccW < Bits) begin : gen_bad_acc
    $error("xf_depthwise: AccW must be at least Bits; got AccW=%0d, Bits=%0d", AccW, Bits);
  end

  localparam int unsigned Beats = Taps * Folds;
  localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned FoldW = (Folds > 1) ? $clog2(Folds) : 1;

  // Stages: element and weight | element or its inverse | sum. One enable moves all.
  logic               en, m_valid_q;
  logic [BeatW-1:0]   beat_q;
  logic [1:0]         valid_q, first_q, last_q;  // of the beat in the first and the second stage
  logic [FoldW-1:0]   fold;                      // of the beat in the first stage
  logic [Pe*Bits-1:0] x_q, addend_q;
  logic [Pe-1:0]      weight;
  logic [Pe*OutW-1:0] result;
  logic [Pe*AccW-1:0] start, acc, sum;

  assign s_ready_o = en;

  xf_rom #(
    .Width(Pe), .Depth(Beats), .Kind((WeightBlock != 0) ? 2 : 1), .File(WeightFile),
    .Load(Load)
  ) u_weights (
    .clk_i, .en_i(en), .addr_i(beat_q), .load_i, .data_o(weight)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q    <= '0;
      valid_q   <= '0;
      m_valid_q <= 1'b0;
    end else if (en) begin
      if (s_valid_i) beat_q <= (beat_q == BeatW'(Beats - 1)) ? '0 : beat_q + 1'b1;
      valid_q   <= {valid_q[0], s_valid_i};
      m_valid_q <= valid_q[1] & last_q[1];
    end
    if (en) begin
      first_q <= {first_q[0], 32'(beat_q) < Folds};
      last_q  <= {last_q[0], 32'(beat_q) + Folds >= Beats};
      x_q     <= s_data_i;
    end
  end

  if (Folds > 1) begin : gen_folds
    logic [FoldW-1:0] count_q, fold_q, fold2_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) count_q <= '0;
      else if (en && s_valid_i) count_q <= (count_q == FoldW'(Folds - 1)) ? '0 : count_q + 1'b1;
      if (en) begin
        fold_q  <= count_q;
        fold2_q <= fold_q;
      end
    end
    assign fold = fold_q;

    // The word of a beat is read while the one of the beat before it is written. An attribute takes
    // no parameter, hence two memories of which one is built.
    logic [Pe*AccW-1:0] read_q;
    logic [Pe*OutW-1:0] out_q;
    if (Folds > 128) begin : gen_block
      (* ram_style = "block", no_rw_check *) logic [Pe*AccW-1:0] sums [Folds];
      always_ff @(posedge clk_i) begin
        if (en) read_q <= sums[fold];
        if (en && valid_q[1]) sums[fold2_q] <= sum;
      end
    end else begin : gen_distributed
      (* ram_style = "distributed" *) logic [Pe*AccW-1:0] sums [Folds];
      always_ff @(posedge clk_i) begin
        if (en) read_q <= sums[fold];
        if (en && valid_q[1]) sums[fold2_q] <= sum;
      end
    end
    assign acc = read_q;
    for (genvar p = 0; p < Pe; p++) begin : gen_out
      always_ff @(posedge clk_i) if (en) out_q[p*OutW +: OutW] <= sum[(p+1)*AccW-1 -: OutW];
    end
    assign result = out_q;
  end else begin : gen_one_fold
    logic [Pe*AccW-1:0] acc_q;
    always_ff @(posedge clk_i) if (en && valid_q[1]) acc_q <= sum;
    assign fold = '0;
    assign acc  = acc_q;
    for (genvar p = 0; p < Pe; p++) begin : gen_out
      assign result[p*OutW +: OutW] = acc_q[(p+1)*AccW-1 -: OutW];
    end
  end

  xf_rom #(
    .Width(Pe * AccW), .Depth(Folds), .Kind((StartBlock != 0) ? 2 : 1), .File(StartFile),
    .Load((Load != 0) ? Load + 1 : 0)
  ) u_start (
    .clk_i, .en_i(en), .addr_i(fold), .load_i, .data_o(start)
  );

  localparam logic [Bits-1:0] SignBit = Bits'(Signed) << (Bits - 1);

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    always_ff @(posedge clk_i) begin
      if (en) addend_q[p*Bits +: Bits] <= x_q[p*Bits +: Bits] ^ SignBit ^ {Bits{~weight[p]}};
    end
    assign sum[p*AccW +: AccW] = (first_q[1] ? start[p*AccW +: AccW] : acc[p*AccW +: AccW])
                                 + AccW'(addend_q[p*Bits +: Bits]);
  end

  xf_spare #(.Width(Pe * OutW)) u_spare (
    .clk_i, .rst_ni, .data_i(result), .valid_i(m_valid_q), .go_o(en),
    .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // The last tap's beats are the results, in their order; three beats are between.
  xf_check_beats #(.In(Beats), .Out(Folds), .First(Beats - Folds + 1), .Most(Beats + 3)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_depthwise
