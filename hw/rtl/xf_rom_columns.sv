// SPDX-License-Identifier: Apache-2.0
//
// Read-only memory in block RAM, read word by word from the first to the last and again, and deeper
// than one block: words Rows apart lie side by side in a row of the memory. A row is read a step
// ahead and kept in registers, so that the choice of a word from it follows a register; behind the
// RAM itself it would not fit into a cycle (5.8 ns on ECP5, and the blocks lie far apart).
//
// Word r + Rows * c is column c of row r of the file, column 0 in the lowest bits.
//
// Latency    1 step of step_i, then a choice among Columns words
// Reset      synchronous, of the addresses; in the first cycle behind it step_i is low

`include "xf_assert.svh"

module xf_rom_columns #(
  parameter  int unsigned Width   = 8,
  parameter  int unsigned Depth   = 16,
  parameter  int unsigned Rows    = 8,    // a power of two below Depth
  parameter               File    = "",
  localparam int unsigned Columns = (Depth + Rows - 1) / Rows
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             step_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1) begin : gen_bad_width
    $error("xf_rom_columns: Width must be at least 1; got Width=%0d", Width);
  end else if (Rows < 2 || Rows >= Depth || 2**$clog2(Rows) != Rows) begin : gen_bad_rows
    $error("xf_rom_columns: Rows must be a power of two, 2 .. Depth - 1; got Rows=%0d, Depth=%0d",
           Rows, Depth);
  end

  localparam int unsigned RowW    = $clog2(Rows);
  localparam int unsigned ColumnW = $clog2(Columns);

  logic [Columns*Width-1:0] ahead, row_q;           // of the next word, of the last one stepped to
  logic [RowW+ColumnW-1:0]  addr_q;
  logic [ColumnW-1:0]       column_ahead_q, column_q;
  logic                     first_q, read;

  (* rom_style = "block" *) logic [Columns*Width-1:0] mem [Rows];
  initial $readmemh(File, mem);

  assign read = step_i | first_q;
  always_ff @(posedge clk_i) begin
    if (read) ahead <= mem[addr_q[RowW-1:0]];
    if (step_i) row_q <= ahead;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      addr_q  <= '0;
      first_q <= 1'b1;
    end else begin
      first_q <= 1'b0;
      if (read) addr_q <= (32'(addr_q) == Depth - 1) ? '0 : addr_q + 1'b1;
    end
    if (read) column_ahead_q <= addr_q[RowW +: ColumnW];
    if (step_i) column_q <= column_ahead_q;
  end

  assign data_o = row_q[32'(column_q)*Width +: Width];

  `XF_ASSERT_WHEN(NoStepBehindReset_A, first_q, !step_i)

endmodule : xf_rom_columns
