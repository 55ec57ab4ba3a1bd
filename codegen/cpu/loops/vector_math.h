// Own approximations of mathematical functions on f32, for scalars and vectors alike.
#pragma once

#include "codegen/cpu/loops/vector_arithmetic.h"
#include "codegen/cpu/target.h"

#include "mlir/IR/BuiltinOps.h"

namespace sinter::codegen::cpu {

/// Replaces `op` if it is one of math.exp, expm1, log, log1p, tanh, erf, sin, cos or powf on f32. Results are
/// right to 1 ulp (powf) .. 3 ulp (tanh, erf) for all f32: subnormal numbers, infinities, NaN and the signs
/// of zeros come out as from the C library. docs/accuracy.md has the errors measured.
bool replaceByPolynomial(mlir::Operation* op, mlir::ModuleOp module, const Target& target);

namespace approximation {

/// The sine of x, or of x + pi / 2.
mlir::Value sine(VectorArithmetic& m, mlir::Value x, bool quarterTurn, mlir::ModuleOp module,
                 const Target& target);

/// x^y.
mlir::Value power(VectorArithmetic& m, mlir::Value x, mlir::Value y);

} // namespace approximation
} // namespace sinter::codegen::cpu
