// SPDX-License-Identifier: Apache-2.0
//
// Names for the values of parameters.

package xf_pkg;

  // Where a table lies: nowhere, in logic, in block RAM, in block RAM whose words lie in columns of
  // which one is chosen right behind it (xf_rom_deep) or behind registers (xf_rom_columns).
  typedef enum logic [2:0] {NoMemory, Logic, Block, Deep, Columns} memory_e;

  // How a row multiplies: counts equal bits or adds elements or their inverses, multiplies counts by
  // constants, adds planes of weights of several bits, gates elements with -1, 0 and 1, or has
  // multipliers.
  typedef enum logic [2:0] {Signs, Scaled, Planes, Ternary, Multipliers} dot_e;

endpackage : xf_pkg
