// Operations computed by their eager kernels.
#pragma once

#include "ir/dialect.h"

namespace sinter::ir {

/// Computes `op` as EvaluateOpInterface::evaluate does, on elements of 16 bits as well: most eager kernels
/// have no arithmetic on those, so their operands are converted to f32 and what comes out is rounded. Throws
/// Error.
void evaluate(mlir::Operation* op, llvm::ArrayRef<View> operands, llvm::ArrayRef<View> results);

} // namespace sinter::ir
