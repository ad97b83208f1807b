// SPDX-License-Identifier: Apache-2.0
//
// Memory of weights (xf_rom), in logic, in block RAM or in UltraRAM. Of Deep and Columns, words Rows
// apart share a row of block RAM, and one of them is selected: word r + Rows * c is column c of row r
// of the file, column 0 in the lowest bits.
//
// Deep: right after the RAM, four at a time: one LUT per bit for four columns, two for five, three
// for nine. Yosys' own choice of columns has the fewest blocks, but needs five LUTs per bit for nine
// columns.
// Columns: after two registers. Directly after the RAM the selection would not fit into a cycle,
// since a read takes 5.8 ns on ECP5. The first register becomes the RAM's own; the second divides
// the route from blocks that are spread over the part.
//
// Latency    1 cycle of clk_i with en_i high; of Columns one more, two with several; the selection
// Reset      none; data_o is unknown until the first word is through

module xf_rom_weights #(
  parameter  int unsigned     Width   = 8,
  parameter  int unsigned     Depth   = 16,
  parameter  xf_pkg::memory_e Memory  = xf_pkg::Block,
  parameter  int unsigned     Rows    = 0,    // of Deep and Columns, a power of two; others have none
  parameter                   File    = "",
  parameter  int unsigned     Load    = 0,    // of xf_rom
  localparam int unsigned     AddrW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned     Columns = (Rows > 0) ? (Depth + Rows - 1) / Rows : 1,
  localparam int unsigned     RowW    = (Columns > 1) ? $clog2(Rows) : (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic             clk_i, en_i,
  input  logic [AddrW-1:0] addr_i,
  input  xf_pkg::load_t    load_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_rom_weights: Width, Depth must be at least 1; got %0d, %0d", Width, Depth);
  end else if (Memory == xf_pkg::Columns && (Rows < 2 || 2**$clog2(Rows) != Rows)) begin : gen_bad_rows
    $error("xf_rom_weights: Rows must be a power of two, 2 or more; got Rows=%0d", Rows);
  end else if (Memory == xf_pkg::Deep
               && (Rows < 2 || 2**$clog2(Rows) != Rows || Columns < 2 || Columns > 16)) begin : gen_bad_deep
    $error("xf_rom_weights: Rows must be a power of two, a sixteenth of Depth or more; got %0d, %0d",
           Rows, Depth);
  end

  logic [Columns*Width-1:0] row;
  logic [RowW-1:0]          place;
  assign place = RowW'(addr_i);
  xf_rom #(
    .Width(Columns * Width), .Depth((Columns > 1) ? Rows : Depth),
    .Kind((Memory == xf_pkg::Ultra) ? 3 : (Memory == xf_pkg::Logic) ? 1 : 2), .File(File), .Load(Load)
  ) u_row (
    .clk_i, .en_i, .addr_i(place), .load_i, .data_o(row)
  );

  if (Memory == xf_pkg::Columns) begin : gen_columns
    logic [Columns*Width-1:0] row_q;
    always_ff @(posedge clk_i) if (en_i) row_q <= row;
    if (Columns > 1) begin : gen_several
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
    end else begin : gen_one
      assign data_o = row_q;
    end
  end else if (Memory == xf_pkg::Deep) begin : gen_deep
    localparam int unsigned Groups = (Columns + 3) / 4;
    logic [3:0] column_q;
    always_ff @(posedge clk_i) if (en_i) column_q <= 4'(addr_i >> RowW);

    // What is beyond the last column is never asked for, and repeats it.
    logic [4*Groups*Width-1:0] wide;
    logic [4*Width-1:0]        chosen;
    for (genvar c = 0; c < 4 * Groups; c++) begin : gen_wide
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
  end else begin : gen_words
    assign data_o = row;
  end

endmodule : xf_rom_weights
