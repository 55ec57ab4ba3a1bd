// Differentiation of programs: what `grad` and its kin are made of.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace sinter::passes {

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

enum class DerivativeMode : uint8_t {
  reverse, ///< further arguments: a cotangent per float result; further results: one per argument of `inputs`
  forward, ///< further arguments: a tangent per argument of `inputs`; further results: one per float result
};

/// Makes a function that computes a derivative beside its results: by what `mode` says. `inputs` are numbers
/// of arguments of floats. Throws Error as above.
void differentiate(mlir::func::FuncOp function, DerivativeMode mode, llvm::ArrayRef<int64_t> inputs);

} // namespace sinter::passes
