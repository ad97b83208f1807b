// SPDX-License-Identifier: Apache-2.0
//
// How a heap of bits shrinks, as constant functions. Included inside a module, behind its header.
//
// (Yosys knows no `return`; the name of the function is assigned.)
//
// A heap is described by its heights: 24 columns of 12 bits, column c (weight 2**c) in bits 12*c +:
// 12, and bit 288: whether the first group of a chain takes seven bits (heap_of_sevens). One level
// (xf_compress) turns six bits of a column into three (xf_count6) and, where that helps, three into
// two (xf_count3); levels go on until no column is higher than three, then one adder ends it
// (xf_add3 or a plain one).

/* verilator lint_off VARHIDDEN */  // every module of a hierarchy includes its own copy

function automatic int unsigned heap_height(input logic [288:0] heights, input int c);
  heap_height = (c < 0 || c > 23) ? 0 : 32'((heights >> (12 * c)) & 289'hfff);
endfunction

// A heap of `bits` bits in column c and nothing else.
function automatic logic [288:0] heap_column(input int unsigned bits, input int c);
  heap_column = 289'(bits) << (12 * c);
endfunction

// The same heap, with chains that take a seventh bit where they begin.
function automatic logic [288:0] heap_of_sevens(input logic [288:0] heights);
  heap_of_sevens = heights | (289'd1 << 288);
endfunction

// Groups of six in a column; one bit less makes a group too. Of sevens, a group whose number exists
// two columns below continues a chain and takes six, others seven.
function automatic int unsigned heap_sixes(input logic [288:0] heights, input int c);
  int unsigned groups, here, height;
  groups = 0;
  for (int k = c & 1; k <= c; k = k + 2) begin
    height = heap_height(heights, k);
    here = (height + 1) / 6;
    if (heights[288]) begin
      if (here > groups) here = groups;
      if (here == groups && height > 6 * here) here = here + (height - 6 * here + 1) / 7;
    end
    groups = here;
  end
  heap_sixes = groups;
endfunction

// The first bit of group i of a column.
function automatic int unsigned heap_group(input logic [288:0] heights, input int c, input int i);
  int unsigned above;
  above = heap_sixes(heights, c - 2);
  heap_group = 6 * i + ((heights[288] && i > above) ? i - above : 0);
endfunction

// Bits of a column outside its groups, 0 .. 5.
function automatic int unsigned heap_rest(input logic [288:0] heights, input int c);
  int unsigned height, taken;
  height = heap_height(heights, c);
  taken = heap_group(heights, c, heap_sixes(heights, c));
  heap_rest = (taken < height) ? height - taken : 0;
endfunction

// Bits that groups of six of this level put into column c: their two sums, and the carries no group
// of c takes in.
function automatic int unsigned heap_from_sixes(input logic [288:0] heights, input int c);
  int unsigned own, above;
  own = heap_sixes(heights, c);
  above = heap_sixes(heights, c - 2);
  heap_from_sixes = own + heap_sixes(heights, c - 1) + ((above > own) ? above - own : 0);
endfunction

// 1 where three bits of column c go through a full adder: only if the column would stay higher than
// three.
function automatic int unsigned heap_threes(input logic [288:0] heights, input int c);
  int unsigned three, rest;
  three = 0;
  for (int k = 0; k <= c; k++) begin
    rest = heap_rest(heights, k);
    three = (rest >= 3 && heap_from_sixes(heights, k) + three + rest > 3) ? 1 : 0;
  end
  heap_threes = three;
endfunction

// Heights after one level.
function automatic logic [288:0] heap_next(input logic [288:0] heights);
  logic [288:0] next;
  int unsigned height, three, below;
  next = heights & (289'd1 << 288);
  below = 0;
  for (int c = 0; c < 24; c++) begin
    three = heap_threes(heights, c);
    height = heap_from_sixes(heights, c) + below + heap_rest(heights, c);
    next = next | heap_column(height - 2 * three, c);
    below = three;
  end
  heap_next = next;
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
  int unsigned offset;
  offset = 0;
  for (int k = 0; k < c; k++) offset = offset + heap_height(heights, k);
  heap_offset = offset;
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

// Groups of six with index i in columns c, c+2, c+4, .. without a gap: the length of their carry
// chain.
function automatic int unsigned heap_chain(input logic [288:0] heights, input int c, input int i);
  int unsigned length;
  length = 0;
  for (int k = 0; k < 12; k++) begin
    if (length == k && i < heap_sixes(heights, c + 2 * k)) length = k + 1;
  end
  heap_chain = length;
endfunction

// Clock cycles of xf_compress: registers before every second level and before and behind the last
// adder.
function automatic int unsigned heap_latency(input logic [288:0] heights);
  logic [288:0] left;
  int unsigned levels;
  left = heights;
  levels = 0;
  for (int k = 0; k < 16; k++) begin
    if (heap_highest(left) > 3) begin
      left = heap_next(left);
      levels = levels + 1;
    end
  end
  heap_latency = levels / 2 + levels % 2 + 2;
endfunction

// Heights behind the first gates of a dot product: counts of three pairs for bits, sums of two for
// wider elements.
function automatic logic [288:0] heap_of_dot(input int unsigned simd, input int unsigned bits);
  logic [288:0] heights;
  heights = '0;
  if (bits == 1) begin
    heights = heap_column((simd + 2) / 3, 0) | heap_column((simd + 1) / 3, 1);
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

// Heights that the first `terms` terms of xf_plane_sum make. Terms 0 .. planes-1: of each plane the
// counts of three pairs (bits = 1), or the sums of two elements. Behind them, where an odd number
// of wider elements leaves a last one: its planes two by two, and a last plane alone.
function automatic logic [288:0] heap_of_planes(
  input int unsigned simd, input int unsigned bits, input int unsigned planes,
  input int unsigned terms
);
  logic [288:0] heights;
  heights = '0;
  for (int unsigned t = 0; t < terms; t++) begin
    if (bits == 1) begin
      heights = heights + heap_column((simd + 2) / 3, t) + heap_column((simd + 1) / 3, t + 1);
    end else if (t < planes) begin
      for (int unsigned c = 0; c <= bits; c++) begin
        heights = heights + heap_column(simd / 2, t + c);
      end
    end else begin
      for (int unsigned c = 0; c < ((2 * (t - planes) + 1 < planes) ? bits + 2 : bits); c++) begin
        heights = heights + heap_column(1, 2 * (t - planes) + c);
      end
    end
  end
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
