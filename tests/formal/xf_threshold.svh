// Levels of xf_threshold.mem, by hand: of channel 0 x reaches -2, -1 and 2; of channel 1, flipped, -x reaches -2, 1
// and never a third. Channels are folds, or lanes of one. Inputs are kept here anew, moved as the stages are.
function automatic [1:0] expected(input channel, input signed [2:0] value);
  expected = channel ? 2'(value <= 2) + 2'(value <= -1) : 2'(value >= -2) + 2'(value >= -1) + 2'(value >= 2);
endfunction
logic [3*Lanes-1:0] first_q, second_q;  // behind the first stage, behind the second
logic fold_in_q, fold_first_q, fold_second_q;
always_ff @(posedge clk_i) begin
  if (!rst_ni) fold_in_q <= 1'b0;
  else if (s_valid_i && s_ready_o) fold_in_q <= ~fold_in_q && Folds != 1;
  if (s_ready_o) begin
    {first_q, fold_first_q}   <= {s_data_i, fold_in_q};
    {second_q, fold_second_q} <= {first_q, fold_first_q};
  end
end
if (Lanes == 1) begin : gen_stages
  `XF_SEEN(levels, 2 * 3, "gen_channel[0]", "level")
  `XF_SEEN(inputs, 2 * 3, "gen_channel[0]", "x")
  `XF_SEEN(folds, 2, "", "fold_q")
  `XF_INVARIANT(folds[0] == fold_in_q && (!valid_q[0] || folds[1] == fold_first_q))
  `XF_INVARIANT(!valid_q[0] || inputs[5:3] == (first_q ^ 3'b100 ^ {3{fold_first_q}}))
  `XF_INVARIANT(!valid_q[0] || levels[3:2] == {1'b0, expected(fold_first_q, first_q) >= 2'd2})
end
for (genvar e = 0; e < Lanes; e++) begin : gen_element
  wire channel = (Folds != 1) ? fold_second_q : e % Pe;
  `XF_INVARIANT(!m_valid_o || m_data_o[2*e +: 2] == expected(channel, second_q[3*e +: 3]))
end
`XF_SERVED(taken, 0, s_valid_i && (m_ready_i || !m_valid_o), s_ready_o)
`XF_SERVED(given, Bits - 1, valid_q != '0 && m_ready_i, m_valid_o)
