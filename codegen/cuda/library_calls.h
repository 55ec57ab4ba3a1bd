// Kernels by NVIDIA's libraries.
#pragma once

#include "codegen/cuda/library_problem.h"
#include "sinter/runtime/cuda/device.h"

#include <memory>
#include <vector>

namespace sinter::codegen::cuda {

/// False where the environment variable SINTER_CUDA_LIBRARIES is "off". Throws Error where it is neither that
/// nor "on", empty or unset.
bool librariesAreOn();

/// What kernels of `problem` are called, for people: "cublasLt", "cudnn conv".
const char* algorithmOf(const LibraryProblem& problem);

/// Up to `count` ways to compute `problem`, that of `kernel`, the one first that its library takes for the
/// fastest; none if there is no library, or none that can. A library that fails says so once (rt::log). From
/// several threads at once.
std::vector<std::shared_ptr<const rt::DeviceKernel>> libraryKernels(rt::cuda::CudaDevice& device,
                                                                    ir::KernelOp kernel,
                                                                    const LibraryProblem& problem,
                                                                    size_t count);

/// True if `choice`, which computes `kernel`, can be launched. What a library plans and cannot run is found
/// out so before a program runs; what it loads at the first run is loaded then. Says so (rt::log) if not.
bool runs(rt::cuda::CudaDevice& device, ir::KernelOp kernel, const rt::DeviceKernel& choice);

/// The number of the kernel among `choices`, all of which compute `kernel`, that takes the least time on
/// `device`; one that fails is not taken. Throws Error (system) if all do, or if there is no memory for the
/// buffers.
size_t fastest(rt::cuda::CudaDevice& device, ir::KernelOp kernel,
               llvm::ArrayRef<std::shared_ptr<const rt::DeviceKernel>> choices);

} // namespace sinter::codegen::cuda
