// What of a kernel a library of NVIDIA's could compute.
#pragma once

#include "ir/ops.h"
#include "sinter/runtime/cuda/convolution.h"
#include "sinter/runtime/cuda/matmul.h"

#include <optional>
#include <variant>

namespace sinter::codegen::cuda {

using LibraryProblem = std::variant<rt::cuda::FusedMatmul, rt::cuda::FusedConvolution>;

/// All of `kernel` as one call of a library, whose buffers are numbered as the kernel's: a convolution or
/// matrix product of f32, f16 or bf16 whose factors are read as they lie in memory, and elementwise functions
/// that libraries know (PointwiseOpInterface::getFunction) after it, to one result. Nothing for other
/// kernels.
std::optional<LibraryProblem> libraryProblem(ir::KernelOp kernel, bool precise = false);

} // namespace sinter::codegen::cuda
