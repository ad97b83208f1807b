// The newest eight beats, kept here: a word has as many of their slots as fit and are left of its frame, or is
// one of several of a slot.
localparam int unsigned Slots = (Slot < Word) ? Word / Slot : 1;  // of a word
localparam int unsigned Each  = (Slot < Word) ? 1 : Slot / Word;  // words of a slot
localparam int unsigned Span  = Word / Slots;
logic [8*Bytes-1:0] newest [8];
logic [2:0] in_q, out_q;
logic [7:0] left_q, word_n_q;  // beats of the frame, words of the slot, that have not, and have, been given
wire given = m_valid_o & m_ready_i;
wire [7:0] here = (left_q < Slots) ? left_q : 8'(Slots), waits = 8'(3'(in_q - out_q));
wire slot_ends = word_n_q == Each - 1;
always_ff @(posedge clk_i) begin
  if (s_valid_i && s_ready_o) newest[in_q] <= s_data_i;
  if (!rst_ni) begin
    {in_q, out_q, word_n_q} <= '0;
    left_q <= Beats;
  end else begin
    if (s_valid_i && s_ready_o) in_q <= in_q + 1'b1;
    if (given) word_n_q <= slot_ends ? 8'd0 : word_n_q + 8'd1;
    if (given && slot_ends) begin
      out_q  <= out_q + 3'(here);
      left_q <= (left_q == here) ? 8'(Beats) : left_q - here;
    end
  end
end
for (genvar k = 0; k < Slots; k++) begin : gen_slot
  wire [8*Slot-1:0] wanted = (8*Slot)'(newest[3'(out_q + k)]) >> 8*Word*word_n_q;
  `XF_INVARIANT(!m_valid_o || k >= here || m_data_o[8*Span*k +: 8*Span] == wanted[8*Span-1:0])
end
`XF_INVARIANT(!m_valid_o || waits >= here)
`XF_SERVES((Slot < Word) ? 0 : Each, Each - 1, waits >= here)
