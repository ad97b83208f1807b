// From the oldest beat on: output register, the word read from block RAM, the memory.
localparam bit Skid = Depth <= 2;
`XF_ORDER(beats, Skid ? "gen_skid.u_skid.u_order" : "gen_memory.u_order", Width, Skid ? 2 : Depth + Kind)
if (Skid) begin : gen_two
  `XF_SKID(beats, "gen_skid.u_skid", Width)
  `XF_INVARIANT(count_q == fill_beats)
end else begin : gen_words
  logic [Depth*Width-1:0] words;
  logic [Width-1:0]       word;
  logic                   word_there;
  if (Kind == 1) begin : gen_lut_words
    `XF_SEEN(all, Depth*Width, "gen_memory.gen_lut", "mem")
    assign words      = all;
    assign word       = '0;
    assign word_there = 1'b0;
  end else begin : gen_block_words
    `XF_SEEN(block, InBlock*Width, "gen_memory.gen_block", "mem")
    assign word       = gen_memory.gen_block.word;
    assign word_there = gen_memory.gen_block.word_valid_q;
    if (InBlock == Depth) begin : gen_all_words
      assign words = block;
    end else begin : gen_rest_words
      `XF_SEEN(rest, (Depth-InBlock)*Width, "gen_memory.gen_block.gen_rest", "rest")
      assign words = {rest, block};
    end
end
wire [7:0] read  = gen_memory.read_q;
wire [7:0] write = gen_memory.write_q;
wire [7:0] ahead = 8'(gen_memory.valid_q) + 8'(word_there);
`XF_INVARIANT(count_q <= Depth && fill_beats == ahead + count_q)
`XF_INVARIANT(read < Depth && write == ((read + count_q >= Depth) ? read + count_q - Depth : read + count_q))
`XF_INVARIANT(!gen_memory.valid_q || gen_memory.data_q == oldest_beats(0))
`XF_INVARIANT(!word_there || word == oldest_beats(8'(gen_memory.valid_q)))
for (genvar k = 0; k < Depth; k++) begin : gen_word
  wire [7:0] place = (read + k >= Depth) ? read + k - Depth : read + k;
  `XF_INVARIANT(k >= count_q || words[Width*place +: Width] == oldest_beats(ahead + k))
end
end
`XF_SERVES(1, Skid ? 0 : Kind, fill_beats != 0)
