// A beat is given for each that is taken, after Stages advances, with the data that is there then; the
// stages around stop while go_o is low. The beat of its pixel is counted here anew.
logic [FoldW-1:0] turn_q;
logic stopped_q;
logic [Width-1:0] before_q;
wire taken = s_valid_i & go_o;
always_ff @(posedge clk_i) begin
  stopped_q <= !go_o;
  before_q  <= data_i;
  if (!rst_ni) turn_q <= '0;
  else if (taken) turn_q <= (turn_q == Folds - 1) ? '0 : turn_q + 1'b1;
end
`XF_ASSUME(!stopped_q || data_i == before_q)
`XF_INVARIANT(turn_q < Folds && fold_o == turn_q)
`XF_INVARIANT(gen_NothingLost_A.inside_q == $countones({valid_q, ~go_o}))
`XF_INVARIANT(!m_valid_o || !go_o || m_data_o == data_i)
`XF_SERVED(taken, 1, s_valid_i && m_ready_i, go_o)
`XF_SERVED(given, Stages, (valid_q != '0 || !go_o) && m_ready_i, m_valid_o)
