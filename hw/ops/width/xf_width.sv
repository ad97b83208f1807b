// SPDX-License-Identifier: Apache-2.0
//
// Joins beats into wider ones or splits them into narrower ones, least significant part first.
//
// Rate       one beat per cycle on the narrower side; with Gap one idle cycle per wide beat, which
//            saves a separate register for a part of the next wide beat
// Latency    InWidth < OutWidth: OutWidth / InWidth cycles, the joined beat follows its last part;
//            equal widths 1 cycle, else 2 cycles
// Reset      synchronous, control state only; data registers keep their values
// Ready      depends on registers only: without Gap, joining has a register for the first part of
//            the next wide beat, splitting one for the last part of this beat
// Bit model  op.py, Width.execute_node

`include "xf_assert.svh"

module xf_width #(
  parameter int unsigned InWidth  = 8,  // bits per beat taken
  parameter int unsigned OutWidth = 32, // bits per beat given; one divides the other
  parameter int unsigned Gap      = 0   // 1: a pause per wide beat
) (
  input  logic                clk_i, rst_ni,
  input  logic [InWidth-1:0]  s_data_i,
  input  logic                s_valid_i,
  output logic                s_ready_o,
  output logic [OutWidth-1:0] m_data_o,
  output logic                m_valid_o,
  input  logic                m_ready_i
);

  if (InWidth < 1 || OutWidth < 1) begin : gen_bad_size
    $error("xf_width: InWidth, OutWidth must be at least 1; got %0d, %0d", InWidth, OutWidth);
  end else if (InWidth % OutWidth != 0 && OutWidth % InWidth != 0) begin : gen_bad_ratio
    $error("xf_width: one width must divide the other; got InWidth=%0d, OutWidth=%0d",
           InWidth, OutWidth);
  end else if (Gap > 1 || (Gap != 0 && InWidth == OutWidth)) begin : gen_bad_gap
    $error("xf_width: Gap must be 0, or 1 where widths differ; got Gap=%0d, %0d to %0d", Gap,
           InWidth, OutWidth);
  end

  if (InWidth == OutWidth) begin : gen_same

    xf_skid #(.Width(InWidth)) u_skid (.*);

  end else begin : gen_convert

    localparam bit          Up    = OutWidth > InWidth;
    localparam int unsigned Ratio = Up ? OutWidth / InWidth : InWidth / OutWidth;
    localparam int unsigned PartW = $clog2(Ratio);

    logic [PartW-1:0] part_q;  // of the wide beat: the next to come in, or to go out
    logic             last, push, valid_q;

    assign last      = part_q == PartW'(Ratio - 1);
    assign push      = s_valid_i & s_ready_o;
    assign m_valid_o = valid_q;

    if (Up && Gap != 0) begin : gen_up_gap

      logic [OutWidth-1:0] data_q;

      assign s_ready_o = ~valid_q;
      always_ff @(posedge clk_i) begin
        if (push) data_q <= {s_data_i, data_q[OutWidth-1:InWidth]};
        if (!rst_ni) begin
          part_q  <= '0;
          valid_q <= 1'b0;
        end else begin
          if (push) part_q <= last ? '0 : part_q + 1'b1;
          valid_q <= valid_q ? ~m_ready_i : push & last;
        end
      end
      assign m_data_o = data_q;

    end else if (Up) begin : gen_up

      // A part waits in newest_q until the one behind it comes, and only then moves to the others:
      // so the first part of a beat is taken while the beat before it is given.
      logic [InWidth-1:0]  newest_q;
      logic [OutWidth-1:0] data_q;
      logic                first, shift;

      assign first     = part_q == '0;
      assign s_ready_o = ~valid_q | first;
      assign shift     = s_valid_i & ~valid_q & ~first;
      always_ff @(posedge clk_i) begin
        if (push) newest_q <= s_data_i;
        if (shift) data_q[OutWidth-1 -: InWidth] <= s_data_i;
        if (!rst_ni) begin
          part_q  <= '0;
          valid_q <= 1'b0;
        end else begin
          if (push) part_q <= last ? '0 : part_q + 1'b1;
          valid_q <= valid_q ? ~m_ready_i : shift & last;
        end
      end
      if (Ratio > 2) begin : gen_shift
        always_ff @(posedge clk_i) begin
          if (shift) begin
            data_q[OutWidth-InWidth-1:0] <= {newest_q, data_q[OutWidth-InWidth-1:InWidth]};
          end
        end
      end else begin : gen_two
        always_ff @(posedge clk_i) if (shift) data_q[InWidth-1:0] <= newest_q;
      end
      assign m_data_o = data_q;

    end else begin : gen_down

      // A mux behind a register that stays is a third of a register that shifts.
      logic [InWidth-1:0]  wide_q;
      logic [OutWidth-1:0] part, last_part, data_q;
      logic                go, full_q, give;  // full: wide_q holds a part to be given

      // One mux per bit: an index times OutWidth would cost an adder where OutWidth is no power of
      // two.
      for (genvar b = 0; b < OutWidth; b++) begin : gen_bit
        logic [Ratio-1:0] choices;
        for (genvar r = 0; r + 1 < Ratio; r++) begin : gen_part
          assign choices[r] = wide_q[r*OutWidth+b];
        end
        assign choices[Ratio-1] = last_part[b];
        assign part[b] = choices[part_q];
      end

      // Without Gap the last part is given from last_q, so that the next wide beat can come meanwhile.
      if (Gap != 0) begin : gen_gap
        assign last_part = wide_q[InWidth-1 -: OutWidth];
      end else begin : gen_last
        logic [OutWidth-1:0] last_q;
        always_ff @(posedge clk_i) if (!last) last_q <= wide_q[InWidth-1 -: OutWidth];
        assign last_part = last_q;
      end

      assign go   = m_ready_i | ~valid_q;
      assign give = go & (full_q | ((Gap == 0) & last));
      always_ff @(posedge clk_i) begin
        if (push) wide_q <= s_data_i;
        if (go) data_q <= part;
        if (!rst_ni) begin
          part_q  <= '0;
          full_q  <= 1'b0;
          valid_q <= 1'b0;
        end else begin
          if (push) full_q <= 1'b1;
          else if (give && part_q == PartW'(Ratio - 2 + Gap)) full_q <= 1'b0;
          if (give) part_q <= last ? '0 : part_q + 1'b1;
          if (go) valid_q <= give;
        end
      end
      assign s_ready_o = ~full_q;
      assign m_data_o  = data_q;

    end

    `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

`ifdef XF_CHECK
    // Every part once, in order. At most one wide beat is inside and, of the next one, a part that
    // waits where parts are joined; where they are cut, of the one before, the last part and the
    // one at the output. With Gap there is none that waits, and no last part beside the others.
    xf_check_order #(
      .Width(Up ? InWidth : OutWidth), .InParts(Up ? 1 : Ratio), .OutParts(Up ? Ratio : 1),
      .Most(Up ? Ratio + 1 - Gap : Ratio + 2 - Gap)
    ) u_order (
      .clk_i, .rst_ni, .taken_i(push), .taken_data_i(s_data_i),
      .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
    );
`endif

  end

endmodule : xf_width
