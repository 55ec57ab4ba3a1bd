// Random programs of f32, lowered to f16 and bf16.
#pragma once

#include "random_program.h"

#include "codegen/compile.h"

namespace sinter::cuda_tests {

/// Sums of products, and a few operations on them; f16 for odd seeds, bf16 for even ones.
struct LoweredProgram {
  differential::Case made;
  passes::Precision precision;
  bool fuse;
  mlir::OwningOpRef<mlir::ModuleOp> lowered; ///< as the interpreter takes it

  LoweredProgram(mlir::MLIRContext& context, uint64_t seed,
                 const std::vector<mlir::RegisteredOperationName>& operations);

  /// `options` for this program.
  codegen::CompileOptions compileOptions(codegen::CompileOptions options) const;

  /// True if anything is computed on 16 bits.
  bool isLow();
};

/// "" if kernels are at most about as far from f32 as the interpreter, which rounds what every operation
/// gives; else where not.
std::string disagreement(LoweredProgram& program, const rt::Executable& executable, rt::ThreadPool& pool);

} // namespace sinter::cuda_tests
