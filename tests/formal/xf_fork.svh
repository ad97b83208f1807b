`include "formal.svh"
`XF_ORDER(first, "gen_reader[0].u_order", Width, 1)
`XF_ORDER(second, "gen_reader[1].u_order", Width, 1)
`XF_INVARIANT(fill_first == valid_q[0] && fill_second == valid_q[1])
`XF_INVARIANT(!valid_q[0] || data_q == oldest_first(0))
`XF_INVARIANT(!valid_q[1] || data_q == oldest_second(0))
`XF_SERVED(taken, 0, &m_ready_i, s_ready_o)
