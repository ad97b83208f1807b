// SPDX-License-Identifier: Apache-2.0
//
// Channels become the pixels of a block: for every input pixel the first Chunk beats belong to the
// first output row, the next Chunk beats to the row below, and so on, Block rows in total.
//
// Two input rows are kept; one is read while the other is written. (Blocks of one row are in the
// right order already: xf_crop.) Output rows end after Kept beats; the last input row makes only
// LastRows output rows.
//
// Rate       one input beat per cycle
// Latency    2 cycles where an output row needs no more than its first beat
// Reset      synchronous, control state only; the memory is read only where it was written
// Bit model  op.py, DepthToSpace.execute_node

`include "xf_assert.svh"

module xf_depth_to_space #(
  parameter  int unsigned Rows     = 2,               // of the input
  parameter  int unsigned Pixels   = 4,               // in an input row
  parameter  int unsigned Block    = 2,               // output rows of an input row
  parameter  int unsigned Chunk    = 2,               // beats of a pixel in one output row
  parameter  int unsigned Width    = 8,               // bits per beat
  parameter  int unsigned Kept     = Pixels * Chunk,  // beats of an output row that are given
  parameter  int unsigned LastRows = Block,           // output rows of the last input row
  localparam int unsigned Depth    = Pixels * Block * Chunk,
  localparam int unsigned AddrW    = $clog2(2 * Depth),
  localparam int unsigned KeptW    = (Kept > 1) ? $clog2(Kept) : 1,
  localparam int unsigned BeatW    = (Chunk > 1) ? $clog2(Chunk) : 1,
  localparam int unsigned PassW    = (Block > 1) ? $clog2(Block) : 1,
  localparam int unsigned RowW     = (Rows > 1) ? $clog2(Rows) : 1
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Rows < 1 || Pixels < 1 || Block < 1 || Chunk < 1 || Width < 1) begin : gen_bad_size
    $error("xf_depth_to_space: Rows, Pixels, Block, Chunk, Width must be > 0; got %0d, %0d, %0d, %0d, %0d",
           Rows, Pixels, Block, Chunk, Width);
  end else if (Kept < 1 || Kept > Pixels * Chunk) begin : gen_bad_kept
    $error("xf_depth_to_space: Kept must be 1 .. Pixels * Chunk; got Kept=%0d, Pixels=%0d, Chunk=%0d",
           Kept, Pixels, Chunk);
  end else if (LastRows < 1 || LastRows > Block) begin : gen_bad_last_rows
    $error("xf_depth_to_space: LastRows must be 1 .. Block; got LastRows=%0d, Block=%0d",
           LastRows, Block);
  end

  logic [AddrW-1:0] read_q, first_q;  // first_q: of the output row
  logic [KeptW-1:0] place_q;          // in the output row
  logic [BeatW-1:0] beat_q;           // of the chunk
  logic [PassW-1:0] pass_q;           // output row of the input row
  logic             pull, second, done, beat_last, place_last, pass_last;

  assign beat_last  = beat_q == BeatW'(Chunk - 1);
  assign place_last = place_q == KeptW'(Kept - 1);
  assign done       = pull && place_last && pass_last;

  if (LastRows < Block) begin : gen_cut
    logic [RowW-1:0] row_q;
    logic            row_last;
    assign row_last  = row_q == RowW'(Rows - 1);
    assign pass_last = pass_q == (row_last ? PassW'(LastRows - 1) : PassW'(Block - 1));
    always_ff @(posedge clk_i) begin
      if (!rst_ni) row_q <= '0;
      else if (done) row_q <= row_last ? '0 : row_q + 1'b1;
    end
  end else begin : gen_whole
    assign pass_last = pass_q == PassW'(Block - 1);
  end

  xf_frames #(.Beats(Depth), .Width(Width)) u_rows (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i,
    .read_i(read_q), .last_i(place_last && pass_last), .pull_o(pull), .second_o(second)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q  <= '0;
      first_q <= '0;
      place_q <= '0;
      beat_q  <= '0;
      pass_q  <= '0;
    end else if (pull) begin
      place_q <= place_last ? '0 : place_q + 1'b1;
      beat_q  <= (place_last || beat_last) ? '0 : beat_q + 1'b1;
      if (done) begin
        pass_q  <= '0;
        read_q  <= second ? '0 : AddrW'(Depth);
        first_q <= second ? '0 : AddrW'(Depth);
      end else if (place_last) begin
        pass_q  <= pass_q + 1'b1;
        read_q  <= first_q + AddrW'(Chunk);
        first_q <= first_q + AddrW'(Chunk);
      end else begin
        read_q <= read_q + (beat_last ? AddrW'((Block - 1) * Chunk + 1) : AddrW'(1));
      end
    end
  end

`ifdef XF_CHECK
  // What is read and not given yet is the register; at most two rows are kept, and one beat.
  xf_check_beats #(
    .In(Rows * Depth), .Out(((Rows - 1) * Block + LastRows) * Kept),
    .Most(Rows * Depth + 2 * Depth + 1)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

endmodule : xf_depth_to_space
