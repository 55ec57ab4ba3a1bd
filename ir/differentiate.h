// Differentiation of what lies in one block: what rules of operations with bodies, and `grad` and its kin,
// are made of.
#pragma once

#include "ir/gradient.h"

namespace sinter::ir {

/// Reverse mode (Griewank and Walther, Evaluating Derivatives, ch. 3): builds what computes, from the
/// cotangents of `outputs` (null: zero), those of `inputs`: for each, the sum over outputs of the cotangent
/// times the derivative. Null where that is zero because nothing leads from the input to an output. A
/// derivative of an input does not take the way through another input.
///
/// All of them are values of one block, in which `builder` stands behind them. What is built may be
/// differentiated again. Throws Error for an operation on the way that has no derivative, naming where it
/// comes from.
llvm::SmallVector<mlir::Value> buildVjp(mlir::OpBuilder& builder, mlir::ValueRange outputs,
                                        mlir::ValueRange cotangents, mlir::ValueRange inputs);

/// Forward mode: from the tangents of `inputs` (null: zero) those of `outputs`, as above.
llvm::SmallVector<mlir::Value> buildJvp(mlir::OpBuilder& builder, mlir::ValueRange inputs,
                                        mlir::ValueRange tangents, mlir::ValueRange outputs);

} // namespace sinter::ir
