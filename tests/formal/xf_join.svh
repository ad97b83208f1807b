// Two streams: of every lane the sum of its elements times their multipliers, of SumBits, once and in order. The
// fold is counted, and the table read, here anew.
localparam int unsigned B0 = InBits[7:0], B1 = InBits[15:8], M0 = WordBits[7:0], M1 = WordBits[15:8];
localparam int unsigned MulW0 = (M0 == 0) ? ConstantBits : M0, MulW1 = (M1 == 0) ? ConstantBits : M1;
`XF_NUMBER(SumBits)
logic [FoldW-1:0] turn_q;
wire taken = &(s_valid_i & s_ready_o);
always_ff @(posedge clk_i) begin
  if (!rst_ni) turn_q <= '0;
  else if (taken) turn_q <= (turn_q == Folds - 1) ? '0 : turn_q + 1'b1;
end
wire [WordW-1:0] multipliers;
if (LaneW != 0) begin : gen_table
  logic [WordW-1:0] words_by_hand [1 << FoldW];
  initial if (Load == 0) $readmemh(MultiplierFile, words_by_hand, 0, Folds - 1);
  assign multipliers = words_by_hand[turn_q];
  `XF_INVARIANT(gen_words.fold_q == turn_q)
  if (Load != 0) begin : gen_written
    `XF_SEEN(held, Folds*WordW, "gen_words.gen_large.u_table.gen_loadable.u_ram", "mem")
    wire writes = load_i.valid && load_i.memory == Load;
    always_ff @(posedge clk_i) if (writes) words_by_hand[FoldW'(load_i.place)] <= WordW'(load_i.data);
    `XF_ASSUME(load_i.place < Folds)
    for (genvar k = 0; k < Folds; k++) begin : gen_word
      wire same = held[WordW*k +: WordW] == words_by_hand[k];
      always_comb if (started_q) assert (same); else assume (same);  // in reset too
    end
  end
end
`XF_INVARIANT(turn_q < Folds)
logic [Pe*OutBits-1:0] sums;
logic signed [SumBits-1:0] sum;
logic [15:0] m0, m1;
always_comb begin
  for (int p = 0; p < Pe; p++) begin
    m0  = (M0 == 0) ? 16'(Constants) : 16'(multipliers >> p*(M0+M1));
    m1  = (M1 == 0) ? 16'(Constants >> ConstantBits) : 16'(multipliers >> p*(M0+M1) + M0);
    sum = number(16'(s_data_i >> p*B0), B0, Signed[0]) * number(m0, MulW0, 1'b1)
        + number(16'(s_data_i >> Pe*B0 + p*B1), B1, Signed[1]) * number(m1, MulW1, 1'b1);
    sums[p*OutBits +: OutBits] = OutBits'(sum);
  end
end
xf_check_order #(.Width(Pe * OutBits), .Most(2)) u_sums (
  .clk_i, .rst_ni, .taken_i(taken), .taken_data_i(sums),
  .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
);
`XF_ORDER(sums, "u_sums", Pe * OutBits, 2)
`XF_INVARIANT(fill_sums == m_valid_q + valid_q && gen_NothingLost_A.inside_q == fill_sums)
`XF_INVARIANT(!m_valid_q || m_data_o == oldest_sums(0))
wire [Pe*OutBits-1:0] behind = oldest_sums(m_valid_q);
for (genvar p = 0; p < Pe; p++) begin : gen_sum
  `XF_INVARIANT(!valid_q || OutBits'(gen_lane[p].total) == behind[p*OutBits +: OutBits])
end
`XF_SERVED(taken, 0, &s_valid_i && m_ready_i, &s_ready_o)
`XF_SERVED(given, 1, fill_sums != 0 && m_ready_i, m_valid_o)
