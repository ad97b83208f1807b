// The place of the next word, and how many are left of the frame and of the descriptor, counted here anew.
logic [PlaceW-1:0] next_q, begin_q;
logic [7:0]        frame_left_q, frames_left_q;
logic              stopping_q, was_enough_q;
wire descriptor = s_valid_i & s_ready_o;
wire [9:0] most = 10'd16 - 10'(next_q[3:0]);  // to the end of the block
wire [9:0] size = (10'(frame_left_q) < most) ? 10'(frame_left_q) : most;
wire ends = frame_left_q == 8'(size);
always_ff @(posedge clk_i) begin
  stopping_q   <= rst_ni & stop_i;
  was_enough_q <= enough_i;
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
    frames_left_q <= stop_i ? 8'd0 : frames_left_q - 8'(ends);
  end else if (stop_i) begin
    frames_left_q <= 8'd0;
  end
end
`XF_ASSUME(!s_valid_i || s_frames_i != 0)
`XF_ASSUME(!stopping_q || stop_i || idle_o)
`XF_ASSUME(!answered_i || !idle_o)
`XF_INVARIANT(!ask_o || (frames_left_q != 0 && 10'(len_o) + 10'd1 == size && ends_o == ends))
`XF_INVARIANT(!ask_o || (!stopping_q && was_enough_q && !busy_i))
`XF_INVARIANT(!s_ready_o || frames_left_q == 0)
// The module's registers hold what is counted here.
wire planned = state_q == Plan || state_q == Offer;
wire [3:0] under_way = newest_q - oldest_q;
wire [7:0] blocks_left = 8'(BlockW'(~blocks_q));
`XF_INVARIANT(state_q == Idle || planned)
`XF_INVARIANT((frames_left_q != 0) == planned)
`XF_INVARIANT(frames_left_q == 0 || ({block_q, low_q} == next_q && (Again == 0 || start_q == begin_q)))
`XF_INVARIANT(frames_left_q == 0 || 8'(FramesW'(~frames_q)) == frames_left_q)
`XF_INVARIANT(frames_left_q == 0 || 16 * blocks_left + 8'(tail_q) + 8'd1 == 8'(low_q) + frame_left_q)
`XF_INVARIANT(frames_left_q == 0 || (frame_left_q != 0 && frame_left_q <= Words && blocks_left <= High + 1))
`XF_INVARIANT(state_q != Offer || (10'(len_q) + 10'd1 == size && ends_q == ends))
`XF_INVARIANT(state_q != Offer || final_q == (frames_left_q == 1))
`XF_INVARIANT(!go_q || (state_q == Offer && !stopping_q && was_enough_q && under_way != 8))
`XF_INVARIANT(under_way <= 8 && fill_oldest == under_way)
`XF_INVARIANT(read_oldest == oldest_q[2:0] && write_oldest == newest_q[2:0])
`XF_ORDER(oldest, "u_oldest", PlaceW + 2, 8)
for (genvar k = 0; k < 8; k++) begin : gen_under_way
  wire there = 4'(3'(k - oldest_q[2:0])) < under_way;
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
`XF_SERVED(asked, 3, frames_left_q != 0 && !stop_i && axready_i && enough_i && under_way != 8 && !busy_i,
  ask_o)
