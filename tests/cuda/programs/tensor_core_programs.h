// Programs whose products tensor cores make.
#pragma once

#include "comparison.h"

#include "sinter/runtime/executable.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace sinter::cuda_tests {

/// What the factors of products are rounded to: f16 and bf16 are element types, tf32 is how f32 is
/// multiplied.
enum class Factors { f16, bf16, tf32 };

/// A program on f32, which is also made to compute with one of these.
struct TensorCoreProgram {
  std::string text;
  std::string tile;             ///< that one of its kernels makes: "64x64"; "": that of a body's
  bool factorsAreInputs = true; ///< else they are computed from inputs
  std::vector<Factors> factors{Factors::f16, Factors::bf16, Factors::tf32}; ///< worth a test

  /// On f32. Throws Error if the text is no program.
  mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext& context) const;
  mlir::OwningOpRef<mlir::ModuleOp> with(Factors factors, mlir::MLIRContext& context) const;
};

std::vector<TensorCoreProgram> tensorCorePrograms();

/// "" if `executable`, compiled from `program` with `factors`, gives what the interpreter does in f32 for
/// inputs that are rounded to these; else where not.
///
/// How far it may be off: sums are of f32 in both, in another order. Results of 16 bits are rounded, and so
/// are factors that are computed: each is off by 2^-11 of itself for f16 and tf32, by 2^-8 for bf16, and so
/// their products by twice that at most, which is within what `differential::disagreement` allows for
/// elements of these types.
std::string disagreement(const TensorCoreProgram& program, Factors factors, mlir::MLIRContext& context,
                         const rt::Executable& executable, rt::ThreadPool& pool);

} // namespace sinter::cuda_tests
