// SPDX-License-Identifier: Apache-2.0
//
// Memory with contents from a $readmemh file, read-only for its module. With Load a host can
// replace its contents (xf_load), or it has as many pages as a loop has bodies, one behind the
// other, of which load_i.place is read; that must not change while the module runs.
//
// Kind 0: logic, no register, data_o follows addr_i in the same cycle.
// Kind 1: logic, registered.
// Kind 2: block RAM, registered.
// Kind 3: UltraRAM, registered; it begins without contents and has to be loaded (xf_ram).
//
// Latency    0 or 1 cycles of clk_i with en_i high
// Reset      none; data_o is unknown until the first read

module xf_rom #(
  parameter  int unsigned Width = 8,
  parameter  int unsigned Depth = 16,
  parameter  int unsigned Kind  = 2,
  parameter               File  = "",
  parameter  int unsigned Load  = 0,   // its number in load_i, or 1024 times its pages; 0: constants
  localparam int unsigned AddrW = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned Pages = (Load < 1024) ? 1 : Load >> 10,
  localparam int unsigned Words = Pages * Depth,
  localparam int unsigned WordW = (Words > 1) ? $clog2(Words) : 1
) (
  input  logic             clk_i, en_i,
  input  logic [AddrW-1:0] addr_i,
  input  xf_pkg::load_t    load_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_rom: Width, Depth must be at least 1; got %0d, %0d", Width, Depth);
  end else if (Kind > 3) begin : gen_bad_kind
    $error("xf_rom: Kind must be 0, 1, 2 or 3; got Kind=%0d", Kind);
  end else if (Kind == 3 && (Load == 0 || Pages > 1)) begin : gen_bad_load
    $error("xf_rom: Kind=3 has no contents unless a host loads them; got Load=%0d", Load);
  end

  if (Load == 0 || Pages > 1) begin : gen_constant
    logic unused;
    assign unused = ^load_i;
  end

  logic [WordW-1:0] word;
  if (Pages == 1) begin : gen_page
    assign word = addr_i;
  end else if (Depth > 1 && 2**AddrW == Depth) begin : gen_pages
    assign word = {load_i.place[WordW-AddrW-1:0], addr_i};
  end else begin : gen_sum
    logic [WordW-1:0] first_q;
    always_ff @(posedge clk_i) first_q <= WordW'(32'(load_i.place) * Depth);
    assign word = first_q + WordW'(addr_i);
  end

  // An attribute takes no parameter, hence three memories of which one is built.
  if (Load != 0 && Pages == 1) begin : gen_loadable
    localparam int unsigned Pieces = (Width + 31) / 32;
    localparam int unsigned PieceW = $clog2(Pieces);
    logic [Pieces-1:0] write;
    for (genvar p = 0; p < Pieces; p++) begin : gen_piece
      assign write[p] = load_i.valid && 32'(load_i.memory) == Load
                        && (32'(load_i.place) & (2**PieceW - 1)) == p;
    end
    xf_ram #(.Width(Width), .Depth(Depth), .Kind(Kind), .File(File)) u_ram (
      .clk_i, .write_i(write), .write_addr_i(AddrW'(load_i.place >> PieceW)),
      .write_data_i(Width'({Pieces{load_i.data}})), .en_i, .addr_i(word), .data_o
    );
  end else if (Kind == 2) begin : gen_block
    (* rom_style = "block" *) logic [Width-1:0] mem [Words];
    initial if (File != "") $readmemh(File, mem);
    always_ff @(posedge clk_i) if (en_i) data_o <= mem[word];
  end else if (Kind == 1) begin : gen_logic
    (* rom_style = "logic" *) logic [Width-1:0] mem [Words];
    initial if (File != "") $readmemh(File, mem);
    always_ff @(posedge clk_i) if (en_i) data_o <= mem[word];
  end else begin : gen_direct
    (* rom_style = "logic" *) logic [Width-1:0] mem [Words];
    initial if (File != "") $readmemh(File, mem);
    assign data_o = mem[word];
    /* verilator lint_off UNUSEDSIGNAL */  // no register here
    logic unused;
    /* verilator lint_on UNUSEDSIGNAL */
    assign unused = clk_i ^ en_i;
  end

endmodule : xf_rom
