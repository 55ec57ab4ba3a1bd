// Kernels of a planned module to code of a GPU.
#pragma once

#include "codegen/kernel/compiled_kernels.h"
#include "sinter/runtime/cuda/device.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <string>

namespace sinter::codegen::cuda {

/// Every sinter.kernel of `module` for `device`: calls of libraries where these can do it (library_calls.h),
/// the others compiled and loaded, each distinct one once per process, and, with KernelOptions::diskCache,
/// once per version of NVRTC on this machine. With `tune`, kernels that libraries can do are compiled as
/// well, and the fastest is taken. `objects` is not looked at. Throws Error.
CompiledKernels compileKernels(mlir::ModuleOp module, const std::shared_ptr<rt::cuda::CudaDevice>& device,
                               const KernelOptions& options);

/// The CUDA C++ of every kernel, one after the other, without the prelude.
std::string printKernels(mlir::ModuleOp module);

} // namespace sinter::codegen::cuda
