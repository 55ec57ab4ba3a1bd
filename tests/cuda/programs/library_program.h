// Convolutions and matrix products with what libraries can compute after them.
#pragma once

#include "half_program.h"

#include <random>
#include <string>

namespace sinter::cuda_tests {

/// A program of one kernel that a library takes; some compute on channels-last tensors, between conversions.
struct LibraryProgram {
  std::string algorithm;                       ///< how the kernel is to be made
  mlir::OwningOpRef<mlir::ModuleOp> reference; ///< on f32
  mlir::OwningOpRef<mlir::ModuleOp> typed;     ///< on `dtype`
  DType dtype = DType::f32;
  std::vector<differential::Buffer> inputs; ///< of f32

  LibraryProgram(mlir::MLIRContext& context, uint64_t seed);
};

} // namespace sinter::cuda_tests
