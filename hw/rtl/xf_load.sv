// SPDX-License-Identifier: Apache-2.0
//
// Replaces the weights, thresholds and tables of a network at run time, between two frames.
//
// Writes arrive with the address {memory, place} (load_t of xf_pkg). Memory 0 is this module: a
// write of 0 begins a load, one of another number ends it, which becomes the id of the weights.
// From the beginning on no new frame enters; frames that have begun run to their end. Then the
// network is held in reset (rst_no), so that nothing is kept that was read before, and words are
// accepted and leave on load_o. Until then they wait. The end is refused (write_error_o) unless
// all Words words were written since the last beginning; words and ends outside a load are refused.
//
// The id is 0 from the first word to the end. Reset keeps it, as it keeps the memories: with an id,
// a load in which no word was written is forgotten; without one, the network stays in reset, and
// frames wait, until a load begins and ends. The contents at power-up have the id 1; without them
// (BuiltIn = 0) the id begins with 0, unless XF_LOADED lets a simulation begin behind a load.
//
// load_o passes up to Stages registers; as many cycles after the end the network starts.
//
// Rate       a word per cycle
// Latency    none for the stream of frames
// Reset      synchronous, control state only; the id keeps its value
// Bit model  tests/sim/test_loading.py

`include "xf_assert.svh"

module xf_load #(
  parameter  int unsigned Beats    = 4,       // of a frame
  parameter  int unsigned MemoryW  = 1,       // bits of a memory's number
  parameter  int unsigned PlaceW   = 1,
  parameter  int unsigned Words    = 1,       // of all memories, 32 bits each
  parameter  int unsigned Stages   = 1,
  parameter  int unsigned BuiltIn  = 1,       // 1: all memories have contents at power-up
  localparam int unsigned AddrW    = MemoryW + PlaceW
) (
  input  logic             clk_i, rst_ni,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic             m_valid_o,
  input  logic             m_ready_i,
  input  logic             done_i,         // a frame has left the network
  output logic             rst_no,         // of the network
  input  logic [AddrW-1:0] write_addr_i,
  input  logic [31:0]      write_data_i,
  input  logic             write_valid_i,
  output logic             write_ready_o,
  output logic             write_error_o,
  output xf_pkg::load_t    load_o,
  output logic             open_o,         // words are accepted
  output logic [31:0]      id_o
);

  localparam int unsigned MemoryMost = $bits(load_o.memory);
  localparam int unsigned PlaceMost  = $bits(load_o.place);

  if (Beats < 1 || Words < 1 || Stages < 1) begin : gen_bad_size
    $error("xf_load: Beats, Words, Stages must be at least 1; got %0d, %0d, %0d",
           Beats, Words, Stages);
  end else if (MemoryW < 1 || MemoryW > MemoryMost) begin : gen_bad_memory
    $error("xf_load: MemoryW must be 1 .. 10; got MemoryW=%0d", MemoryW);
  end else if (PlaceW < 1 || PlaceW > PlaceMost) begin : gen_bad_place
    $error("xf_load: PlaceW must be 1 .. 18; got PlaceW=%0d", PlaceW);
  end else if (BuiltIn > 1) begin : gen_bad_built_in
    $error("xf_load: BuiltIn must be 0 or 1; got BuiltIn=%0d", BuiltIn);
  end

  localparam int unsigned BeatW  = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned CountW = $clog2(Words + 2);
  localparam int unsigned StageW = $clog2(Stages + 2);

  typedef enum logic [1:0] {Run, Drain, Load, Start} state_e;

  state_e            state_q;
  logic [31:0]       id_q;      // its lowest bit inverted, so that the id 1 is 0 here
  logic [15:0]       frames_q;  // in the network
  logic [BeatW-1:0]  beat_q;    // of the frame that enters
  logic [CountW-1:0] count_q;   // words since the beginning
  logic [StageW-1:0] stage_q;
  logic              held_q;    // a beat was offered and not taken
  logic              first, open, move, control, begins, ends, word, whole;
  xf_pkg::load_t     load_q;

`ifdef XF_LOADED
  localparam bit Begins = 1'b1;
`else
  localparam bit Begins = BuiltIn != 0;
`endif
  initial id_q = Begins ? 32'd0 : 32'd1;
  initial load_q = '0;

  assign id_o    = id_q ^ 32'd1;
  assign open_o  = state_q == Load;
  assign rst_no  = rst_ni & (state_q == Run || state_q == Drain);

  assign first     = beat_q == '0;
  assign open      = (state_q == Run) | ~first | held_q;
  assign move      = s_valid_i & s_ready_o;
  assign s_ready_o = m_ready_i & open & rst_no;
  assign m_valid_o = s_valid_i & open & rst_no;

  // A word waits while frames leave; an end waits with it.
  assign control       = write_addr_i[AddrW-1 -: MemoryW] == '0;
  assign begins        = write_valid_i & write_ready_o & control & (write_data_i == '0);
  assign word          = write_valid_i & write_ready_o & ~control & open_o;
  assign whole         = count_q == CountW'(Words);
  assign ends          = write_valid_i & control & (write_data_i != '0) & open_o & whole;
  assign write_ready_o = (control && write_data_i == '0) || state_q == Run || state_q == Load;
  assign write_error_o = (control && write_data_i == '0) ? state_q == Start
                       : control ? ~(open_o & whole) : ~open_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q  <= (id_o == '0) ? Load : Run;
      frames_q <= '0;
      beat_q   <= '0;
      count_q  <= '0;
      held_q   <= 1'b0;
      stage_q  <= '0;
    end else begin
      held_q   <= m_valid_o & ~m_ready_i;
      frames_q <= frames_q + 16'(move & first) - 16'(done_i);
      stage_q  <= (state_q == Start) ? stage_q + 1'b1 : '0;
      if (move) beat_q <= (beat_q == BeatW'(Beats - 1)) ? '0 : beat_q + 1'b1;
      if (begins) count_q <= '0;
      else if (word && count_q != CountW'(Words + 1)) count_q <= count_q + 1'b1;
      case (state_q)
        Run:     if (begins) state_q <= Drain;
        Drain:   if (!open && frames_q == '0) state_q <= Load;
        Load:    if (ends) state_q <= Start;
        default: if (stage_q == StageW'(Stages)) state_q <= Run;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni && ends) id_q <= write_data_i ^ 32'd1;
    else if (rst_ni && word) id_q <= 32'd1;
    load_q.valid  <= rst_ni & word;
    load_q.memory <= MemoryMost'(write_addr_i[AddrW-1 -: MemoryW]);
    load_q.place  <= PlaceMost'(write_addr_i[PlaceW-1:0]);
    load_q.data   <= write_data_i;
  end
  assign load_o = load_q;

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, 1'b1)
  `XF_ASSERT_INSIDE(NothingLost_A, move, m_valid_o && m_ready_i, 1'b0)
  `XF_ASSERT_WHEN(LoadedEmpty_A, word, frames_q == '0 && first)
  `XF_ASSERT_WHEN(DoneInTurn_A, done_i, frames_q != '0)

endmodule : xf_load
