// SPDX-License-Identifier: Apache-2.0
//
// A frame of Count scores per beat, and behind them the index of the largest one, the first of equal
// ones: a tree of comparisons with a register behind every Step levels and behind the last.
//
// Rate       one frame per cycle
// Latency    ceil(ceil(log2(Count)) / Step) cycles
// Reset      synchronous, control state only; data registers keep their values
// Ready      a register (xf_stages)
// Bit model  op.py, TopK.execute_node

module xf_top_1 #(
  parameter  int unsigned Count   = 10,  // scores per frame, 2 or more
  parameter  int unsigned InBits  = 8,   // bits of a score
  parameter  int unsigned Signed  = 0,   // 1: scores and output are two's complement
  parameter  int unsigned OutBits = 8,   // bits of an output element, holds a score and an index
  parameter  int unsigned Step    = 1,   // levels between two registers
  localparam int unsigned Levels  = (Count > 1) ? $clog2(Count) : 1
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  logic [Count*InBits-1:0]      s_data_i,
  input  logic                         s_valid_i,
  output logic                         s_ready_o,
  output logic [(Count+1)*OutBits-1:0] m_data_o,
  output logic                         m_valid_o,
  input  logic                         m_ready_i
);

  if (Count < 2 || InBits < 1 || Step < 1) begin : gen_bad_size
    $error("xf_top_1: Count must be at least 2, InBits and Step at least 1; got %0d, %0d, %0d",
           Count, InBits, Step);
  end else if (OutBits < InBits || OutBits < Levels + ((Signed != 0) ? 1 : 0)) begin : gen_bad_out
    $error("xf_top_1: OutBits must hold a score and an index; got OutBits=%0d, InBits=%0d, Count=%0d",
           OutBits, InBits, Count);
  end

  logic                         go, fold, unused;
  logic [(Count+1)*OutBits-1:0] result;

  for (genvar l = 0; l < Levels; l++) begin : gen_level
    localparam int unsigned From = (Count + (1 << l) - 1) >> l;  // candidates
    localparam bit          Held = (l + 1) % Step == 0 || l == Levels - 1;
    logic [Count*InBits-1:0] scores, scores_d;
    logic [InBits-1:0]       key   [(From+1)/2];  // in an order that unsigned comparison keeps
    logic [Levels-1:0]       index [(From+1)/2];
    if (l == 0) begin : gen_given
      assign scores_d = s_data_i;
    end else begin : gen_above
      assign scores_d = gen_level[l-1].scores;
    end
    if (Held) begin : gen_scores_held
      always_ff @(posedge clk_i) if (go) scores <= scores_d;
    end else begin : gen_scores
      assign scores = scores_d;
    end

    for (genvar p = 0; 2 * p < From; p++) begin : gen_pair
      localparam int unsigned One   = 2 * p;
      localparam int unsigned Other = (2 * p + 1 < From) ? 2 * p + 1 : 2 * p;
      logic [InBits-1:0] one, rival, key_d;
      logic [Levels-1:0] one_index, rival_index, index_d;
      if (l == 0) begin : gen_first
        localparam logic [InBits-1:0] Sign = (Signed != 0) ? InBits'(1) << (InBits - 1) : '0;
        assign one         = s_data_i[One*InBits +: InBits] ^ Sign;
        assign rival       = s_data_i[Other*InBits +: InBits] ^ Sign;
        assign one_index   = Levels'(One);
        assign rival_index = Levels'(Other);
      end else begin : gen_winners
        assign one         = gen_level[l-1].key[One];
        assign rival       = gen_level[l-1].key[Other];
        assign one_index   = gen_level[l-1].index[One];
        assign rival_index = gen_level[l-1].index[Other];
      end
      assign key_d   = (rival > one) ? rival : one;
      assign index_d = (rival > one) ? rival_index : one_index;
      if (Held) begin : gen_held
        always_ff @(posedge clk_i) begin
          if (go) begin
            key[p]   <= key_d;
            index[p] <= index_d;
          end
        end
      end else begin : gen_through
        assign key[p]   = key_d;
        assign index[p] = index_d;
      end
    end
  end

  for (genvar c = 0; c < Count; c++) begin : gen_score
    logic [InBits-1:0] score;
    assign score = gen_level[Levels-1].scores[c*InBits +: InBits];
    assign result[c*OutBits +: OutBits] = (Signed != 0) ? OutBits'($signed(score)) : OutBits'(score);
  end
  assign result[Count*OutBits +: OutBits] = OutBits'(gen_level[Levels-1].index[0]);

  assign s_ready_o = go;
  assign unused    = &{fold, gen_level[Levels-1].key[0]};  // Folds is 1; the largest score itself

  xf_stages #(.Width((Count + 1) * OutBits), .Stages((Levels + Step - 1) / Step)) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(fold), .data_i(result),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_top_1
