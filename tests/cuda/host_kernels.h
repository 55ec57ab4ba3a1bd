// CUDA kernels of programs as code of the processor.
#pragma once

#include "codegen/compile.h"
#include "codegen/cuda/emit.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sinter::cuda_tests {

/// Programs are compiled twice: first to collect their kernels, then, when these have been built all at once,
/// to run them. Both times in the same order.
class HostKernels {
public:
  HostKernels();
  ~HostKernels();

  /// Compile options that collect, or, after build(), take the kernels that were collected in their turn.
  codegen::CompileOptions options(bool fuse, bool channelsLast = false);
  /// Compiles what was collected. Throws std::runtime_error with the compiler's message.
  void build();

  const std::vector<codegen::cuda::EmittedKernel>& collected() const { return collected_; }

private:
  codegen::CompiledKernels take(mlir::ModuleOp module);

  std::string folder_;
  std::vector<codegen::cuda::EmittedKernel> collected_;
  std::size_t taken_ = 0;
  std::shared_ptr<void> library_;
};

} // namespace sinter::cuda_tests
