// Which of several kernels that compute the same is the fastest here.
#pragma once

#include "ir/ops.h"
#include "sinter/runtime/executable.h"

#include <span>
#include <vector>

namespace sinter::rt {
class ThreadPool;
}

namespace sinter::codegen::cpu {

/// What a kernel of a contraction is run on.
struct KernelOperands {
  struct Buffer {
    int64_t bytes = 0;
    bool isFloat = false; ///< f32
  };
  std::vector<Buffer> buffers; ///< operands, then results
  size_t filter = 0;           ///< which of them holds the weights
};
KernelOperands operandsOf(ir::KernelOp kernel);

/// Runs all of `kernels` in turns on operands of made-up numbers and returns the number of the fastest.
/// Before each run the caches are as they are in the middle of a model: the weights were not used for long,
/// the other operands have been made a moment ago.
size_t fastestKernel(std::span<const rt::Kernel> kernels, const KernelOperands& operands,
                     rt::ThreadPool& pool);

} // namespace sinter::codegen::cpu
