// SPDX-License-Identifier: Apache-2.0
//
// Matrix product of two streams: the vectors of a frame are held, and each word of weights that
// arrives is multiplied by all of them before the next one. Of bits, equal ones are counted.
//
// Stream 0 brings the Vectors vectors of a frame, Simd elements per beat; stream 1 the weights of Mh
// rows, per beat Simd elements of Pe rows: for each tile of Pe rows, its Beats = Mw/Simd words. An output
// beat has the results of a tile's rows with one vector; all vectors of a tile, then the next tile.
//
// Rate       Vectors * Beats * Mh/Pe cycles per frame, no bubble while all sides stay ready
// Latency    2 + DotCycles from the last beat that a result needs
// Reset      synchronous, control state only; memories are read only where they were written
// Ready      depends on registers only
// Bit model  op.py, XnorMatmul.execute_node

`include "xf_assert.svh"

module xf_xnor_matmul #(
  parameter  int unsigned Mw      = 64,
  parameter  int unsigned Mh      = 64,
  parameter  int unsigned Vectors = 4,
  parameter  int unsigned Simd    = 16,
  parameter  int unsigned Pe      = 4,
  parameter  int unsigned Bits    = 1,    // of an element
  parameter  int unsigned WBits   = 1,    // of a weight
  parameter  int unsigned AccW    = $clog2(Mw + 1),
  parameter  int unsigned SumW    = $clog2(Simd + 1),
  parameter  logic [AccW-1:0] Start = '0,  // of an accumulator
  parameter  int unsigned DotCycles = 4,  // from a beat to its sums
  localparam int unsigned Beats   = Mw / Simd,
  localparam int unsigned Tiles   = Mh / Pe,
  localparam int unsigned BeatBits = Simd * Bits,
  localparam int unsigned WordBits = Pe * Simd * WBits
) (
  input  logic                    clk_i, rst_ni,
  input  logic [WordBits+BeatBits-1:0] s_data_i,
  input  logic [1:0]              s_valid_i,
  output logic [1:0]              s_ready_o,
  output logic [Pe*AccW-1:0]      m_data_o,
  output logic                    m_valid_o,
  input  logic                    m_ready_i,
  output logic                    en_o,   // of the dot products beside this, one per row, and their sums
  output logic [BeatBits-1:0]     x_o,
  output logic [WordBits-1:0]     w_o,
  input  logic [Pe*SumW-1:0]      sums_i
);

  if (Mw < 1 || Mh < 1 || Vectors < 1 || Simd < 1 || Pe < 1) begin : gen_bad_size
    $error("xf_xnor_matmul: Mw, Mh, Vectors, Simd, Pe must be at least 1; got %0d, %0d, %0d, %0d, %0d",
           Mw, Mh, Vectors, Simd, Pe);
  end else if (Mw % Simd != 0 || Mh % Pe != 0) begin : gen_bad_fold
    $error("xf_xnor_matmul: Simd must divide Mw, Pe Mh; got %0d, %0d, %0d, %0d", Simd, Mw, Pe, Mh);
  end

  localparam int unsigned Frame   = Vectors * Beats;  // beats of the vectors of a frame
  localparam int unsigned AddrW   = (Frame > 1) ? $clog2(Frame) : 1;
  localparam int unsigned VecW    = (Vectors > 1) ? $clog2(Vectors) : 1;
  localparam int unsigned BeatW   = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned TileW   = (Tiles > 1) ? $clog2(Tiles) : 1;
  localparam int unsigned WideW   = (SumW > AccW) ? SumW : AccW;

  // Two frames of vectors: one is written while the other, or what has arrived of the same, is read.
  (* no_rw_check *) logic [BeatBits-1:0] frames [2 * 2**AddrW];

  logic              en, step, push, wrote, done, there, vec_last, beat_last, tile_last, use_word;
  logic              write_half_q, read_half_q;
  logic [1:0]        full_q;            // frames written and not done
  logic [AddrW-1:0]  write_q, read_q;   // beat within the frame
  logic [VecW-1:0]   vec_q;
  logic [BeatW-1:0]  beat_q;
  logic [TileW-1:0]  tile_q;
  logic [BeatBits-1:0] x_q;
  logic [WordBits-1:0] w_q;

  assign vec_last  = vec_q == VecW'(Vectors - 1);
  assign beat_last = beat_q == BeatW'(Beats - 1);
  assign tile_last = tile_q == TileW'(Tiles - 1);
  assign there     = full_q != '0 || write_q > read_q;
  assign use_word  = vec_q == '0;
  assign step      = en & there & (~use_word | s_valid_i[1]);
  assign done      = step & vec_last & beat_last & tile_last;
  assign s_ready_o = {en & there & use_word, ~full_q[1]};
  assign push      = s_valid_i[0] & s_ready_o[0];
  assign wrote     = push && write_q == AddrW'(Frame - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q      <= '0;
      write_half_q <= 1'b0;
      read_half_q  <= 1'b0;
      full_q       <= '0;
      read_q       <= '0;
      vec_q        <= '0;
      beat_q       <= '0;
      tile_q       <= '0;
    end else begin
      if (push) write_q <= wrote ? '0 : write_q + 1'b1;
      write_half_q <= write_half_q ^ wrote;
      read_half_q  <= read_half_q ^ done;
      if (wrote != done) full_q <= wrote ? full_q + 2'd1 : full_q - 2'd1;
      if (step) begin
        vec_q  <= vec_last ? '0 : vec_q + 1'b1;
        read_q <= !vec_last ? read_q + AddrW'(Beats) : beat_last ? '0 : AddrW'(beat_q) + 1'b1;
        if (vec_last) beat_q <= beat_last ? '0 : beat_q + 1'b1;
        if (vec_last && beat_last) tile_q <= tile_last ? '0 : tile_q + 1'b1;
      end
    end
    if (push) frames[{write_half_q, write_q}] <= s_data_i[BeatBits-1:0];
    if (en) x_q <= frames[{read_half_q, read_q}];
    if (step && use_word) w_q <= s_data_i[BeatBits +: WordBits];
  end

  // What goes along with the stages of a count.
  logic [DotCycles:0]  valid_q;
  logic [VecW-1:0]   sum_vec_q;   // of the counts at the last stage
  logic [BeatW-1:0]  sum_beat_q;
  logic              sum_last, counted;

  assign counted  = en & valid_q[DotCycles];
  assign sum_last = sum_beat_q == BeatW'(Beats - 1);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q    <= '0;
      sum_vec_q  <= '0;
      sum_beat_q <= '0;
    end else begin
      if (en) valid_q <= (DotCycles+1)'({valid_q, step});
      if (counted) begin
        sum_vec_q <= (sum_vec_q == VecW'(Vectors - 1)) ? '0 : sum_vec_q + 1'b1;
        if (sum_vec_q == VecW'(Vectors - 1)) sum_beat_q <= sum_last ? '0 : sum_beat_q + 1'b1;
      end
    end
  end

  assign en_o = en;
  assign x_o  = x_q;
  assign w_o  = w_q;

  logic [Pe*AccW-1:0] totals;
  for (genvar p = 0; p < Pe; p++) begin : gen_row
    logic [SumW-1:0] sum;
    assign sum = sums_i[p*SumW +: SumW];
    if (Beats > 1) begin : gen_accumulators
      (* ram_style = "distributed", no_rw_check *) logic [AccW-1:0] accumulators [2**VecW];
      logic [AccW-1:0] so_far;
      assign so_far = (sum_beat_q == '0) ? Start : accumulators[sum_vec_q];
      assign totals[p*AccW +: AccW] = AccW'(WideW'(sum) + WideW'(so_far));
      always_ff @(posedge clk_i) begin
        if (counted) accumulators[sum_vec_q] <= totals[p*AccW +: AccW];
      end
    end else begin : gen_one_beat
      assign totals[p*AccW +: AccW] = AccW'(WideW'(sum) + WideW'(Start));
    end
  end

  xf_result #(.Width(Pe * AccW), .Apart(0)) u_result (
    .clk_i, .rst_ni, .data_i(totals), .done_i(valid_q[DotCycles] & sum_last), .soon_i(1'b0), .en_o(en),
    .m_data_o, .m_valid_o, .m_ready_i
  );

  `XF_ASSERT_WHEN(NotBeforeItIsWritten_A, step && full_q == '0, read_q < write_q)
  `XF_ASSERT_WHEN(TwoFramesAtMost_A, 1'b1, full_q <= 2'd2)

`ifdef XF_CHECK
  // The first result needs the last word of a tile, and before it all vectors were read up to their last
  // beat. Two frames are here, and as many as fit between them and the output.
  xf_check_beats #(
    .In(Frame),
    .Out(Vectors * Tiles),
    .First((Beats > 1) ? Frame - 1 : 1),
    .Most(Frame * (3 + (DotCycles + 2) / (Vectors * Tiles)))
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(push), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_xnor_matmul
