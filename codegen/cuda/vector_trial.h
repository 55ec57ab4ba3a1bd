// How many neighbours a thread may take at once.
#pragma once

#include "codegen/cuda/kernel_frame.h"
#include "codegen/loops/pieces.h"

namespace sinter::codegen::cuda {

/// What emitting elements of a kernel, once, showed.
struct VectorTrial {
  int64_t lanes = 1;                    ///< neighbours that are taken at once
  int64_t loads = 0;                    ///< of memory, for all of them; those inside of loops count once
  int64_t folds = 0;                    ///< reductions
  llvm::SmallVector<int64_t> axes = {}; ///< of the last one
  bool loops = false;
};

/// Elements of `values` of `kernel` (of `piece`, where one is given) at positions of rank `rank` that `sides`
/// go over: as many neighbours along the last side as make 16 bytes, if all operands are contiguous or
/// repeated there; else one.
VectorTrial tryVectors(ir::KernelOp kernel, const DimensionGroups& groups, const Piece* piece,
                       llvm::ArrayRef<mlir::Value> values, llvm::ArrayRef<Side> sides, size_t rank);

/// As many neighbours of what follows the sums of `kernel` as make 16 bytes of `results`, where those are
/// neighbours in memory along dimension `last`, of `extent`, and so is all that `emit` reads for them; else
/// one. `emit` emits `width` neighbours into the frame it gets, whose emitter has so many lanes.
int64_t storeWidth(ir::KernelOp kernel, const DimensionGroups& groups, llvm::ArrayRef<MemoryView> results,
                   size_t last, int64_t extent,
                   llvm::function_ref<void(KernelFrame& trial, int64_t width)> emit);

} // namespace sinter::codegen::cuda
