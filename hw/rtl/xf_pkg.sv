// SPDX-License-Identifier: Apache-2.0
//
// Names for the values of parameters, and types.

package xf_pkg;

  // Where a table lies: nowhere, in logic, in block RAM, in block RAM whose words lie in columns of
  // which one is chosen right behind it or behind registers (xf_rom_weights), in
  // UltraRAM.
  typedef enum logic [2:0] {NoMemory, Logic, Block, Deep, Columns, Ultra} memory_e;

  // How a row multiplies: counts equal bits or adds elements or their inverses, multiplies counts by
  // constants, adds planes of weights of several bits, gates elements with -1, 0 and 1, or has
  // multipliers.
  typedef enum logic [2:0] {Signs, Scaled, Planes, Ternary, Multipliers} dot_e;

  // Registers of a dot product (hw/tree.py): 1 in front of its even levels, 0 in front of its odd ones.
`ifdef XF_XC7
  localparam int unsigned Early = 1;
`else
  localparam int unsigned Early = 0;
`endif

  // A write of a host's into a memory of weights, thresholds or a table (xf_load): the number of the
  // memory, and the place of these 32 bits in it, piece by piece and word by word.
  typedef struct packed {
    logic        valid;
    logic [9:0]  memory;
    logic [17:0] place;
    logic [31:0] data;
  } load_t;

endpackage : xf_pkg
