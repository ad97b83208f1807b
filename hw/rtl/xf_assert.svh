// SPDX-License-Identifier: Apache-2.0
//
// `XF_ASSERT(Name, property): what a neighbour may rely on, checked at every rising edge of clk_i
// while rst_ni is high. Empty unless XF_CHECK is defined, so that synthesis reads the same file
// simulation checks.
//
// Order and number of beats are checked by xf_check_order and xf_check_beats, which a module
// instantiates where XF_CHECK is defined.

`ifndef XF_ASSERT
`ifdef XF_CHECK
`define XF_ASSERT(Name, Property) \
  Name : assert property (@(posedge clk_i) disable iff (!rst_ni) Property);
`else
`define XF_ASSERT(Name, Property)
`endif
`endif
