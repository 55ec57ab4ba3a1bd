// Products of small matrices by tensor cores, and what brings their elements to shared memory and from there
// to registers. Follows prelude.cuh. All threads of a warp call these together; blocks that do have their
// threads along x alone.

SINTER_DEVICE int lane() { return threadIdx.x & 31; }

//-- Products. What the lanes of a warp hold of a matrix is as for `mma` in the PTX ISA: of 16 rows, four
// registers, of 8 columns, two. Each holds two neighbouring terms of 16 bits, or one float.

// The product of what two registers hold.
template <class T>
SINTER_DEVICE float product(u32 a, u32 b) {
  const T low[2] = {{(u16)a}, {(u16)b}}, high[2] = {{(u16)(a >> 16)}, {(u16)(b >> 16)}};
  return value_of(low[0]) * value_of(low[1]) + value_of(high[0]) * value_of(high[1]);
}
template <>
__device__ __forceinline__ float product<float>(u32 a, u32 b) {
  return same_bits<float>(a) * same_bits<float>(b);
}

// sums += the product; `held(lane, register)` is a register of another lane: those of rows, then of columns.
template <class T, class Held>
SINTER_DEVICE void multiply_as_defined(float* sums, Held held) {
  const int row = lane() / 4, column = lane() % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll 1
    for (int from = 0; from < 4; ++from) {
      const u32 upper = held(row * 4 + from, half * 2), lower = held(row * 4 + from, half * 2 + 1);
      const u32 left = held(column * 4 + from, 4 + half), right = held(column * 4 + 4 + from, 4 + half);
      sums[0] += product<T>(upper, left);
      sums[1] += product<T>(upper, right);
      sums[2] += product<T>(lower, left);
      sums[3] += product<T>(lower, right);
    }
}

// Where there is no such instruction: Turing has none for bf16 and tf32, processors have none at all.
template <class T>
SINTER_DEVICE void multiply_without(float* sums, const u32* rows, const u32* columns) {
#if defined(__CUDA_ARCH__)
  multiply_as_defined<T>(sums, [&](int from, int number) {
    return __shfl_sync(0xFFFFFFFFu, number < 4 ? rows[number & 3] : columns[number & 1], from);
  });
#else
  host::publish(rows, columns);
  multiply_as_defined<T>(sums, [](int from, int number) { return host::published(from, number); });
#endif
}

// A 16x8 tile of sums, of which a lane has two neighbours of row lane / 4, then those of the row 8 below:
// columns lane % 4 * 2 and the next. Adds the products of 16 terms of f16 or bf16, or 8 of float, which count
// as tf32: see to_tf32.
template <class T>
SINTER_DEVICE void multiply_add(float* sums, const u32* rows, const u32* columns);

#define SINTER_MMA(shape, type)                                                                              \
  asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, " \
      "{%0,%1,%2,%3};"                                                                                       \
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                                           \
      : "r"(rows[0]), "r"(rows[1]), "r"(rows[2]), "r"(rows[3]), "r"(columns[0]), "r"(columns[1]))

template <>
__device__ __forceinline__ void multiply_add<f16>(float* sums, const u32* rows, const u32* columns) {
#if !defined(__CUDA_ARCH__)
  multiply_without<f16>(sums, rows, columns);
#elif __CUDA_ARCH__ >= 800
  SINTER_MMA("m16n8k16", "f16");
#else
#pragma unroll
  for (int half = 0; half < 2; ++half)
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(rows[2 * half]), "r"(rows[2 * half + 1]), "r"(columns[half]));
#endif
}

template <>
__device__ __forceinline__ void multiply_add<bf16>(float* sums, const u32* rows, const u32* columns) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  SINTER_MMA("m16n8k16", "bf16");
#else
  multiply_without<bf16>(sums, rows, columns);
#endif
}

template <>
__device__ __forceinline__ void multiply_add<float>(float* sums, const u32* rows, const u32* columns) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  SINTER_MMA("m16n8k8", "tf32");
#else
  multiply_without<float>(sums, rows, columns);
#endif
}

// The float `bits` rounded to 10 bits of mantissa: to nearest, ties away from zero.
SINTER_DEVICE u32 to_tf32(u32 bits) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  u32 rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "r"(bits));
  return rounded;
#else
  return (bits & 0x7F800000u) == 0x7F800000u ? bits : (bits + 0x1000u) & ~0x1FFFu;
#endif
}

//-- From shared memory to registers: four matrices of 8 rows of 16 bytes; lane 8 * i + j says where row j of
// matrix i lies, at a multiple of 16 bytes. Register i of a lane is then the four bytes lane % 4 of row
// lane / 4 of matrix i.

SINTER_DEVICE void load_matrices(u32* registers, const void* row) {
#if defined(__CUDA_ARCH__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"((u32)__cvta_generic_to_shared(row))
               : "memory");
#else
  host::load_matrices(registers, row, false);
#endif
}

// Likewise, the matrices transposed: elements of 16 bits 2 * (lane % 4) and the next of column lane / 4.
SINTER_DEVICE void load_matrices_transposed(u32* registers, const void* row) {
#if defined(__CUDA_ARCH__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"((u32)__cvta_generic_to_shared(row))
               : "memory");
#else
  host::load_matrices(registers, row, true);
#endif
}

//-- From global to shared memory, 16 bytes at a time.

typedef Pack<u32, 4> Chunk;

// What the block was launched with, besides what the code declares.
SINTER_DEVICE u8* dynamic_memory() {
#if defined(__CUDA_ARCH__)
  extern __shared__ Chunk dynamic[];
  return (u8*)dynamic;
#else
  return host::dynamic_memory();
#endif
}

// To `to`, which lies in shared memory: zeros unless `wanted`, when nothing is read. The bytes are there after wait_copies and a barrier.
SINTER_DEVICE void copy_async(void* to, const void* from, bool wanted) {
#if !defined(__CUDA_ARCH__)
  host::copy_async(to, from, wanted);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(
                   (u32)__cvta_generic_to_shared(to)),
               "l"(__cvta_generic_to_global(from)), "r"(wanted ? 16 : 0)
               : "memory");
#else
  const Chunk none = {};
  *(Chunk*)to = wanted ? *(const Chunk*)from : none;
#endif
}

// Closes a group of copies, which may be empty.
SINTER_DEVICE void commit_copies() {
#if !defined(__CUDA_ARCH__)
  host::commit_copies();
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until all but the last `Groups` groups of this thread's copies are done.
template <int Groups>
SINTER_DEVICE void wait_copies() {
#if !defined(__CUDA_ARCH__)
  host::wait_copies(Groups);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
#endif
}

//-- Terms of a factor in shared memory: of `Lines` rows or columns of a tile, `Terms` terms, in chunks of
// 16 bytes, which hold neighbours along the sum (`AlongSum`), or along the lines. Chunks lie where no eight
// that are read or written at once share a bank.

template <class T, int Lines, int Terms, bool AlongSum>
struct Factor {
  typedef T Element;
  static constexpr int kInChunk = 16 / sizeof(T);
  static constexpr int kStep = 32 / sizeof(T); // terms of a multiply_add
  static constexpr int kTerms = Terms;
  static constexpr int kBytes = Lines * Terms * sizeof(T);

  // Where the chunk lies that `line` and `term` are in.
  SINTER_DEVICE int at(int line, int term) {
    constexpr int kChunks = (AlongSum ? Terms : Lines) / kInChunk;
    const int slow = AlongSum ? line : term, chunk = (AlongSum ? term : line) / kInChunk;
    const int moved = !AlongSum && sizeof(T) == 4 ? (slow & 3) * 2 // four terms of eight lines are read at once
                      : kChunks >= 8              ? slow & 7
                                                  : slow / (8 / kChunks) & (kChunks - 1);
    return (slow * kChunks + (chunk ^ moved)) * 16;
  }

  // kStep terms of 16 lines, as multiply_add takes rows. As columns, registers 0 and 2 are the first eight.
  SINTER_DEVICE void load(u32* registers, const u8* memory, int line, int term) {
    const int l = lane();
    if (AlongSum) {
      load_matrices(registers, memory + at(line + l % 16, term + l / 16 * kInChunk));
    } else if (sizeof(T) == 2) {
      load_matrices_transposed(registers, memory + at(line + l / 8 % 2 * 8, term + l % 8 + l / 16 * 8));
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int of = line + l / 4 + i % 2 * 8;
        registers[i] = ((const u32*)(memory + at(of, term + l % 4 + i / 2 * 4)))[of % kInChunk];
      }
    }
    if (sizeof(T) == 4) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        registers[i] = to_tf32(registers[i]);
    }
  }
};

// Adds to the Rows x Columns sums of a warp, tiles of 16 x 8 row by row, the products of terms `first`,
// `first` + Stride, ... (counted in steps of multiply_add) of what is in memory. `row` and `column`: where
// the warp's begin in the block's tile.
template <class First, class Second, int Rows, int Columns, int Stride>
SINTER_DEVICE void multiply_tile(float* sums, const u8* first, const u8* second, int row, int column,
                                 int slice) {
#pragma unroll
  for (int step = 0; step < First::kTerms / First::kStep; step += Stride) {
    const int term = (step + slice) * First::kStep;
    u32 rows[Rows / 16][4], columns[Columns / 16][4];
#pragma unroll
    for (int i = 0; i < Rows / 16; ++i)
      First::load(rows[i], first, row + i * 16, term);
#pragma unroll
    for (int j = 0; j < Columns / 16; ++j)
      Second::load(columns[j], second, column + j * 16, term);
#pragma unroll
    for (int i = 0; i < Rows / 16; ++i)
#pragma unroll
      for (int j = 0; j < Columns / 8; ++j) {
        const u32 pair[2] = {columns[j / 2][j % 2], columns[j / 2][j % 2 + 2]};
        multiply_add<typename First::Element>(sums + (i * (Columns / 8) + j) * 4, rows[i], pair);
      }
  }
}

template <int Count>
SINTER_DEVICE void clear(float* sums) {
#pragma unroll
  for (int i = 0; i < Count; ++i)
    sums[i] = 0;
}

// A warp's sums, to memory whose rows are `Pitch` floats apart; added to what is there if `Add`.
template <int Rows, int Columns, int Pitch, bool Add>
SINTER_DEVICE void put_sums(float* to, const float* sums) {
  to += lane() / 4 * Pitch + lane() % 4 * 2;
#pragma unroll
  for (int i = 0; i < Rows / 8; ++i)
#pragma unroll
    for (int j = 0; j < Columns / 8; ++j) {
      const float* from = sums + ((i / 2) * (Columns / 8) + j) * 4 + i % 2 * 2;
      Pack<float, 2>* place = (Pack<float, 2>*)(to + i * 8 * Pitch + j * 8);
      Pack<float, 2> pair = {{from[0], from[1]}};
      if (Add) {
        pair.e[0] += place->e[0];
        pair.e[1] += place->e[1];
      }
      *place = pair;
    }
}

//-- Stages: parts of the block's memory that hold some terms of both factors, at `offset` bytes.

SINTER_DEVICE u64* dynamic_slots() { return (u64*)dynamic_memory(); }

// What follows `from` in memory becomes the chunk of `line` and `term`: zeros unless `wanted`. `aligned`: it
// lies at a multiple of 16 bytes.
template <class F>
SINTER_DEVICE void bring_chunk(u64* memory, int offset, int line, int term, const typename F::Element* from,
                               bool wanted, bool aligned) {
  u8* to = (u8*)memory + offset + F::at(line, term);
  if (aligned)
    return copy_async(to, from, wanted);
  Pack<typename F::Element, F::kInChunk> chunk = {};
  if (wanted)
    for (int i = 0; i < F::kInChunk; ++i)
      chunk.e[i] = from[i];
  *(Chunk*)to = same_bits<Chunk>(chunk);
}
template <class F>
SINTER_DEVICE void put_chunk(u64* memory, int offset, int line, int term, const void* chunk) {
  *(Chunk*)((u8*)memory + offset + F::at(line, term)) = *(const Chunk*)chunk;
}

// N neighbours, to registers.
template <class T, int N>
SINTER_DEVICE void load_run(T* to, const T* from, bool aligned) {
  constexpr int kAtOnce = N * sizeof(T) < 16 ? N : 16 / sizeof(T);
  typedef Pack<T, kAtOnce> Run;
#pragma unroll
  for (int i = 0; i < N; i += kAtOnce) {
    Run run;
    if (aligned) {
      run = *(const Run*)(from + i);
    } else {
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j)
        run.e[j] = from[i + j];
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j)
      to[i + j] = run.e[j];
  }
}

template <class First, class Second, int Rows, int Columns, int Slices>
SINTER_DEVICE void multiply_stage(float* sums, const u64* memory, int offset, int row, int column,
                                  int slice) {
  const u8* first = (const u8*)memory + offset;
  multiply_tile<First, Second, Rows, Columns, Slices>(sums, first, first + First::kBytes, row, column, slice);
}

//-- Tiles whose terms several blocks share.

// A block's part of the sums, of which each of `Threads` threads has `Count`, goes to `parts`; whichever block
// of a tile comes last gets the sum of all, always added in the order of the parts, and true. `arrived` counts
// those that came, and is zero again afterwards: launches of a kernel follow each other.
template <int Count, int Threads>
SINTER_DEVICE bool join_sums(float* sums, float* parts, u64* arrived, int tile, int tiles, int part, int of) {
  float* mine = parts + ((i64)part * tiles + tile) * (Count * Threads) + thread_x();
#pragma unroll
  for (int i = 0; i < Count; ++i)
    mine[i * Threads] = sums[i];
  if (!last_at_barrier(arrived, tile, of))
    return false;
  clear<Count>(sums);
  for (int i = 0; i < of; ++i) {
    const volatile float* from = parts + ((i64)i * tiles + tile) * (Count * Threads) + thread_x();
#pragma unroll
    for (int j = 0; j < Count; ++j)
      sums[j] += from[j * Threads];
  }
  return true;
}
