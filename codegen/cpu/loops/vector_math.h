// Own approximations of mathematical functions, for scalars and vectors alike.
#pragma once

#include "mlir/IR/Operation.h"

namespace sinter::codegen::cpu {

/// Replaces `op` if it is one of math.exp, sin, cos or erf on f32. Errors are below 3e-7 of the result (sin
/// and cos: of 1), NaN and infinities come out as from the C library; results of exp below 2^-125 are zero.
bool replaceByPolynomial(mlir::Operation* op);

} // namespace sinter::codegen::cpu
