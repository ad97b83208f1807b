// The scores of two frames, kept here anew, as numbers of a bit more, so that signed and unsigned ones compare alike:
// of each score its rank says at which beat behind them its index is given.
logic signed [InBits:0] scores [2*Count];
logic [7:0] in_q, out_q, frame_q;
wire taken = s_valid_i & s_ready_o;
wire given = m_valid_o & m_ready_i;
always_ff @(posedge clk_i) begin
  if (taken) scores[in_q] <= {Signed != 0 && s_data_i[InBits-1], s_data_i};
  if (!rst_ni) begin
    in_q    <= 8'd0;
    out_q   <= 8'd0;
    frame_q <= 8'd0;
  end else begin
    if (taken) in_q <= (in_q == 2 * Count - 1) ? 8'd0 : in_q + 8'd1;
    if (given) out_q <= (out_q == Beats - 1) ? 8'd0 : out_q + 8'd1;
    if (given && out_q == Beats - 1) frame_q <= Count - frame_q;
  end
end
for (genvar i = 0; i < Count; i++) begin : gen_score
  wire signed [InBits:0] score = scores[frame_q + i];
  logic [7:0] better;
  always_comb begin
    better = 8'd0;
    for (int j = 0; j < Count; j++) begin
      if (j < i && scores[frame_q + j] >= score) better = better + 8'd1;
      if (j > i && scores[frame_q + j] > score) better = better + 8'd1;
    end
  end
  `XF_INVARIANT(!m_valid_o || out_q != i || m_data_o == OutBits'(score))
  `XF_INVARIANT(!m_valid_o || out_q < Count || out_q - Count != better || m_data_o == i)
end
`XF_SERVES(Best + 1, 1, tail_q || valid_q)
