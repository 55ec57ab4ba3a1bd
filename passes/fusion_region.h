// Making sinter.fusion regions out of operations.
#pragma once

#include "passes/passes.h"

namespace sinter::passes {

/// The role `op` plays in a fused kernel; opaque for what computes nothing.
ir::FusionClass fusionClassOf(mlir::Operation* op);

/// True if an element has the same place in tensors of both types, apart from its size.
bool samePositions(mlir::RankedTensorType a, mlir::RankedTensorType b);

/// Replaces `ops`, operations of one block in program order of which only the last one's result is used
/// elsewhere, by a sinter.fusion where the last of them was. Splat constants they use are repeated inside, so
/// that they become immediates. `root` (or null) comes as early in the region as its operands allow.
ir::FusionOp createFusion(llvm::ArrayRef<mlir::Operation*> ops, mlir::Operation* root);

/// A fusion before `before` that only copies `value`.
mlir::Value createCopy(mlir::Value value, mlir::Operation* before);

/// The distinct source locations of `ops`, as one.
mlir::Location fusedLocation(llvm::ArrayRef<mlir::Operation*> ops);

/// The value whose memory `value` is: itself, or what it is a reshape of.
mlir::Value aliasRoot(mlir::Value value);

} // namespace sinter::passes
