`XF_ORDER(beats, "u_order", Width, 2)
`XF_SKID(beats, "", Width)
`XF_SERVES(1, 0, fill_beats != 0)
