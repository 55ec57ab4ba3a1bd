// What is done to a program before it is written.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace sinter::onnx_export {

/// Takes @main of `module` to the form that is written: derivatives are taken, attention is products and a
/// softmax, transposes of matrix products are operations of their own where ONNX has no flags for them, what
/// is known is constant, and nothing is computed for nobody. Nothing else changes: a program keeps the
/// operations that its author wrote. Throws Error.
void prepare(mlir::ModuleOp module);

} // namespace sinter::onnx_export
