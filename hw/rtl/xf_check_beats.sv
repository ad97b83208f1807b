// SPDX-License-Identifier: Apache-2.0
//
// Checker, in simulations only (XF_CHECK): beats of a stream in and of a stream out, counted by
// frames.
//
// Of every frame In beats are taken and Out beats given. Its first beat is given when First of its
// beats have been taken, its last one when Needed have, or later: nothing is made up. Never are more
// than Most beats taken beyond the frames that have been given whole: nothing is lost. `frame` is
// what the module repeats: an image, a vector, a row, a beat. It drives nothing that is built.
//
// Rate       a beat taken and a beat given per cycle
// Latency    a beat is given one cycle after the beats it needs, or later
// Reset      synchronous; the next beats are the first of a frame

`ifdef XF_CHECK

module xf_check_beats #(
  parameter int unsigned In     = 1,
  parameter int unsigned Out    = 1,
  parameter int unsigned First  = 1,   // 1 .. Needed
  parameter int unsigned Needed = In,  // 1 .. In
  parameter int unsigned Most   = In   // Needed or more
) (
  input logic clk_i,
  input logic rst_ni,
  input logic taken_i,
  input logic given_i
);

  if (In < 1 || Out < 1) begin : gen_bad_size
    $error("xf_check_beats: In, Out must be at least 1; got %0d, %0d", In, Out);
  end else if (First < 1 || First > Needed || Needed > In || Needed > Most) begin : gen_bad_order
    $error("xf_check_beats: must be 1 <= First <= Needed <= In, Most; got %0d, %0d, %0d, %0d",
           First, Needed, In, Most);
  end

  int signed   ahead_q;  // beats taken beyond the frames given whole; negative where a frame was given
                         // that has beats to come
  int unsigned beat_q;   // of the frame, at the output

  // An assert is come to where it fails only, and all is looked at where a beat moves: a simulation
  // pays for both.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ahead_q <= 0;
      beat_q  <= 0;
    end else if (given_i) begin
      if (ahead_q < int'((beat_q == Out - 1) ? Needed : First)) NotBeforeItsBeats_A : assert (0);
      beat_q  <= (beat_q == Out - 1) ? 0 : beat_q + 1;
      ahead_q <= ahead_q + (taken_i ? 1 : 0) - ((beat_q == Out - 1) ? int'(In) : 0);
    end else if (taken_i) begin
      if (ahead_q >= int'(Most)) NothingLost_A : assert (0);
      ahead_q <= ahead_q + 1;
    end
  end

endmodule : xf_check_beats
`endif
