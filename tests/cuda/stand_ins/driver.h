// What the parts of the stand-in for libcuda.so.1 share. Its memory and processor are the host's; addresses
// are those of the host with the top bit but one set, so that whoever takes one for the other reads nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace stand_in {

constexpr int kInvalidValue = 1, kOutOfMemory = 2, kNotFound = 500;

/// Something a stream does. It is done when somebody waits: what would be read too early is not there yet.
using Work = std::function<void()>;

/// Whoever works on the device has pushed its context; else the process ends.
void is_entered();
/// The host's address of memory of the device; the process ends if it is none.
void* host(uint64_t address);
/// All of [address, address + bytes) lies in one allocation that has not been released.
bool is_allocated(uint64_t address, std::size_t bytes);

/// What is entered.
struct Gpu;
/// Takes memory that is not a pool's, for code and graphs, and says whose; null if there is none left.
Gpu* take(std::size_t bytes);
void take_back(Gpu* from, std::size_t bytes);

/// Work for a stream, or for the graph that it records.
void give(void* stream, Work work);

} // namespace stand_in

struct FunctionTag {
  using Runner = void (*)(void* const* buffers, int64_t blocks, int64_t x, int64_t y, int64_t shared);
  Runner run = nullptr;
  int parameters = 0;
  unsigned shared = 48 << 10; ///< bytes it may be launched with
};
