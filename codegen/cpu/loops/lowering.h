// From the MLIR that kernels are generated in to LLVM IR.
#pragma once

#include "codegen/cpu/target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace sinter::codegen::cpu {

/// Loads the dialects that kernels are generated in.
void loadCodeDialects(mlir::MLIRContext& context);

/// Replaces what the processor has no instruction for: transcendental functions become polynomials on vectors
/// (f32) or calls of the C library (f64).
void expandMath(mlir::ModuleOp module, const Target& target);

/// True for what expandMath replaces by many operations, each waiting for the one before.
bool becomesPolynomial(mlir::Operation* op);

/// Lowers `module` (arith, math, vector, scf, LLVM) and translates it. Throws Error (internal).
std::unique_ptr<llvm::Module> lowerToLlvm(mlir::ModuleOp module, const Target& target,
                                          llvm::LLVMContext& context);

} // namespace sinter::codegen::cpu
