// From one sinter.kernel to CUDA C++.
#pragma once

#include "ir/ops.h"

#include <cstdint>
#include <string>

namespace sinter::codegen::cuda {

/// A kernel as text: `source`, after the prelude (printer.h), defines an extern "C" kernel `symbol` that
/// takes the addresses of the kernel's block arguments, then of its yielded values. Tensors of equal size
/// among them may be one.
struct EmittedKernel {
  std::string symbol;
  std::string source;
  std::string algorithm;       ///< for people: "elements x4", "rows by warps", "columns"
  int64_t blocks = 1;          ///< enough for all the work; fewer are right, too
  int64_t threads[2] = {1, 1}; ///< of a block, in x and y
  uint32_t parameters = 0;     ///< addresses it takes
  uint32_t sharedBytes = 0;    ///< dynamic shared memory of a block
  int64_t resident = 0; ///< blocks a multiprocessor has registers for, at least; 0: as the compiler thinks
};

/// Any kernel whose operations have elements (LoopOpInterface, PointwiseOpInterface), called `symbol`. Throws
/// Error (internal) for a region it cannot emit.
EmittedKernel emit(ir::KernelOp kernel, llvm::StringRef symbol);

} // namespace sinter::codegen::cuda
