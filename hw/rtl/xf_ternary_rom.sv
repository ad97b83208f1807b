// SPDX-License-Identifier: Apache-2.0
//
// Elements gated by the weights of one of a few words (xf_ternary_gate), for all rows.
//
// Memory and gates are one module, so that synthesis maps them together: a gated bit depends on
// one bit of x and the word's number, one LUT6 for up to 32 words, and weights need no memory.
//
// Latency    none, combinational

module xf_ternary_rom #(
  parameter  int unsigned Simd  = 4,   // elements
  parameter  int unsigned Bits  = 2,   // per element
  parameter  int unsigned Pe    = 1,   // rows
  parameter  int unsigned Depth = 16,  // words
  parameter               File  = "",
  localparam int unsigned AddrW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic [AddrW-1:0]        addr_i,
  input  logic [Simd*Bits-1:0]    x_i,
  output logic [Pe*Simd*Bits-1:0] data_o  // element by element of a row
);

  if (Simd < 1 || Bits < 1 || Pe < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_ternary_rom: Simd, Bits, Pe, Depth must be at least 1; got %0d, %0d, %0d, %0d",
           Simd, Bits, Pe, Depth);
  end

  (* rom_style = "logic" *) logic [2*Pe*Simd-1:0] words [Depth];
  initial if (File != "") $readmemh(File, words);

  logic [2*Pe*Simd-1:0] w;
  assign w = words[addr_i];

  for (genvar p = 0; p < Pe; p++) begin : gen_row
    for (genvar k = 0; k < Simd; k++) begin : gen_element
      localparam int unsigned Own = p * Simd + k;
      assign data_o[Own*Bits +: Bits] = (x_i[k*Bits +: Bits] ^ {Bits{w[2*Own+1]}}) & {Bits{w[2*Own]}};
    end
  end

endmodule : xf_ternary_rom
