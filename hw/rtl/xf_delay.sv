// SPDX-License-Identifier: Apache-2.0
//
// Delays data by Stages cycles: the registers between the levels of a dot product, of which a family
// may have none, and with XF_SIM what follows its plain value in place of its pipeline.
//
// Rate       one value per cycle of clk_i with en_i high
// Latency    Stages such cycles
// Reset      none: data only

module xf_delay #(
  parameter int unsigned Width  = 8,
  parameter int unsigned Stages = 1
) (
  input  logic             clk_i, en_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1) begin : gen_bad_width
    $error("xf_delay: Width must be at least 1; got Width=%0d", Width);
  end

  if (Stages == 0) begin : gen_wire
    logic unused;
    assign unused = clk_i & en_i;
    assign data_o = data_i;
  end else begin : gen_registers
    logic [Stages*Width-1:0] data_q;  // the latest lowest
    always_ff @(posedge clk_i) if (en_i) data_q <= (Stages*Width)'({data_q, data_i});
    assign data_o = data_q[Stages*Width-1 -: Width];
  end

endmodule : xf_delay
