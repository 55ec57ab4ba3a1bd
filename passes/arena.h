// Packing buffers with lifetimes into one arena.
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace sinter::passes {

/// A block of memory alive from step `first` to step `last`, both included. Sizes are multiples of the
/// alignment.
struct ArenaBuffer {
  int64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;
  int64_t offset = 0; ///< what packing decides
};

/// The largest sum of buffers alive at one step: no arena can be smaller.
int64_t arenaLowerBound(llvm::ArrayRef<ArenaBuffer> buffers);

/// Gives every buffer an offset so that no two alive at the same time overlap. Returns the size of the arena.
/// Finding the smallest is NP-hard: several orders are tried, then improved at random (always the same way).
int64_t packArena(llvm::MutableArrayRef<ArenaBuffer> buffers);

} // namespace sinter::passes
