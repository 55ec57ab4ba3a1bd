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
#define __launch_bounds__(threads)

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

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  Index index;
  Wait wait = Wait::nothing;
  uint64_t value = 0; // of lane_xor
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
         int y, bool together) {
  grid_size = {blocks, 1, 1};
  const std::function<void()> thread = [&] {
    call(kernel, buffers, std::index_sequence_for<Parameters...>());
  };
  for (int64_t number = begin; number < end; ++number) {
    block_index = {static_cast<int>(number), 0, 0};
    if (together) {
      block.run(x, y, thread);
      continue;
    }
    for (int i = 0; i < x * y; ++i) {
      thread_index = {i % x, i / x, 0};
      thread();
    }
  }
}

} // namespace host

#define threadIdx host::thread_index
#define blockIdx host::block_index
#define gridDim host::grid_size
#define __syncthreads() host::block.wait(host::Wait::block)
#define __shfl_xor_sync(all, x, mask) host::lane_xor(x, mask)

// `together`: whether the threads of a block wait for each other.
#define HOST_KERNEL(kernel, name, blocks, x, y, together)                                                    \
  extern "C" void name(void* const* buffers, int64_t begin, int64_t end, void*) {                            \
    host::run(kernel, buffers, begin, end, blocks, x, y, together);                                          \
  }

// The same for any grid, and a function `name_parameters` that says how many buffers it takes.
#define HOST_FUNCTION(kernel, name, together)                                                                \
  extern "C" void name(void* const* buffers, int64_t blocks, int64_t x, int64_t y) {                         \
    host::run(kernel, buffers, 0, blocks, static_cast<int>(blocks), static_cast<int>(x),                     \
              static_cast<int>(y), together);                                                                \
  }                                                                                                          \
  extern "C" int name##_parameters() {                                                                       \
    return host::parameter_count(kernel);                                                                    \
  }
