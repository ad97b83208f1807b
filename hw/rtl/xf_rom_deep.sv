// SPDX-License-Identifier: Apache-2.0
//
// Memory in block RAM (xf_rom), deeper than its blocks: words Rows apart share a row of the memory,
// and one of them is selected after the RAM, four at a time: one LUT per bit for four columns, two
// for five, three for nine. Yosys' own choice of columns has the fewest blocks, but needs five LUTs
// per bit for nine columns.
//
// Word r + Rows * c is column c of row r of the file, column 0 in the lowest bits.
//
// Latency    1 cycle of clk_i with en_i high, plus the selection
// Reset      none; data_o is unknown until the first read

module xf_rom_deep #(
  parameter  int unsigned Width   = 8,
  parameter  int unsigned Depth   = 16,
  parameter  int unsigned Rows    = 8,    // a power of two below Depth, at least a sixteenth of it
  parameter               File    = "",
  parameter  int unsigned Load    = 0,    // of xf_rom
  localparam int unsigned AddrW   = $clog2(Depth),
  localparam int unsigned Columns = (Depth + Rows - 1) / Rows
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [AddrW-1:0] addr_i,
  input  xf_pkg::load_t    load_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Rows < 2 || 2**$clog2(Rows) != Rows || Columns < 2 || Columns > 16) begin : gen_bad
    $error("xf_rom_deep: Rows must be a power of two, a sixteenth of Depth or more; got %0d, %0d",
           Rows, Depth);
  end

  localparam int unsigned RowW   = $clog2(Rows);
  localparam int unsigned Groups = (Columns + 3) / 4;

  logic [Columns*Width-1:0] row;
  logic [3:0]               column_q;
  xf_rom #(.Width(Columns * Width), .Depth(Rows), .File(File), .Load(Load)) u_row (
    .clk_i, .en_i, .addr_i(addr_i[RowW-1:0]), .load_i, .data_o(row)
  );
  always_ff @(posedge clk_i) if (en_i) column_q <= 4'(addr_i >> RowW);

  // What is beyond the last column is never asked for, and repeats it.
  logic [4*Groups*Width-1:0] wide;
  logic [4*Width-1:0]        chosen;
  for (genvar c = 0; c < 4 * Groups; c++) begin : gen_columns
    assign wide[c*Width +: Width] = row[((c < Columns) ? c : Columns - 1)*Width +: Width];
  end
  for (genvar g = 0; g < 4; g++) begin : gen_groups
    if (g < Groups) begin : gen_four
      assign chosen[g*Width +: Width] =
        column_q[1] ? (column_q[0] ? wide[(4*g+3)*Width +: Width] : wide[(4*g+2)*Width +: Width])
                    : (column_q[0] ? wide[(4*g+1)*Width +: Width] : wide[4*g*Width +: Width]);
    end else begin : gen_none
      assign chosen[g*Width +: Width] = chosen[(Groups-1)*Width +: Width];
    end
  end
  assign data_o = column_q[3] ? (column_q[2] ? chosen[3*Width +: Width] : chosen[2*Width +: Width])
                              : (column_q[2] ? chosen[Width +: Width] : chosen[0 +: Width]);

endmodule : xf_rom_deep
