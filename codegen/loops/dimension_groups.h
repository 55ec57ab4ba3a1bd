// Which adjacent dimensions of a kernel's tensors may be walked as one.
#pragma once

#include "codegen/loops/memory.h"

namespace sinter::codegen {

/// Runs of adjacent dimensions of the result, in logical order. Tensors of lower rank are aligned at the last
/// dimension.
class DimensionGroups {
public:
  /// Every dimension of every tensor by itself.
  DimensionGroups() = default;
  /// The longest runs that all accesses of a kernel allow that is pointwise but for changes of layout; else
  /// every dimension by itself.
  static DimensionGroups of(ir::KernelOp kernel);

  llvm::SmallVector<int64_t> shape(llvm::ArrayRef<int64_t> shape) const;
  MemoryView view(MemoryView view) const;
  /// The dimensions of `type` from the outermost in memory to the innermost.
  llvm::SmallVector<int64_t> order(mlir::RankedTensorType type) const;

private:
  int64_t rank = 0;
  llvm::SmallVector<std::pair<int64_t, int64_t>> runs; // first dimension, count; empty: no grouping
};

} // namespace sinter::codegen
