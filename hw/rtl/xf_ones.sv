// SPDX-License-Identifier: Apache-2.0
//
// Number of ones among Count bits: a heap of one column (xf_compress). With XF_SIM $countones with
// the same latency. Registers = 0: combinational.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    heap_latency(Heights) - 1 such cycles: bits_i is registered; none with Registers = 0
// Reset      none: data only

module xf_ones #(
  parameter  int unsigned Count     = 8,
  parameter  int unsigned Registers = 1,
  localparam int unsigned SumW      = $clog2(Count + 1)  // holds 0 .. Count
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [Count-1:0] bits_i,
  output logic [SumW-1:0]  sum_o
);

  if (Count < 1 || Count > 4095) begin : gen_bad_count
    $error("xf_ones: Count must be 1 .. 4095; got Count=%0d", Count);
  end else if (Registers > 1) begin : gen_bad_registers
    $error("xf_ones: Registers must be 0 or 1; got Registers=%0d", Registers);
  end

`include "xf_heap.svh"

  localparam logic [288:0] Heights = heap_of_sevens(heap_column(Count, 0));

`ifdef XF_SIM
  if (Registers == 0) begin : gen_direct
    logic unused_clk;
    assign unused_clk = clk_i & en_i & Heights[0];
    assign sum_o      = SumW'($countones(bits_i));
  end else begin : gen_delay
    localparam int unsigned Latency = heap_latency(Heights) - 1;
    xf_delay #(.Width(SumW), .Stages(Latency)) u_sum (
      .clk_i, .en_i, .data_i(SumW'($countones(bits_i))), .data_o(sum_o)
    );
  end
`else
  xf_compress #(
    .Heights(Heights), .Bits(Count), .SumW(SumW), .Hold((Registers == 0) ? 2 : 1)
  ) u_sum (
    .clk_i, .en_i, .bits_i, .sum_o
  );
`endif

endmodule : xf_ones
