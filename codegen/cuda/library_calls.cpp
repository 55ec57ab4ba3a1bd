// Which library computes what, and whether it is faster.
#include "codegen/cuda/library_calls.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/log.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <set>
#include <string_view>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using KernelPointer = std::shared_ptr<const rt::DeviceKernel>;

constexpr const char* kReplaced = "a kernel of Sinter's runs instead of a library's: ";

// Memory for all that a kernel reads and writes, whatever is in it.
struct Buffers {
  std::vector<std::shared_ptr<Storage>> storages;
  std::vector<void*> addresses;

  Buffers(rt::cuda::CudaDevice& device, ir::KernelOp kernel) {
    Block& block = kernel.getBody().front();
    auto add = [&](Value tensor) {
      storages.push_back(device.allocate(static_cast<uint64_t>(ir::storedBytes(ir::tensorType(tensor)))));
      addresses.push_back(storages.back()->data());
    };
    llvm::for_each(block.getArguments(), add);
    llvm::for_each(block.getTerminator()->getOperands(), add);
  }
};

void logOnce(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(message).second)
    rt::log(message);
}

// Seconds of one launch, of several, when nothing else is under way.
double secondsOf(rt::cuda::CudaDevice& device, const rt::DeviceKernel& kernel, void* const* buffers) {
  constexpr double kLeastSeconds = 2e-3;
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  device.launch(kernel, buffers);
  device.synchronize();
  for (int64_t runs = 1; spent < kLeastSeconds; runs *= 2) {
    const auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < runs; ++i)
      device.launch(kernel, buffers);
    device.synchronize();
    spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, spent / static_cast<double>(runs));
  }
  return best;
}

} // namespace

bool librariesAreOn() {
  const char* value = std::getenv("SINTER_CUDA_LIBRARIES");
  const std::string state = value ? value : "";
  if (!state.empty() && state != "on" && state != "off")
    throw Error("SINTER_CUDA_LIBRARIES is '" + state + "': neither on nor off");
  return state != "off";
}

const char* algorithmOf(const LibraryProblem& problem) {
  if (std::holds_alternative<rt::cuda::FusedMatmul>(problem))
    return "cublasLt";
  switch (std::get<rt::cuda::FusedConvolution>(problem).kind) {
  case rt::cuda::FusedConvolution::Kind::forward:
    return "cudnn conv";
  case rt::cuda::FusedConvolution::Kind::data_gradient:
    return "cudnn conv transposed";
  case rt::cuda::FusedConvolution::Kind::filter_gradient:
    return "cudnn filter gradient";
  }
  return "";
}

std::vector<KernelPointer> libraryKernels(rt::cuda::CudaDevice& device, ir::KernelOp kernelOp,
                                          const LibraryProblem& problem, size_t count) {
  std::vector<KernelPointer> kernels;
  try {
    const auto* matmul = std::get_if<rt::cuda::FusedMatmul>(&problem);
    auto calls =
        matmul ? rt::cuda::plan_matmul(device, *matmul, count)
               : rt::cuda::plan_convolution(device, std::get<rt::cuda::FusedConvolution>(problem), count);
    for (auto& call : calls) {
      auto kernel = std::make_shared<rt::DeviceKernel>();
      kernel->call = std::move(call);
      Block& body = kernelOp.getBody().front();
      kernel->parameters = body.getNumArguments() + body.getTerminator()->getNumOperands();
      kernels.push_back(std::move(kernel));
    }
  } catch (const Error& error) {
    logOnce(std::string(kReplaced) + error.what());
  }
  return kernels;
}

bool runs(rt::cuda::CudaDevice& device, ir::KernelOp kernel, const rt::DeviceKernel& choice) {
  const auto lock = device.exclusive();
  try {
    const Buffers buffers(device, kernel);
    device.launch(choice, buffers.addresses.data());
    device.synchronize();
    return true;
  } catch (const Error& error) {
    logOnce(std::string(kReplaced) + error.what());
    return false;
  }
}

size_t fastest(rt::cuda::CudaDevice& device, ir::KernelOp kernel, ArrayRef<KernelPointer> choices) {
  const auto lock = device.exclusive();
  const Buffers buffers(device, kernel);
  size_t best = choices.size();
  double least = std::numeric_limits<double>::infinity();
  std::string failure;
  for (auto [number, choice] : llvm::enumerate(choices)) {
    try {
      if (const double seconds = secondsOf(device, *choice, buffers.addresses.data()); seconds < least) {
        least = seconds;
        best = number;
      }
    } catch (const Error& error) {
      failure = error.what();
      logOnce(kReplaced + failure);
    }
  }
  if (best == choices.size())
    throw Error(failure, ErrorKind::system);
  return best;
}

} // namespace sinter::codegen::cuda
