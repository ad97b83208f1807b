// A beat is taken of all streams at once and given once, after Stages advances; the stages stop while it waits. The
// beat of its pixel is counted here anew.
logic [FoldW-1:0] turn_q, next_was_q;
wire taken = &(s_valid_i & s_ready_o);
always_ff @(posedge clk_i) begin
  next_was_q <= next_o;
  if (!rst_ni) turn_q <= '0;
  else if (taken) turn_q <= (turn_q == Folds - 1) ? '0 : turn_q + 1'b1;
end
`XF_INVARIANT(turn_q < Folds && fold_o == turn_q)
`XF_INVARIANT(Ahead == 0 || next_was_q == fold_o)
`XF_INVARIANT(gen_NothingLost_A.inside_q == $countones(valid_q))
`XF_INVARIANT(!taken || go_o)
`XF_INVARIANT(!m_valid_o || m_ready_i || !go_o)
`XF_SERVED(taken, 0, &s_valid_i && m_ready_i, &s_ready_o)
`XF_SERVED(given, Stages - 1, valid_q != '0 && m_ready_i, m_valid_o)
