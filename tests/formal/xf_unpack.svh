`include "formal.svh"
// Slots of fewer bytes than a word: the newest four words, kept here, and the slot that comes next.
localparam int unsigned Slots = Word / Slot;
logic [8*Word-1:0] newest [4];
logic [1:0] in_q, out_q;
logic [7:0] slot_q, frame_slot_q;
wire given   = m_valid_o & m_ready_i;
wire ends    = frame_slot_q == Beats - 1;
wire word_ends = ends || slot_q == Slots - 1;
always_ff @(posedge clk_i) begin
  if (s_valid_i && s_ready_o) newest[in_q] <= s_data_i;
  if (!rst_ni) begin
    {in_q, out_q, slot_q, frame_slot_q} <= '0;
  end else begin
    if (s_valid_i && s_ready_o) in_q <= in_q + 1'b1;
    if (given) slot_q <= word_ends ? 8'd0 : slot_q + 8'd1;
    if (given) frame_slot_q <= ends ? 8'd0 : frame_slot_q + 8'd1;
    if (given && word_ends) out_q <= out_q + 1'b1;
  end
end
`XF_INVARIANT(!m_valid_o || (in_q != out_q && m_data_o == newest[out_q][8*Slot*slot_q +: 8*Bytes]))
`XF_SERVED(taken, Slots - 1, s_valid_i && m_ready_i, s_ready_o)
`XF_SERVED(given, 0, in_q != out_q, m_valid_o)
