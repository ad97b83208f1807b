// The place of the next word, and how many are left of the frame and of the descriptor, counted here anew.
logic [PlaceW-1:0] next_q, begin_q;
logic [7:0]        frame_left_q, frames_left_q;
logic              stopping_q;
wire descriptor = s_valid_i & s_ready_o;
wire [9:0] border = 10'd512 - 10'(next_q[8:0]);
wire [9:0] most   = (border < 10'd16) ? border : 10'd16;
wire [9:0] size   = (10'(frame_left_q) < most) ? 10'(frame_left_q) : most;
wire ends = frame_left_q == 8'(size);
always_ff @(posedge clk_i) begin
  stopping_q <= rst_ni & stop_i;
  if (!rst_ni) begin
    frames_left_q <= 8'd0;
  end else if (descriptor) begin
    next_q        <= s_place_i;
    begin_q       <= s_place_i;
    frame_left_q  <= 8'(Words);
    frames_left_q <= 8'(s_frames_i);
  end else if (ask_o) begin
    next_q        <= (Again != 0 && ends) ? begin_q : next_q + PlaceW'(size);
    frame_left_q  <= ends ? 8'(Words) : frame_left_q - 8'(size);
    frames_left_q <= frames_left_q - 8'(ends);
  end else if (stop_i) begin
    frames_left_q <= 8'd0;
  end
end
`XF_ASSUME(!s_valid_i || s_frames_i != 0)
`XF_ASSUME(!stopping_q || stop_i || idle_o)
`XF_ASSUME(!answered_i || under_way_q > 4'(sending_o))
`XF_INVARIANT(!ask_o || (frames_left_q != 0 && 10'(len_o) == size && !stop_i && enough_i))
`XF_INVARIANT(!s_ready_o || frames_left_q == 0)
// The module's registers hold what is counted here.
wire waits = state_q == Send && !last_q, planned = state_q == Plan || state_q == Offer || waits;
`XF_INVARIANT((Waits != 0 || state_q != Send) && (state_q != Send || under_way_q != 0))
`XF_INVARIANT(frames_left_q != 0 ? planned : !planned || (waits && stop_i))
`XF_INVARIANT(frames_left_q == 0 || (place_q == next_q && (Again == 0 || start_q == begin_q)))
`XF_INVARIANT(frames_left_q == 0 || {8'(frames_q), 8'(left_q)} == {frames_left_q, frame_left_q})
`XF_INVARIANT(frames_left_q == 0 || (left_q != 0 && left_q <= Words))
`XF_INVARIANT(state_q != Offer || 10'(len_q) == size)
`XF_INVARIANT(under_way_q <= 8 && fill_oldest == under_way_q)
`XF_INVARIANT(read_oldest == oldest_q && write_oldest == newest_q)
`XF_ORDER(oldest, "u_oldest", PlaceW + 2, 8)
for (genvar k = 0; k < 8; k++) begin : gen_under_way
  wire there = 4'(3'(k - oldest_q)) < under_way_q;
  `XF_INVARIANT(!there || begins[k] == {kept_oldest[(PlaceW+2)*k +: PlaceW+2], 3'b0})
end
`XF_ORDER(offered, "u_addresses", PlaceW + 8, 1)
`XF_COUNT(offers, "u_offers")
`XF_INVARIANT(beat_offers == 0 && offers == 32'(ax_valid_q))
`XF_INVARIANT(fill_offered == ax_valid_q && (!ax_valid_q || oldest_offered(0) == {ax_addr_q[AddrW-1:3], 8'(ax_len_q)}))
`XF_INVARIANT(!ax_valid_q || 10'(ax_addr_q[11:3]) + 10'(ax_len_q) < 10'd512)
xf_check_order #(.Width(PlaceW + 8), .Most(1)) u_addresses (
  .clk_i, .rst_ni, .taken_i(ask_o), .taken_data_i({next_q, 8'(size - 10'd1)}),
  .given_i(axvalid_o & axready_i), .given_data_i({axaddr_o[AddrW-1:3], axlen_o})
);
xf_check_order #(.Width(PlaceW + 2), .Most(8)) u_oldest (
  .clk_i, .rst_ni, .taken_i(ask_o), .taken_data_i({ends && frames_left_q == 1, ends, next_q}),
  .given_i(answered_i), .given_data_i(oldest_o[AddrW+1:3])
);
`XF_SERVED(asked, 2, frames_left_q != 0 && !stop_i && axready_i && enough_i && under_way_q != 8
  && (state_q != Send || sent_i), ask_o)
