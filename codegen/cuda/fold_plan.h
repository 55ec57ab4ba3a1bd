// How threads share the lines of elements that a kernel folds.
#pragma once

#include "codegen/cuda/thread_emitter.h"
#include "codegen/loops/dimension_groups.h"

#include <optional>
#include <string>

namespace sinter::codegen::cuda {

/// A line is what is folded into one element, or what shares statistics.
struct FoldPlan {
  /// How a thread goes over a line. Kernels have a second way for buffers that begin where no vector may.
  struct Way {
    int64_t lanes = 1;  ///< neighbours at once: along rows, or of columns
    bool holds = false; ///< a thread has code of its own for each of its vectors, whose elements it keeps
  };

  mlir::Operation* root = nullptr;
  bool hasStatistics = false;
  llvm::SmallVector<int64_t> axes; ///< that lines go along, of the root's first operand
  int64_t count = 1;               ///< of a line
  Way way;
  ThreadGroup group; ///< that shares a line
  int64_t tiles = 1; ///< lines, or so many columns beside each other
  int64_t threads[2] = {1, 1};
  std::string algorithm;
};

/// Nothing for kernels that fold nothing worth sharing.
std::optional<FoldPlan> planFolds(ir::KernelOp kernel, const DimensionGroups& groups);

} // namespace sinter::codegen::cuda
