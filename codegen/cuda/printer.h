// Emitted code as CUDA C++.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <string>

namespace sinter::codegen::cuda {

/// A pointer that a kernel takes.
struct Parameter {
  mlir::Type element;     ///< what it points to, as it lies in memory
  bool invariant = false; ///< nothing that the kernel stores is behind it
};

/// The one function of `module`, over arith, math, scf, vector and memory operations of the LLVM dialect, and
/// the globals that it uses, as CUDA C++ that follows the prelude: a kernel of that name. Calls become calls
/// of functions of the prelude, by the callee's name. Elements of 16 bits are floats outside of memory.
/// Blocks have `threads` threads; `resident` is as in EmittedKernel. `wideIndices`: indices take 64 bits.
/// Throws Error (internal) for an operation that it has no text for.
std::string printKernel(mlir::ModuleOp module, llvm::ArrayRef<Parameter> parameters, int64_t threads,
                        int64_t resident, bool wideIndices);

/// What printed kernels build on; comes before the first one of a file.
std::string_view prelude();

} // namespace sinter::codegen::cuda
