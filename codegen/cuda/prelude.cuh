// What every generated kernel begins with: types of elements, arithmetic, and what threads tell each other.
// Compiled by NVRTC without any header, and for tests by a C++ compiler after tests/cuda/host_shim.h.

#define SINTER_DEVICE static __device__ __forceinline__

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

//-- Elements of 16 bits: in memory only. Values are float.

struct f16 {
  u16 bits;
};
struct bf16 {
  u16 bits;
};

// Neighbours in memory that are loaded and stored at once.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T e[N];
};

// True if packs of 16 bytes may begin at all of these.
template <class... Pointers>
SINTER_DEVICE bool are_aligned(Pointers... pointers) {
  return ((... | (u64)pointers) & 15) == 0;
}

// The number that has the same bits.
template <class To, class From>
SINTER_DEVICE To same_bits(From x) {
  union {
    From from;
    To to;
  } both;
  both.from = x;
  return both.to;
}

SINTER_DEVICE float value_of(bf16 x) { return same_bits<float>((u32)x.bits << 16); }
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
SINTER_DEVICE void put(bf16& to, float x) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(x)); }
#else
SINTER_DEVICE void put(bf16& to, float x) {
  const u32 bits = same_bits<u32>(x);
  // To nearest, ties to even; a NaN stays one.
  to.bits = x != x ? (u16)((bits >> 16) | 64) : (u16)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}
#endif

#if defined(__CUDA_ARCH__)
SINTER_DEVICE float value_of(f16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
SINTER_DEVICE void put(f16& to, float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(x)); }
#else
SINTER_DEVICE float value_of(f16 x) { return host_float_of_half(x.bits); }
SINTER_DEVICE void put(f16& to, float x) { to.bits = host_half_of_float(x); }
#endif

template <class T>
SINTER_DEVICE float rounded_to(float x) {
  T element;
  put(element, x);
  return value_of(element);
}

//-- Arithmetic that C++ has no operator for.

// A number as an index: what indices of 32 bits do not reach becomes one that is outside of any tensor.
template <class Index, class Number>
SINTER_DEVICE Index position_of(Number x) {
  if (sizeof(Index) == 4 && sizeof(Number) == 8)
    return (Index)(x < -(1 << 30) ? -(1 << 30) : x > 1 << 30 ? 1 << 30 : x);
  return (Index)x;
}

// Of IEEE 754-2019: NaN if either is, and -0 is less than +0.
template <class T>
SINTER_DEVICE T maximum(T a, T b) {
  if (a == b)
    return signbit(a) ? b : a;
  return a > b || a != a ? a : b;
}
template <class T>
SINTER_DEVICE T minimum(T a, T b) {
  if (a == b)
    return signbit(a) ? a : b;
  return a < b || a != a ? a : b;
}

//-- Threads. All threads of a warp call lane_xor together, all of a block barrier.

SINTER_DEVICE int thread_x() { return threadIdx.x; }
SINTER_DEVICE int thread_y() { return threadIdx.y; }
SINTER_DEVICE int block() { return blockIdx.x; }
SINTER_DEVICE int blocks() { return gridDim.x; }
SINTER_DEVICE void barrier() { __syncthreads(); }

// What the thread of the warp has as `x` whose number differs in the bits of `mask`.
template <class T>
SINTER_DEVICE T lane_xor(T x, int mask) {
  return (T)__shfl_xor_sync(0xFFFFFFFFu, x, mask);
}

// The block's memory for values on their way between threads, at a multiple of 16 bytes.
template <int Slots>
SINTER_DEVICE u64* shared_slots() {
  alignas(16) __shared__ u64 slots[Slots];
  return slots;
}
template <class T>
SINTER_DEVICE void set_slot(u64* slots, int number, T x) {
  ((T*)slots)[number] = x;
}
template <class T>
SINTER_DEVICE T slot(const u64* slots, int number) {
  return ((const T*)slots)[number];
}

//-- Threads of a block, continued: all of them call these together.

SINTER_DEVICE bool any_at_barrier(bool x) { return __syncthreads_or(x) != 0; }

// The numbers of the threads, of so many along x, that are `wanted`, in order; returns how many they are.
template <int Threads>
SINTER_DEVICE int list_at_barrier(bool wanted, u64* list) {
  __shared__ int counts[Threads / 32];
  const int thread = threadIdx.x, warp = thread / 32;
  const u32 wanting = __ballot_sync(0xFFFFFFFFu, wanted);
  __syncthreads(); // others may still read the list before
  if (thread % 32 == 0)
    counts[warp] = __popc(wanting);
  __syncthreads();
  int before = 0, count = 0;
  for (int i = 0; i < Threads / 32; ++i) {
    before += i < warp ? counts[i] : 0;
    count += counts[i];
  }
  if (wanted)
    ((int*)list)[before + __popc(wanting & ((1u << thread % 32) - 1))] = thread;
  __syncthreads();
  return count;
}

//-- Blocks that work on the same: each leaves its part in the device's memory, the last one goes on with all.

template <class T>
SINTER_DEVICE void set_part(u64* parts, int number, T x) {
  ((volatile T*)parts)[number] = x;
}
template <class T>
SINTER_DEVICE T part(const u64* parts, int number) {
  return ((const volatile T*)parts)[number];
}

// True in all threads of the block that is the last of `count` to come here: it sees the parts of the others.
// The counter, zero before the first one, is zero again after the last.
SINTER_DEVICE bool last_at_barrier(u64* counters, int number, int count) {
  __threadfence();
  __syncthreads();
  bool isLast = false;
  if (threadIdx.x == 0 && threadIdx.y == 0)
    isLast = atomicInc((u32*)(counters + number), (u32)count - 1) == (u32)count - 1;
  isLast = __syncthreads_or(isLast) != 0;
  __threadfence();
  return isLast;
}
