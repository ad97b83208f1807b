// SPDX-License-Identifier: Apache-2.0
//
// A window of a frame: KeptBeats beats from FirstBeat on, in KeptRows rows from FirstRow on; the
// other beats are dropped.
//
// Rate       one input beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Ready      a register (xf_spare)
// Bit model  hw/ops/reorder/op.py, Reorder.execute_node

module xf_crop #(
  parameter  int unsigned Rows      = 4,  // of a frame
  parameter  int unsigned Beats     = 4,  // of a row
  parameter  int unsigned FirstRow  = 1,
  parameter  int unsigned FirstBeat = 1,
  parameter  int unsigned KeptRows  = 2,
  parameter  int unsigned KeptBeats = 2,
  parameter  int unsigned Width     = 8,  // bits per beat
  localparam int unsigned BeatW     = (Beats > 1) ? $clog2(Beats) : 1,
  localparam int unsigned RowW      = (Rows > 1) ? $clog2(Rows) : 1
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Width < 1 || KeptRows < 1 || KeptBeats < 1) begin : gen_bad_size
    $error("xf_crop: Width, KeptRows, KeptBeats must be > 0; got %0d, %0d, %0d",
           Width, KeptRows, KeptBeats);
  end else if (FirstRow + KeptRows > Rows || FirstBeat + KeptBeats > Beats) begin : gen_bad_window
    $error("xf_crop: the window must be inside the frame; got rows %0d + %0d of %0d, beats %0d + %0d of %0d",
           FirstRow, KeptRows, Rows, FirstBeat, KeptBeats, Beats);
  end

  logic [Width-1:0] data_q;
  logic             valid_q, go, row_kept, beat_kept;

  assign s_ready_o = go;

  // A place in front of the window is far behind it modulo a power of two.
  if (KeptRows < Rows || KeptBeats < Beats) begin : gen_places
    logic [BeatW-1:0] beat_q;
    logic             take, row_last;
    assign take     = s_valid_i & go;
    assign row_last = beat_q == BeatW'(Beats - 1);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) beat_q <= '0;
      else if (take) beat_q <= row_last ? '0 : beat_q + 1'b1;
    end
    if (KeptBeats < Beats) begin : gen_beats
      assign beat_kept = BeatW'(beat_q - BeatW'(FirstBeat)) < BeatW'(KeptBeats);
    end else begin : gen_all_beats
      assign beat_kept = 1'b1;
    end
    if (KeptRows < Rows) begin : gen_rows
      logic [RowW-1:0] row_q;
      assign row_kept = RowW'(row_q - RowW'(FirstRow)) < RowW'(KeptRows);
      always_ff @(posedge clk_i) begin
        if (!rst_ni) row_q <= '0;
        else if (take && row_last) row_q <= (row_q == RowW'(Rows - 1)) ? '0 : row_q + 1'b1;
      end
    end else begin : gen_all_rows
      assign row_kept = 1'b1;
    end
  end else begin : gen_whole
    assign {row_kept, beat_kept} = '1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (go) valid_q <= s_valid_i & row_kept & beat_kept;
    if (go) data_q <= s_data_i;
  end

  xf_spare #(.Width(Width)) u_spare (
    .clk_i, .rst_ni, .data_i(data_q), .valid_i(valid_q), .go_o(go), .m_data_o, .m_valid_o, .m_ready_i
  );

`ifdef XF_CHECK
  // A beat of the window leaves when it is there; while the last one waits, all up to the first one of
  // the next window are taken.
  xf_check_beats #(
    .In(Rows * Beats), .Out(KeptRows * KeptBeats), .First(FirstRow * Beats + FirstBeat + 1),
    .Needed((FirstRow + KeptRows - 1) * Beats + FirstBeat + KeptBeats),
    .Most((Rows + FirstRow) * Beats + FirstBeat + 1)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .given_i(m_valid_o & m_ready_i)
  );
`endif

endmodule : xf_crop
