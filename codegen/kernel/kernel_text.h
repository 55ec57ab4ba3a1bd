// A kernel as text: what caches know it by, and what workers are handed, each of which has an MLIR context of
// its own. Contexts shared between threads lock on every type and attribute.
#pragma once

#include "ir/ops.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace sinter::codegen {

/// `kernel` without the symbol's name: kernels that differ in name only are the same code.
std::string kernelText(ir::KernelOp kernel);

/// A module whose first kernel is that of `text`, on its own or in a module. Throws Error (internal).
mlir::OwningOpRef<mlir::ModuleOp> parseKernel(const std::string& text, mlir::MLIRContext& context);

} // namespace sinter::codegen
