// Kernels of a planned module to machine code: in parallel, each distinct one once per process, and once per
// build of Sinter where there is a cache on disk.
#pragma once

#include "codegen/cpu/target.h"
#include "codegen/kernel/compiled_kernels.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace sinter::codegen::cpu {

/// Every sinter.kernel of `module` as machine code. Throws Error.
CompiledKernels compileKernels(mlir::ModuleOp module, const Target& target, const KernelOptions& options);

/// The optimised LLVM IR of every kernel, one after the other.
std::string printKernels(mlir::ModuleOp module, const Target& target);

} // namespace sinter::codegen::cpu
