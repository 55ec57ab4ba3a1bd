// Kernels of a planned module to machine code: in parallel, each distinct one once per process.
#pragma once

#include "codegen/cpu/target.h"
#include "sinter/runtime/executable.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <vector>

namespace sinter::codegen {

/// Compiles every sinter.kernel of `module`, in the order of their appearance. Kernel::name is the symbol's.
std::vector<rt::Kernel> compileKernels(mlir::ModuleOp module, const cpu::Target& target,
                                       const std::function<void(int64_t, int64_t)>& progress);

/// The optimised LLVM IR of every kernel, one after the other.
std::string printKernels(mlir::ModuleOp module, const cpu::Target& target);

/// How many kernels this process has compiled (not found in the cache) so far.
uint64_t compiledKernelCount();

} // namespace sinter::codegen
