// SPDX-License-Identifier: Apache-2.0
//
// What all property files use. Such a file stands inside its module, in front of `endmodule`, so it sees the
// module's registers. Time begins with one cycle of reset; reset may come again at any time.
// `XF_ASSUME(Condition): the surroundings keep the Condition in every cycle out of reset.
// `XF_ASSUME_STABLE(Name, Valid, Ready, Data): a sender keeps what it offers until it is accepted. Valid and
// Data must be inputs: an assumption about what the module drives would hide its faults.
// `XF_INVARIANT(Condition): holds in every cycle out of reset.
// `XF_SERVED(Name, Cycles, Waits, Moves): after at most Cycles consecutive cycles with Waits something Moves.
// `XF_SERVES(Taken, Given, There): of the usual streams, what is offered is taken, and what is There is given.
// `XF_SEEN(Name, Bits, Inside, Register): what a Register of the instance Inside holds, or all words of a
// memory, word 0 in the lowest bits.
// `XF_ORDER(Name, Inside, Bits, Most): the contents of an instance of xf_check_order: fill_Name parts, of
// which oldest_Name(k) is the k-th.
// `XF_NUMBER(Bits): number(bits, count, negative) extends the lowest `count` bits, with sign if negative.
// `XF_COUNT(Name, Inside): of an instance of xf_check_beats, ahead_q as Name and beat_q as beat_Name.
// `XF_SKID(Name, Inside, Bits): an instance of xf_skid has what `XF_ORDER(Name, ...) has, the oldest beat at
// its output, the next one in its spare register.
// `XF_FRAMES(Bits, In, Out): `came`, the beats of the last four frames, or eight short ones; the oldest that
// has not left begins at base_q; gone_q of its Out beats have left; all_came: so it is. A frame may leave
// before its last beats came: then ahead_q, what came from base_q on, is negative. It has the usual streams.

`define XF_ASSUME(Condition) always_comb if (started_q && rst_ni) assume (Condition);
`define XF_INVARIANT(Condition) always_comb if (started_q && rst_ni) assert (Condition);
`define XF_ASSUME_STABLE(Name, Valid, Ready, Data) \
  logic waited_``Name = 1'b0; \
  logic [$bits(Data)-1:0] data_``Name; \
  always_ff @(posedge clk_i) begin \
    waited_``Name <= rst_ni && (Valid) && !(Ready); \
    data_``Name   <= Data; \
  end \
  `XF_ASSUME(!waited_``Name || ((Valid) && (Data) == data_``Name))
`define XF_SERVED(Name, Cycles, Waits, Moves) \
  logic [7:0] cycles_``Name; \
  always_ff @(posedge clk_i) \
    cycles_``Name <= (rst_ni && (Waits) && !(Moves)) ? cycles_``Name + 8'd1 : 8'd0; \
  `XF_INVARIANT(cycles_``Name <= (Cycles))
`define XF_SERVES(Taken, Given, There) \
  `XF_SERVED(taken, Taken, s_valid_i && m_ready_i, s_ready_o) \
  `XF_SERVED(given, Given, There, m_valid_o)
`define XF_SEEN(Name, Bits, Inside, Register) (* keep, instance_seen = Inside, seen = Register *) wire [(Bits)-1:0] Name;
`define XF_COUNT(Name, Inside) \
  `XF_SEEN(Name, 32, Inside, "ahead_q") \
  `XF_SEEN(beat_``Name, 32, Inside, "beat_q")
`define XF_ORDER(Name, Inside, Bits, Most) \
  `XF_SEEN(kept_``Name, (Most)*(Bits), Inside, "kept") \
  `XF_SEEN(fill_``Name, 32, Inside, "fill_q") \
  `XF_SEEN(read_``Name, 32, Inside, "read_q") \
  `XF_SEEN(write_``Name, 32, Inside, "write_q") \
  wire [7:0] first_``Name = read_``Name[7:0]; \
  wire [7:0] next_``Name  = first_``Name + fill_``Name[7:0]; \
  `XF_INVARIANT(read_``Name < (Most) && fill_``Name <= (Most)) \
  `XF_INVARIANT(write_``Name == ((next_``Name < (Most)) ? next_``Name : next_``Name - (Most))) \
  function automatic [(Bits)-1:0] oldest_``Name(input [7:0] k); \
    oldest_``Name = kept_``Name[(Bits)*((first_``Name + k < (Most)) ? first_``Name + k : first_``Name + k - (Most)) +: Bits]; \
  endfunction
`define XF_SKID(Name, Inside, Bits) \
  `XF_SEEN(out_``Name, Bits, Inside, "data_q") \
  `XF_SEEN(spare_``Name, Bits, Inside, "spare_q") \
  `XF_SEEN(out_there_``Name, 1, Inside, "valid_q") \
  `XF_SEEN(spare_there_``Name, 1, Inside, "spare_valid_q") \
  `XF_INVARIANT(fill_``Name == 32'(out_there_``Name) + 32'(spare_there_``Name)) \
  `XF_INVARIANT(!out_there_``Name || out_``Name == oldest_``Name(0)) \
  `XF_INVARIANT(!spare_there_``Name || spare_``Name == oldest_``Name(1))
`define XF_NUMBER(Bits) \
  function automatic [(Bits)-1:0] number(input [15:0] bits, input [7:0] count, input negative); \
    for (int b = 0; b < (Bits); b++) number[b] = (b < count) ? bits[b] : negative && bits[count-1]; \
  endfunction
`define XF_FRAMES(Bits, In, Out) \
  localparam int unsigned Kept = ((In) < 4) ? 8 : 4; \
  logic [(Bits)-1:0] came [Kept*(In)]; \
  logic [7:0] came_q, gone_q, base_q, ahead_q; \
  wire all_came = !ahead_q[7] && ahead_q >= (In); \
  wire frame_left = m_valid_o && m_ready_i && gone_q == (Out) - 1; \
  always_ff @(posedge clk_i) begin \
    if (s_valid_i && s_ready_o) came[came_q] <= s_data_i; \
    if (!rst_ni) begin \
      came_q  <= 8'd0; \
      gone_q  <= 8'd0; \
      base_q  <= 8'd0; \
      ahead_q <= 8'd0; \
    end else begin \
      if (s_valid_i && s_ready_o) came_q <= (came_q == Kept*(In) - 1) ? 8'd0 : came_q + 8'd1; \
      if (m_valid_o && m_ready_i) gone_q <= frame_left ? 8'd0 : gone_q + 8'd1; \
      if (frame_left) base_q <= (base_q == (Kept-1)*(In)) ? 8'd0 : base_q + (In); \
      ahead_q <= ahead_q + 8'(s_valid_i && s_ready_o) - (frame_left ? 8'(In) : 8'd0); \
    end \
  end

logic started_q = 1'b0;
always_ff @(posedge clk_i) started_q <= 1'b1;
always_comb if (!started_q) assume (!rst_ni);
