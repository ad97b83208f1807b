`include "formal.svh"
// Two streams of InBits bits without signs, one lane, the constants of the parameters: each sum once, in order.
wire [OutBits-1:0] sum = s_data_i[InBits[7:0]-1:0] * Constants[ConstantBits-1:0]
                       + s_data_i[InW-1:InBits[7:0]] * Constants[2*ConstantBits-1:ConstantBits];
xf_check_order #(.Width(OutBits), .Most(2)) u_sums (
  .clk_i, .rst_ni, .taken_i(&(s_valid_i & s_ready_o)), .taken_data_i(sum),
  .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
);
`XF_ORDER(sums, "u_sums", OutBits, 2)
`XF_INVARIANT(fill_sums == m_valid_q + valid_q && gen_NothingLost_A.inside_q == fill_sums)
`XF_INVARIANT(!m_valid_q || m_data_o == oldest_sums(0))
`XF_INVARIANT(!valid_q || OutBits'(gen_lane[0].total) == oldest_sums(m_valid_q))
`XF_SERVED(taken, 0, &s_valid_i && m_ready_i, &s_ready_o)
`XF_SERVED(given, 1, fill_sums != 0 && m_ready_i, m_valid_o)
