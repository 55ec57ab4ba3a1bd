// Differentiation of programs: what `grad` and its kin are made of.
#pragma once

#include "ir/differentiate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sinter::passes {

enum class DerivativeMode : uint8_t {
  reverse, ///< further arguments: a cotangent per float result; further results: one per argument of `inputs`
  forward, ///< further arguments: a tangent per argument of `inputs`; further results: one per float result
};

/// Makes a function that computes a derivative beside its results: by what `mode` says. `inputs` are numbers
/// of arguments of floats. What is added is marked in its locations (ir::isBackward). Throws Error as
/// ir::buildVjp does.
void differentiate(mlir::func::FuncOp function, DerivativeMode mode, llvm::ArrayRef<int64_t> inputs);

} // namespace sinter::passes
