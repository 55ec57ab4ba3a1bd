// Emission of sums of products, shared by matrix products and convolutions.
#pragma once

#include "ir/loop_emitter.h"

namespace sinter::ir {

/// The sum over all `extents` of the products of the two numbers that `factors` emits. f16 and bf16 are
/// summed in f32.
mlir::Value emitProducts(
    LoopEmitter& emitter, llvm::ArrayRef<int64_t> extents, mlir::Type element,
    llvm::function_ref<std::pair<mlir::Value, mlir::Value>(llvm::ArrayRef<mlir::Value> index)> factors);

/// As above, of many more terms than the result has elements: neighbours along the last extent are taken
/// together, where `factors` finds them at a Coord of stride 1.
mlir::Value
emitLongProducts(LoopEmitter& emitter, llvm::ArrayRef<int64_t> extents, mlir::Type element,
                 llvm::function_ref<std::pair<mlir::Value, mlir::Value>(const Point& index)> factors);

} // namespace sinter::ir
