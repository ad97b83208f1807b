// Readers keep what they ask for; the port answers bursts in order, and not before it took their address.
`XF_ASSUME_STABLE(one, arvalid_i[0], arready_o[0], {araddr_i[0], arlen_i[0]})
`XF_ASSUME_STABLE(other, arvalid_i[1], arready_o[1], {araddr_i[1], arlen_i[1]})
logic [7:0] open_q;  // bursts that the port took and has not answered
always_ff @(posedge clk_i) begin
  if (!rst_ni) open_q <= 8'd0;
  else open_q <= open_q + 8'(m_arvalid_o & m_arready_i) - 8'(m_rvalid_i & m_rlast_i);
end
`XF_ASSUME(!m_rvalid_i || open_q != 0)
// What the port is asked for is what one reader asked for, each burst once; whoever asks waits
// for at most one burst of the other.
xf_check_order #(.Width(AddrW + 8), .Most(1)) u_offers (
  .clk_i, .rst_ni, .taken_i(|(arvalid_i & arready_o)),
  .taken_data_i(arready_o[0] ? {araddr_i[0], arlen_i[0]} : {araddr_i[1], arlen_i[1]}),
  .given_i(m_arvalid_o & m_arready_i), .given_data_i({m_araddr_o, m_arlen_o})
);
`XF_INVARIANT(!(arready_o[0] && arready_o[1]))
// Words go to the reader whose burst it is.
xf_check_order #(.Width(1), .Most(Depth + 2)) u_words (
  .clk_i, .rst_ni, .taken_i(|(arvalid_i & arready_o)), .taken_data_i(arready_o[1]),
  .given_i(m_rvalid_i & m_rlast_i), .given_data_i(rvalid_o[1])
);
`XF_INVARIANT(rvalid_o == 2'b00 ? !m_rvalid_i : m_rvalid_i && (rvalid_o == 2'b01 || rvalid_o == 2'b10))
`XF_SERVED(first, 3, arvalid_i[0] && m_arready_i && room, arready_o[0])
`XF_SERVED(second, 3, arvalid_i[1] && m_arready_i && room, arready_o[1])
