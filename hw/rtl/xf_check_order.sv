// SPDX-License-Identifier: Apache-2.0
//
// Checker for simulation only (XF_CHECK): the output beats of a buffer are its input beats in the
// same order, none is lost or invented, and at most Most parts are inside.
//
// An input beat is InParts parts of Width bits, an output beat OutParts, the first in the lowest
// bits. The checker keeps a copy of the contents and drives no hardware.
//
// Rate       one beat in and one beat out per cycle
// Latency    an output beat is expected one cycle after its input beat, or later
// Reset      synchronous; the buffer is empty afterwards

`include "xf_assert.svh"

`ifdef XF_CHECK

module xf_check_order #(
  parameter int unsigned Width    = 8,
  parameter int unsigned InParts  = 1,
  parameter int unsigned OutParts = 1,
  parameter int unsigned Most     = 2   // parts
) (
  input logic                      clk_i, rst_ni,
  input logic                      taken_i,
  input logic [InParts*Width-1:0]  taken_data_i,
  input logic                      given_i,
  input logic [OutParts*Width-1:0] given_data_i
);

  if (Width < 1 || InParts < 1 || OutParts < 1) begin : gen_bad_size
    $error("xf_check_order: Width, InParts, OutParts must be at least 1; got %0d, %0d, %0d",
           Width, InParts, OutParts);
  end else if (Most < InParts || Most < OutParts) begin : gen_bad_most
    $error("xf_check_order: Most must hold a beat; got Most=%0d, InParts=%0d, OutParts=%0d",
           Most, InParts, OutParts);
  end

  logic [Width-1:0] kept [Most];
  int unsigned      write_q, read_q, fill_q;  // parts

  // Evaluated only where a beat moves, and the assert itself only where it fails: simulation is
  // faster so.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= 0;
      read_q  <= 0;
      fill_q  <= 0;
    end else if (taken_i || given_i) begin
      if (!given_i && fill_q + InParts > Most) FillBound_A : assert (0);
      fill_q <= fill_q + (taken_i ? InParts : 0) - (given_i ? OutParts : 0);
      if (taken_i) begin
        for (int unsigned k = 0; k < InParts; k++) begin
          kept[(write_q + k < Most) ? write_q + k : write_q + k - Most] <=
            taken_data_i[k*Width +: Width];
        end
        write_q <= (write_q + InParts < Most) ? write_q + InParts : write_q + InParts - Most;
      end
      if (given_i) begin
        if (fill_q < OutParts) NothingMade_A : assert (0);
        for (int unsigned k = 0; k < OutParts; k++) begin
          if (given_data_i[k*Width +: Width]
              != kept[(read_q + k < Most) ? read_q + k : read_q + k - Most])
            `XF_LABEL(InOrder_A) assert (0);
        end
        read_q <= (read_q + OutParts < Most) ? read_q + OutParts : read_q + OutParts - Most;
      end
    end
  end

endmodule : xf_check_order
`endif
