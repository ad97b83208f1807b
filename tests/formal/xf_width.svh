localparam int unsigned Part = (InWidth < OutWidth) ? InWidth : OutWidth;
localparam int unsigned All  = ((InWidth < OutWidth) ? OutWidth : InWidth) / Part;
`XF_ORDER(parts, (All == 1) ? "gen_same.u_skid.u_order" : "gen_convert.u_order", Part,
  (All == 1) ? 2 : (InWidth < OutWidth) ? All + 1 - Gap : All + 2 - Gap)
if (All == 1) begin : gen_equal
  `XF_SKID(parts, "gen_same.u_skid", Part)
  `XF_SERVES(1, 0, fill_parts != 0)
end else if (InWidth < OutWidth) begin : gen_join
  wire       valid = gen_convert.valid_q;
  wire [7:0] part  = gen_convert.part_q;
  `XF_INVARIANT(part < All)
  wire [7:0] given = valid ? All : 0;  // parts of the beat at the output
  `XF_INVARIANT(fill_parts == given + part && (!valid || part <= 1 - Gap))
  wire [OutWidth-1:0] data = m_data_o;
  for (genvar k = 0; k < All; k++) begin : gen_part
    `XF_INVARIANT(!valid || data[k*Part +: Part] == oldest_parts(k))
    `XF_INVARIANT(valid || part < 2 - Gap || k + part < All || data[k*Part +: Part] == oldest_parts(k + part - All))
  end
  if (Gap == 0) begin : gen_newest
    `XF_SEEN(newest, Part, "gen_convert.gen_up", "newest_q")
    `XF_INVARIANT(part == 0 || newest == oldest_parts(given + part - 1))
  end
  `XF_SERVES(1, 0, fill_parts >= All)
end else begin : gen_split
  wire       valid = gen_convert.valid_q;
  wire [7:0] part  = gen_convert.part_q;
  `XF_INVARIANT(part < All)
  // From the oldest part on: output register, the last part of a beat in its register, the wide beat.
  `XF_SEEN(full, 1, "gen_convert.gen_down", "full_q")
  `XF_SEEN(wide, InWidth, "gen_convert.gen_down", "wide_q")
  `XF_SEEN(last_part, Part, "gen_convert.gen_down", "last_part")
  wire       last = Gap == 0 && gen_convert.last;
  wire [7:0] from = last ? 0 : part;  // the first part of the wide beat that is still there
  `XF_INVARIANT(fill_parts == valid + last + (full ? All - from : 0) && (full || last || part == 0))
  `XF_INVARIANT(!valid || m_data_o == oldest_parts(0))
  `XF_INVARIANT(!last || last_part == oldest_parts(valid))
  for (genvar k = 0; k < All; k++) begin : gen_part
    `XF_INVARIANT(!full || k < from || wide[k*Part +: Part] == oldest_parts(valid + last + k - from))
  end
  `XF_SERVED(taken, All, s_valid_i && m_ready_i, s_ready_o)
  `XF_INVARIANT(!full || cycles_taken <= (last ? 0 : part + 1 - Gap))
  `XF_SERVED(given, 1, fill_parts != 0, m_valid_o)
end
