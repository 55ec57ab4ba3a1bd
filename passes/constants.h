// Making and evaluating constants inside passes.
#pragma once

#include "passes/passes.h"

namespace sinter::passes {

/// A constant of `type` whose elements all are `value`.
mlir::Value makeSplat(mlir::OpBuilder& builder, mlir::Location loc, mlir::RankedTensorType type,
                      double value);

/// The number all elements of the float or integer constant `value` have, if they all are the same.
std::optional<double> splatOf(mlir::Value value);

struct Magnitudes {
  double least = 0, most = 0;
};
/// The least and the greatest magnitude of an element of the constant `value`, of floats; nothing for others,
/// and where an element is not finite.
std::optional<Magnitudes> magnitudesOf(mlir::Value value);
/// Of a dense view.
std::optional<Magnitudes> magnitudesOf(const View& view);
/// True if `value` is a promise, and what is made of those may be taken for finite
/// (ConstantDeferral::assumesFinite); notes that the caller does.
bool assumeFinite(mlir::Value value);

/// The results of `op`, computed by its eager kernels, if all operands are constants. Nothing where an
/// operand is not a constant, or the results would take much more memory than the operands (`bounded`).
/// Throws Error as evaluation does.
std::optional<llvm::SmallVector<mlir::ElementsAttr>> evaluateConstants(mlir::Operation* op,
                                                                       bool bounded = true);

/// If `op`, an operation with one result, can be evaluated, erases it and returns the constant that takes its
/// place; else its result.
mlir::Value foldNow(mlir::RewriterBase& rewriter, mlir::Operation* op, bool bounded = true);

/// Builds an operation with one result and folds it at once.
template <class OpTy, class... Args>
mlir::Value createFolded(mlir::RewriterBase& rewriter, mlir::Location loc, Args&&... args) {
  return foldNow(rewriter, OpTy::create(rewriter, loc, std::forward<Args>(args)...));
}

/// `value` reshaped; constants fold.
mlir::Value reshaped(mlir::Value value, llvm::ArrayRef<int64_t> shape, mlir::RewriterBase& rewriter);

inline bool isConstant(mlir::Value value) {
  return value.getDefiningOp<ir::ConstantOp>() != nullptr;
}

} // namespace sinter::passes
