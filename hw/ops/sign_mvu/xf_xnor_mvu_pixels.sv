// SPDX-License-Identifier: Apache-2.0
//
// Binary matrix-vector unit for several vectors at a time: one word of weights serves all of them.
//
// Accepts vectors of Mw bits, a whole one per beat, and outputs the same as xf_mvu: matches of
// Mh rows, or the bits matches >= T, Pe rows per beat. The weights of one row are read per cycle, in
// rounds. Each of Pixels slots holds a vector for Mh cycles: it starts at the current row when the
// vector arrives, and accepts the next vector in the cycle in which that row returns, so it needs no
// second buffer and no accumulator. A history keeps the results of the last Turns rounds; a row has
// the same place for all vectors. The reader takes a vector's rows from its first row on out of the
// round in which it started, and the rows before that out of the next round.
//
// Rate       Pixels vectors per Mh cycles, no bubble while both sides stay ready
// Latency    Mh + 2 + DotCycles from a vector to its first results; one more with
//            WeightRows, two for deeper memories
// Reset      synchronous, control state only; data registers never reach a handshake
// Ready      depends on registers only. One enable advances rows, counts and history; it is low
//            only while a round would overwrite one that has not been read.
// Memories   WeightFile: word row, bit k = weight of element k in that row
//            StartFile: word row: 2**(AccW-1) - T; with NoMemory unused
//            Their registers are those of xf_mvu.
// Bit model  op.py, SignMvu.execute_node

`include "xf_assert.svh"

module xf_xnor_mvu_pixels #(
  parameter  int unsigned Mw          = 64,  // elements of a vector
  parameter  int unsigned Mh          = 64,  // rows
  parameter  int unsigned Pe          = 4,   // rows per output beat; divides Mh
  parameter  int unsigned Pixels      = 4,   // vectors at a time; at most Pe
  parameter  int unsigned DotCycles   = 4,   // from a row of weights to its sums
  parameter  xf_pkg::memory_e WeightMemory = xf_pkg::Block,  // Logic, Block or Columns
  parameter  int unsigned WeightRows  = 0,   // words of a column
  parameter  xf_pkg::memory_e StartMemory  = xf_pkg::Logic,  // NoMemory: no thresholds
  parameter               WeightFile  = "",
  parameter               StartFile   = "",
  parameter  int unsigned Load        = 0,  // of xf_rom: weights, starts
  localparam int unsigned MatchW      = $clog2(Mw + 1),                           // holds 0 .. Mw
  localparam bit          Thresholds  = StartMemory != xf_pkg::NoMemory,
  localparam int unsigned AccW        = Thresholds ? MatchW + 1 : MatchW,
  localparam int unsigned OutW        = Thresholds ? 1 : MatchW
) (
  input  logic               clk_i, rst_ni,
  input  xf_pkg::load_t      load_i,
  input  logic [Mw-1:0]      s_data_i,
  input  logic               s_valid_i,
  output logic               s_ready_o,
  output logic [Pe*OutW-1:0] m_data_o,
  output logic               m_valid_o,
  input  logic               m_ready_i,
  output logic               en_o,  // of the dot products beside this, one per vector, and their sums
  output logic [Pixels*Mw-1:0] x_o,
  output logic [Mw-1:0]      w_o,
  input  logic [Pixels*MatchW-1:0] sums_i
);

  if (Mw < 1 || Mh < 2 || Pe < 1) begin : gen_bad_size
    $error("xf_xnor_mvu_pixels: Mw, Pe must be at least 1, Mh 2; got %0d, %0d, %0d", Mw, Pe, Mh);
  end else if (Mh % Pe != 0) begin : gen_bad_pe
    $error("xf_xnor_mvu_pixels: Pe must divide Mh; got Pe=%0d, Mh=%0d", Pe, Mh);
  end else if (Pixels < 2 || Pixels > Pe) begin : gen_bad_pixels
    $error("xf_xnor_mvu_pixels: Pixels must be 2 .. Pe; got Pixels=%0d, Pe=%0d", Pixels, Pe);
  end

`ifdef XF_XC7
  localparam int unsigned Hold      = 0;
  localparam int unsigned HoldStart = 0;
`else
  localparam int unsigned Hold      = (WeightMemory != xf_pkg::Logic) ? 1 : 0;
  localparam int unsigned HoldStart = (StartMemory == xf_pkg::Block) ? 1 : 0;
`endif

  // Moves from the cycle that asks for a row of weights …
  localparam int unsigned Late   = (WeightMemory != xf_pkg::Columns) ? 0 : (Mh > WeightRows) ? 2 : 1;
  localparam int unsigned Wait   = Late + Hold;                       // … less one, to a vector's load
  localparam int unsigned Summed = 1 + Late + DotCycles;              // … to its sums
  localparam int unsigned Begun  = Summed - 1 - HoldStart;            // … to asking for its start

  // A vector is read within two rounds and the time of the pipeline, and may begin late in its round.
  localparam int unsigned Needed = 3 + (Summed + 8 + Mh - 1) / Mh;
  localparam int unsigned TurnW  = $clog2(Needed);
  localparam int unsigned Turns  = 2**TurnW;
  localparam int unsigned Groups = Mh / Pe;
  localparam int unsigned GroupW = (Groups > 1) ? $clog2(Groups) : 1;
  localparam int unsigned PlaceW = (Pe > 1) ? $clog2(Pe) : 1;
  localparam int unsigned RowW   = $clog2(Mh);
  localparam int unsigned LaneW  = $clog2(Pixels);
  localparam int unsigned Most   = Turns * Pixels;                    // vectors inside
  localparam int unsigned MostW  = $clog2(Most + 1);

  // A counter that follows another by so many moves begins so much earlier.
  localparam int unsigned WriteFrom = (Turns * Mh - Summed % (Turns * Mh)) % (Turns * Mh);
  localparam int unsigned StartFrom = (Mh - Begun % Mh) % Mh;

  logic              en_q, take, leave, done, read_all;
  logic [RowW-1:0]   row_q;
  logic [PlaceW-1:0] place_q;   // of the row in its group
  logic [GroupW-1:0] group_q;
  logic [TurnW-1:0]  turn_q;

  // What is asked for: rows round and round.
  logic group_end, row_end;
  assign group_end = place_q == PlaceW'(Pe - 1);
  assign row_end   = row_q == RowW'(Mh - 1);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q   <= '0;
      place_q <= '0;
      group_q <= '0;
      turn_q  <= '0;
    end else if (en_q) begin
      row_q   <= row_end ? '0 : row_q + 1'b1;
      place_q <= group_end ? '0 : place_q + 1'b1;
      if (group_end) group_q <= row_end ? '0 : group_q + 1'b1;
      if (row_end) turn_q <= turn_q + 1'b1;
    end
  end

  // Vectors: one leaves its place Mh moves after it came, its results are there Summed moves later.
  logic [Mh+Summed-2:0]    passing_q;
  logic [Pixels-1:0]       place_free_q;  // the place of the next vector, one-hot
  logic [$clog2(Pixels+1)-1:0] held_q;
  logic                    full_q;
  assign s_ready_o = en_q & (~full_q | passing_q[Mh-1]);
  assign take      = s_valid_i & s_ready_o;
  assign leave     = en_q & passing_q[Mh-1];
  assign done      = en_q & passing_q[Mh+Summed-2];
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      passing_q    <= '0;
      place_free_q <= Pixels'(1);
      held_q       <= '0;
      full_q       <= 1'b0;
    end else begin
      if (en_q) passing_q <= {passing_q[Mh+Summed-3:0], take};
      if (take) place_free_q <= {place_free_q[Pixels-2:0], place_free_q[Pixels-1]};
      if (take != leave) begin
        held_q <= take ? held_q + 1'b1 : held_q - 1'b1;
        full_q <= take && 32'(held_q) == Pixels - 1;
      end
    end
  end

  logic [Mw-1:0]     come;
  logic [Pixels-1:0] load;
  if (Wait == 0) begin : gen_now
    assign come = s_data_i;
    assign load = place_free_q & {Pixels{take}};
  end else begin : gen_wait
    logic [Wait*Mw-1:0]     come_q;
    logic [Wait*Pixels-1:0] load_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) load_q <= '0;
      else if (en_q) load_q <= (Wait*Pixels)'({load_q, place_free_q & {Pixels{take}}});
      if (en_q) come_q <= (Wait*Mw)'({come_q, s_data_i});
    end
    assign come = come_q[(Wait-1)*Mw +: Mw];
    assign load = load_q[(Wait-1)*Pixels +: Pixels] & {Pixels{en_q}};
  end

  logic [Mw-1:0] w_read, w;
  xf_rom_weights #(
    .Width(Mw), .Depth(Mh), .Memory(WeightMemory), .Rows(WeightRows), .File(WeightFile), .Load(Load)
  ) u_weights (
    .clk_i, .en_i(en_q), .addr_i(row_q), .load_i, .data_o(w_read)
  );
  if (Hold != 0) begin : gen_hold
    logic [Mw-1:0] w_q;
    always_ff @(posedge clk_i) if (en_q) w_q <= w_read;
    assign w = w_q;
  end else begin : gen_direct
    assign w = w_read;
  end

  // What the sums of a row start from.
  logic [AccW-1:0] start;
  if (Thresholds) begin : gen_start
    logic [RowW-1:0] ask_q;
    logic [AccW-1:0] start_read;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) ask_q <= RowW'(StartFrom);
      else if (en_q) ask_q <= (ask_q == RowW'(Mh - 1)) ? '0 : ask_q + 1'b1;
    end
    xf_rom #(
      .Width(AccW), .Depth(Mh), .Kind((StartMemory == xf_pkg::Block) ? 2 : 1), .File(StartFile),
      .Load((Load != 0) ? Load + 1 : 0)
    ) u_start (
      .clk_i, .en_i(en_q), .addr_i(ask_q), .load_i, .data_o(start_read)
    );
    if (HoldStart != 0) begin : gen_hold
      logic [AccW-1:0] start_q;
      always_ff @(posedge clk_i) if (en_q) start_q <= start_read;
      assign start = start_q;
    end else begin : gen_direct
      assign start = start_read;
    end
  end else begin : gen_zero
    assign start = '0;
  end

  assign en_o = en_q;
  assign w_o  = w;

  logic [Pixels*OutW-1:0] result;
  for (genvar k = 0; k < Pixels; k++) begin : gen_pixel
    logic [Mw-1:0]     x_q;
    /* verilator lint_off UNUSEDSIGNAL */  // a threshold needs the highest bit alone
    logic [AccW-1:0]   total;
    /* verilator lint_on UNUSEDSIGNAL */
    always_ff @(posedge clk_i) if (load[k]) x_q <= come;
    assign x_o[k*Mw +: Mw] = x_q;
    assign total = AccW'(sums_i[k*MatchW +: MatchW]) + start;
    assign result[k*OutW +: OutW] = total[AccW-1 -: OutW];
  end

  // The history: a memory per place in a group, a word per round and group, in it a result per pixel.
  logic [Pe-1:0]     write_place_q;  // one-hot
  logic [GroupW-1:0] write_group_q;
  logic [TurnW-1:0]  write_turn_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_place_q <= Pe'(1) << (WriteFrom % Mh % Pe);
      write_group_q <= GroupW'(WriteFrom % Mh / Pe);
      write_turn_q  <= TurnW'(WriteFrom / Mh);
    end else if (en_q) begin
      write_place_q <= Pe'({write_place_q, write_place_q[Pe-1]});
      if (write_place_q[Pe-1]) begin
        write_group_q <= (write_group_q == GroupW'(Groups - 1)) ? '0 : write_group_q + 1'b1;
        if (write_group_q == GroupW'(Groups - 1)) write_turn_q <= write_turn_q + 1'b1;
      end
    end
  end

  // The vectors in the order in which they came: with which row each began.
  logic [TurnW-1:0]  first_turn, later_turn;
  logic [GroupW-1:0] first_group;
  logic [PlaceW-1:0] first_place;
  logic              there, stamps_ready, unused_ready;
  assign unused_ready = stamps_ready;  // there is room for all
  xf_fifo #(.Width(TurnW + GroupW + PlaceW), .Depth(Most)) u_stamps (
    .clk_i, .rst_ni, .s_data_i({turn_q, group_q, place_q}), .s_valid_i(take),
    .s_ready_o(stamps_ready), .m_data_o({first_turn, first_group, first_place}),
    .m_valid_o(there), .m_ready_i(read_all)
  );

  logic [MostW-1:0]       done_q;  // vectors whose results are all there
  logic                   some_q, give, valid_q;
  logic [GroupW-1:0]      read_group_q;
  logic [LaneW-1:0]       read_lane_q;
  logic [Pe*OutW-1:0]     picked, data_q;
  assign give       = some_q & (m_ready_i | ~valid_q);
  assign read_all   = give && read_group_q == GroupW'(Groups - 1);
  assign later_turn = first_turn + 1'b1;
  for (genvar j = 0; j < Pe; j++) begin : gen_place
    localparam int unsigned Words = Turns * 2**GroupW;
    (* ram_style = "distributed", no_rw_check *) logic [Pixels*OutW-1:0] history [Words];
    logic                   later;  // the row lies in the round after the one the vector began in
    logic [TurnW-1:0]       turn;
    logic [Pixels*OutW-1:0] word;
    /* verilator lint_off CMPCONST */  // nothing comes after the last place
    assign later = read_group_q < first_group
                   || (read_group_q == first_group && PlaceW'(j) < first_place);
    /* verilator lint_on CMPCONST */
    assign turn  = later ? later_turn : first_turn;
    assign word  = history[{turn, read_group_q}];
    assign picked[j*OutW +: OutW] = OutW'(word >> (32'(read_lane_q) * OutW));
    always_ff @(posedge clk_i) begin
      if (en_q && write_place_q[j]) history[{write_turn_q, write_group_q}] <= result;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      done_q       <= '0;
      some_q       <= 1'b0;
      read_group_q <= '0;
      read_lane_q  <= '0;
      valid_q      <= 1'b0;
    end else begin
      if (done != read_all) begin
        done_q <= done ? done_q + 1'b1 : done_q - 1'b1;
        some_q <= done || done_q != MostW'(1);
      end
      if (give) read_group_q <= read_all ? '0 : read_group_q + 1'b1;
      if (read_all) begin
        read_lane_q <= (read_lane_q == LaneW'(Pixels - 1)) ? '0 : read_lane_q + 1'b1;
      end
      if (m_ready_i || !valid_q) valid_q <= some_q;
    end
    if (m_ready_i || !valid_q) data_q <= picked;
  end

  // Before the last row of a round: does the next one lie on the oldest vector's?
  logic before_end;
  assign before_end = en_q ? row_q == RowW'(Mh - 2) : row_end;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) en_q <= 1'b1;
    else         en_q <= !(before_end && there && TurnW'(turn_q + 1'b1) == first_turn);
  end

  assign m_data_o  = data_q;
  assign m_valid_o = valid_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(RoomForAllStamps_A, take, stamps_ready)
  `XF_ASSERT_WHEN(StampOfEveryResult_A, some_q, there)
  `XF_ASSERT_WHEN(PlacesHeld_A, 1'b1, full_q == (32'(held_q) == Pixels))

`ifdef XF_CHECK
  xf_check_beats #(.Out(Groups), .Most(Most + 1)) u_beats (
    .clk_i, .rst_ni, .taken_i(take), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_xnor_mvu_pixels
