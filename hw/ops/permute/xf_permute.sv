// SPDX-License-Identifier: Apache-2.0
//
// The beats of a frame in another order: two frames are kept; one is written while the other, or what has
// arrived of the same, is read by a table of addresses.
//
// Rate       one beat per cycle
// Latency    2 cycles where the first beat leaves first
// Reset      synchronous, control state only; the memory is read only where it was written
// Bit model  op.py, Permute.execute_node

`include "xf_assert.svh"

module xf_permute #(
  parameter  int unsigned Beats     = 4,   // of a frame
  parameter  int unsigned Width     = 8,   // bits per beat
  parameter  int unsigned TableKind = 1,   // of the table: 1 logic, 2 block RAM
  parameter               OrderFile = "",  // the beat of the input for each beat of the output
  localparam int unsigned PlaceW    = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned AddrW     = $clog2(2 * Beats)
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Beats < 1 || Width < 1) begin : gen_bad_size
    $error("xf_permute: Beats, Width must be > 0; got %0d, %0d", Beats, Width);
  end

  logic [PlaceW-1:0] place_q, place_d, source;  // of the output's beat; where the input has it
  logic              pull, second, last;

  assign last    = place_q == PlaceW'(Beats - 1);
  assign place_d = !pull ? place_q : last ? '0 : place_q + 1'b1;

  // The table is read a cycle ahead: source belongs to place_q.
  xf_rom #(.Width(PlaceW), .Depth(Beats), .Kind(TableKind), .File(OrderFile)) u_order (
    .clk_i, .en_i(1'b1), .addr_i(rst_ni ? place_d : '0), .load_i('0), .data_o(source)
  );

  xf_frames #(.Beats(Beats), .Width(Width)) u_frames (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i,
    .read_i(AddrW'(source) + (second ? AddrW'(Beats) : '0)), .last_i(last), .pull_o(pull),
    .second_o(second)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) place_q <= '0;
    else place_q <= place_d;
  end

`ifdef XF_CHECK
  // What is read and not given yet is the register; at most two frames are kept, and one beat.
  xf_check_beats #(.In(Beats), .Out(Beats), .Most(3 * Beats + 1)) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_permute
