// What the elements along one axis have in common.
#pragma once

#include "ir/element_arithmetic.h"
#include "ir/ops.h"

namespace sinter::ir {

/// Folds f(x) over the lines or layers of x through `at`.
mlir::Value foldOver(LoopEmitter& e, mlir::TypedValue<mlir::RankedTensorType> x, llvm::ArrayRef<int64_t> axes,
                     const Point& at, Combine how,
                     llvm::function_ref<mlir::Value(ElementArithmetic&, mlir::Value)> f);

struct LineStatistics {
  mlir::Value max;
  mlir::Value sum; ///< of exp(x - max)
};
/// Of the line of x through `at`, whose coordinate on the axis is not used.
LineStatistics emitLineStatistics(LoopEmitter& e, mlir::TypedValue<mlir::RankedTensorType> x, int64_t axis,
                                  const Point& at);

} // namespace sinter::ir
