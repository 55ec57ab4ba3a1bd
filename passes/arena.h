// Packing buffers with lifetimes into one arena.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace sinter::passes {

/// Buffers begin at multiples of it.
inline constexpr int64_t kArenaAlignment = 64;

/// Bytes of a buffer, needed from step `first` to step `last`, both included.
struct ArenaPart {
  int64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;
  int64_t offset = 0; ///< in the buffer, not negative
};

/// What is placed as a whole: parts that do not overlap. Where one is not needed yet or any more, others may
/// lie.
struct ArenaBuffer {
  llvm::SmallVector<ArenaPart, 1> parts;
  int64_t offset = 0; ///< what packing decides
};

/// The largest sum of parts alive at one step: no arena can be smaller.
int64_t arenaLowerBound(llvm::ArrayRef<ArenaBuffer> buffers);

/// Gives every buffer an offset so that no two parts alive at the same time overlap. Returns the size of the
/// arena. Finding the smallest is NP-hard: several orders are tried, then improved at random (always the same
/// way).
int64_t packArena(llvm::MutableArrayRef<ArenaBuffer> buffers);

} // namespace sinter::passes
