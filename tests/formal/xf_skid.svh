`include "formal.svh"
// The oldest beat inside is at the output, the next one in the spare register.
`XF_ORDER(beats, "u_order", Width, 2)
`XF_INVARIANT(fill_beats == 32'(valid_q) + 32'(spare_valid_q))
`XF_INVARIANT(!valid_q || data_q == oldest_beats(0))
`XF_INVARIANT(!spare_valid_q || spare_q == oldest_beats(1))
`XF_SERVED(taken, 1, s_valid_i && m_ready_i, s_ready_o)
`XF_SERVED(given, 0, fill_beats != 0, m_valid_o)
