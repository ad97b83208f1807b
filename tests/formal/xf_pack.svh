`include "formal.svh"
// Slots of fewer bytes than a word: the newest eight beats, kept here; a word has those that are left of its frame.
localparam int unsigned Slots = Word / Slot;
logic [8*Bytes-1:0] newest [8];
logic [2:0] in_q, out_q;
logic [7:0] left_q;  // beats of the frame that have not been given
wire given = m_valid_o & m_ready_i;
wire [7:0] here = (left_q < Slots) ? left_q : 8'(Slots);
wire [7:0] waits = 8'(3'(in_q - out_q));
always_ff @(posedge clk_i) begin
  if (s_valid_i && s_ready_o) newest[in_q] <= s_data_i;
  if (!rst_ni) begin
    in_q   <= '0;
    out_q  <= '0;
    left_q <= Beats;
  end else begin
    if (s_valid_i && s_ready_o) in_q <= in_q + 1'b1;
    if (given) out_q <= out_q + 3'(here);
    if (given) left_q <= (left_q == here) ? 8'(Beats) : left_q - here;
  end
end
for (genvar k = 0; k < Slots; k++) begin : gen_slot
  `XF_INVARIANT(!m_valid_o || m_strb_o[Slot*k +: Slot] == {Slot{k < here}})
  `XF_INVARIANT(!m_valid_o || k >= here || m_data_o[8*Slot*k +: 8*Slot] == newest[3'(out_q + k)])
end
`XF_INVARIANT(!m_valid_o || waits >= here)
`XF_SERVED(taken, 0, s_valid_i && m_ready_i, s_ready_o)
`XF_SERVED(given, 0, waits >= here, m_valid_o)
