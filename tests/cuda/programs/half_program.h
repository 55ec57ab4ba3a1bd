// Random programs on elements of 16 bits.
#pragma once

#include "random_program.h"

namespace sinter::cuda_tests {

/// `x` as f16 or bf16 can hold it.
float rounded(float x, DType to);

/// All f32 of `module` becomes `element`; constants are rounded to what `precision` can hold.
void retype(mlir::ModuleOp module, mlir::Type element, DType precision);

/// A copy of `from` as elements of `dtype`, where it has f32, or as f32, where it has f16 or bf16; else as it
/// is.
differential::Buffer converted(const View& from, DType dtype);

/// One operation on f32, its constants rounded, and the same on f16 or bf16.
struct HalfProgram {
  RandomProgram program;
  DType dtype;
  mlir::OwningOpRef<mlir::ModuleOp> half; ///< the program on elements of 16 bits

  HalfProgram(mlir::MLIRContext& context, uint64_t seed,
              const std::vector<mlir::RegisteredOperationName>& operations, DType dtype)
      : program(context, seed, operations), dtype(dtype), half(program.made.module().clone()) {
    mlir::Builder builder(&context);
    retype(*half, dtype == DType::f16 ? mlir::Type(builder.getF16Type()) : builder.getBF16Type(), dtype);
    retype(program.made.module(), builder.getF32Type(), dtype);
  }
};

/// "" if `executable`, compiled from `half`, gives what `reference`, the same on f32, does interpreted, on
/// `given` as far as `dtype` can hold it; else where not.
std::string disagreement(mlir::ModuleOp reference, std::span<const View> given, mlir::ModuleOp half,
                         DType dtype, const rt::Executable& executable, rt::ThreadPool& pool);

/// "" if `executable`, compiled from the half of `program`, gives what the other one does interpreted; else
/// where not.
std::string disagreement(HalfProgram& program, const rt::Executable& executable, rt::ThreadPool& pool);

} // namespace sinter::cuda_tests
