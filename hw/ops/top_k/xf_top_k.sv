// SPDX-License-Identifier: Apache-2.0
//
// Passes Count scores through, then outputs the indices of the Best largest, largest first, lowest
// index first on ties.
//
// Every score is compared with all kept ones at once, so a cycle has at most one comparison and a
// shift. A score that is accepted while the output register is occupied waits in spare_q; the score
// waits rather than the output beat, so that selecting it and selecting an index take one LUT per
// bit.
//
// Rate       Count + Best cycles per frame, one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Ready      depends on registers only
// Bit model  op.py, TopK.execute_node

`include "xf_assert.svh"

module xf_top_k #(
  parameter  int unsigned Count   = 10,  // scores per frame
  parameter  int unsigned Best    = 1,   // indices per frame, 1 .. Count
  parameter  int unsigned InBits  = 8,   // bits of a score
  parameter  int unsigned Signed  = 0,   // 1: scores and output are two's complement
  parameter  int unsigned OutBits = 8,   // bits of an output element, holds a score and an index
  localparam int unsigned Beats   = Count + Best,
  localparam int unsigned PosW    = $clog2(Beats),
  localparam int unsigned IndexW  = (Count > 1) ? $clog2(Count) : 1
) (
  input  logic               clk_i, rst_ni,
  input  logic [InBits-1:0]  s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [OutBits-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i
);

  if (Count < 1 || InBits < 1) begin : gen_bad_size
    $error("xf_top_k: Count, InBits must be at least 1; got %0d, %0d", Count, InBits);
  end else if (Best < 1 || Best > Count) begin : gen_bad_best
    $error("xf_top_k: Best must be 1 .. Count; got Best=%0d, Count=%0d", Best, Count);
  end else if (OutBits < InBits) begin : gen_bad_score
    $error("xf_top_k: OutBits must hold a score; got OutBits=%0d, InBits=%0d", OutBits, InBits);
  end else if (OutBits < $clog2(Count) + ((Signed != 0) ? 1 : 0)) begin : gen_bad_index
    $error("xf_top_k: OutBits must hold an index; got OutBits=%0d, Count=%0d, Signed=%0d",
           OutBits, Count, Signed);
  end

  logic [PosW-1:0]    pos_q;   // output beat of this frame
  logic               tail_q;  // scores are through, indices follow
  logic               valid_q, spare_valid_q, move, take, give_index, last_score, last;
  logic [InBits-1:0]  spare_q, passed;
  logic [OutBits-1:0] data_q, score;
  logic [InBits-1:0]  key;     // the score in an order that unsigned comparison keeps
  logic [Best-1:0]    kept_q;  // entries that hold a score of this frame
  logic [Best-1:0]    beats;   // the new score comes before this entry
  logic [InBits-1:0]  key_q [Best];
  logic [IndexW-1:0]  index_q [Best];

  assign s_ready_o  = ~tail_q & ~spare_valid_q;
  assign take       = s_valid_i & s_ready_o;
  assign move       = m_ready_i | ~valid_q;
  assign give_index = move & tail_q & ~spare_valid_q;
  assign passed     = spare_valid_q ? spare_q : s_data_i;
  assign last_score = pos_q == PosW'(Count - 1);
  assign last       = pos_q == PosW'(Beats - 1);

  if (Signed != 0) begin : gen_signed
    assign score = OutBits'($signed(passed));
    assign key   = s_data_i ^ (InBits'(1) << (InBits - 1));
  end else begin : gen_unsigned
    assign score = OutBits'(passed);
    assign key   = s_data_i;
  end

  for (genvar k = 0; k < Best; k++) begin : gen_entry
    assign beats[k] = ~kept_q[k] | (key > key_q[k]);
    always_ff @(posedge clk_i) begin
      if (take && beats[k]) begin
        if (k > 0 && beats[(k > 0) ? k-1 : 0]) begin
          key_q[k]   <= key_q[(k > 0) ? k-1 : 0];
          index_q[k] <= index_q[(k > 0) ? k-1 : 0];
        end else begin
          key_q[k]   <= key;
          index_q[k] <= IndexW'(pos_q);
        end
      end else if (give_index && k + 1 < Best) begin
        index_q[k] <= index_q[(k + 1 < Best) ? k+1 : k];
      end
      if (!rst_ni) kept_q[k] <= 1'b0;
      else if (take) kept_q[k] <= (k == 0) ? 1'b1 : kept_q[(k > 0) ? k-1 : 0];
      else if (give_index) kept_q[k] <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      pos_q         <= '0;
      tail_q        <= 1'b0;
      valid_q       <= 1'b0;
      spare_valid_q <= 1'b0;
    end else begin
      if (move) valid_q <= s_valid_i | tail_q | spare_valid_q;
      spare_valid_q <= ~move & (take | spare_valid_q);
      if (take || give_index) begin
        pos_q  <= last ? '0 : pos_q + 1'b1;
        tail_q <= (tail_q & ~last) | last_score;
      end
    end
    if (move) data_q <= (tail_q && !spare_valid_q) ? OutBits'(index_q[0]) : score;
    if (s_ready_o) spare_q <= s_data_i;
  end

  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(SpareOnlyBehindValid_A, spare_valid_q, valid_q)

`ifdef XF_CHECK
  // Scores go through one by one, the indices follow; while the last one waits, the first score of
  // the next frame is taken.
  xf_check_beats #(.In(Count), .Out(Beats), .Most(Count + 1)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif
  `XF_ASSERT_WHEN(FrameKnowsItsBest_A, tail_q && last_score, &kept_q)

endmodule : xf_top_k
