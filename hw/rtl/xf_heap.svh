// SPDX-License-Identifier: Apache-2.0
//
// Constant functions for the levels of a heap of bits. Included inside a module, after its header.
//
// (Yosys does not support `return`; the name of the function is assigned.)
//
// A heap is described by its heights: 24 columns of 12 bits, column c (weight 2**c) in bits 12*c +:
// 12, and bit 288: whether the first group of a chain takes seven bits (heap_of_sevens). One level
// (xf_compress) turns six bits of a column into three (xf_count6) and, where that helps, three into
// two (xf_count3); levels go on until no column is higher than three, then one adder ends it
// (xf_add3 or a plain one).

/* verilator lint_off VARHIDDEN */  // every module of a hierarchy includes its own copy

// Field c of 24, 12 bits each: of heights, or of what heap_level says of every column.
function automatic int unsigned heap_height(input logic [288:0] fields, input int c);
  heap_height = (c < 0 || c > 23) ? 0 : 32'((fields >> (12 * c)) & 289'hfff);
endfunction

// A heap of `bits` bits in column c and nothing else.
function automatic logic [288:0] heap_column(input int unsigned bits, input int c);
  heap_column = 289'(bits) << (12 * c);
endfunction

// The same heap, with chains that take a seventh bit where they begin.
function automatic logic [288:0] heap_of_sevens(input logic [288:0] heights);
  heap_of_sevens = heights | (289'd1 << 288);
endfunction

// One level: {full adders of each column, groups of six of each column, heights behind the level}.
// In one pass, as Yosys takes its time over every statement of a constant function.
//
// One bit less than six makes a group too. Of sevens, a group whose number exists two columns below
// continues a chain and takes six, others seven. Groups leave two sums, here and in the next
// column, and where no group two columns above takes it in, a carry. Three bits outside the groups
// go through a full adder only if the column would stay higher than three.
function automatic logic [864:0] heap_level(input logic [288:0] heights);
  logic [288:0] left, next;
  logic [287:0] sixes, threes;
  int unsigned height, groups, below, below2, rest, from, three;
  left = heights & ~(289'd1 << 288);
  next = heights & (289'd1 << 288);
  sixes = '0;
  threes = '0;
  below = 0;   // groups one column below
  below2 = 0;  // and two
  three = 0;   // one column below
  for (int c = 0; c < 24; c++) begin
    height = 32'(left & 289'hfff);
    groups = (height + 1) / 6;
    if (heights[288]) begin
      if (groups > below2) groups = below2;
      if (groups == below2 && height > 6 * groups) begin
        groups = groups + (height - 6 * groups + 1) / 7;
      end
    end
    rest = 6 * groups + ((heights[288] && groups > below2) ? groups - below2 : 0);  // taken
    rest = (rest < height) ? height - rest : 0;
    from = groups + below + ((below2 > groups) ? below2 - groups : 0) + three;
    three = (rest >= 3 && from + rest > 3) ? 1 : 0;
    height = from + rest - 2 * three;
    next = next | heap_column(height, c);
    sixes = sixes | (288'(groups) << (12 * c));
    threes = threes | (288'(three) << (12 * c));
    below2 = below;
    below = groups;
    left = left >> 12;
  end
  heap_level = {threes, sixes, next};
endfunction

// The first bit of group i of a column with `above` groups two columns below; sevens is
// heights[288].
function automatic int unsigned heap_group(
  input bit sevens, input int unsigned above, input int i
);
  heap_group = 6 * i + ((sevens && i > above) ? i - above : 0);
endfunction

// Bits that groups put into column c: their two sums, and the carries no group of c takes in.
function automatic int unsigned heap_from_sixes(input logic [288:0] sixes, input int c);
  int unsigned own, above;
  own = heap_height(sixes, c);
  above = heap_height(sixes, c - 2);
  heap_from_sixes = own + heap_height(sixes, c - 1) + ((above > own) ? above - own : 0);
endfunction

// Groups of six with index i in columns c, c+2, c+4, .. without a gap: the length of their carry
// chain.
function automatic int unsigned heap_chain(input logic [288:0] sixes, input int c, input int i);
  int unsigned length;
  length = 0;
  for (int k = 0; k < 12; k++) begin
    if (length == k && i < heap_height(sixes, c + 2 * k)) length = k + 1;
  end
  heap_chain = length;
endfunction

function automatic int unsigned heap_highest(input logic [288:0] heights);
  int unsigned highest;
  highest = 0;
  for (int c = 0; c < 24; c++) begin
    if (heap_height(heights, c) > highest) highest = heap_height(heights, c);
  end
  heap_highest = highest;
endfunction

// Bits below column c; c = 24 gives all of them.
function automatic int unsigned heap_offset(input logic [288:0] heights, input int c);
  logic [288:0] left;
  heap_offset = 0;
  left = heights;
  for (int k = 0; k < c && k < 24; k++) begin
    heap_offset = heap_offset + 32'(left & 289'hfff);
    left = left >> 12;
  end
endfunction

// One more than the highest column in use.
function automatic int unsigned heap_columns(input logic [288:0] heights);
  int unsigned columns;
  columns = 0;
  for (int c = 0; c < 24; c++) begin
    if (heap_height(heights, c) > 0) columns = c + 1;
  end
  heap_columns = columns;
endfunction

// The first column with more than one bit, or `columns` where there is none.
function automatic int unsigned heap_single(
  input logic [288:0] heights, input int unsigned columns
);
  int unsigned single;
  single = columns;
  for (int c = 0; c < 24; c++) begin
    if (single == columns && c < columns && heap_height(heights, c) > 1) single = c;
  end
  heap_single = single;
endfunction

// Clock cycles of xf_compress: registers before every second level and before and behind the last
// adder.
function automatic int unsigned heap_latency(input logic [288:0] heights);
  logic [288:0] left;
  int unsigned levels;
  left = heights;
  levels = 0;
  while ((left & {1'b0, {24{12'hffc}}}) != 0) begin  // a column is higher than three
    left = 289'(heap_level(left));
    levels = levels + 1;
  end
  heap_latency = levels / 2 + levels % 2 + 2;
endfunction

// Heights behind the first gates of a dot product: counts of three pairs for bits, sums of two for
// wider elements.
function automatic logic [288:0] heap_of_dot(input int unsigned simd, input int unsigned bits);
  logic [288:0] heights;
  heights = '0;
  if (bits == 1) begin
    heights = heap_of_sevens(heap_column((simd + 2) / 3, 0) | heap_column((simd + 1) / 3, 1));
  end else begin
    for (int unsigned c = 0; c < bits; c++) begin
      heights = heights | heap_column((simd > 1) ? simd / 2 : 1, c);
    end
    if (simd > 1) heights = heights | heap_column(simd / 2, bits);
    if (simd > 1 && simd % 2 == 1) heights = heights | heap_column(1, bits + 1);
  end
  heap_of_dot = heights;
endfunction

// Clock cycles of xf_popcount (bits = 1) and xf_signed_sum.
function automatic int unsigned dot_latency(input int unsigned simd, input int unsigned bits);
  dot_latency = heap_latency(heap_of_dot(simd, bits));
  if (bits > 1 && simd > 1 && simd % 2 == 1) dot_latency = dot_latency + 1;
endfunction

// Heights that the first `terms` terms of xf_scaled_count make: two planes of the products of
// `parts` counts of `bits` bits each, and of an odd number of planes the last alone.
function automatic logic [288:0] heap_of_products(
  input int unsigned parts, input int unsigned bits, input int unsigned planes,
  input int unsigned terms
);
  logic [288:0] heights;
  heights = '0;
  for (int unsigned t = 0; t < terms; t++) begin
    for (int unsigned c = 0; c < ((2 * t + 1 < planes) ? bits + 2 : bits); c++) begin
      heights = heights + heap_column(parts, 2 * t + c);
    end
  end
  heap_of_products = heights;
endfunction

// Heights that the first `terms` terms of xf_plane_sum make. Terms 0 .. planes-1: of each plane the
// counts of three pairs (bits = 1), or the sums of two elements. Behind them, where an odd number
// of wider elements leaves a last one: its planes two by two, and a last plane alone.
function automatic logic [288:0] heap_of_planes(
  input int unsigned simd, input int unsigned bits, input int unsigned planes,
  input int unsigned terms
);
  logic [288:0] heights;
  heights = '0;
  for (int unsigned t = 0; t < terms && t < planes; t++) begin
    if (bits == 1) begin
      heights = heights + heap_column((simd + 2) / 3, t) + heap_column((simd + 1) / 3, t + 1);
    end else begin
      for (int unsigned c = 0; c <= bits; c++) begin
        heights = heights + heap_column(simd / 2, t + c);
      end
    end
  end
  if (terms > planes) heights = heights + heap_of_products(1, bits, planes, terms - planes);
  heap_of_planes = heights;
endfunction

// How many terms there are.
function automatic int unsigned heap_terms(
  input int unsigned simd, input int unsigned bits, input int unsigned planes
);
  heap_terms = planes + ((bits > 1 && simd % 2 == 1) ? (planes + 1) / 2 : 0);
endfunction

// `rows` numbers of `bits` bits.
function automatic logic [288:0] heap_rows(input int unsigned rows, input int unsigned bits);
  logic [288:0] heights;
  heights = '0;
  for (int unsigned c = 0; c < bits; c++) heights = heights | heap_column(rows, c);
  heap_rows = heights;
endfunction

// Dot product with weights of several bits (xf_int_dot); chain = 0: by planes of the weights, else
// chains of so many multipliers. First the bits of a chain's sum, signed; `top` is the largest |x|.
function automatic int unsigned int_field(
  input int unsigned top, input int unsigned weight, input int unsigned chain
);
  int_field = $clog2(chain * 2**(weight-1) * top + 1) + 1;
endfunction

// The constant that makes its sum positive.
function automatic int unsigned int_offset(
  input int unsigned simd, input int unsigned bits, input int unsigned weight,
  input int unsigned chain, input int unsigned field
);
  int unsigned sign;
  sign = 2**(weight-1);
  if (chain > 0) int_offset = (simd + chain - 1) / chain * 2**(field-1);
  else if (bits > 1 && simd % 2 == 1 && weight % 2 == 0) begin
    int_offset = (simd - 1) * sign * (2**bits - 1) + sign / 2 * (2**(bits+1) - 1);
  end else int_offset = simd * sign * (2**bits - 1);
endfunction

// Bits of its sum, unsigned.
function automatic int unsigned int_bits(
  input int unsigned simd, input int unsigned bits, input int unsigned weight,
  input int unsigned chain, input int unsigned field
);
  int_bits = $clog2(((chain > 0) ? (simd + chain - 1) / chain * (2**field - 1)
                     : int_offset(simd, bits, weight, 0, 0)
                       + simd * (2**(weight-1) - 1) * (2**bits - 1)) + 1);
endfunction

// Its clock cycles.
function automatic int unsigned int_latency(
  input int unsigned simd, input int unsigned bits, input int unsigned weight,
  input int unsigned chain, input int unsigned field
);
  logic [288:0] heights;
  if (chain > 0) heights = heap_rows((simd + chain - 1) / chain, field);
  else heights = heap_of_planes(simd, bits, weight, heap_terms(simd, bits, weight));
  int_latency = heap_latency(heights) + ((chain > 0) ? chain + 1 : 0);
endfunction

/* verilator lint_on VARHIDDEN */
