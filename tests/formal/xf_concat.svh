// Two streams: the order in which they take turns is counted here anew; every lane is as wide as the output.
localparam int unsigned LaneW = Pe * OutBits;
localparam int unsigned B0 = InBits[7:0], B1 = InBits[15:8];
`XF_NUMBER(OutBits)
logic [LaneW-1:0] beat;
logic [7:0] turn_q;
wire        second = turn_q >= Beats[15:0];
wire        taken  = |(s_valid_i & s_ready_o);
always_comb begin
  for (int p = 0; p < Pe; p++)
    beat[p*OutBits +: OutBits] = second ? number(16'(s_data_i >> Pe*B0 + p*B1), B1, Signed[1])
                                        : number(16'(s_data_i >> p*B0), B0, Signed[0]);
end
always_ff @(posedge clk_i) begin
  if (!rst_ni) turn_q <= 8'd0;
  else if (taken) turn_q <= (turn_q == Beats[15:0] + Beats[31:16] - 1) ? 8'd0 : turn_q + 8'd1;
end
xf_check_order #(.Width(LaneW), .Most(2)) u_order (
  .clk_i, .rst_ni, .taken_i(taken), .taken_data_i(beat),
  .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
);
`XF_ORDER(beats, "u_order", LaneW, 2)
`XF_SEEN(spare, LaneW, "u_spare", "spare_q")
`XF_INVARIANT(from_q == second && turn_q == beat_q + (second ? Beats[15:0] : 0))
`XF_INVARIANT(turn_q < Beats[15:0] + Beats[31:16] && beat_q < Beats[16*from_q +: 16])
`XF_INVARIANT(fill_beats == 32'(m_valid_q) + 32'(!go) && gen_NothingLost_A.inside_q == fill_beats)
`XF_INVARIANT(go || spare == oldest_beats(0))
`XF_INVARIANT(!m_valid_q || data_q == oldest_beats(8'(!go)))
`XF_SERVED(taken, 1, s_valid_i[second] && m_ready_i, taken)
`XF_SERVED(given, 0, fill_beats != 0, m_valid_o)
