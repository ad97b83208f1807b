// SPDX-License-Identifier: Apache-2.0
//
// Memory in block RAM (xf_rom) followed by a register, deeper than one block: words Rows apart
// share a row of the memory, and one of them is selected after two registers. Directly after the
// RAM the selection would not fit into a cycle, since a read takes 5.8 ns on ECP5. The first
// register becomes the RAM's own; the second divides the route from blocks that are spread over
// the part.
//
// Word r + Rows * c is column c of row r of the file, column 0 in the lowest bits.
//
// Latency    2 cycles of clk_i with en_i high; with several columns 3, plus the selection
// Reset      none; data_o is unknown until the first word is through

module xf_rom_columns #(
  parameter  int unsigned Width   = 8,
  parameter  int unsigned Depth   = 16,
  parameter  int unsigned Rows    = 8,    // a power of two
  parameter               File    = "",
  parameter  int unsigned Load    = 0,    // of xf_rom
  localparam int unsigned AddrW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned Columns = (Depth + Rows - 1) / Rows
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [AddrW-1:0] addr_i,
  input  xf_pkg::load_t    load_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_rom_columns: Width, Depth must be at least 1; got %0d, %0d", Width, Depth);
  end else if (Rows < 2 || 2**$clog2(Rows) != Rows) begin : gen_bad_rows
    $error("xf_rom_columns: Rows must be a power of two, 2 or more; got Rows=%0d", Rows);
  end

  localparam int unsigned RowW = (Columns > 1) ? $clog2(Rows) : AddrW;

  logic [Columns*Width-1:0] read, row_q;
  xf_rom #(
    .Width(Columns * Width), .Depth((Columns > 1) ? Rows : Depth), .File(File), .Load(Load)
  ) u_row (
    .clk_i, .en_i, .addr_i(addr_i[RowW-1:0]), .load_i, .data_o(read)
  );
  always_ff @(posedge clk_i) if (en_i) row_q <= read;

  if (Columns > 1) begin : gen_columns
    logic [Columns*Width-1:0] near_q;
    logic [AddrW-RowW-1:0]    column_read_q, column_row_q, column_near_q;
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        near_q        <= row_q;
        column_read_q <= addr_i[AddrW-1:RowW];
        column_row_q  <= column_read_q;
        column_near_q <= column_row_q;
      end
    end
    assign data_o = near_q[32'(column_near_q)*Width +: Width];
  end else begin : gen_one_column
    assign data_o = row_q;
  end

endmodule : xf_rom_columns
