// SPDX-License-Identifier: Apache-2.0
//
// Input buffer of two vectors: one is read repeatedly while the next is written.
//
// A vector is Beats beats. It is written once and read Passes times in order; then its half of the
// memory is free. step_o: a beat is read in this cycle; it is on data_o one enabled cycle later.
//
// Rate       one beat written and one read per cycle
// Latency    a beat can be read one cycle after it was written
// Reset      synchronous, control state only; the memory is read only where it was written
// Ready      depends on registers only

`include "xf_assert.svh"

module xf_replay #(
  parameter  int unsigned Width  = 8,
  parameter  int unsigned Beats  = 4,
  parameter  int unsigned Passes = 4,
  localparam int unsigned Reads  = Beats * Passes,                     // of one vector
  localparam int unsigned AddrW  = (Reads > 1) ? $clog2(Reads) : 1
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  input  logic             en_i,      // the reader moves
  output logic             step_o,    // a beat is read
  output logic             last_o,    // it is the last of its pass
  output logic [AddrW-1:0] addr_o,    // its number among all reads of the vector
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Beats < 1 || Passes < 1) begin : gen_bad_size
    $error("xf_replay: Width, Beats, Passes must be at least 1; got %0d, %0d, %0d",
           Width, Beats, Passes);
  end

  localparam int unsigned BeatW = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned Depth = 2 * 2**BeatW;
  localparam int unsigned Gap   = 2**BeatW - Beats + 1;  // from the last beat of a half to the next half

  logic [BeatW-1:0] write_q, read;     // beat within the vector
  logic             write_half_q, read_half_q;
  logic [1:0]       full_q;            // vectors written and not done
  logic [AddrW-1:0] addr_q;
  logic             push, wrote, done;

  assign s_ready_o = ~full_q[1];
  assign push      = s_valid_i & s_ready_o;
  assign wrote     = push & (write_q == BeatW'(Beats - 1));
  // With no whole vector, the one being written is the one being read: only the beat to come is
  // missing.
  assign step_o    = en_i & ((full_q != '0) | (write_q != read));
  assign done      = step_o & (addr_q == AddrW'(Reads - 1));
  assign last_o    = (read == BeatW'(Beats - 1));
  assign addr_o    = addr_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q      <= '0;
      write_half_q <= 1'b0;
      read_half_q  <= 1'b0;
      full_q       <= '0;
      addr_q       <= '0;
    end else begin
      if (push) {write_half_q, write_q} <= {write_half_q, write_q} + (1 + BeatW)'(wrote ? Gap : 1);
      if (step_o) addr_q <= done ? '0 : addr_q + 1'b1;
      read_half_q  <= read_half_q ^ done;
      if (wrote != done) full_q <= wrote ? full_q + 2'd1 : full_q - 2'd1;
    end
  end

  if (Beats == 1) begin : gen_one_beat
    assign read = 1'b0;
  end else if (2**BeatW == Beats || Passes == 1) begin : gen_shared_counter
    assign read = addr_q[BeatW-1:0];
  end else begin : gen_own_counter
    logic [BeatW-1:0] read_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) read_q <= '0;
      else if (step_o) read_q <= last_o ? '0 : read_q + 1'b1;
    end
    assign read = read_q;
  end

  // An attribute takes no parameter, hence two memories of which one is built. Read and written
  // words differ.
  if (Depth > 128) begin : gen_block
    (* ram_style = "block", no_rw_check *) logic [Width-1:0] mem [Depth];
    always_ff @(posedge clk_i) begin
      if (push) mem[{write_half_q, write_q}] <= s_data_i;
      if (en_i) data_o <= mem[{read_half_q, read}];
    end
  end else begin : gen_distributed
    (* ram_style = "distributed" *) logic [Width-1:0] mem [Depth];
    always_ff @(posedge clk_i) begin
      if (push) mem[{write_half_q, write_q}] <= s_data_i;
      if (en_i) data_o <= mem[{read_half_q, read}];
    end
  end

`ifdef XF_CHECK
  // A vector is read Passes times, no beat before it is written; two vectors are there at most.
  xf_check_beats #(.In(Beats), .Out(Reads), .Needed(Beats), .Most(2 * Beats)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(step_o)
  );
`endif
  `XF_ASSERT_WHEN(NotBeforeItIsWritten_A, step_o && full_q == '0, read < write_q)
  `XF_ASSERT_WHEN(TwoVectorsAtMost_A, 1'b1, full_q <= 2'd2)
  `XF_ASSERT_WHEN(LastOfThePass_A, step_o, last_o == (32'(addr_o) % Beats == Beats - 1))

`ifdef XF_SIM
  // Beats in use at the fullest push, that one among them; a vector is until its last pass is done.
  int unsigned beats, fill_q;
  assign beats = 32'(full_q) * Beats + 32'(write_q) + 1;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) fill_q <= 0;
    else if (push && beats > fill_q) fill_q <= beats;
  end
  final $display("XF_FILL %m %0d", fill_q);
`endif

endmodule : xf_replay
