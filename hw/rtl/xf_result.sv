// SPDX-License-Identifier: Apache-2.0
//
// Output register of a pipeline whose enable is a register.
//
// en_o advances all stages. The last stage has a result, data_i, in a cycle with done_i; soon_i is
// the value of done_i after one more step. Apart = 1: results are never in consecutive cycles with
// en_o, and the pipeline stops only if a result would overwrite one that still waits. Apart = 0: a
// spare register takes the second result.
//
// Rate       one result per cycle, with Apart = 1 one per two cycles
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep what they had
// Ready      en_o is a register
// Bit model  identity

`include "xf_assert.svh"

module xf_result #(
  parameter int unsigned Width = 8,  // bits per result
  parameter int unsigned Apart = 0
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] data_i,
  input  logic             done_i,
  input  logic             soon_i,
  output logic             en_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Width < 1) begin : gen_bad_size
    $error("xf_result: Width must be at least 1; got Width=%0d", Width);
  end else if (Apart > 1) begin : gen_bad_apart
    $error("xf_result: Apart must be 0 or 1; got Apart=%0d", Apart);
  end

  logic [Width-1:0] data_q;

  if (Apart != 0) begin : gen_apart

    // Stopped means that the next result is there and this one still waits; so where none waits,
    // the pipeline moves. An empty register takes whatever is there: no gate in front of its enable.
    logic en_q, empty_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        empty_q <= 1'b1;
        en_q    <= 1'b1;
      end else begin
        empty_q <= empty_q ? ~done_i : m_ready_i;
        en_q    <= m_ready_i | empty_q | (en_q & ~soon_i);
      end
      if (empty_q) data_q <= data_i;
    end

    assign en_o      = en_q;
    assign m_data_o  = data_q;
    assign m_valid_o = ~empty_q;

    `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
    `XF_ASSERT_WHEN(NoResultOverAnother_A, en_q && done_i, empty_q)
    `XF_ASSERT_WHEN(StoppedForAResult_A, !en_q, done_i && !empty_q)
    `XF_ASSERT_WHEN(ResultsApart_A, en_q && done_i, !soon_i)

  end else begin : gen_spare

    logic valid_q, unused;
    assign unused = soon_i;

    always_ff @(posedge clk_i) begin
      if (!rst_ni)   valid_q <= 1'b0;
      else if (en_o) valid_q <= done_i;
      if (en_o) data_q <= data_i;
    end

    xf_spare #(.Width(Width)) u_spare (
      .clk_i, .rst_ni, .data_i(data_q), .valid_i(valid_q), .go_o(en_o),
      .m_data_o, .m_valid_o, .m_ready_i
    );

  end

endmodule : xf_result
