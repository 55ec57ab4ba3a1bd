// Attention: a block makes a tile of rows of the result. Keys and values pass through shared memory a few at a
// time; the maximum and the sum of what a row's softmax has met so far run along, as does the row itself (Dao:
// FlashAttention-2, 2023, arXiv:2307.08691). Follows tensor_cores.cuh.
//
// Scores and sums are in the tiles of 16 x 8 that multiply_add makes: a warp has `RowTiles` of them below each
// other, and each of its lanes two neighbours of each of 2 * RowTiles rows in every tile.

// Where the elements of a matrix are, which has Columns of them in a row. Vector: 16 bytes may be read at once
// wherever the first element lies at a multiple of that.
template <int Columns, i64 RowStride, i64 ColumnStride, bool Vector>
struct Matrix {
  static constexpr int kColumns = Columns;
  static constexpr i64 kRowStride = RowStride, kColumnStride = ColumnStride;
  static constexpr bool kVector = Vector;
};

// What is added to scores: nothing, or the elements of a matrix. Pairs: two neighbours of even columns may be
// read at once, wherever the first element lies at a multiple of their size.
struct NoMask {
  static constexpr bool kIsThere = false, kPairs = false;
  static constexpr i64 kRowStride = 0, kColumnStride = 0;
};
template <i64 RowStride, i64 ColumnStride, bool Pairs>
struct Mask {
  static constexpr bool kIsThere = true, kPairs = Pairs;
  static constexpr i64 kRowStride = RowStride, kColumnStride = ColumnStride;
};

#define SINTER_MEMBER __device__ __forceinline__

SINTER_DEVICE float value_of(float x) { return x; }

template <class A, class B>
constexpr bool same_type = false;
template <class A>
constexpr bool same_type<A, A> = true;

// Two neighbours, the first in the lower half.
template <class T>
SINTER_DEVICE u32 pair_of(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  u32 pair;
  if (same_type<T, f16>)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  T low, high;
  put(low, first);
  put(high, second);
  return low.bits | (u32)high.bits << 16;
#endif
}

// e^x; what is less than the least normal number may be 0.
SINTER_DEVICE float fast_exp(float x) {
  x *= 1.44269504f;
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

//-- Ways to multiply. Rows in shared memory are padded with zeros to whole steps, and 16 bytes apart from a
// multiple of 32, so that what a warp reads at once lies in different banks.

template <class T, int Columns>
struct Padded {
  static constexpr int kStep = 32 / sizeof(T);
  static constexpr int kColumns = (Columns + kStep - 1) / kStep * kStep;
  static constexpr int kPitch = kColumns + 16 / sizeof(T);
};

// Without tensor cores: every lane multiplies what its places in the tiles are sums of.
template <class T, int RowTiles, int KeyTiles, int Depth, int Width>
struct FloatProducts {
  static constexpr int kRowTiles = RowTiles, kKeyTiles = KeyTiles;
  typedef Padded<T, Depth> Query;
  typedef Padded<T, Width> Value;
  static constexpr int kWidthTiles = Value::kColumns / 8;
  typedef Pack<T, 4> Four;
  typedef Pack<T, 2> Two;

  const T* query;

  SINTER_MEMBER void take(const T* rows) { query = rows + lane() / 4 * Query::kPitch; }

  SINTER_MEMBER void addScores(float (&scores)[RowTiles][KeyTiles][4], const T* keys) {
    const T* own = keys + lane() % 4 * 2 * Query::kPitch;
#pragma unroll 1
    for (int k = 0; k < Query::kColumns; k += 4) {
      Four rows[RowTiles][2];
#pragma unroll
      for (int i = 0; i < 2 * RowTiles; ++i)
        rows[i / 2][i % 2] = *(const Four*)(query + i * 8 * Query::kPitch + k);
#pragma unroll
      for (int j = 0; j < 2 * KeyTiles; ++j) {
        const Four column = *(const Four*)(own + (j / 2 * 8 + j % 2) * Query::kPitch + k);
#pragma unroll
        for (int i = 0; i < 2 * RowTiles; ++i)
#pragma unroll
          for (int e = 0; e < 4; ++e)
            scores[i / 2][j / 2][i % 2 * 2 + j % 2] += value_of(rows[i / 2][i % 2].e[e]) * value_of(column.e[e]);
      }
    }
  }

  SINTER_MEMBER void addValues(float (&sums)[RowTiles][kWidthTiles][4],
                               const float (&weights)[RowTiles][KeyTiles][4], const T* values) {
    const int own = lane() % 4;
    // Four lanes share a row of weights; each meets those of the others in an order of its own.
#pragma unroll
    for (int k = 0; k < KeyTiles; ++k)
#pragma unroll
      for (int other = 0; other < 4; ++other)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float row[RowTiles][2];
#pragma unroll
          for (int i = 0; i < 2 * RowTiles; ++i)
            row[i / 2][i % 2] = lane_xor(weights[i / 2][k][i % 2 * 2 + c], other);
          const T* from = values + (k * 8 + (own ^ other) * 2 + c) * Value::kPitch + own * 2;
#pragma unroll
          for (int n = 0; n < kWidthTiles; ++n) {
            const Two column = *(const Two*)(from + n * 8);
#pragma unroll
            for (int i = 0; i < 4 * RowTiles; ++i)
              sums[i / 4][n][i % 4] += row[i / 4][i / 2 % 2] * value_of(column.e[i % 2]);
          }
        }
  }
};

// f16 and bf16 by tensor cores. The weights of the softmax are rounded to T.
template <class T, int RowTiles, int KeyTiles, int Depth, int Width>
struct HalfProducts {
  static constexpr int kRowTiles = RowTiles, kKeyTiles = KeyTiles;
  typedef Padded<T, Depth> Query;
  typedef Padded<T, Width> Value;
  static constexpr int kDepthSteps = Query::kColumns / 16, kWidthTiles = Value::kColumns / 8;

  u32 query[RowTiles][kDepthSteps][4];

  // Lane `l` says where row l % 16 of 16 lies, and, from 16 on, of its second half.
  SINTER_DEVICE const T* place(const T* rows, int pitch) {
    return rows + lane() % 16 * pitch + lane() / 16 * 8;
  }

  SINTER_MEMBER void take(const T* rows) {
#pragma unroll
    for (int i = 0; i < RowTiles; ++i)
#pragma unroll
      for (int k = 0; k < kDepthSteps; ++k)
        load_matrices(query[i][k], place(rows, Query::kPitch) + i * 16 * Query::kPitch + k * 16);
  }

  SINTER_MEMBER void addScores(float (&scores)[RowTiles][KeyTiles][4], const T* keys) {
#pragma unroll
    for (int k = 0; k < kDepthSteps; ++k)
#pragma unroll
      for (int j = 0; j < KeyTiles; j += 2) {
        u32 both[4];
        load_matrices(both, place(keys, Query::kPitch) + j * 8 * Query::kPitch + k * 16);
        const u32 first[2] = {both[0], both[2]}, second[2] = {both[1], both[3]};
#pragma unroll
        for (int i = 0; i < RowTiles; ++i) {
          multiply_add<T>(scores[i][j], query[i][k], first);
          multiply_add<T>(scores[i][j + 1], query[i][k], second);
        }
      }
  }

  SINTER_MEMBER void addValues(float (&sums)[RowTiles][kWidthTiles][4],
                               const float (&weights)[RowTiles][KeyTiles][4], const T* values) {
#pragma unroll
    for (int k = 0; k < KeyTiles; k += 2) {
      // Two tiles of sums are, in the registers they are in, one of factors.
      u32 rows[RowTiles][4];
#pragma unroll
      for (int i = 0; i < RowTiles; ++i)
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          const float* from = weights[i][k + r / 2] + r % 2 * 2;
          rows[i][r] = pair_of<T>(from[0], from[1]);
        }
#pragma unroll
      for (int n = 0; n < kWidthTiles; n += 2) {
        u32 both[4];
        load_matrices_transposed(both, place(values, Value::kPitch) + k * 8 * Value::kPitch + n * 8);
        const u32 first[2] = {both[0], both[1]}, second[2] = {both[2], both[3]};
#pragma unroll
        for (int i = 0; i < RowTiles; ++i) {
          multiply_add<T>(sums[i][n], rows[i], first);
          multiply_add<T>(sums[i][n + 1], rows[i], second);
        }
      }
    }
  }
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
// Turing has tensor cores for f16 alone.
template <int RowTiles, int KeyTiles, int Depth, int Width>
struct HalfProducts<bf16, RowTiles, KeyTiles, Depth, Width>
    : FloatProducts<bf16, RowTiles, KeyTiles, Depth, Width> {};
template <int RowTiles, int KeyTiles, int Depth, int Width>
struct Tf32Products : FloatProducts<float, RowTiles, KeyTiles, Depth, Width> {};
#else

// Floats by tensor cores, as tf32.
template <int RowTiles, int KeyTiles, int Depth, int Width>
struct Tf32Products {
  static constexpr int kRowTiles = RowTiles, kKeyTiles = KeyTiles;
  typedef Padded<float, Depth> Query;
  typedef Padded<float, Width> Value;
  static constexpr int kWidthTiles = Value::kColumns / 8;

  const float* query;

  SINTER_DEVICE void load(u32* registers, const float* rows) {
    load_matrices(registers, rows + lane() % 16 * Query::kPitch + lane() / 16 * 4);
#pragma unroll
    for (int r = 0; r < 4; ++r)
      registers[r] = to_tf32(registers[r]);
  }

  SINTER_MEMBER void take(const float* rows) { query = rows; }

  SINTER_MEMBER void addScores(float (&scores)[RowTiles][KeyTiles][4], const float* keys) {
#pragma unroll 2
    for (int k = 0; k < Query::kColumns; k += 8) {
      u32 rows[RowTiles][4];
#pragma unroll
      for (int i = 0; i < RowTiles; ++i)
        load(rows[i], query + i * 16 * Query::kPitch + k);
#pragma unroll
      for (int j = 0; j < KeyTiles; j += 2) {
        u32 both[4];
        load(both, keys + j * 8 * Query::kPitch + k);
        const u32 first[2] = {both[0], both[2]}, second[2] = {both[1], both[3]};
#pragma unroll
        for (int i = 0; i < RowTiles; ++i) {
          multiply_add<float>(scores[i][j], rows[i], first);
          multiply_add<float>(scores[i][j + 1], rows[i], second);
        }
      }
    }
  }

  SINTER_MEMBER void addValues(float (&sums)[RowTiles][kWidthTiles][4],
                               const float (&weights)[RowTiles][KeyTiles][4], const float* values) {
    // A lane has the weights of keys 2 * t and 2 * t + 1; as factors it gives keys t and t + 4. Sums do not
    // depend on what keys are called: the values' rows go by the same names.
    const float* own = values + lane() % 4 * 2 * Value::kPitch + lane() / 4;
#pragma unroll
    for (int k = 0; k < KeyTiles; ++k) {
      u32 rows[RowTiles][4];
#pragma unroll
      for (int i = 0; i < RowTiles; ++i)
#pragma unroll
        for (int r = 0; r < 4; ++r)
          rows[i][r] = to_tf32(same_bits<u32>(weights[i][k][r % 2 * 2 + r / 2]));
#pragma unroll
      for (int n = 0; n < kWidthTiles; ++n) {
        const float* from = own + k * 8 * Value::kPitch + n * 8;
        const u32 columns[2] = {to_tf32(same_bits<u32>(from[0])), to_tf32(same_bits<u32>(from[Value::kPitch]))};
#pragma unroll
        for (int i = 0; i < RowTiles; ++i)
          multiply_add<float>(sums[i][n], rows[i], columns);
      }
    }
  }
};

#endif

//-- The kernel's frame.

// Brings Count rows of `From`, from row `first` on, to shared memory; zeros for those from `end` on.
template <class From, int Count, int Threads, class T>
SINTER_DEVICE void bring_rows(T* to, const T* from, int first, int end, bool aligned) {
  typedef Padded<T, From::kColumns> Place;
  if (From::kVector && aligned) {
    constexpr int kChunk = 16 / sizeof(T), kChunks = Place::kColumns / kChunk;
#pragma unroll 1
    for (int number = thread_x(); number < Count * kChunks; number += Threads) {
      const int row = number / kChunks, column = number % kChunks * kChunk;
      const bool wanted = first + row < end && column < From::kColumns;
      copy_async(to + row * Place::kPitch + column,
                 wanted ? from + (first + row) * From::kRowStride + column : from, wanted);
    }
    return;
  }
  // Neighbouring threads read neighbours in memory.
  constexpr bool kByRows = From::kColumnStride == 1;
  constexpr int kFast = kByRows ? Place::kColumns : Count;
#pragma unroll 2
  for (int number = thread_x(); number < Count * Place::kColumns; number += Threads) {
    const int fast = number % kFast, slow = number / kFast;
    const int row = kByRows ? slow : fast, column = kByRows ? fast : slow;
    T element = {};
    if (first + row < end && column < From::kColumns)
      element = from[(first + row) * From::kRowStride + column * From::kColumnStride];
    to[row * Place::kPitch + column] = element;
  }
}

// What four lanes that share rows have of them, folded.
SINTER_DEVICE float greatest_of_row(float x) {
  x = fmaxf(x, lane_xor(x, 1));
  return fmaxf(x, lane_xor(x, 2));
}
SINTER_DEVICE float sum_of_row(float x) {
  x += lane_xor(x, 1);
  return x + lane_xor(x, 2);
}

// How far the softmaxes of a lane's rows are.
template <int RowTiles>
struct Softmaxes {
  float maxima[2 * RowTiles], totals[2 * RowTiles];

  SINTER_MEMBER void begin() {
#pragma unroll
    for (int i = 0; i < 2 * RowTiles; ++i) {
      maxima[i] = same_bits<float>(0xFF800000u);
      totals[i] = 0;
    }
  }

  // Scores become weights; weights and sums that were made before count less when the maximum grows.
  template <int KeyTiles, int WidthTiles>
  SINTER_MEMBER void meet(float (&scores)[RowTiles][KeyTiles][4], float (&sums)[RowTiles][WidthTiles][4]) {
    const float none = same_bits<float>(0xFF800000u);
#pragma unroll
    for (int i = 0; i < 2 * RowTiles; ++i) {
      float greatest = maxima[i], total = 0;
#pragma unroll
      for (int j = 0; j < 2 * KeyTiles; ++j)
        greatest = fmaxf(greatest, scores[i / 2][j / 2][i % 2 * 2 + j % 2]);
      greatest = greatest_of_row(greatest);
      // Where every key so far is taken out, weights are 0, not NaN: others may follow.
      const float base = greatest == none ? 0 : greatest;
      const float shrunk = fast_exp(maxima[i] - base);
      maxima[i] = greatest;
#pragma unroll
      for (int j = 0; j < 2 * KeyTiles; ++j) {
        float& score = scores[i / 2][j / 2][i % 2 * 2 + j % 2];
        score = fast_exp(score - base);
        total += score;
      }
      totals[i] = totals[i] * shrunk + total;
#pragma unroll
      for (int n = 0; n < 2 * WidthTiles; ++n)
        sums[i / 2][n / 2][i % 2 * 2 + n % 2] *= shrunk;
    }
  }
};

// Two neighbours of a row of the mask.
template <class Mask, bool Pairs, class M>
SINTER_DEVICE void add_mask(float& first, float& second, const M* at) {
  if (Pairs) {
    const Pack<M, 2> both = *(const Pack<M, 2>*)at;
    first += value_of(both.e[0]);
    second += value_of(both.e[1]);
  } else {
    first += value_of(at[0]);
    second += value_of(at[Mask::kColumnStride]);
  }
}

// Scores of rows `row` + 8 * i, times `scale`, with what `Mask` adds, where all keys are inside.
template <class Mask, int Rows, bool Pairs, int RowTiles, int KeyTiles, class M>
SINTER_DEVICE void finish_scores(float (&scores)[RowTiles][KeyTiles][4], const M* mask, float scale, int row,
                                 int firstKey) {
#pragma unroll
  for (int i = 0; i < 2 * RowTiles; ++i) {
    const int own = row + i * 8 < Rows ? row + i * 8 : Rows - 1;
    const M* const of = mask + own * Mask::kRowStride + (firstKey + lane() % 4 * 2) * Mask::kColumnStride;
#pragma unroll
    for (int j = 0; j < KeyTiles; ++j) {
      float *const first = scores[i / 2][j] + i % 2 * 2, *const second = first + 1;
      *first *= scale;
      *second *= scale;
      if (Mask::kIsThere)
        add_mask<Mask, Pairs>(*first, *second, of + j * 8 * Mask::kColumnStride);
    }
  }
}

// The same where keys from `Keys` on are to be taken out.
template <class Mask, int Rows, int Keys, int RowTiles, int KeyTiles, class M>
SINTER_DEVICE void finish_last_scores(float (&scores)[RowTiles][KeyTiles][4], const M* mask, float scale,
                                      int row, int firstKey) {
#pragma unroll
  for (int i = 0; i < 2 * RowTiles; ++i) {
    const int own = row + i * 8 < Rows ? row + i * 8 : Rows - 1;
#pragma unroll
    for (int j = 0; j < 2 * KeyTiles; ++j) {
      const int key = firstKey + j / 2 * 8 + lane() % 4 * 2 + j % 2;
      float& score = scores[i / 2][j / 2][i % 2 * 2 + j % 2];
      score *= scale;
      if (key >= Keys)
        score = same_bits<float>(0xFF800000u);
      else if (Mask::kIsThere)
        score += value_of(mask[own * Mask::kRowStride + key * Mask::kColumnStride]);
    }
  }
}

// Of the attention of Rows rows to Keys keys, rows from `firstRow` on, as many as Warps warps have, into the
// block's dynamic memory: see attention_results. Operands begin at the elements `...At`. Barriers stand before
// and after.
template <class Products, int Rows, int Keys, int Warps, class QueryMatrix, class KeyMatrix,
          class ValueMatrix, class Mask, class T, class M>
SINTER_DEVICE void attend(const T* query, i64 queryAt, const T* key, i64 keyAt, const T* value, i64 valueAt,
                          const M* mask, i64 maskAt, float scale, int firstRow) {
  constexpr int RowTiles = Products::kRowTiles, KeyTiles = Products::kKeyTiles;
  constexpr int kThreads = Warps * 32, kRows = Warps * RowTiles * 16, kKeys = KeyTiles * 8;
  typedef typename Products::Query Query;
  typedef typename Products::Value Value;
  query += queryAt;
  key += keyAt;
  value += valueAt;
  mask += maskAt;
  T* const keys = (T*)dynamic_memory();
  T* const values = keys + kKeys * Query::kPitch;
  T* const queries = values + kKeys * Value::kPitch;
  const bool queryAligned = are_aligned(query), keyAligned = are_aligned(key),
             valueAligned = are_aligned(value);
  const bool pairs = Mask::kPairs && (u64)mask % (2 * sizeof(M)) == 0;
  const int ownRow = thread_x() / 32 * RowTiles * 16; // of the tile

  bring_rows<QueryMatrix, kRows, kThreads>(queries, query, firstRow, Rows, queryAligned);
  commit_copies();
  bring_rows<KeyMatrix, kKeys, kThreads>(keys, key, 0, Keys, keyAligned);
  commit_copies();
  wait_copies<1>();
  barrier();
  Products products;
  products.take(queries + ownRow * Query::kPitch);

  float sums[RowTiles][Products::kWidthTiles][4] = {};
  Softmaxes<RowTiles> softmaxes;
  softmaxes.begin();
#pragma unroll 1
  for (int first = 0; first < Keys; first += kKeys) {
    bring_rows<ValueMatrix, kKeys, kThreads>(values, value, first, Keys, valueAligned);
    commit_copies();
    wait_copies<1>();
    barrier();
    float scores[RowTiles][KeyTiles][4] = {};
    products.addScores(scores, keys);
    barrier();
    if (first + kKeys < Keys)
      bring_rows<KeyMatrix, kKeys, kThreads>(keys, key, first + kKeys, Keys, keyAligned);
    commit_copies();
    const int row = firstRow + ownRow + lane() / 4;
    if (Keys % kKeys != 0 && first + kKeys > Keys)
      finish_last_scores<Mask, Rows, Keys>(scores, mask, scale, row, first);
    else if (pairs)
      finish_scores<Mask, Rows, true>(scores, mask, scale, row, first);
    else
      finish_scores<Mask, Rows, false>(scores, mask, scale, row, first);
    softmaxes.meet(scores, sums);
    wait_copies<1>();
    barrier();
    products.addValues(sums, scores, values);
    barrier();
  }

  constexpr int kPitch = Value::kColumns + 4;
  float* result = (float*)dynamic_memory() + (ownRow + lane() / 4) * kPitch + lane() % 4 * 2;
#pragma unroll
  for (int i = 0; i < 2 * RowTiles; ++i) {
    const float part = 1 / sum_of_row(softmaxes.totals[i]);
#pragma unroll
    for (int n = 0; n < 2 * Products::kWidthTiles; ++n)
      result[i * 8 * kPitch + n / 2 * 8 + n % 2] = sums[i / 2][n / 2][i % 2 * 2 + n % 2] * part;
  }
}

// Rows of floats, 4 floats apart from those that the value's rows are padded to.
SINTER_DEVICE u64* attention_results() { return (u64*)dynamic_memory(); }
