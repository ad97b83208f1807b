// SPDX-License-Identifier: Apache-2.0
//
// Assertions on interfaces, checked at every rising edge of clk_i while rst_ni is high.
//
// `XF_ASSERT(Name, property): a property over several cycles.
// `XF_ASSERT_WHEN(Name, When, Condition): in every cycle with When the Condition holds. The
// simulator reaches the assert only if the condition fails, so it is cheap.
// `XF_ASSERT_STABLE(Name, Valid, Ready, Data): once Valid is high, Valid and Data stay until Ready
// is high at an edge. Data is copied only in the first cycle of a wait, while $stable(Data) would
// copy it in every cycle.
// `XF_ASSERT_INSIDE(Name, Taken, Given, Inside): the beats that were taken and not given are as many
// as bits of Inside are high.
//
// All are empty unless XF_CHECK is defined, so that synthesis reads the same file simulation
// checks. Order and number of beats are checked by xf_check_order and xf_check_beats, which a
// module instantiates where XF_CHECK is defined.

`ifndef XF_ASSERT
`ifdef XF_CHECK
`ifdef YOSYS  // to which labels of a generate loop, or of a loop that it unrolls, are one and the same
`define XF_LABEL(Name)
`else
`define XF_LABEL(Name) Name :
`endif
`define XF_ASSERT(Name, Property) \
  Name : assert property (@(posedge clk_i) disable iff (!rst_ni) Property);
`define XF_ASSERT_WHEN(Name, When, Condition) \
  always_ff @(posedge clk_i) if (rst_ni && (When) && !(Condition)) `XF_LABEL(Name) assert (0);
`define XF_ASSERT_STABLE(Name, Valid, Ready, Data) \
  if (1) begin : gen_``Name \
    logic waited_q; \
    logic [$bits(Data)-1:0] waiting_q; \
    always_ff @(posedge clk_i) begin \
      waited_q <= rst_ni && (Valid) && !(Ready); \
      if ((Valid) && !(Ready) && !waited_q) waiting_q <= Data; \
      if (rst_ni && waited_q && !((Valid) && (Data) === waiting_q)) `XF_LABEL(Name) assert (0); \
    end \
  end
`define XF_ASSERT_INSIDE(Name, Taken, Given, Inside) \
  if (1) begin : gen_``Name \
    int unsigned inside_q; \
    always_ff @(posedge clk_i) begin \
      inside_q <= rst_ni ? inside_q + 32'(Taken) - 32'(Given) : 0; \
      if (rst_ni && inside_q != $countones(Inside)) `XF_LABEL(Name) assert (0); \
    end \
  end
`else
`define XF_ASSERT(Name, Property)
`define XF_ASSERT_WHEN(Name, When, Condition)
`define XF_ASSERT_STABLE(Name, Valid, Ready, Data)
`define XF_ASSERT_INSIDE(Name, Taken, Given, Inside)
`endif
`endif
