// The user reads every frame backwards: place Beats - 1 - k of a frame is the beat read k-th.
`XF_FRAMES(Width, Beats, Beats)
logic [7:0] read_q;
always_ff @(posedge clk_i) begin
  if (!rst_ni) read_q <= 8'd0;
  else if (pull_o) read_q <= (read_q == Beats - 1) ? 8'd0 : read_q + 8'd1;
end
`XF_ASSUME(read_i == (second_o ? 2 * Beats : Beats) - 1 - read_q && last_i == (read_q == Beats - 1))
`XF_INVARIANT(!m_valid_o || m_data_o == came[base_q + Beats - 1 - gone_q])
`XF_SERVES(Beats, 1, all_came)
