// Kernels as one C++ file for the compiler that compiled the tests.
#include "host_kernels.h"

#include "codegen/cuda/emit.h"
#include "codegen/cuda/printer.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sinter::cuda_tests {
namespace {

std::string textOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void unused(void* const*, int64_t, int64_t, void*) {
  std::abort(); // not built yet
}

} // namespace

HostKernels::HostKernels() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sinter-cuda-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw std::runtime_error("cannot make the folder " + pattern + ": " + std::strerror(errno));
  folder_ = pattern;
}

HostKernels::~HostKernels() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

codegen::CompileOptions HostKernels::options(bool fuse, bool channelsLast) {
  codegen::CompileOptions options;
  options.device = "cuda";
  options.fuse = fuse;
  options.channelsLast = channelsLast;
  options.diskCache = false;
  options.makeKernels = [this](mlir::ModuleOp module) { return take(module); };
  return options;
}

codegen::CompiledKernels HostKernels::take(mlir::ModuleOp module) {
  codegen::CompiledKernels kernels;
  for (ir::KernelOp op : module.getOps<ir::KernelOp>()) {
    rt::Kernel kernel;
    kernel.function = unused;
    if (!library_) {
      // Programs number their kernels each from the beginning.
      const std::string symbol = "kernel" + std::to_string(collected_.size());
      collected_.push_back(codegen::cuda::emit(op, symbol));
    } else {
      const std::string name = collected_.at(taken_).symbol + "_on_host";
      kernel.function = reinterpret_cast<rt::KernelFn>(dlsym(library_.get(), name.c_str()));
      if (!kernel.function)
        throw std::runtime_error(name + " is missing");
    }
    const auto& collected = collected_.at(library_ ? taken_++ : collected_.size() - 1);
    kernel.name = op.getSymName().str();
    kernel.algorithm = collected.algorithm;
    kernel.tasks = collected.blocks;
    kernels.kernels.push_back(kernel);
  }
  return kernels;
}

void HostKernels::build() {
  const std::string source = folder_ + "/kernels.cpp", library = folder_ + "/kernels.so",
                    log = folder_ + "/log";
  {
    std::ofstream file(source);
    file << "#include \"host_shim.h\"\n" << codegen::cuda::prelude();
    for (const auto& kernel : collected_) {
      const bool together = kernel.source.find("barrier") != std::string::npos ||
                            kernel.source.find("lane_xor<") != std::string::npos;
      file << kernel.source << "HOST_KERNEL(of_" << kernel.symbol << "::" << kernel.symbol << ", "
           << kernel.symbol << "_on_host, " << kernel.blocks << ", " << kernel.threads[0] << ", "
           << kernel.threads[1] << ", " << kernel.sharedBytes << ", " << (together ? "true" : "false")
           << ")\n";
    }
  }
  const std::string command =
      std::string(SINTER_HOST_COMPILER) +
      " -std=c++20 -O0 -w -fsanitize=alignment -fsanitize-trap=alignment -fPIC -shared -I" +
      SINTER_SOURCE_DIR + "/tests/cuda -I" + SINTER_SOURCE_DIR + "/runtime/include -o " + library + " " +
      source + " >" + log + " 2>&1";
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("the kernels do not compile:\n" + textOf(log).substr(0, 4000));
  void* opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened)
    throw std::runtime_error(dlerror());
  library_ = std::shared_ptr<void>(opened, dlclose);
  taken_ = 0;
}

} // namespace sinter::cuda_tests
