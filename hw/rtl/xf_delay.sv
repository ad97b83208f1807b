// SPDX-License-Identifier: Apache-2.0
//
// Delays data by Stages cycles: with XF_SIM it follows the plain value of a dot product in place of
// its pipeline.
//
// Rate       one value per cycle of clk_i with en_i high
// Latency    Stages such cycles
// Reset      none: data only

module xf_delay #(
  parameter int unsigned Width  = 8,
  parameter int unsigned Stages = 1
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  if (Width < 1 || Stages < 1) begin : gen_bad_size
    $error("xf_delay: Width, Stages must be at least 1; got %0d, %0d", Width, Stages);
  end

  logic [Width-1:0] data_q [Stages];

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      data_q[0] <= data_i;
      for (int unsigned k = 1; k < Stages; k++) data_q[k] <= data_q[k-1];
    end
  end
  assign data_o = data_q[Stages-1];

endmodule : xf_delay
