// SPDX-License-Identifier: Apache-2.0
//
// Control of a loop over whole frames: a frame is taken into a store, goes through a body Steps
// times, each time from the store and back into it, and leaves.
//
// Between steps the body is empty and in reset for three cycles; then the store shows its first
// beat, and memories show the page of the step.
//
// Rate       see the cycle model: a beat in per cycle, a step after the other, a beat out per cycle
// Reset      synchronous, control state only
// Bit model  op.py, Loop.execute_node

`include "xf_assert.svh"

module xf_loop_frame #(
  parameter  int unsigned Steps    = 2,
  parameter  int unsigned Beats    = 1,  // of a frame
  parameter  int unsigned Lanes    = 1,  // elements of a beat
  parameter  int unsigned Signed   = 0,  // whether elements have a sign
  parameter  int unsigned InBits   = 8,  // of an element that enters,
  parameter  int unsigned Bits     = 8,  // in the store, all others or more,
  parameter  int unsigned ReadBits = 8,  // that the body takes,
  parameter  int unsigned MadeBits = 8,  // that it gives,
  parameter  int unsigned OutBits  = 8,  // and that leaves
  localparam int unsigned CountW   = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned StepW    = $clog2(Steps + 1)
) (
  input  logic                     clk_i, rst_ni,
  input  logic [Lanes*InBits-1:0]  s_data_i,
  input  logic                     s_valid_i,
  output logic                     s_ready_o,
  output logic [Lanes*OutBits-1:0] m_data_o,
  output logic                     m_valid_o,
  input  logic                     m_ready_i,
  // The body; what it makes is always taken.
  output logic                     body_rst_no,
  output logic [17:0]              page_o,
  output logic [Lanes*ReadBits-1:0] body_data_o,
  output logic                     body_valid_o,
  input  logic                     body_ready_i,
  input  logic [Lanes*MadeBits-1:0] next_data_i,
  input  logic                     next_valid_i,
  // The store, a FIFO.
  output logic [Lanes*Bits-1:0]    put_data_o,
  output logic                     put_valid_o,
  input  logic                     put_ready_i,
  input  logic [Lanes*Bits-1:0]    got_data_i,
  input  logic                     got_valid_i,
  output logic                     got_ready_o
);

  if (Steps < 1 || Beats < 1 || Lanes < 1) begin : gen_bad_size
    $error("xf_loop_frame: Steps, Beats, Lanes must be > 0; got %0d, %0d, %0d", Steps, Beats, Lanes);
  end else if (InBits < 1 || ReadBits < 1 || MadeBits < 1 || OutBits < 1 || InBits > Bits
               || ReadBits > Bits || MadeBits > Bits || OutBits > Bits) begin : gen_bad_bits
    $error("xf_loop_frame: all bits must be 1 .. Bits=%0d; got %0d, %0d, %0d, %0d",
           Bits, InBits, ReadBits, MadeBits, OutBits);
  end

  typedef enum logic [1:0] {Take, Rest, Run, Give} state_e;

  state_e                   state_q;
  logic [1:0]               rest_q;
  logic [StepW-1:0]         step_q;   // that runs next or now
  logic [CountW-1:0]        put_q;    // beats into the store
  logic [CountW-1:0]        got_q;    // beats out of it
  logic                     left_q, valid_q, put, got, last_put, last_got, pull;
  logic [Lanes*OutBits-1:0] data_q;
  logic [Lanes*OutBits-1:0] cut;

  for (genvar k = 0; k < Lanes; k++) begin : gen_lane
    logic [InBits-1:0]   entering;
    logic [MadeBits-1:0] made;
    assign entering = s_data_i[k*InBits +: InBits];
    assign made     = next_data_i[k*MadeBits +: MadeBits];
    assign put_data_o[k*Bits +: Bits] = (state_q == Take)
      ? Bits'(signed'({(Signed != 0) & entering[InBits-1], entering}))
      : Bits'(signed'({(Signed != 0) & made[MadeBits-1], made}));
    assign body_data_o[k*ReadBits +: ReadBits] = got_data_i[k*Bits +: ReadBits];
    assign cut[k*OutBits +: OutBits]           = got_data_i[k*Bits +: OutBits];
  end

  if (ReadBits < Bits && OutBits < Bits) begin : gen_cut
    logic unused;
    assign unused = ^got_data_i;
  end

  assign s_ready_o    = state_q == Take;
  assign put_valid_o  = (state_q == Take) ? s_valid_i : next_valid_i;
  assign put          = put_valid_o & put_ready_i;
  assign last_put     = put && put_q == CountW'(Beats - 1);

  assign body_rst_no  = rst_ni && state_q == Run;
  assign page_o       = 18'(step_q);
  assign body_valid_o = state_q == Run && left_q && got_valid_i;
  assign pull         = state_q == Give && got_valid_i && (m_ready_i || !valid_q);
  assign got_ready_o  = (body_valid_o & body_ready_i) | pull;
  assign got          = got_ready_o;
  assign last_got     = got && got_q == CountW'(Beats - 1);

  assign m_valid_o = valid_q;
  assign m_data_o  = data_q;

  always_ff @(posedge clk_i) if (pull) data_q <= cut;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Take;
      rest_q  <= '0;
      step_q  <= '0;
      put_q   <= '0;
      got_q   <= '0;
      left_q  <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (put) put_q <= last_put ? '0 : put_q + 1'b1;
      if (got) got_q <= last_got ? '0 : got_q + 1'b1;
      if (last_got) left_q <= 1'b0;
      if (m_ready_i) valid_q <= 1'b0;
      if (pull) valid_q <= 1'b1;
      if (last_put) state_q <= Rest;
      if (last_put && state_q == Run) step_q <= step_q + 1'b1;
      if (state_q == Rest) begin
        rest_q <= (rest_q == 2'd2) ? '0 : rest_q + 1'b1;
        left_q <= 1'b1;
        if (rest_q == 2'd2) state_q <= (step_q == StepW'(Steps)) ? Give : Run;
      end
      if (state_q == Give && last_got) begin
        state_q <= Take;
        step_q  <= '0;
      end
    end
  end

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_WHEN(RoomInTheStore_A, put_valid_o, put_ready_i)
  `XF_ASSERT_WHEN(NothingAtRest_A, state_q == Rest || state_q == Give, !next_valid_i)
  `XF_ASSERT_WHEN(ReadAtTheEnd_A, state_q == Run && last_put, !left_q)

`ifdef XF_CHECK
  // The last beat of a result may wait while the next frame is taken.
  xf_check_beats #(.In(Beats), .Out(Beats), .First(Beats), .Most(2 * Beats)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_loop_frame
