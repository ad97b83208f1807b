// SPDX-License-Identifier: Apache-2.0
//
// Binary matrix-vector unit whose weights, the template, are replaced at run time.
//
// Counts, like xf_mvu without thresholds, for each of Mh rows the bits of a vector of Mw bits
// that equal the row's weights. There are two banks of weights. Two flags per frame of Vectors
// vectors select what happens with them:
//   flags_i[0]  bank: the frame is compared with this bank
//   flags_i[1]  learn: its first vector is also stored in the other bank, as weights of all rows
// Flags are stable from flags_valid_i until frame_done_o, which says that the last beat of a frame
// has been read; without flags no beat is read. The FIFO of flags limits how far frames run ahead.
//
// load_*: writes one piece of 32 bits of a weight word. load_addr_i is {bank, word, piece};
// load_error_o says that the piece does not exist; then nothing is written. A bank may be loaded
// while no frame in flight uses it, that is, is compared with it or learns into it.
//
// Rate       one vector per (Mw/Simd) * (Mh/Pe) cycles, no bubble while both sides stay ready; a
//            frame of one beat takes two cycles, the second to store what it learns
// Latency    Mw/Simd + 2 + dot_latency(Simd, 1) cycles from the first beat accepted to valid
// Reset      synchronous, also in mid-stream; the banks keep their contents
// Pipeline   with banks in block RAM the first register of the dot product is before its gates,
//            except on 7-series (as in xf_mvu)
// Memories   TemplateFile: both banks one after the other, each like WeightFile of xf_mvu
// Bit model  op.py, Correlate.execute_node; sim/templates.py for frames with flags

`include "xf_assert.svh"

module xf_correlate #(
  parameter  int unsigned Mw           = 64,  // elements of a vector
  parameter  int unsigned Mh           = 1,   // rows
  parameter  int unsigned Simd         = 16,  // elements per input beat; divides Mw
  parameter  int unsigned Pe           = 1,   // rows per output beat; divides Mh
  parameter  int unsigned Vectors      = 1,   // of a frame
  parameter  int unsigned Block        = 0,   // banks in block RAM, else in LUTs
  parameter               TemplateFile = "",
  localparam int unsigned Beats        = Mw / Simd,
  localparam int unsigned Words        = Beats * (Mh / Pe),                   // of a bank
  localparam int unsigned WordBits     = Pe * Simd,
  localparam int unsigned Pieces       = (WordBits + 31) / 32,                // of a word
  localparam int unsigned WordW        = (Words > 1) ? $clog2(Words) : 1,
  localparam int unsigned PieceW       = (Pieces > 1) ? $clog2(Pieces) : 1,
  localparam int unsigned LoadW        = 1 + WordW + PieceW,
  localparam int unsigned MatchW       = $clog2(Mw + 1)                       // holds 0 .. Mw
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic [Simd-1:0]      s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Pe*MatchW-1:0] m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i,
  input  logic [1:0]           flags_i,
  input  logic                 flags_valid_i,
  output logic                 frame_done_o,
  input  logic [LoadW-1:0]     load_addr_i,
  input  logic [31:0]          load_data_i,
  input  logic                 load_valid_i,
  output logic                 load_error_o
);

  if (Mw < 1 || Mh < 1 || Simd < 1 || Pe < 1) begin : gen_bad_size
    $error("xf_correlate: Mw, Mh, Simd, Pe must be at least 1; got %0d, %0d, %0d, %0d",
           Mw, Mh, Simd, Pe);
  end else if (Vectors < 1) begin : gen_bad_vectors
    $error("xf_correlate: Vectors must be at least 1; got Vectors=%0d", Vectors);
  end else if (Mw % Simd != 0) begin : gen_bad_simd
    $error("xf_correlate: Simd must divide Mw; got Simd=%0d, Mw=%0d", Simd, Mw);
  end else if (Mh % Pe != 0) begin : gen_bad_pe
    $error("xf_correlate: Pe must divide Mh; got Pe=%0d, Mh=%0d", Pe, Mh);
  end

`include "xf_heap.svh"

  localparam int unsigned Latency = dot_latency(Simd, 1);
  localparam int unsigned SumW    = $clog2(Simd + 1);

`ifdef XF_XC7
  localparam bit Hold = 1'b0;
`else
  localparam bit Hold = Block != 0;
`endif

  logic                en, step, last, read;
  logic [WordW-1:0]    addr;
  logic [Simd-1:0]     x_read, x;
  logic [WordBits-1:0] w_read, w;
  logic [Pe*SumW-1:0]  sums;
  logic [Latency:0]    valid_q;       // of the beat at each stage; its sum is at the last
  logic [Latency-1:0]  last_q;        // of its pass
  logic                first_q;
  logic                done_q, soon;  // a pass ends at the last stage, at the one before

  xf_replay #(.Width(Simd), .Beats(Beats), .Passes(Mh / Pe)) u_replay (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o,
    .en_i(read), .step_o(step), .last_o(last), .addr_o(addr), .data_o(x_read)
  );

  // Where the frame is.
  logic first_vector, last_vector, vector_done;
  assign vector_done  = step & (addr == WordW'(Words - 1));
  assign frame_done_o = vector_done & last_vector;
  if (Vectors > 1) begin : gen_vectors
    localparam int unsigned VectorW = $clog2(Vectors);
    logic [VectorW-1:0] vector_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) vector_q <= '0;
      else if (vector_done) vector_q <= last_vector ? '0 : vector_q + 1'b1;
    end
    assign first_vector = vector_q == '0;
    assign last_vector  = vector_q == VectorW'(Vectors - 1);
  end else begin : gen_one_vector
    assign first_vector = 1'b1;
    assign last_vector  = 1'b1;
  end

  // A beat is stored one stage after it was read: a frame of one beat lets the next wait for that.
  if (Words * Vectors == 1) begin : gen_one_beat
    logic wait_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) wait_q <= 1'b0;
      else if (en) wait_q <= step;
    end
    assign read = en & flags_valid_i & ~wait_q;
  end else begin : gen_more_beats
    assign read = en & flags_valid_i;
  end

  // What is written: a beat that is learnt, else a piece that is loaded.
  logic                learn_q, learn_bank_q, learn;
  logic [WordW-1:0]    learn_addr_q, load_word;
  logic [PieceW-1:0]   load_piece;
  logic [Pieces-1:0]   write;
  logic [WordW:0]      write_addr;  // bank, word
  logic [WordBits-1:0] write_data;

  always_ff @(posedge clk_i) begin
    if (en) begin
      learn_q      <= flags_i[1] & first_vector;
      learn_bank_q <= ~flags_i[0];
      learn_addr_q <= addr;
    end
  end
  assign learn        = en & valid_q[0] & learn_q;
  assign load_word    = load_addr_i[PieceW +: WordW];
  assign load_piece   = load_addr_i[PieceW-1:0];
  assign load_error_o = (32'(load_word) >= Words) | (32'(load_piece) >= Pieces);
  assign write_addr   = learn ? {learn_bank_q, learn_addr_q} : load_addr_i[LoadW-1:PieceW];
  for (genvar b = 0; b < WordBits; b++) begin : gen_data
    assign write_data[b] = learn ? x_read[b % Simd] : load_data_i[b % 32];
  end
  /* verilator lint_off UNUSEDSIGNAL */  // a word may be narrower than a piece
  logic unused;
  /* verilator lint_on UNUSEDSIGNAL */
  assign unused = ^load_data_i;
  for (genvar p = 0; p < Pieces; p++) begin : gen_write
    assign write[p] = rst_ni & (learn | (load_valid_i & ~load_error_o & (load_piece == PieceW'(p))));
  end

  xf_ram #(
    .Width(WordBits), .Depth(2 * 2**WordW), .Kind((Block != 0) ? 2 : 1), .File(TemplateFile)
  ) u_template (
    .clk_i, .write_i(write), .write_addr_i(write_addr), .write_data_i(write_data),
    .en_i(en), .addr_i({flags_i[0], addr}), .data_o(w_read)
  );

  if (Hold) begin : gen_hold
    logic [Simd-1:0]     x_q;
    logic [WordBits-1:0] w_q;
    always_ff @(posedge clk_i) begin
      if (en) begin
        x_q <= x_read;
        w_q <= w_read;
      end
    end
    assign x = x_q;
    assign w = w_q;
  end else begin : gen_direct
    assign x = x_read;
    assign w = w_read;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      done_q  <= 1'b0;
      first_q <= 1'b1;
    end else if (en) begin
      valid_q <= {valid_q[Latency-1:0], step};
      done_q  <= soon;
      if (valid_q[Latency]) first_q <= done_q;
    end
    if (en) last_q <= Latency'({last_q, last});
  end

  logic [Pe*MatchW-1:0] result;
  for (genvar p = 0; p < Pe; p++) begin : gen_row
    logic [MatchW-1:0] total;
    xf_popcount #(.Simd(Simd), .Hold(32'(Hold))) u_dot (
      .clk_i, .en_i(en), .x_i(x), .w_i(w[p*Simd +: Simd]), .sum_o(sums[p*SumW +: SumW])
    );
    if (Beats > 1) begin : gen_accumulator
      logic [MatchW-1:0] acc_q;
      assign total = MatchW'(sums[p*SumW +: SumW]) + (first_q ? '0 : acc_q);
      always_ff @(posedge clk_i) if (en && valid_q[Latency]) acc_q <= total;
    end else begin : gen_one_beat
      logic unused_first;
      assign unused_first = first_q;
      assign total = MatchW'(sums[p*SumW +: SumW]);
    end
    assign result[p*MatchW +: MatchW] = total;
  end

  assign soon = valid_q[Latency-1] & last_q[Latency-1];

  xf_result #(.Width(Pe * MatchW), .Apart((Beats > 1) ? 1 : 0)) u_result (
    .clk_i, .rst_ni, .data_i(result), .done_i(done_q), .soon_i(soon), .en_o(en),
    .m_data_o, .m_valid_o, .m_ready_i
  );

  // What holds the flags keeps them for the whole frame.
  `XF_ASSERT_STABLE(FlagsHeld_A, flags_valid_i, frame_done_o, flags_i)

`ifdef XF_CHECK
  // A vector gives its beats when all of it is there. Two vectors are in the buffer, and as many as
  // fit between it and the output.
  xf_check_beats #(
    .In(Beats),
    .Out(Mh / Pe),
    .First(Beats),
    .Most(Beats * (3 + (Latency + 2 + Beats) / Words))
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_correlate
