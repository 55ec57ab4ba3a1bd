// What launches of kernels go by: limits that all GPUs share, and the size of an H200.
#pragma once

#include <cstdint>

namespace sinter::codegen::cuda {

inline constexpr int64_t kWarp = 32;
inline constexpr int64_t kBlock = 256; ///< threads of a block where nothing speaks for another number
inline constexpr int64_t kMostBlockThreads = 1024;
inline constexpr int64_t kMostBlocks = 1 << 16;                  ///< each goes on with the next of its tasks
inline constexpr int64_t kMultiprocessors = 132;                 ///< of an H200
inline constexpr int64_t kResidentBlocks = 8 * kMultiprocessors; ///< of kBlock threads, at once
inline constexpr int64_t kVectorBits = 128;                      ///< of the widest access to memory
inline constexpr int64_t kSharedBytes = 48 << 10;                ///< that a block has without asking

} // namespace sinter::codegen::cuda
