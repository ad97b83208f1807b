// SPDX-License-Identifier: Apache-2.0
//
// Folded matrix-vector unit.
//
// A vector of Mw elements comes in Beats = Mw/Simd beats; its Mh sums leave in Passes = Mh/Pe
// beats: sum[row] = start[row] + 2**Shift * the sums of its beats, modulo 2**AccW. A beat and a word
// of weights leave for dot products, one or two rows each, which stand beside this module; hw/ops/_dots.py
// generates them, and says what they add up for every kind of Dot. With Dot = Scaled the constants
// of a beat follow when its counts are there. Elements that ternary weights have gated leave in their
// place (xf_ternary_gate). Without multipliers the sign bits of signed elements are inverted at the
// input; the starts subtract the constant that this adds. An output element is the
// OutW highest bits of the sum; a threshold T is start = 2**(AccW-1) - T with OutW = 1.
//
// Rate       initiation interval of Beats * Passes cycles per vector, no bubble while both sides
//            stay ready
// Latency    Beats + 2 + DotCycles from the first beat accepted to valid; one more with Columns, two for
//            several
// Reset      synchronous, control state only; data registers never reach a handshake
// Pipeline   input buffer (xf_replay) and weights | Latency of the dot product | accumulator and
//            output register. One enable advances all stages; it is a register (xf_result), and low
//            only while a result would overwrite one that was not accepted.
//            With weights in block RAM the first register of the dot product is before its gates
//            instead of after them, since a read takes most of a cycle (5.8 ns on ECP5); not so on
//            7-series, where it takes 2.5 ns and counts have a third fewer bits than weights. Starts
//            in block RAM are read a stage earlier, without XF_XC7 two; there starts in logic have
//            a register too, since the adders of many rows are far apart.
// Bit model  op.py of sign_mvu, int_mvu and spatial_mvu, execute_node

`include "xf_assert.svh"

module xf_mvu #(
  parameter  int unsigned     Mw           = 64,
  parameter  int unsigned     Mh           = 64,
  parameter  int unsigned     Simd         = 16,
  parameter  int unsigned     Pe           = 1,
  parameter  int unsigned     Bits         = 1,  // per input element
  parameter  int unsigned     Signed       = 0,  // 1: elements are two's complement
  parameter  xf_pkg::dot_e    Dot          = xf_pkg::Signs,
  parameter  int unsigned     WBits        = 1,  // per weight: 1, or more in two's complement
  parameter  int unsigned     SumW         = 5,  // of the sum of a beat
  parameter  int unsigned     DotCycles    = 4,  // from a beat to its sum
  parameter  int unsigned     CountCycles  = 0,  // to its counts, of Scaled
  parameter  int unsigned     ScaleW       = 0,  // bits of a constant
  parameter  int unsigned     Run          = 1,  // elements that share it; divides Simd, or Simd it
  parameter  int unsigned     Shift        = 0,
  parameter  int unsigned     AccW         = 8,
  parameter  int unsigned     OutW         = 1,
  parameter  xf_pkg::memory_e WeightMemory = xf_pkg::Block,
  parameter  int unsigned     WeightRows   = 0,  // words in a column of Deep and Columns
  parameter  xf_pkg::memory_e StartMemory  = xf_pkg::Logic,  // NoMemory: rows start from 0
  parameter                   WeightFile   = "",
  parameter                   StartFile    = "",
  parameter                   ScaleFile    = "",
  parameter  int unsigned     Load         = 0,  // of xf_rom: weights, starts, scales; 0: constants
  localparam int unsigned     Beats        = Mw / Simd,
  localparam int unsigned     Passes       = Mh / Pe,
  localparam bit              Ternary      = Dot == xf_pkg::Ternary,
  localparam bit              Scaled       = Dot == xf_pkg::Scaled,
  localparam int unsigned     ScalesW      = !Scaled ? 1 : (Run < Simd) ? Simd / Run * ScaleW : ScaleW,
  localparam int unsigned     FactorW      = Ternary ? Bits : WBits
) (
  input  logic                 clk_i, rst_ni,
  input  xf_pkg::load_t        load_i,
  input  logic [Simd*Bits-1:0] s_data_i,
  input  logic                 s_valid_i,
  output logic                 s_ready_o,
  output logic [Pe*OutW-1:0]   m_data_o,
  output logic                 m_valid_o,
  input  logic                 m_ready_i,
  output logic                 en_o,     // of the dot products: their data, row by row, and sums
  output logic [Simd*Bits-1:0] x_o,
  output logic [Pe*Simd*FactorW-1:0] w_o,
  output logic [ScalesW-1:0]   scale_o,
  input  logic [Pe*SumW-1:0]   sums_i
);

  localparam bit Binary  = Scaled || Dot == xf_pkg::Signs;
  localparam bit InBlock = WeightMemory != xf_pkg::Logic;

  if (Mw < 1 || Mh < 1 || Simd < 1 || Pe < 1) begin : gen_bad_size
    $error("xf_mvu: Mw, Mh, Simd, Pe must be at least 1; got %0d, %0d, %0d, %0d", Mw, Mh, Simd, Pe);
  end else if (Bits < 1 || WBits < 1) begin : gen_bad_bits
    $error("xf_mvu: Bits, WBits must be at least 1; got %0d, %0d", Bits, WBits);
  end else if (Mw % Simd != 0) begin : gen_bad_simd
    $error("xf_mvu: Simd must divide Mw; got Simd=%0d, Mw=%0d", Simd, Mw);
  end else if (Mh % Pe != 0) begin : gen_bad_pe
    $error("xf_mvu: Pe must divide Mh; got Pe=%0d, Mh=%0d", Pe, Mh);
  end else if (SumW < 1 || DotCycles < 2 || (CountCycles < 1 && Scaled)) begin : gen_bad_dot
    $error("xf_mvu: SumW, DotCycles, CountCycles must be at least 1, 2, 1 of Scaled; got %0d, %0d, %0d",
           SumW, DotCycles, CountCycles);
  end else if (Binary != (WBits == 1) || (Ternary && WBits != 2)) begin : gen_bad_weight
    $error("xf_mvu: WBits must be 1 of Signs and Scaled, 2 of Ternary, else more; got WBits=%0d",
           WBits);
  end else if (Scaled && (Bits != 1 || ScaleW < 1)) begin : gen_bad_scale
    $error("xf_mvu: Scaled needs Bits=1, ScaleW > 0; got Bits=%0d, ScaleW=%0d", Bits, ScaleW);
  end else if (Run < 1 || (Run % Simd != 0 && Simd % Run != 0 && Scaled)) begin : gen_bad_run
    $error("xf_mvu: Run must divide Simd or be a multiple of it; got Run=%0d, Simd=%0d", Run, Simd);
  end else if (OutW < 1 || OutW > AccW) begin : gen_bad_out_w
    $error("xf_mvu: OutW must be 1 .. AccW; got OutW=%0d, AccW=%0d", OutW, AccW);
  end

  localparam int unsigned Depth   = Beats * Passes;
  localparam int unsigned Late    = (WeightMemory != xf_pkg::Columns) ? 0 : (Depth > WeightRows) ? 2 : 1;
  localparam int unsigned Latency = DotCycles + Late;
  localparam int unsigned AddrW   = (Depth > 1) ? $clog2(Depth) : 1;

`ifdef XF_XC7
  localparam bit Hold       = 1'b0;
  localparam bit HoldStart  = 1'b0;
  localparam bit EarlyStart = StartMemory == xf_pkg::Block;
  // Gates and weights in the same LUTs: cheaper than apart up to three bits and 32 words.
  localparam bit Joined     = Ternary && !InBlock && Bits <= 3 && Depth <= 32 && Load == 0;
`else
  localparam bit Hold       = InBlock && Dot != xf_pkg::Multipliers;
  localparam bit HoldStart  = StartMemory == xf_pkg::Block;
  localparam bit EarlyStart = 1'b1;
  localparam bit Joined     = 1'b0;
`endif

  localparam int unsigned WordW = Joined ? Bits : WBits;

  logic [Simd*Bits-1:0]     entered;
  logic                     en, step, last;
  logic [AddrW-1:0]         addr;
  logic [Simd*Bits-1:0]     x_read, x_there, x;
  logic [Pe*Simd*WordW-1:0] w_read, w;     // weights; Joined: elements behind them
  logic [Latency:0]         valid_q;       // of the beat at each stage; its sum is at the last
  logic [Latency-1:0]       last_q;        // of its pass
  logic                     first_q;
  logic                     done_q, soon;  // a pass ends at the last stage, at the one before

  always_comb begin
    entered = s_data_i;
    if (Signed != 0 && Dot != xf_pkg::Multipliers) begin
      for (int unsigned k = 1; k <= Simd; k++) entered[k*Bits - 1] = ~s_data_i[k*Bits - 1];
    end
  end

  xf_replay #(.Width(Simd * Bits), .Beats(Beats), .Passes(Passes)) u_replay (
    .clk_i, .rst_ni, .s_data_i(entered), .s_valid_i, .s_ready_o,
    .en_i(en), .step_o(step), .last_o(last), .addr_o(addr), .data_o(x_read)
  );

  xf_delay #(.Width(Simd * Bits), .Stages(Late)) u_late (
    .clk_i, .en_i(en), .data_i(x_read), .data_o(x_there)
  );

  if (Joined) begin : gen_joined
    logic [AddrW-1:0] addr_q;
    always_ff @(posedge clk_i) if (en) addr_q <= addr;
    xf_ternary_rom #(
      .Simd(Simd), .Bits(Bits), .Pe(Pe), .Depth(Depth), .File(WeightFile)
    ) u_weights (
      .addr_i(addr_q), .x_i(x_read), .data_o(w_read)
    );
  end else begin : gen_words
    xf_rom_weights #(
      .Width(Pe * Simd * WBits), .Depth(Depth), .Memory(WeightMemory), .Rows(WeightRows), .File(WeightFile),
      .Load(Load)
    ) u_weights (
      .clk_i, .en_i(en), .addr_i(addr), .load_i, .data_o(w_read)
    );
  end

  if (Hold) begin : gen_hold
    logic [Simd*Bits-1:0]     x_q;
    logic [Pe*Simd*WordW-1:0] w_q;
    always_ff @(posedge clk_i) begin
      if (en) begin
        x_q <= x_there;
        w_q <= w_read;
      end
    end
    assign x = x_q;
    assign w = w_q;
  end else begin : gen_direct
    assign x = x_there;
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

  // What the rows of this pass start from; a block RAM is asked one stage earlier, or two.
  logic [Pe*AccW-1:0] start;
  if (StartMemory != xf_pkg::NoMemory) begin : gen_start
    localparam int unsigned PassW = (Passes > 1) ? $clog2(Passes) : 1;
    logic [PassW-1:0]   pass;
    logic [Pe*AccW-1:0] start_read;
    if (Passes > 1) begin : gen_pass
      logic [PassW-1:0] pass_q;
      logic             ended;
      if (HoldStart) begin : gen_two_earlier
        assign ended = valid_q[Latency-2] & last_q[Latency-2];
      end else begin : gen_now
        assign ended = EarlyStart ? soon : done_q;
      end
      always_ff @(posedge clk_i) begin
        if (!rst_ni) pass_q <= '0;
        else if (en && ended) begin
          pass_q <= (pass_q == PassW'(Passes - 1)) ? '0 : pass_q + 1'b1;
        end
      end
      assign pass = pass_q;
    end else begin : gen_one_pass
      assign pass = 1'b0;
    end
    xf_rom #(
      .Width(Pe * AccW), .Depth(Passes), .Kind((StartMemory == xf_pkg::Block) ? 2 : EarlyStart ? 1 : 0),
      .File(StartFile), .Load((Load != 0) ? Load + 1 : 0)
    ) u_start (
      .clk_i, .en_i(en), .addr_i(pass), .load_i, .data_o(start_read)
    );
    if (HoldStart) begin : gen_hold
      logic [Pe*AccW-1:0] start_q;
      always_ff @(posedge clk_i) if (en) start_q <= start_read;
      assign start = start_q;
    end else begin : gen_direct
      assign start = start_read;
    end
  end else begin : gen_zero
    assign start = '0;
  end

  // The constants of a beat come with its counts, the same for all rows.
  if (Scaled) begin : gen_scales
    localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;
    logic [BeatW-1:0] beat;
    if (Beats > 1) begin : gen_beat
      logic [BeatW-1:0] beat_q;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) beat_q <= '0;
        else if (en && valid_q[Late+CountCycles-1]) begin
          beat_q <= (beat_q == BeatW'(Beats - 1)) ? '0 : beat_q + 1'b1;
        end
      end
      assign beat = beat_q;
    end else begin : gen_one_beat
      assign beat = 1'b0;
    end
    xf_rom #(
      .Width(ScalesW), .Depth(Beats), .Kind(1), .File(ScaleFile),
      .Load((Load != 0) ? Load + 2 : 0)
    ) u_scales (
      .clk_i, .en_i(en), .addr_i(beat), .load_i, .data_o(scale_o)
    );
  end else begin : gen_no_scales
    assign scale_o = '0;
  end

  assign en_o = en;
  assign x_o  = x;
  if (Ternary && !Joined) begin : gen_gates
    for (genvar p = 0; p < Pe; p++) begin : gen_row
      for (genvar k = 0; k < Simd; k++) begin : gen_element
        localparam int unsigned Own = p * Simd + k;
        xf_ternary_gate #(.Bits(Bits)) u_gate (
          .x_i(x[k*Bits +: Bits]), .w_i(w[2*Own +: 2]), .data_o(w_o[Own*Bits +: Bits])
        );
      end
    end
  end else begin : gen_plain
    assign w_o = w;
  end

  logic [Pe*OutW-1:0] result;
  for (genvar p = 0; p < Pe; p++) begin : gen_row
    logic [AccW-1:0] sum;
    /* verilator lint_off UNUSEDSIGNAL */  // of one beat, a threshold needs the highest bit alone
    logic [AccW-1:0] total;
    /* verilator lint_on UNUSEDSIGNAL */
    assign sum = AccW'(sums_i[p*SumW +: SumW]) << Shift;
    if (Beats > 1) begin : gen_accumulator
      logic [AccW-1:0] acc_q;
      assign total = sum + (first_q ? start[p*AccW +: AccW] : acc_q);
      always_ff @(posedge clk_i) if (en && valid_q[Latency]) acc_q <= total;
    end else begin : gen_one_beat
      logic unused_first;
      assign unused_first = first_q;
      assign total = sum + start[p*AccW +: AccW];
    end
    assign result[p*OutW +: OutW] = total[AccW-1 -: OutW];
  end

  assign soon = valid_q[Latency-1] & last_q[Latency-1];

  xf_result #(.Width(Pe * OutW), .Apart((Beats > 1) ? 1 : 0)) u_result (
    .clk_i, .rst_ni, .data_i(result), .done_i(done_q), .soon_i(soon), .en_o(en),
    .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // A vector gives its Passes beats when all of it is there. Two vectors are in the buffer, and as
  // many as fit between it and the output.
  xf_check_beats #(
    .In(Beats),
    .Out(Passes),
    .First(Beats),
    .Most(Beats * (3 + (Latency + 2 + Beats) / Depth))
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_mvu
