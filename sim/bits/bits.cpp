// SPDX-License-Identifier: Apache-2.0
//
// The compiled part of the bit simulator: products of matrices with windows of images, and what is done element by
// element. Networks need no code of their own; kernels.py calls these functions with the sizes of theirs.
//
// Speed comes from *tiles*: a few windows times 16, 32 or 64 rows of weights, whose sums stay in registers while the
// words of the windows are walked through. That is why sizes of tiles are template parameters: the compiler unrolls
// loops over P windows and B vectors of rows, and arrays of sums become registers. A word of a window is loaded into
// all lanes of a vector, lanes are rows of weights. Vectors are those of GCC, which cuts them into what the processor
// has; a few instructions that no operator of C++ stands for are asked for by name where they exist.
//
// Windows are read in place: a table says how many bytes each word of a window lies behind its first byte.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace {

using Ints [[gnu::vector_size(64)]] = int32_t;
using Words [[gnu::vector_size(64)]] = uint32_t;   // sums too, which may wrap
using Shorts [[gnu::vector_size(64)]] = int16_t;
using Longs [[gnu::vector_size(64)]] = uint64_t;

constexpr int LANES = 16;
constexpr int STRIP = 48;  // columns of windows whose tables of sums stay in the first-level cache

#define INLINE [[gnu::always_inline]] inline

template <class T>
INLINE T load(const void* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
INLINE void store(void* at, T value) {
  memcpy(at, &value, sizeof value);
}

// Calls run with the first of these sizes, in descending order to 1, that is at most `left`, as a constant; which.
template <int Size, int... Sizes, class Run>
INLINE int64_t with_size(int64_t left, Run run) {
  if constexpr (sizeof...(Sizes) > 0)
    if (left < Size) return with_size<Sizes...>(left, run);
  run(std::integral_constant<int, Size>());
  return Size;
}

// Bit k is whether lane k reaches the least.
INLINE uint16_t reached(Ints x, Ints least) {
#if defined(__AVX512F__)
  return _mm512_cmpge_epi32_mask(__m512i(x), __m512i(least));
#elif defined(__AVX__)
  const Ints lanes = x >= least;
  __m256 halves[2];
  memcpy(halves, &lanes, sizeof lanes);
  return _mm256_movemask_ps(halves[0]) | _mm256_movemask_ps(halves[1]) << 8;
#else
  uint16_t bits = 0;
  for (int k = 0; k < LANES; ++k) bits |= (x[k] >= least[k]) << k;
  return bits;
#endif
}

// Number of bits that are 1, of each lane.
INLINE Words ones(Words x) {
#if defined(__AVX512VPOPCNTDQ__)
  return Words(_mm512_popcnt_epi32(__m512i(x)));
#elif defined(__AVX2__)
  __m256i halves[2];
  memcpy(halves, &x, sizeof x);
  const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const __m256i four = _mm256_set1_epi8(15);
  for (__m256i& half : halves) {
    const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(half, four));
    const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(half, 4), four));
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
    half = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  }
  memcpy(&x, halves, sizeof x);
  return x;
#else
  x -= x >> 1 & 0x55555555;
  x = (x & 0x33333333) + (x >> 2 & 0x33333333);
  x = (x + (x >> 4)) & 0x0f0f0f0f;
  return x * 0x01010101 >> 24;
#endif
}

INLINE Words in_every_lane(uint32_t value) { return Words{} + value; }

// ---- Windows -----------------------------------------------------------------------------------------------

struct Axis {
  int64_t count;    // of windows
  int64_t step;     // bytes from one to the next
  int64_t results;  // results from that of one to that of the next
};

// Windows along three axes; those of the last are taken several at a time.
struct Windows {
  const int64_t* places;  // of each word of a window, in bytes from its first byte
  int64_t words;
  const int64_t* taps;  // a result is of the windows at these distances, in bytes: those that a pool makes one of
  int64_t tap_count;
  Axis axes[3];
};

// Calls run(block, first window, its result) for each row of windows along the last axis and each block of rows of
// weights.
template <class Run>
INLINE void each_row(const Windows& windows, int64_t blocks, Run run) {
  const Axis &far = windows.axes[0], &near = windows.axes[1];
  for (int64_t i = 0; i < far.count; ++i)
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t j = 0; j < near.count; ++j)
        run(block, i * far.step + j * near.step, i * far.results + j * near.results);
}

// ---- Binary products ---------------------------------------------------------------------------------------

// Rows of binary weights, in blocks of `wide` = 16 or 32 rows. A block holds, of every word of a window, the first
// halves of that word of all its rows, then the second halves.
struct Matrix {
  const Words* weights;
  int64_t blocks, wide;
  int64_t length;         // bits of a row
  const int32_t* limits;  // of each row: a result is the bit, unequal bits <= limit; null: the number of equal bits
};

// A sum of the numbers of equal bits, and those of another stream, each times a factor of its channel; and whether
// the sum reaches a threshold.
struct Join {
  const int32_t* starts;   // the sum of a window without an unequal bit and of zeros, less `low`
  const int32_t *factors, *others;
  const int32_t* least;
  const uint8_t* inverted;  // bits that are xored to those of the comparison
  int64_t low, mask;        // sums are modulo mask + 1, a power of two, from `low` on
};

template <int P, int B>
using Tile = Words[P][B];  // of P windows and B vectors of rows

template <int P, int B>
INLINE void count_unequal(Tile<P, B>& sums, const char* first, const Words* weights, const Windows& windows) {
  const int64_t stride = windows.axes[2].step;
  for (int p = 0; p < P; ++p)
    for (int k = 0; k < B; ++k) sums[p][k] = Words{};
  for (int64_t word = 0; word < windows.words; ++word, weights += 2 * B) {
    const char* at = first + windows.places[word];
    for (int half = 0; half < 2; ++half) {
      for (int p = 0; p < P; ++p) {
        const Words bits = in_every_lane(load<uint32_t>(at + p * stride + 4 * half));
        for (int k = 0; k < B; ++k) sums[p][k] += ones(bits ^ weights[half * B + k]);
      }
    }
  }
}

// Windows of a row that a tile takes: all tiles about as large, because a smaller one takes as long per word.
int64_t even_tiles(int64_t count, int64_t most) {
  return (count + (count + most - 1) / most - 1) / ((count + most - 1) / most);
}

// Calls run(size of the tile, block, first window, result) for all tiles of binary products of B vectors of rows.
template <int B, class Run>
INLINE void each_tile(const Matrix& matrix, const Windows& windows, Run run) {
  const Axis& axis = windows.axes[2];
  const int64_t tile = even_tiles(axis.count, B == 1 ? 8 : 6);
  each_row(windows, matrix.blocks, [&](int64_t block, int64_t first, int64_t result) {
    for (int64_t k = 0; k < axis.count;) {
      const auto with = [&](auto size) { run(size, block, first + k * axis.step, result + k * axis.results); };
      const int64_t left = std::min(tile, axis.count - k);
      k += B == 1 ? with_size<8, 7, 6, 5, 4, 3, 2, 1>(left, with) : with_size<6, 5, 4, 3, 2, 1>(left, with);
    }
  });
}

template <int B>
void count_tiles(const Matrix& matrix, const Windows& windows, const char* image, char* out, int64_t row) {
  const int64_t next = windows.axes[2].results * row, words = 2 * B * windows.words;
  each_tile<B>(matrix, windows, [&](auto size, int64_t block, int64_t window, int64_t result) {
    constexpr int P = decltype(size)::value;
    Tile<P, B> least;
    count_unequal<P, B>(least, image + window + windows.taps[0], matrix.weights + block * words, windows);
    for (int64_t tap = 1; tap < windows.tap_count; ++tap) {
      Tile<P, B> sums;
      count_unequal<P, B>(sums, image + window + windows.taps[tap], matrix.weights + block * words, windows);
      for (int p = 0; p < P; ++p)
        for (int k = 0; k < B; ++k) least[p][k] = sums[p][k] < least[p][k] ? sums[p][k] : least[p][k];
    }
    for (int p = 0; p < P; ++p) {
      for (int k = 0; k < B; ++k) {
        const int64_t vector = block * B + k;
        if (matrix.limits) {
          const Ints limit = load<Ints>(matrix.limits + vector * LANES);
          store(out + result * row + p * next + 2 * vector, reached(limit, Ints(least[p][k])));
        } else {
          store(out + result * row + p * next + 64 * vector, in_every_lane(matrix.length) - least[p][k]);
        }
      }
    }
  });
}

template <int B>
void join_tiles(const Matrix& matrix, const Windows& windows, const Join& join, const char* image,
                const int32_t* other, int32_t* sums, uint8_t* bits, int64_t row) {
  const int64_t rows = matrix.blocks * B * LANES, step = windows.axes[2].results, words = 2 * B * windows.words;
  const Words low = in_every_lane(join.low), mask = in_every_lane(join.mask);
  each_tile<B>(matrix, windows, [&](auto size, int64_t block, int64_t window, int64_t result) {
    constexpr int P = decltype(size)::value;
    Tile<P, B> unequal;
    count_unequal<P, B>(unequal, image + window, matrix.weights + block * words, windows);
    for (int k = 0; k < B; ++k) {
      const int64_t vector = block * B + k, channel = vector * LANES;
      const auto starts = load<Words>(join.starts + channel), factors = load<Words>(join.factors + channel);
      const auto others = load<Words>(join.others + channel);
      const auto least = load<Ints>(join.least + channel);
      const auto inverted = load<uint16_t>(join.inverted + 2 * vector);
      for (int p = 0; p < P; ++p) {
        const int64_t at = result + p * step;
        Words total = starts - unequal[p][k] * factors + load<Words>(other + at * rows + channel) * others;
        total = (total & mask) + low;
        store(sums + at * rows + channel, total);
        store<uint16_t>(bits + at * row + 2 * vector, reached(Ints(total), least) ^ inverted);
      }
    }
  });
}

// ---- Integer products --------------------------------------------------------------------------------------

// Rows of integer weights, in blocks of `wide` = 16, 32 or 64 rows. A block holds words of 4 bytes, of every word
// of a window that of all its rows: two signed numbers of 16 bits, or four signed bytes.
struct IntMatrix {
  const Words* weights;
  int64_t blocks, wide;
  int64_t bytes;           // whether words are of bytes, unsigned ones in the image
  const int32_t* offsets;  // of each row: what its sum starts from
  const int32_t* limits;   // of each row: a result is the bit, sum >= limit; null: the sum
};

// total + x0 w0 + x1 w1 + …, of the numbers in each lane.
template <bool Bytes>
INLINE Words add_products(Words total, Words x, Words weights) {
  if constexpr (Bytes) {
#ifdef __AVX512VNNI__
    return Words(_mm512_dpbusd_epi32(__m512i(total), __m512i(x), __m512i(weights)));
#endif
  }
#if defined(__AVX512BW__)
  return total + Words(_mm512_madd_epi16(__m512i(x), __m512i(weights)));
#elif defined(__AVX2__)
  __m256i halves[2], others[2];
  memcpy(halves, &x, sizeof x);
  memcpy(others, &weights, sizeof weights);
  for (int k = 0; k < 2; ++k) halves[k] = _mm256_madd_epi16(halves[k], others[k]);
  memcpy(&x, halves, sizeof x);
  return total + x;
#else
  const Ints low = (Ints(x << 16) >> 16) * (Ints(weights << 16) >> 16);
  const Ints high = (Ints(x) >> 16) * (Ints(weights) >> 16);
  return total + Words(low) + Words(high);
#endif
}

template <int B, bool Bytes>
void sum_tiles(const IntMatrix& matrix, const Windows& windows, const char* image, char* out, int64_t row) {
  const Axis& axis = windows.axes[2];
  each_row(windows, matrix.blocks, [&](int64_t block, int64_t first, int64_t result) {
    for (int64_t done = 0; done < axis.count;) {
      const auto run = [&](auto size) {
        constexpr int P = decltype(size)::value;
        const Words* weights = matrix.weights + block * B * windows.words;
        const char* window = image + first + done * axis.step;
        Tile<P, B> sums;
        for (int k = 0; k < B; ++k) {
          const auto offsets = load<Words>(matrix.offsets + (block * B + k) * LANES);
          for (int p = 0; p < P; ++p) sums[p][k] = offsets;
        }
        for (int64_t word = 0; word < windows.words; ++word, weights += B)
          for (int p = 0; p < P; ++p) {
            const Words x = in_every_lane(load<uint32_t>(window + windows.places[word] + p * axis.step));
            for (int k = 0; k < B; ++k) sums[p][k] = add_products<Bytes>(sums[p][k], x, weights[k]);
          }
        for (int p = 0; p < P; ++p) {
          char* to = out + (result + (done + p) * axis.results) * row;
          for (int k = 0; k < B; ++k) {
            const int64_t vector = block * B + k;
            if (matrix.limits) {
              const Ints limit = load<Ints>(matrix.limits + vector * LANES);
              store(to + 2 * vector, reached(Ints(sums[p][k]), limit));
            } else {
              store(to + 64 * vector, sums[p][k]);
            }
          }
        }
      };
      const int64_t left = axis.count - done;
      done += B == 4 ? with_size<5, 4, 2, 1>(left, run) : with_size<8, 4, 2, 1>(left, run);
    }
  });
}

template <bool Bytes>
void sum_windows_of(const IntMatrix& matrix, const Windows& windows, const char* image, char* out, int64_t row) {
  if (matrix.wide == 64) sum_tiles<4, Bytes>(matrix, windows, image, out, row);
  if (matrix.wide == 32) sum_tiles<2, Bytes>(matrix, windows, image, out, row);
  if (matrix.wide == 16) sum_tiles<1, Bytes>(matrix, windows, image, out, row);
}

// ---- Bytes times weights of +-1, by tables (sign_tables.py) --------------------------------------------------

// A table holds the 32 sums of up to five bytes of an image row times signs; a row of weights names one of them per
// table. Rows of weights are taken 64 at a time.
struct SignTables {
  const int8_t* signs;     // [kinds][3][64] of each kind of table: of two bytes of each sum, of the next two, …
  const int64_t* offsets;  // [kinds] distance of its bytes from the left of a window
  int64_t kinds;
  const int16_t* indices;  // [blocks][tables of a window][64]: which sum
  int64_t blocks, tables;
  const int16_t *limits, *starts;  // [rows] a result is the bit, sum >= limit, of sums that begin with the start
  const int64_t* places;           // [depth][tables] where a window finds its tables, by the row it begins in
  int64_t depth;                   // image rows of which tables are kept
  int64_t images, image_bytes;
  int64_t rows, row_bytes, down;  // rows of windows, bytes of an image row, image rows from one to the next
  int64_t columns, right;         // columns of windows, bytes from one to the next
  int64_t result_bytes;
};

#ifdef __AVX512BW__

// The tables of `many` windows, `right` bytes apart, that lie `step` bytes apart.
void make_tables(const char* x, int64_t right, int64_t many, const int8_t* signs, char* out, int64_t step) {
  const auto first = load<__m512i>(signs), second = load<__m512i>(signs + 64), third = load<__m512i>(signs + 128);
  const auto pairs = [](const char* two) { return _mm512_set1_epi16(load<int16_t>(two)); };
  for (int64_t n = 0; n < many; ++n, x += right, out += step) {
    const auto total = Shorts(_mm512_maddubs_epi16(pairs(x), first)) +
                       Shorts(_mm512_maddubs_epi16(pairs(x + 2), second)) +
                       Shorts(_mm512_maddubs_epi16(pairs(x + 4), third));
    store(out, total);
  }
}

template <int P>
INLINE void look_up_tile(const SignTables& of, int64_t block, const char* tables, const int64_t* places,
                         char* out) {
  const int64_t stride = 64 * of.kinds;
  const int16_t* indices = of.indices + block * of.tables * 64;
  Shorts sums[P][2];
  for (int k = 0; k < 2; ++k) {
    for (int p = 0; p < P; ++p) sums[p][k] = load<Shorts>(of.starts + 64 * block + 32 * k);
  }
  for (int64_t table = 0; table < of.tables; ++table, indices += 64)
    for (int p = 0; p < P; ++p) {
      const auto numbers = load<__m512i>(tables + places[table] + p * stride);
      for (int k = 0; k < 2; ++k) {
        sums[p][k] += Shorts(_mm512_permutexvar_epi16(load<__m512i>(indices + 32 * k), numbers));
      }
    }
  for (int p = 0; p < P; ++p) {
    for (int k = 0; k < 2; ++k) {
      const auto limit = load<__m512i>(of.limits + 64 * block + 32 * k);
      const uint32_t bits = _mm512_cmpge_epi16_mask(__m512i(sums[p][k]), limit);
      store(out + p * of.result_bytes + 8 * block + 4 * k, bits);
    }
  }
}

#endif

// ---- Words of images ---------------------------------------------------------------------------------------

// Sizes of an image and of the windows of a pool, which do not overlap.
struct Pool {
  int64_t images, height, breadth, channels;  // of words or numbers
  int64_t down, across;                       // of a window
};

// Calls run(first element of a window, of its result) for every window; elements of one pixel are adjacent.
template <class Run>
INLINE void each_window(const Pool& pool, Run run) {
  const int64_t rows = pool.height / pool.down, columns = pool.breadth / pool.across;
  int64_t result = 0;
  for (int64_t n = 0; n < pool.images; ++n)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column, result += pool.channels)
        run(((n * pool.height + row * pool.down) * pool.breadth + column * pool.across) * pool.channels, result);
}

// Calls run(element) for the first element of every pixel of a window.
template <class Run>
INLINE void each_pixel(const Pool& pool, int64_t first, Run run) {
  for (int64_t y = 0; y < pool.down; ++y)
    for (int64_t x = 0; x < pool.across; ++x) run(first + (y * pool.breadth + x) * pool.channels);
}

}  // namespace

// What kernels.py calls. Results lie one behind the other, `row` bytes each.

extern "C" {

bool has_byte_products() {  // four products of bytes in one instruction, without which sum_windows takes no bytes
#ifdef __AVX512VNNI__
  return true;
#else
  return false;
#endif
}

bool has_short_lookups() {  // 32 numbers of 16 bits from a table of 32 in one instruction, for look_up_windows
#ifdef __AVX512BW__
  return true;
#else
  return false;
#endif
}

// Binary dot products of windows: the number of equal bits, or whether few enough are unequal.
void count_windows(const Matrix* matrix, const Windows* windows, const char* image, char* out, int64_t row) {
  if (matrix->wide == 32) count_tiles<2>(*matrix, *windows, image, out, row);
  if (matrix->wide == 16) count_tiles<1>(*matrix, *windows, image, out, row);
}

// `sums` are int32, as many as those of the other stream; `bits` have `row` bytes.
void join_windows(const Matrix* matrix, const Windows* windows, const Join* join, const char* image,
                  const int32_t* other, int32_t* sums, uint8_t* bits, int64_t row) {
  if (matrix->wide == 32) join_tiles<2>(*matrix, *windows, *join, image, other, sums, bits, row);
  if (matrix->wide == 16) join_tiles<1>(*matrix, *windows, *join, image, other, sums, bits, row);
}

// Integer dot products of windows, or whether they reach a limit. The last word of a window may be read up to 3
// bytes too far.
void sum_windows(const IntMatrix* matrix, const Windows* windows, const char* image, char* out, int64_t row) {
  if (matrix->bytes) sum_windows_of<true>(*matrix, *windows, image, out, row);
  else sum_windows_of<false>(*matrix, *windows, image, out, row);
}

// Whether sums of bytes times signs reach a limit. Up to 5 bytes behind the image are read.
void look_up_windows([[maybe_unused]] const SignTables* of, [[maybe_unused]] const char* image,
                     [[maybe_unused]] char* out) {
#ifdef __AVX512BW__
  const int64_t stride = 64 * of->kinds;
  std::vector<Shorts> room(of->depth * STRIP * of->kinds);
  char* const tables = reinterpret_cast<char*>(room.data());
  for (int64_t n = 0; n < of->images; ++n)
    for (int64_t left = 0; left < of->columns; left += STRIP) {
      const int64_t many = std::min<int64_t>(STRIP, of->columns - left), tile = even_tiles(many, 8);
      int64_t built = 0;  // image rows whose tables are made
      for (int64_t row = 0; row < of->rows; ++row) {
        const int64_t top = row * of->down;
        for (built = std::max(built, top); built < top + of->depth; ++built) {
          const char* x = image + n * of->image_bytes + built * of->row_bytes + left * of->right;
          char* to = tables + built % of->depth * STRIP * stride;
          for (int64_t kind = 0; kind < of->kinds; ++kind)
            make_tables(x + of->offsets[kind], of->right, many, of->signs + 192 * kind, to + 64 * kind, stride);
        }
        char* to = out + ((n * of->rows + row) * of->columns + left) * of->result_bytes;
        const int64_t* places = of->places + top % of->depth * of->tables;
        for (int64_t block = 0; block < of->blocks; ++block)
          for (int64_t k = 0; k < many;)
            k += with_size<8, 7, 6, 5, 4, 3, 2, 1>(std::min(tile, many - k), [&](auto size) {
              look_up_tile<decltype(size)::value>(*of, block, tables + k * stride, places, to + k * of->result_bytes);
            });
      }
    }
#endif
}

// Bit c of a pixel is (x[c] >= thresholds[c]), inverted where `inverted` says so; `row` bytes of bits per pixel.
void reach(const int32_t* x, int64_t pixels, int64_t channels, const int32_t* thresholds, const uint8_t* inverted,
           uint8_t* out, int64_t row) {
  const int64_t whole = channels / LANES * LANES;
  for (int64_t pixel = 0; pixel < pixels; ++pixel, x += channels, out += row) {
    for (int64_t c = 0; c < whole; c += LANES) {
      const uint16_t bits = reached(load<Ints>(x + c), load<Ints>(thresholds + c));
      store<uint16_t>(out + c / 8, bits ^ load<uint16_t>(inverted + c / 8));
    }
    for (int64_t c = whole; c < channels; c += 8) {
      uint8_t bits = 0;
      for (int64_t k = c; k < std::min(c + 8, channels); ++k) bits |= (x[k] >= thresholds[k]) << (k - c);
      out[c / 8] = bits ^ inverted[c / 8];
    }
  }
}

// How many thresholds [steps][size] the numbers x [rows][size] reach: the number of steps in which
// (x >= threshold) != inverted. Bisection takes longer: it reads thresholds one by one.
void count_levels(const int32_t* x, int64_t rows, int64_t size, const int32_t* thresholds, int64_t steps,
                  const uint8_t* inverted, uint8_t* __restrict out) {
  for (int64_t row = 0; row < rows; ++row, x += size, out += size) {
    memset(out, 0, size);
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t k = 0; k < size; ++k) out[k] += uint8_t(x[k] >= thresholds[step * size + k]) ^ inverted[k];
  }
}

// Sums of streams [rows][size], each times its factors [size], modulo mask + 1, a power of two, from `low` on.
void add_weighted(const int32_t* const* streams, const int32_t* const* factors, int64_t count, int64_t rows,
                  int64_t size, int32_t low, int32_t mask, int32_t* __restrict out) {
  for (int64_t row = 0; row < rows; ++row, out += size)
    for (int64_t k = 0; k < count; ++k) {
      const uint32_t* x = reinterpret_cast<const uint32_t*>(streams[k]) + row * size;
      const uint32_t* times = reinterpret_cast<const uint32_t*>(factors[k]);
      for (int64_t c = 0; c < size; ++c) {
        const uint32_t total = (k ? out[c] : 0) + x[c] * times[c];
        out[c] = ((total - low) & mask) + low;
      }
    }
}

// Sums over the windows of a pool, int32.
void sum_pixels(const Pool* pool, const int32_t* image, int32_t* __restrict out) {
  each_window(*pool, [&](int64_t first, int64_t result) {
    std::fill_n(out + result, pool->channels, 0);
    each_pixel(*pool, first, [&](int64_t pixel) {
      for (int64_t c = 0; c < pool->channels; ++c) out[result + c] += image[pixel + c];
    });
  });
}

// OR, or with `every` AND, of the words of the windows of a pool.
void pool_words(const Pool* pool, const uint64_t* image, bool every, uint64_t* __restrict out) {
  const uint64_t flip = every ? ~uint64_t(0) : 0;  // AND is OR of the inverted
  each_window(*pool, [&](int64_t first, int64_t result) {
    for (int64_t word = 0; word < pool->channels; ++word) {
      uint64_t bits = 0;
      each_pixel(*pool, first, [&](int64_t pixel) { bits |= image[pixel + word] ^ flip; });
      out[result + word] = bits ^ flip;
    }
  });
}

// Copies pixels of `bytes` bytes, rows and columns at these distances in bytes, to pixels `step` bytes apart.
void place_pixels(const char* image, int64_t images, int64_t rows, int64_t columns, const int64_t* strides,
                  int64_t bytes, char* out, int64_t step) {
  for (int64_t n = 0; n < images; ++n)
    for (int64_t row = 0; row < rows; ++row) {
      const char* pixel = image + n * strides[0] + row * strides[1];
      for (int64_t column = 0; column < columns; ++column, pixel += strides[2], out += step)
        memcpy(out, pixel, bytes);
    }
}

// Planes [images][channels][pixels] of bytes to pixels [images][pixels][channels].
void interleave_planes(const uint8_t* planes, int64_t images, int64_t channels, int64_t pixels,
                       uint8_t* __restrict out) {
  for (int64_t n = 0; n < images; ++n, planes += channels * pixels, out += channels * pixels) {
    if (channels == 3) {  // known to the compiler, which shuffles vectors
      for (int64_t k = 0; k < pixels; ++k)
        for (int c = 0; c < 3; ++c) out[3 * k + c] = planes[c * pixels + k];
    } else {
      for (int64_t k = 0; k < pixels; ++k)
        for (int64_t c = 0; c < channels; ++c) out[k * channels + c] = planes[c * pixels + k];
    }
  }
}

struct Merge {
  int64_t images, height, breadth;  // of words, `bits` of each pixel
  int64_t top, left, fill;          // where they lie in padded images, whose other pixels are `fill`
  int64_t bits, many;               // 64 at most; pixels that are joined
  int64_t rows, columns, words;     // of the result: padded height, padded breadth - many + 1, words of a pixel
};

// Of each pixel of padded images its bits and those of the pixels to its right, one behind the other.
void merge_pixels(const Merge* of, const uint64_t* image, uint64_t* out) {
  const int64_t grown = of->columns + of->many - 1;
  std::vector<uint64_t> padded(of->rows * grown + 7, of->fill);
  for (int64_t n = 0; n < of->images; ++n) {
    for (int64_t y = 0; y < of->height; ++y, image += of->breadth)
      std::copy_n(image, of->breadth, &padded[(of->top + y) * grown + of->left]);
    for (int64_t row = 0; row < of->rows; ++row, out += of->columns * of->words)
      for (int64_t column = 0; column < of->columns; column += 8)
        for (int64_t word = 0; word < of->words; ++word) {
          Longs merged = {};  // a word of eight pixels
          for (int64_t k = 0; k < of->many; ++k) {
            const auto x = load<Longs>(&padded[row * grown + column + k]);
            const int64_t shift = k * of->bits - 64 * word;
            if (shift >= 0 && shift < 64) merged |= x << shift;
            if (shift < 0 && shift > -64) merged |= x >> -shift;
          }
          const int64_t left = std::min<int64_t>(8, of->columns - column);
          uint64_t* to = out + column * of->words + word;
          if (left == 8 && of->words == 1) store(to, merged);
          else
            for (int64_t k = 0; k < left; ++k) to[k * of->words] = merged[k];
        }
  }
}

}  // extern "C"
