// The newest four words, kept here, and the slot that comes next, one of several in a word or of several words.
localparam int unsigned Slots = (Slot < Word) ? Word / Slot : 1;  // of a word
localparam int unsigned Each  = (Slot < Word) ? 1 : Slot / Word;  // words of a slot
logic [8*Word-1:0] newest [4];
logic [8*Word*Each-1:0] next;
logic [1:0] in_q, out_q;
logic [7:0] slot_q, frame_slot_q;
wire given   = m_valid_o & m_ready_i;
wire ends    = frame_slot_q == Beats - 1, word_ends = ends || slot_q == Slots - 1;
wire there = 2'(in_q - out_q) >= Each;
always_comb for (int k = 0; k < Each; k++) next[8*Word*k +: 8*Word] = newest[2'(out_q + k)];
always_ff @(posedge clk_i) begin
  if (s_valid_i && s_ready_o) newest[in_q] <= s_data_i;
  if (!rst_ni) begin
    {in_q, out_q, slot_q, frame_slot_q} <= '0;
  end else begin
    if (s_valid_i && s_ready_o) in_q <= in_q + 1'b1;
    if (given) slot_q <= word_ends ? 8'd0 : slot_q + 8'd1;
    if (given) frame_slot_q <= ends ? 8'd0 : frame_slot_q + 8'd1;
    if (given && word_ends) out_q <= out_q + 2'(Each);
  end
end
`XF_INVARIANT(!m_valid_o || (there && m_data_o == next[8*Slot*slot_q +: 8*Bytes]))
`XF_SERVES((Slot < Word) ? Slots - 1 : 1, 0, there)
