// SPDX-License-Identifier: Apache-2.0
//
// Bit widths of streams, packed into a parameter, one byte each. Included inside a module that has
// `Inputs` streams.

// Sum of the first `count` bytes.
function automatic int unsigned xf_sum8(logic [8*Inputs-1:0] bytes, int unsigned count);
  xf_sum8 = 0;
  for (int unsigned k = 0; k < count; k++) xf_sum8 += 32'(bytes[8*k +: 8]);
endfunction
