// SPDX-License-Identifier: Apache-2.0
//
// A stream between two operators of the generated top, from its writer (given, taken) to its reader
// (valid, ready): wires.
//
// With XF_PAUSE, which is for simulation only, the stream pauses while its bit of the top's port
// pause_i is set: no new beat reaches the reader, and the writer is not ready. A beat that has been
// offered to the reader stays offered until it is accepted, as always.

`ifndef XF_LINK
`ifdef XF_PAUSE
`define XF_LINK(Name, Index) \
  logic open``Name, held``Name; \
  assign open``Name  = ~pause_i[Index] | held``Name; \
  assign valid``Name = given``Name & open``Name; \
  assign taken``Name = ready``Name & open``Name; \
  always_ff @(posedge aclk) held``Name <= aresetn & valid``Name & ~ready``Name;
`else
`define XF_LINK(Name, Index) \
  assign valid``Name = given``Name; \
  assign taken``Name = ready``Name;
`endif
`endif
