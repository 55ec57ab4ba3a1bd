// Elements of 16 bits: what they are too few for, and where values keep more.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OpDefinition.h"

namespace sinter::ir {

/// Of operations whose results may be far larger or smaller than their operands, or are wanted to more digits
/// than f16 and bf16 have: exponentials, logarithms, powers, reciprocals. Where a program is lowered to
/// those, the results of these stay f32.
template <class Op>
class NeedsPrecision : public mlir::OpTrait::TraitBase<Op, NeedsPrecision> {};

/// On sinter.cast and arith.truncf: a kernel may go on with the number as it was, and rounds it where it is
/// stored.
inline constexpr const char* kUnrounded = "sinter.unrounded";

/// `wide`, of f32 scalars or vectors, as elements of `half`, f16 or bf16: not rounded where it need not be.
mlir::Value narrowed(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value wide, mlir::Type half);

/// A unit attribute of modules: contractions may round their factors of f32 to TF32.
inline constexpr const char* kTf32 = "sinter.tf32";

/// True if `op` is in a module that says so.
inline bool mayRoundFactors(mlir::Operation* op) {
  auto module = op->getParentOfType<mlir::ModuleOp>();
  return module && module->hasAttr(kTf32);
}

/// True for f16 and bf16.
inline bool isHalf(mlir::Type element) {
  return element.isF16() || element.isBF16();
}

} // namespace sinter::ir
