// SPDX-License-Identifier: Apache-2.0
//
// Index of the channel with the largest key of every pixel, the first one of equal keys; Pe
// channels per beat.
//
// A key is the element times 2**Shift plus the offset of its channel. The keys of a beat are
// compared in a tree, with registers between its levels, and the tree's result with the best of the
// pixel's earlier beats. With ScoreBits a beat is a whole pixel, whose elements are the keys and
// leave with the index.
//
// Rate       one beat per cycle
// Latency    Folds + 1 cycles, and one per register in the tree, behind every Step levels but the
//            last; with ScoreBits one less
// Reset      synchronous, control state only; data registers keep their values
// Memories   OffsetFile, words of Pe offsets, two's complement; none where Offsets is 0
// Bit model  hw/ops/arg_max/op.py, ArgMax.execute_node; hw/ops/top_k/op.py, TopK.execute_node

`include "xf_assert.svh"

module xf_arg_max #(
  parameter  int unsigned Folds      = 4,  // beats per pixel
  parameter  int unsigned Pe         = 1,  // channels per beat
  parameter  int unsigned InBits     = 8,
  parameter  int unsigned Signed     = 0,  // 1: elements are two's complement
  parameter  int unsigned Shift      = 0,
  parameter  int unsigned Offsets    = 0,  // 1: keys have offsets
  parameter  int unsigned KeyBits    = 9,  // of a key, which is signed
  parameter  int unsigned Step       = 1,  // levels of the tree between two registers
  parameter               OffsetFile = "",
  parameter  int unsigned Load       = 0,  // of xf_rom
  parameter  int unsigned ScoreBits  = 0,  // of an output element: all scores, then the index; 0: it alone
  localparam int unsigned FoldW      = (Folds > 1) ? $clog2(Folds) : 1,
  localparam int unsigned LaneW      = (Pe > 1) ? $clog2(Pe) : 1,
  localparam int unsigned Levels     = (Pe > 1) ? $clog2(Pe) : 0,
  localparam int unsigned Held       = (Levels > 1) ? (Levels - 1) / Step : 0,  // registers in the tree
  localparam int unsigned Before     = Held + ((ScoreBits > 0) ? 0 : 1),  // registers in front of the best
  localparam int unsigned IndexW     = (Folds * Pe > 1) ? $clog2(Folds * Pe) : 1,
  localparam int unsigned OutBits    = (ScoreBits > 0) ? (Pe + 1) * ScoreBits : IndexW
) (
  input  logic                 clk_i, rst_ni,
  input  xf_pkg::load_t        load_i,
  input  logic [Pe*InBits-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [OutBits-1:0]   m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i
);

  if (Folds < 1 || Pe < 1 || InBits < 1 || Step < 1) begin : gen_bad_size
    $error("xf_arg_max: Folds, Pe, InBits, Step must be at least 1; got %0d, %0d, %0d, %0d",
           Folds, Pe, InBits, Step);
  end else if (KeyBits < InBits + Shift) begin : gen_bad_key
    $error("xf_arg_max: KeyBits must hold InBits + Shift; got KeyBits=%0d, InBits=%0d, Shift=%0d",
           KeyBits, InBits, Shift);
  end else if (ScoreBits > 0 && Folds > 1) begin : gen_bad_fold
    $error("xf_arg_max: Folds must be 1 where scores leave; got Folds=%0d", Folds);
  end else if (ScoreBits > 0 && (ScoreBits < InBits || ScoreBits < IndexW + Signed)) begin : gen_bad_score
    $error("xf_arg_max: ScoreBits must hold a score and an index; got ScoreBits=%0d, InBits=%0d, Pe=%0d",
           ScoreBits, InBits, Pe);
  end

  logic                      go, take, first, last, fold_last;
  logic [FoldW-1:0]          fold_q;  // of the beat that comes
  logic [Pe*KeyBits-1:0]     offset;
  logic [Before:0]           there;   // a beat that comes, and those in the registers up to the best
  logic                      key_valid, valid_q;
  logic [KeyBits-1:0]        keys [Pe];

  assign take      = go & s_valid_i;
  assign there[0]  = s_valid_i;
  assign key_valid = there[Before];
  assign fold_last = Folds == 1 || fold_q == FoldW'(Folds - 1);
  assign s_ready_o = go;

  if (Offsets != 0) begin : gen_offsets
    xf_rom #(
      .Width(Pe * KeyBits), .Depth(Folds), .Kind(0), .File(OffsetFile), .Load(Load)
    ) u_offsets (
      .clk_i, .en_i(go), .addr_i(fold_q), .load_i, .data_o(offset)
    );
  end else begin : gen_no_offsets
    logic unused;
    assign unused = ^load_i;
    assign offset = '0;
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_key
    logic signed [KeyBits-1:0] x, sum;
    if (Signed != 0) begin : gen_signed
      assign x = KeyBits'($signed(s_data_i[p*InBits +: InBits]));
    end else begin : gen_unsigned
      assign x = KeyBits'(s_data_i[p*InBits +: InBits]);
    end
    assign sum = (x << Shift) + $signed(offset[p*KeyBits +: KeyBits]);
    if (ScoreBits > 0) begin : gen_score
      assign keys[p] = sum ^ (KeyBits'(Signed) << (KeyBits - 1));  // in the order of unsigned numbers
    end else begin : gen_register
      always_ff @(posedge clk_i) if (take) keys[p] <= sum;
    end
  end

  for (genvar k = 0; k < Before; k++) begin : gen_there
    logic there_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) there_q <= 1'b0;
      else if (go) there_q <= there[k];
    end
    assign there[k+1] = there_q;
  end

  // The best of the beat: the lower lane wins where keys are equal.
  logic signed [KeyBits-1:0] top;
  logic [LaneW-1:0]          top_lane;

  for (genvar l = 0; l < Levels; l++) begin : gen_level
    localparam int unsigned From       = (Pe + (1 << l) - 1) >> l;  // candidates
    localparam bit          Registered = (l + 1) % Step == 0 && l < Levels - 1;
    logic [KeyBits-1:0] key  [(From+1)/2];
    logic [LaneW-1:0]   lane [(From+1)/2];

    for (genvar p = 0; 2 * p < From; p++) begin : gen_pair
      localparam int unsigned Other = (2 * p + 1 < From) ? 2 * p + 1 : 2 * p;
      logic [KeyBits-1:0] one_key, other_key, key_d;
      logic [LaneW-1:0]   one_lane, other_lane, lane_d;
      logic               above;
      if (l == 0) begin : gen_keys
        assign one_key    = keys[2*p];
        assign other_key  = keys[Other];
        assign one_lane   = LaneW'(2 * p);
        assign other_lane = LaneW'(Other);
      end else begin : gen_above
        assign one_key    = gen_level[l-1].key[2*p];
        assign other_key  = gen_level[l-1].key[Other];
        assign one_lane   = gen_level[l-1].lane[2*p];
        assign other_lane = gen_level[l-1].lane[Other];
      end
      assign above = (ScoreBits > 0) ? other_key > one_key : $signed(other_key) > $signed(one_key);
      assign key_d  = above ? other_key : one_key;
      assign lane_d = above ? other_lane : one_lane;
      if (Registered) begin : gen_held
        always_ff @(posedge clk_i) if (go) {key[p], lane[p]} <= {key_d, lane_d};
      end else begin : gen_passed
        assign {key[p], lane[p]} = {key_d, lane_d};
      end
    end
  end

  if (Levels > 0) begin : gen_tree
    assign top      = gen_level[Levels-1].key[0];
    assign top_lane = gen_level[Levels-1].lane[0];
  end else begin : gen_single
    assign top      = keys[0];
    assign top_lane = '0;
  end

  logic [FoldW-1:0]          place_q;  // of the beat whose keys are there
  logic signed [KeyBits-1:0] best_q;
  logic [IndexW-1:0]         index_q, index;
  logic                      better;

  assign first  = Folds == 1 || place_q == '0;
  assign last   = Folds == 1 || place_q == FoldW'(Folds - 1);
  assign better = first | (top > best_q);
  assign index  = better ? IndexW'(place_q * Pe) + IndexW'(top_lane) : index_q;

  always_ff @(posedge clk_i) begin
    if ((Folds == 1) ? go : go && key_valid) begin
      if (better) best_q <= top;
      index_q <= index;
    end
    if (!rst_ni) begin
      fold_q  <= '0;
      place_q <= '0;
      valid_q <= 1'b0;
    end else if (go) begin
      if (take) fold_q <= fold_last ? '0 : fold_q + 1'b1;
      if (key_valid) place_q <= last ? '0 : place_q + 1'b1;
      valid_q <= key_valid & last;
    end
  end

  // The last beat of a pixel leaves its index in index_q: no register of its own.
  logic [OutBits-1:0] result;
  if (ScoreBits > 0) begin : gen_scores
    logic [Pe*InBits-1:0] scores, scores_q [Held+1];
    assign scores = scores_q[Held];
    for (genvar k = 0; k <= Held; k++) begin : gen_scores
      always_ff @(posedge clk_i) if (go) scores_q[k] <= (k > 0) ? scores_q[(k > 0) ? k-1 : 0] : s_data_i;
    end
    for (genvar p = 0; p < Pe; p++) begin : gen_element
      logic [InBits-1:0] score;
      assign score = scores[p*InBits +: InBits];
      assign result[p*ScoreBits +: ScoreBits] =
        (Signed != 0) ? ScoreBits'($signed(score)) : ScoreBits'(score);
    end
    assign result[Pe*ScoreBits +: ScoreBits] = ScoreBits'(index_q);
  end else begin : gen_index
    assign result = index_q;
  end
  xf_spare #(.Width(OutBits)) u_spare (
    .clk_i, .rst_ni, .data_i(result), .valid_i(valid_q), .go_o(go), .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // A pixel's index when all its beats are there; one more beat waits as keys and in each register of
  // the tree, and another while an index is in the spare register.
  xf_check_beats #(.In(Folds), .First(Folds), .Most(Folds + 1 + Before)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_arg_max
