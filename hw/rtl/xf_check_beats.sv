// SPDX-License-Identifier: Apache-2.0
//
// Checker for simulation only (XF_CHECK): counts the beats of an input and an output stream per
// frame.
//
// A frame has In input beats and Out output beats. Its first output beat may leave once First of
// its input beats have been accepted, its last one once Needed have: no beat is invented. At most
// Most input beats are ahead of the frames that have left completely: no beat is lost. A frame is
// the unit that the module repeats: an image, a vector, a row, a beat. The checker drives no
// hardware.
//
// Rate       one beat in and one beat out per cycle
// Latency    an output beat is expected one cycle after the beats it needs, or later
// Reset      synchronous; the next beats are the first of a frame

`ifdef XF_CHECK

module xf_check_beats #(
  parameter int unsigned In     = 1,
  parameter int unsigned Out    = 1,
  parameter int unsigned First  = 1,   // 1 .. Needed
  parameter int unsigned Needed = In,  // 1 .. In
  parameter int unsigned Most   = In   // Needed or more
) (
  input logic clk_i, rst_ni,
  input logic taken_i,
  input logic given_i
);

  if (In < 1 || Out < 1) begin : gen_bad_size
    $error("xf_check_beats: In, Out must be at least 1; got %0d, %0d", In, Out);
  end else if (First < 1 || First > Needed || Needed > In || Needed > Most) begin : gen_bad_order
    $error("xf_check_beats: must be 1 <= First <= Needed <= In, Most; got %0d, %0d, %0d, %0d",
           First, Needed, In, Most);
  end

  int signed   ahead_q;  // input beats ahead of the frames that have left; negative where a frame
                         // has left before all of its input beats came
  int unsigned beat_q;   // of the frame, at the output

  // Evaluated only where a beat moves, and the assert itself only where it fails: simulation is
  // faster so.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ahead_q <= 0;
      beat_q  <= 0;
    end else if (given_i) begin
      if (ahead_q < $signed((beat_q == Out - 1) ? Needed : First)) NotBeforeItsBeats_A : assert (0);
      beat_q  <= (beat_q == Out - 1) ? 0 : beat_q + 1;
      ahead_q <= ahead_q + (taken_i ? 1 : 0) - ((beat_q == Out - 1) ? $signed(In) : 0);
    end else if (taken_i) begin
      if (ahead_q >= $signed(Most)) NothingLost_A : assert (0);
      ahead_q <= ahead_q + 1;
    end
  end

endmodule : xf_check_beats
`endif
