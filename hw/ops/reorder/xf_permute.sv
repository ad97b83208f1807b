// SPDX-License-Identifier: Apache-2.0
//
// The beats of a frame in an order of its own: two frames are kept; one is written while the other, or what
// has arrived of the same, is read by addresses, from a table or counted.
//
// Chunk = 0: a table of Given addresses.
// Chunk > 0: pixels become blocks of Block rows. Of every pixel the first Chunk beats belong to the first
// output row, the next Chunk beats to the row below, and so on. Output rows end after Given beats; the last
// of Frames frames makes only LastRows of them.
//
// Rate       one beat per cycle
// Latency    2 cycles where the first beat leaves first
// Reset      synchronous, control state only; the memory is read only where it was written
// Bit model  op.py, Reorder.execute_node

`include "xf_assert.svh"

module xf_permute #(
  parameter  int unsigned Beats     = 4,      // of a frame
  parameter  int unsigned Given     = 4,      // beats that leave of it, or of a row of blocks
  parameter  int unsigned Width     = 8,      // bits per beat
  parameter  int unsigned Chunk     = 0,      // beats of a pixel in one output row; 0: a table
  parameter  int unsigned Block     = 1,      // output rows of a frame
  parameter  int unsigned Frames    = 1,
  parameter  int unsigned LastRows  = Block,  // output rows of the last frame
  parameter  int unsigned TableKind = 1,      // of the table: 1 logic, 2 block RAM
  parameter               OrderFile = "",     // the beat of the input for each beat of the output
  localparam int unsigned PlaceW    = (Given > 1) ? $clog2(Given) : 1,
  localparam int unsigned AddrW     = $clog2(2 * Beats)
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Beats < 1 || Given < 1 || Width < 1 || Frames < 1) begin : gen_bad_size
    $error("xf_permute: Beats, Given, Width, Frames must be > 0; got %0d, %0d, %0d, %0d",
           Beats, Given, Width, Frames);
  end else if (Chunk > 0 && (Block < 1 || LastRows < 1 || LastRows > Block)) begin : gen_bad_rows
    $error("xf_permute: LastRows must be 1 .. Block; got LastRows=%0d, Block=%0d", LastRows, Block);
  end else if (Chunk > 0 && Given * Block > Beats) begin : gen_bad_given
    $error("xf_permute: Block rows of Given beats exceed a frame; got Block=%0d, Given=%0d, Beats=%0d",
           Block, Given, Beats);
  end

  logic [PlaceW-1:0] place_q;  // of the output's beat
  logic [AddrW-1:0]  read;     // where the input has it
  logic              pull, second, last;

  if (Chunk == 0) begin : gen_table
    localparam int unsigned SourceW = (Beats > 1) ? $clog2(Beats) : 1;
    logic [PlaceW-1:0]  place_d;
    logic [SourceW-1:0] source;

    assign last    = place_q == PlaceW'(Given - 1);
    assign place_d = !pull ? place_q : last ? '0 : place_q + 1'b1;
    assign read    = AddrW'(source) + (second ? AddrW'(Beats) : '0);

    // The table is read a cycle ahead: source belongs to place_q.
    xf_rom #(.Width(SourceW), .Depth(Given), .Kind(TableKind), .File(OrderFile)) u_order (
      .clk_i, .en_i(1'b1), .addr_i(rst_ni ? place_d : '0), .load_i('0), .data_o(source)
    );

    always_ff @(posedge clk_i) begin
      if (!rst_ni) place_q <= '0;
      else place_q <= place_d;
    end
  end else begin : gen_blocks
    localparam int unsigned BeatW = (Chunk > 1) ? $clog2(Chunk) : 1;
    localparam int unsigned PassW = (Block > 1) ? $clog2(Block) : 1;
    localparam int unsigned RowW  = (Frames > 1) ? $clog2(Frames) : 1;
    logic [AddrW-1:0] read_q, first_q;  // first_q: of the output row
    logic [BeatW-1:0] beat_q;           // of the chunk
    logic [PassW-1:0] pass_q;           // output row of the frame
    logic             done, beat_last, place_last, pass_last;

    assign beat_last  = beat_q == BeatW'(Chunk - 1);
    assign place_last = place_q == PlaceW'(Given - 1);
    assign last       = place_last && pass_last;
    assign done       = pull && last;
    assign read       = read_q;

    if (LastRows < Block) begin : gen_cut
      logic [RowW-1:0] row_q;
      logic            row_last;
      assign row_last  = row_q == RowW'(Frames - 1);
      assign pass_last = pass_q == (row_last ? PassW'(LastRows - 1) : PassW'(Block - 1));
      always_ff @(posedge clk_i) begin
        if (!rst_ni) row_q <= '0;
        else if (done) row_q <= row_last ? '0 : row_q + 1'b1;
      end
    end else begin : gen_whole
      assign pass_last = pass_q == PassW'(Block - 1);
    end

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
          read_q  <= second ? '0 : AddrW'(Beats);
          first_q <= second ? '0 : AddrW'(Beats);
        end else if (place_last) begin
          pass_q  <= pass_q + 1'b1;
          read_q  <= first_q + AddrW'(Chunk);
          first_q <= first_q + AddrW'(Chunk);
        end else begin
          read_q <= read_q + (beat_last ? AddrW'((Block - 1) * Chunk + 1) : AddrW'(1));
        end
      end
    end
  end

  xf_frames #(.Beats(Beats), .Width(Width)) u_frames (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i,
    .read_i(read), .last_i(last), .pull_o(pull), .second_o(second)
  );

`ifdef XF_CHECK
  // What is read and not given yet is the register; at most two frames are kept, and one beat.
  xf_check_beats #(
    .In(Frames * Beats), .Out(((Frames - 1) * Block + LastRows) * Given),
    .Most((Frames + 2) * Beats + 1)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_permute
