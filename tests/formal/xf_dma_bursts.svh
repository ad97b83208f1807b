`include "formal.svh"
// The place of the next word, and how many are left of the frame and of the descriptor, counted here anew.
logic [PlaceW-1:0] next_q, begin_q;
logic [7:0]        frame_left_q, frames_left_q;
wire descriptor = s_valid_i & s_ready_o;
wire [9:0] border = 10'd512 - 10'(next_q[8:0]);
wire [9:0] most   = (border < 10'd16) ? border : 10'd16;
wire [9:0] size   = (10'(frame_left_q) < most) ? 10'(frame_left_q) : most;
wire ends = frame_left_q == 8'(size);
always_ff @(posedge clk_i) begin
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
`XF_ASSUME(!answered_i || !idle_o)
`XF_INVARIANT(!ask_o || (frames_left_q != 0 && 10'(len_o) == size && !stop_i && enough_i))
`XF_INVARIANT(!s_ready_o || frames_left_q == 0)
xf_check_order #(.Width(PlaceW + 8), .Most(1)) u_addresses (
  .clk_i, .rst_ni, .taken_i(ask_o), .taken_data_i({next_q, 8'(size - 10'd1)}),
  .given_i(axvalid_o & axready_i), .given_data_i({axaddr_o[AddrW-1:3], axlen_o})
);
xf_check_order #(.Width(PlaceW + 2), .Most(8)) u_oldest (
  .clk_i, .rst_ni, .taken_i(ask_o), .taken_data_i({ends && frames_left_q == 1, ends, next_q}),
  .given_i(answered_i), .given_data_i(oldest_o[AddrW+1:3])
);
`XF_SERVED(asked, 2, frames_left_q != 0 && !stop_i && axready_i && enough_i && under_way_q != Most, ask_o)
