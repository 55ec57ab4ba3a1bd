// Lets a C++ compiler make host code of generated CUDA kernels, so that what they compute can be tested
// without a GPU: blocks run one after the other, the threads of a block as fibers that take turns at
// barriers.
//
// Generated text follows this header. HOST_KERNEL after it defines an rt::KernelFn, whose tasks
// are blocks.
#pragma once

#include "sinter/runtime/half.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <ucontext.h>
#include <utility>
#include <vector>

using std::signbit;

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static thread_local
#define __launch_bounds__(...)

inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}
inline double rsqrt(double x) {
  return 1 / std::sqrt(x);
}
inline float host_float_of_half(uint16_t bits) {
  return sinter::rt::from_f16_bits(bits);
}
inline uint16_t host_half_of_float(float x) {
  return sinter::rt::f16_bits(x);
}

namespace host {

struct Index {
  int x = 0, y = 0, z = 0;
};

// What a fiber waits for.
enum class Wait { nothing, warp, block, end };

// Of copy_async, on its way.
struct Copy {
  void* to;
  const void* from;
  bool wanted;

  void make() const {
    if (wanted)
      std::memcpy(to, from, 16);
    else
      std::memset(to, 0, 16);
  }
};

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  Index index;
  Wait wait = Wait::nothing;
  uint64_t value = 0;            // of lane_xor
  uint32_t registers[2][6] = {}; // of products: the last, and the one before, which others may still read
  int turn = 0;
  const void* row = nullptr; // of load_matrices
  std::vector<Copy> open;    // copies of no group yet
  std::deque<std::vector<Copy>> groups;
};

class Block {
public:
  static constexpr std::size_t kStack = 64 << 10;
  static constexpr int kWarp = 32;

  // Runs `thread` for each thread of a block of x * y.
  void run(int x, int y, const std::function<void()>& thread);
  void wait(Wait what) {
    current->wait = what;
    swapcontext(&current->context, &scheduler);
  }

  Fiber* current = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers;
  int count = 0;

private:
  static void enter();
  bool release(int first, int last, Wait what);

  ucontext_t scheduler;
  const std::function<void()>* body = nullptr;
};

inline thread_local Block block;
inline thread_local Index thread_index, block_index, grid_size;

inline void Block::enter() {
  (*block.body)();
  block.wait(Wait::end);
}

// If all of [first, last) wait for the same or have ended, they go on.
inline bool Block::release(int first, int last, Wait what) {
  bool any = false;
  for (int i = first; i < last; ++i) {
    if (fibers[i]->wait != what && fibers[i]->wait != Wait::end)
      return false;
    any |= fibers[i]->wait == what;
  }
  for (int i = first; i < last; ++i)
    if (fibers[i]->wait == what)
      fibers[i]->wait = Wait::nothing;
  return any;
}

inline void Block::run(int x, int y, const std::function<void()>& thread) {
  body = &thread;
  count = x * y;
  for (int i = 0; i < count; ++i) {
    if (i == static_cast<int>(fibers.size())) {
      fibers.push_back(std::make_unique<Fiber>());
      fibers.back()->stack = std::make_unique<char[]>(kStack);
    }
    Fiber& fiber = *fibers[i];
    fiber.index = {i % x, i / x, 0};
    fiber.wait = Wait::nothing;
    fiber.open.clear();
    fiber.groups.clear();
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    makecontext(&fiber.context, &Block::enter, 0);
  }
  for (;;) {
    bool ran = false;
    for (int i = 0; i < count; ++i) {
      if (fibers[i]->wait != Wait::nothing)
        continue;
      ran = true;
      current = fibers[i].get();
      thread_index = current->index;
      swapcontext(&scheduler, &current->context);
    }
    bool released = release(0, count, Wait::block);
    for (int first = 0; first < count; first += kWarp)
      released |= release(first, std::min(first + kWarp, count), Wait::warp);
    if (released || ran)
      continue;
    for (int i = 0; i < count; ++i)
      if (fibers[i]->wait != Wait::end) {
        std::fprintf(stderr, "a barrier that not all threads come to\n");
        std::abort();
      }
    return;
  }
}

template <class T>
T lane_xor(T x, int mask) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  Fiber& self = *block.current;
  const int lane = self.index.x; // warps lie along x: blocks with a y fold in shared memory
  __builtin_memcpy(&self.value, &x, sizeof(T));
  block.wait(Wait::warp);
  T result;
  __builtin_memcpy(&result, &block.fibers[static_cast<std::size_t>(lane ^ mask)]->value, sizeof(T));
  block.wait(Wait::warp);
  return result;
}

//-- What tensor_cores.cuh has instructions for.

// The fiber of lane `number` of the same warp.
inline Fiber& of_warp(int number) {
  return *block.fibers[static_cast<std::size_t>(block.current->index.x / Block::kWarp * Block::kWarp +
                                                number)];
}

// What a lane holds of the factors of a product, for the others.
inline void publish(const uint32_t* rows, const uint32_t* columns) {
  Fiber& self = *block.current;
  self.turn ^= 1;
  std::memcpy(self.registers[self.turn], rows, 4 * sizeof(uint32_t));
  std::memcpy(self.registers[self.turn] + 4, columns, 2 * sizeof(uint32_t));
  block.wait(Wait::warp);
}
inline uint32_t published(int lane, int number) {
  return of_warp(lane).registers[block.current->turn][number];
}

inline void load_matrices(uint32_t* registers, const void* row, bool transposed) {
  Fiber& self = *block.current;
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0)
    std::abort();
  self.row = row;
  block.wait(Wait::warp);
  const int lane = self.index.x % Block::kWarp;
  for (int matrix = 0; matrix < 4; ++matrix) {
    uint16_t pair[2];
    for (int i = 0; i < 2; ++i) {
      const int along = lane % 4 * 2 + i;
      const auto* from =
          static_cast<const uint16_t*>(of_warp(matrix * 8 + (transposed ? along : lane / 4)).row);
      pair[i] = from[transposed ? lane / 4 : along];
    }
    std::memcpy(registers + matrix, pair, sizeof(pair));
  }
  block.wait(Wait::warp);
}

// A copy may be done at once or as late as it is waited for: of half the threads it is the one, of the others
// the other.
inline void copy_async(void* to, const void* from, bool wanted) {
  Fiber& self = *block.current;
  if (reinterpret_cast<uintptr_t>(to) % 16 != 0 || (wanted && reinterpret_cast<uintptr_t>(from) % 16 != 0))
    std::abort();
  const Copy copy{to, from, wanted};
  if (self.index.x % 2 == 0)
    copy.make();
  else
    self.open.push_back(copy);
}
inline void commit_copies() {
  Fiber& self = *block.current;
  self.groups.push_back(std::move(self.open));
  self.open.clear();
}
inline void wait_copies(int groups) {
  for (auto& waiting = block.current->groups; static_cast<int>(waiting.size()) > groups; waiting.pop_front())
    for (const Copy& copy : waiting.front())
      copy.make();
}

// The block's dynamic memory, with bytes after it that nobody may write.
struct DynamicMemory {
  static constexpr std::size_t kGuard = 64;
  static constexpr uint8_t kPoison = 0xFF; // NaN as float, f16 and bf16

  uint8_t* begin = nullptr;
  std::size_t bytes = 0;

  DynamicMemory() = default;
  DynamicMemory(const DynamicMemory&) = delete;
  DynamicMemory& operator=(const DynamicMemory&) = delete;
  ~DynamicMemory() { std::free(begin); } // a thread's, when it ends

  void start(std::size_t wanted) {
    if (bytes < wanted || !begin) {
      std::free(begin);
      begin = static_cast<uint8_t*>(std::aligned_alloc(64, (wanted + 63) / 64 * 64 + 2 * kGuard));
    }
    bytes = wanted;
    std::memset(begin, kPoison, bytes + kGuard);
  }
  void check() const {
    for (std::size_t i = 0; i < kGuard; ++i)
      if (begin[bytes + i] != kPoison) {
        std::fprintf(stderr, "a block writes past its %zu bytes of shared memory\n", bytes);
        std::abort();
      }
  }
};
inline thread_local DynamicMemory dynamic;
inline uint8_t* dynamic_memory() {
  return dynamic.begin;
}

// The values of all lanes of the warp, where they are not zero, as bits.
inline uint32_t ballot(bool x) {
  Fiber& self = *block.current;
  const int first = self.index.x / Block::kWarp * Block::kWarp;
  self.value = x;
  block.wait(Wait::warp);
  uint32_t bits = 0;
  for (int i = 0; i < Block::kWarp && first + i < block.count; ++i)
    bits |= static_cast<uint32_t>(block.fibers[static_cast<std::size_t>(first + i)]->value != 0) << i;
  block.wait(Wait::warp);
  return bits;
}

inline int any_of_block(bool x) {
  block.current->value = x;
  block.wait(Wait::block);
  bool any = false;
  for (int i = 0; i < block.count; ++i)
    any |= block.fibers[static_cast<std::size_t>(i)]->value != 0;
  block.wait(Wait::block);
  return any;
}

// Blocks may run on several threads of the host.
inline unsigned atomic_inc(unsigned* counter, unsigned last) {
  unsigned old = __atomic_load_n(counter, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(counter, &old, old >= last ? 0 : old + 1, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST)) {
  }
  return old;
}

template <class... Parameters, std::size_t... I>
void call(void (*kernel)(Parameters...), void* const* buffers, std::index_sequence<I...>) {
  kernel(static_cast<Parameters>(buffers[I])...);
}

template <class... Parameters>
int parameter_count(void (*)(Parameters...)) {
  return sizeof...(Parameters);
}

// Blocks [begin, end) of `blocks`.
template <class... Parameters>
void run(void (*kernel)(Parameters...), void* const* buffers, int64_t begin, int64_t end, int blocks, int x,
         int y, int64_t shared, bool together) {
  grid_size = {blocks, 1, 1};
  const std::function<void()> thread = [&] {
    call(kernel, buffers, std::index_sequence_for<Parameters...>());
  };
  for (int64_t number = begin; number < end; ++number) {
    block_index = {static_cast<int>(number), 0, 0};
    if (together) {
      dynamic.start(static_cast<std::size_t>(shared));
      block.run(x, y, thread);
      dynamic.check();
      continue;
    }
    for (int i = 0; i < x * y; ++i) {
      thread_index = {i % x, i / x, 0};
      thread();
    }
  }
}

} // namespace host

inline int atomicAdd(int* to, int x) {
  return __atomic_fetch_add(to, x, __ATOMIC_SEQ_CST);
}

#define __threadfence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define threadIdx host::thread_index
#define blockIdx host::block_index
#define gridDim host::grid_size
#define __syncthreads() host::block.wait(host::Wait::block)
#define __syncthreads_or(x) host::any_of_block(x)
#define __threadfence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define __ballot_sync(all, x) host::ballot(x)
#define __popc(x) __builtin_popcount(x)
#define atomicInc(counter, last) host::atomic_inc(counter, last)
#define __shfl_xor_sync(all, x, mask) host::lane_xor(x, mask)

// `shared`: bytes of dynamic memory; `together`: whether the threads of a block wait for each other.
#define HOST_KERNEL(kernel, name, blocks, x, y, shared, together)                                            \
  extern "C" void name(void* const* buffers, int64_t begin, int64_t end, void*) {                            \
    host::run(kernel, buffers, begin, end, blocks, x, y, shared, together);                                  \
  }

// The same for any grid, and a function `name_parameters` that says how many buffers it takes.
#define HOST_FUNCTION(kernel, name, together)                                                                \
  extern "C" void name(void* const* buffers, int64_t blocks, int64_t x, int64_t y, int64_t shared) {         \
    host::run(kernel, buffers, 0, blocks, static_cast<int>(blocks), static_cast<int>(x),                     \
              static_cast<int>(y), shared, together);                                                        \
  }                                                                                                          \
  extern "C" int name##_parameters() {                                                                       \
    return host::parameter_count(kernel);                                                                    \
  }
