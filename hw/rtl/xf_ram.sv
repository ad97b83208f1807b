// SPDX-License-Identifier: Apache-2.0
//
// Memory with one read port and one write port with an enable per 32 bits of a word.
//
// Kind 0: LUTs, no register, data_o follows addr_i in the same cycle.
// Kind 1: LUTs, registered.
// Kind 2: block RAM, registered.
// Kind 3: UltraRAM, registered, empty at power-up. With XF_LOADED it starts with the contents of File,
//         for simulations that begin after a load.
//
// Rate       one read and one write per cycle
// Latency    0 or 1 cycles of clk_i with en_i high
// Reset      none; Kinds 0 to 2 start with the contents of File
// Collision  the result of reading a word in the cycle in which it is written is unknown

module xf_ram #(
  parameter  int unsigned Width  = 32,
  parameter  int unsigned Depth  = 4,
  parameter  int unsigned Kind   = 1,
  parameter               File   = "",
  localparam int unsigned Pieces = (Width + 31) / 32,
  localparam int unsigned Piece  = (Width < 32) ? Width : 32,
  localparam int unsigned Last   = Width - 32 * (Pieces - 1),  // bits of the last piece
  localparam int unsigned AddrW  = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic              clk_i,
  input  logic [Pieces-1:0] write_i,
  input  logic [AddrW-1:0]  write_addr_i,
  input  logic [Width-1:0]  write_data_i,
  input  logic              en_i,
  input  logic [AddrW-1:0]  addr_i,
  output logic [Width-1:0]  data_o
);

  if (Width < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_ram: Width, Depth must be at least 1; got %0d, %0d", Width, Depth);
  end else if (Kind > 3) begin : gen_bad_kind
    $error("xf_ram: Kind must be 0, 1, 2 or 3; got Kind=%0d", Kind);
  end

`ifdef XF_LOADED
  localparam bit Filled = 1'b1;
`else
  localparam bit Filled = Kind != 3;
`endif

  (* ram_style = (Kind == 3) ? "ultra" : (Kind == 2) ? "block" : "distributed", no_rw_check *)
  logic [Width-1:0] mem [Depth];
  initial if (Filled && File != "") $readmemh(File, mem);
  always_ff @(posedge clk_i) begin
    for (int unsigned p = 0; p + 1 < Pieces; p++) begin
      if (write_i[p]) mem[write_addr_i][p*Piece +: Piece] <= write_data_i[p*Piece +: Piece];
    end
    if (write_i[Pieces-1]) mem[write_addr_i][Width-1 -: Last] <= write_data_i[Width-1 -: Last];
  end

  if (Kind == 0) begin : gen_direct
    logic unused;
    assign data_o = mem[addr_i];
    assign unused = en_i;
  end else begin : gen_register
    always_ff @(posedge clk_i) if (en_i) data_o <= mem[addr_i];
  end

endmodule : xf_ram
