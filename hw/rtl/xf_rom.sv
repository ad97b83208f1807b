// SPDX-License-Identifier: Apache-2.0
//
// Read-only memory with contents from a $readmemh file.
//
// Kind 0: logic, no register, data_o follows addr_i in the same cycle.
// Kind 1: logic, registered.
// Kind 2: block RAM, registered.
//
// Latency    0 or 1 cycles of clk_i with en_i high
// Reset      none; data_o is unknown until the first read

module xf_rom #(
  parameter  int unsigned Width = 8,
  parameter  int unsigned Depth = 16,
  parameter  int unsigned Kind  = 2,
  parameter               File  = "",
  localparam int unsigned AddrW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [AddrW-1:0] addr_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_rom: Width, Depth must be at least 1; got %0d, %0d", Width, Depth);
  end else if (Kind > 2) begin : gen_bad_kind
    $error("xf_rom: Kind must be 0, 1 or 2; got Kind=%0d", Kind);
  end

  // An attribute takes no parameter, hence three memories of which one is built.
  if (Kind == 2) begin : gen_block
    (* rom_style = "block" *) logic [Width-1:0] mem [Depth];
    initial if (File != "") $readmemh(File, mem);
    always_ff @(posedge clk_i) if (en_i) data_o <= mem[addr_i];
  end else if (Kind == 1) begin : gen_logic
    (* rom_style = "logic" *) logic [Width-1:0] mem [Depth];
    initial if (File != "") $readmemh(File, mem);
    always_ff @(posedge clk_i) if (en_i) data_o <= mem[addr_i];
  end else begin : gen_direct
    (* rom_style = "logic" *) logic [Width-1:0] mem [Depth];
    initial if (File != "") $readmemh(File, mem);
    assign data_o = mem[addr_i];
    /* verilator lint_off UNUSEDSIGNAL */  // no register here
    logic unused;
    /* verilator lint_on UNUSEDSIGNAL */
    assign unused = clk_i ^ en_i;
  end

endmodule : xf_rom
