// Dimensions that threads go over together, as one number.
#pragma once

#include "codegen/loops/pieces.h"

namespace sinter::codegen::cuda {

/// One dimension: `count` positions, from `origin` on, `step` apart.
struct Side {
  int64_t dim, origin, count, step;
};

/// The dimensions of `tensor` as they lie in memory, the outermost first: where it does, or, if it is
/// computed in a kernel element by element, what it is computed from.
llvm::SmallVector<int64_t> memoryOrder(mlir::Value tensor);

/// All positions along `dims` of a tensor of `shape`, the outermost of `dims` first.
llvm::SmallVector<Side> sidesOf(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> dims);
/// Those of the results that `piece` has.
llvm::SmallVector<Side> sidesOf(const Piece& piece, llvm::ArrayRef<int64_t> dims);

/// How many positions `sides` have together.
int64_t total(llvm::ArrayRef<Side> sides);
/// `sides` in steps of `lanes` along the last one.
llvm::SmallVector<Side> inSteps(llvm::ArrayRef<Side> sides, int64_t lanes);
/// `sides`, those of one position first: they have no neighbours.
llvm::SmallVector<Side> longOnesLast(llvm::ArrayRef<Side> sides);
/// The sides of `axes` of a tensor of `shape`, in the order in which `operand`, which is of that shape,
/// lies in memory; the last one in steps of `lanes`.
llvm::SmallVector<Side> foldedSides(mlir::Value operand, llvm::ArrayRef<int64_t> shape,
                                    llvm::ArrayRef<int64_t> axes, int64_t lanes);

} // namespace sinter::codegen::cuda
