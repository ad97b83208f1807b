// SPDX-License-Identifier: Apache-2.0
//
// Memory with one read port and one write port with an enable per 32 bits of a word.
//
// Rate       one read and one write per cycle
// Latency    1 cycle of clk_i with en_i high
// Reset      none; it starts with the contents of File
// Collision  the result of reading a word in the cycle in which it is written is unknown

module xf_template #(
  parameter  int unsigned Width  = 32,
  parameter  int unsigned Depth  = 4,
  parameter  int unsigned Block  = 0,   // block RAM, else LUTs
  parameter               File   = "",
  localparam int unsigned Pieces = (Width + 31) / 32,
  localparam int unsigned Piece  = (Width < 32) ? Width : 32,
  localparam int unsigned Last   = Width - 32 * (Pieces - 1),  // bits of the last piece
  localparam int unsigned AddrW  = $clog2(Depth)
) (
  input  logic              clk_i,
  input  logic [Pieces-1:0] write_i,
  input  logic [AddrW-1:0]  write_addr_i,
  input  logic [Width-1:0]  write_data_i,
  input  logic              en_i,
  input  logic [AddrW-1:0]  addr_i,
  output logic [Width-1:0]  data_o
);

  if (Width < 1) begin : gen_bad_size
    $error("xf_template: Width must be at least 1; got Width=%0d", Width);
  end else if (Depth < 2) begin : gen_bad_depth
    $error("xf_template: Depth must be at least 2; got Depth=%0d", Depth);
  end

  // An attribute takes no parameter, hence two memories of which one is built.
  if (Block != 0) begin : gen_block
    (* ram_style = "block", no_rw_check *) logic [Width-1:0] mem [Depth];
    initial if (File != "") $readmemh(File, mem);
    always_ff @(posedge clk_i) begin
      for (int unsigned p = 0; p + 1 < Pieces; p++) begin
        if (write_i[p]) mem[write_addr_i][p*Piece +: Piece] <= write_data_i[p*Piece +: Piece];
      end
      if (write_i[Pieces-1]) mem[write_addr_i][Width-1 -: Last] <= write_data_i[Width-1 -: Last];
      if (en_i) data_o <= mem[addr_i];
    end
  end else begin : gen_distributed
    (* ram_style = "distributed", no_rw_check *) logic [Width-1:0] mem [Depth];
    initial if (File != "") $readmemh(File, mem);
    always_ff @(posedge clk_i) begin
      for (int unsigned p = 0; p + 1 < Pieces; p++) begin
        if (write_i[p]) mem[write_addr_i][p*Piece +: Piece] <= write_data_i[p*Piece +: Piece];
      end
      if (write_i[Pieces-1]) mem[write_addr_i][Width-1 -: Last] <= write_data_i[Width-1 -: Last];
      if (en_i) data_o <= mem[addr_i];
    end
  end

endmodule : xf_template
