// NVRTC's interface, as its documentation gives it: https://docs.nvidia.com/cuda/nvrtc
#include "sinter/runtime/cuda/nvrtc.h"

#include "cuda/library.h"
#include "sinter/runtime/error.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

namespace sinter::rt::cuda {
namespace {

using Result = int; // nvrtcResult
using Program = struct ProgramTag*;
constexpr Result kSuccess = 0, kInvalidOption = 5, kCompilation = 6;

struct Nvrtc {
  Library library{{"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}};
  EntryPoint<Result(int*, int*)> version{library, "nvrtcVersion"};
  EntryPoint<Result(Program*, const char*, const char*, int, const char* const*, const char* const*)> create{
      library, "nvrtcCreateProgram"};
  EntryPoint<Result(Program*)> destroy{library, "nvrtcDestroyProgram"};
  EntryPoint<Result(Program, int, const char* const*)> compile{library, "nvrtcCompileProgram"};
  EntryPoint<Result(Program, std::size_t*)> cubin_size{library, "nvrtcGetCUBINSize"};
  EntryPoint<Result(Program, char*)> cubin{library, "nvrtcGetCUBIN"};
  EntryPoint<Result(Program, std::size_t*)> log_size{library, "nvrtcGetProgramLogSize"};
  EntryPoint<Result(Program, char*)> log{library, "nvrtcGetProgramLog"};
  EntryPoint<const char*(Result)> error_text{library, "nvrtcGetErrorString"};

  bool usable() const {
    return version && create && destroy && compile && cubin_size && cubin && log_size && log && error_text;
  }
};

const Nvrtc& nvrtc() {
  static const Nvrtc loaded;
  if (!loaded.usable())
    throw Error("kernels for CUDA cannot be compiled: " + (loaded.library.loaded()
                                                               ? "the NVRTC found is older than CUDA 12"
                                                               : loaded.library.error()),
                ErrorKind::system);
  return loaded;
}

// Of "ptxas info" lines: which kernel, and what it takes.
std::vector<KernelResources> resources_in(const std::string& log) {
  std::vector<KernelResources> kernels;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    constexpr const char* kBegin = "Compiling entry function '";
    if (const auto at = line.find(kBegin); at != std::string::npos) {
      const auto from = at + std::strlen(kBegin);
      kernels.push_back({line.substr(from, line.find('\'', from) - from), 0, 0, 0});
    }
    if (kernels.empty())
      continue;
    KernelResources& kernel = kernels.back();
    if (const auto at = line.find(" bytes spill stores"); at != std::string::npos)
      kernel.spilled_bytes = std::atoi(line.c_str() + line.rfind(' ', at - 1));
    if (const auto at = line.find(" registers"); at != std::string::npos)
      kernel.registers = std::atoi(line.c_str() + line.rfind(' ', at - 1));
    if (const auto at = line.find(" bytes smem"); at != std::string::npos)
      kernel.shared_bytes = std::atoi(line.c_str() + line.rfind(' ', at - 1));
  }
  return kernels;
}

std::string first_error(const std::string& log) {
  const auto at = log.find("error");
  const auto line = at == std::string::npos ? 0 : log.rfind('\n', at) + 1;
  return log.substr(line, log.find('\n', line) - line);
}

} // namespace

std::pair<int, int> nvrtc_version() {
  int major = 0, minor = 0;
  nvrtc().version(&major, &minor);
  return {major, minor};
}

DeviceCode compile_for_device(const std::string& source, const std::string& architecture) {
  const Nvrtc& api = nvrtc();
  auto check = [&](Result result, const char* what) {
    if (result != kSuccess)
      throw Error(std::string("NVRTC: ") + what + ": " + api.error_text(result), ErrorKind::internal);
  };
  Program program = nullptr;
  check(api.create(&program, source.c_str(), "kernel.cu", 0, nullptr, nullptr), "a program");
  const auto destroy = [&](Program* used) { api.destroy(used); };
  const std::unique_ptr<Program, decltype(destroy)> owner(&program, destroy);

  const std::string target = "--gpu-architecture=" + architecture;
  const char* options[] = {target.c_str(), "--std=c++17", "--ptxas-options=-v"};
  const Result result = api.compile(program, static_cast<int>(std::size(options)), options);
  std::size_t size = 0;
  check(api.log_size(program, &size), "the log");
  std::string log(size, '\0');
  check(api.log(program, log.data()), "the log");
  if (result == kInvalidOption)
    throw Error("NVRTC knows no architecture " + architecture, ErrorKind::system);
  if (result == kCompilation)
    throw Error("a generated kernel does not compile: " + first_error(log), ErrorKind::internal);
  check(result, "compilation");

  DeviceCode code;
  check(api.cubin_size(program, &size), "the code");
  code.cubin.resize(size);
  check(api.cubin(program, code.cubin.data()), "the code");
  code.kernels = resources_in(log);
  return code;
}

} // namespace sinter::rt::cuda
