// NVRTC's interface, as its documentation gives it: https://docs.nvidia.com/cuda/nvrtc
#include "sinter/runtime/cuda/nvrtc.h"

#include "cuda/driver.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>

namespace sinter::rt::cuda {
namespace {

using Result = int; // nvrtcResult
using Program = struct ProgramTag*;
constexpr Result kSuccess = 0, kInvalidOption = 5, kCompilation = 6;

struct Nvrtc {
  Library library = toolkit_library("libnvrtc");
  EntryPoint<Result(int*, int*)> version{library, "nvrtcVersion"};
  EntryPoint<Result(Program*, const char*, const char*, int, const char* const*, const char* const*)> create{
      library, "nvrtcCreateProgram"};
  EntryPoint<Result(Program*)> destroy{library, "nvrtcDestroyProgram"};
  EntryPoint<Result(Program, int, const char* const*)> compile{library, "nvrtcCompileProgram"};
  EntryPoint<Result(Program, std::size_t*)> cubin_size{library, "nvrtcGetCUBINSize"};
  EntryPoint<Result(Program, char*)> cubin{library, "nvrtcGetCUBIN"};
  EntryPoint<Result(Program, std::size_t*)> ptx_size{library, "nvrtcGetPTXSize"};
  EntryPoint<Result(Program, char*)> ptx{library, "nvrtcGetPTX"};
  EntryPoint<Result(int*)> known_count{library, "nvrtcGetNumSupportedArchs"};
  EntryPoint<Result(int*)> known{library, "nvrtcGetSupportedArchs"};
  EntryPoint<Result(Program, std::size_t*)> log_size{library, "nvrtcGetProgramLogSize"};
  EntryPoint<Result(Program, char*)> log{library, "nvrtcGetProgramLog"};
  EntryPoint<const char*(Result)> error_text{library, "nvrtcGetErrorString"};
};

const Nvrtc& nvrtc() {
  static const Nvrtc loaded;
  if (!loaded.library.usable())
    throw Error("kernels for CUDA cannot be compiled: " + loaded.library.error(), ErrorKind::system);
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

void check(Result result, const char* what) {
  if (result != kSuccess)
    throw Error(std::string("NVRTC: ") + what + ": " + nvrtc().error_text(result), ErrorKind::internal);
}

// What NVRTC makes of one source.
class Compilation {
public:
  explicit Compilation(const std::string& source) {
    check(nvrtc().create(&program_, source.c_str(), "kernel.cu", 0, nullptr, nullptr), "a program");
  }
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;
  ~Compilation() { nvrtc().destroy(&program_); }

  Result run(const std::string& target) {
    const std::string architecture = "--gpu-architecture=" + target;
    const char* options[] = {architecture.c_str(), "--std=c++17", "--ptxas-options=-v"};
    return nvrtc().compile(program_, static_cast<int>(std::size(options)), options);
  }

  std::string log() const {
    std::size_t size = 0;
    check(nvrtc().log_size(program_, &size), "the log");
    std::string text(size, '\0');
    check(nvrtc().log(program_, text.data()), "the log");
    return text;
  }

  std::vector<char> code(bool portable) const {
    std::size_t size = 0;
    check(portable ? nvrtc().ptx_size(program_, &size) : nvrtc().cubin_size(program_, &size), "the code");
    std::vector<char> bytes(size);
    check(portable ? nvrtc().ptx(program_, bytes.data()) : nvrtc().cubin(program_, bytes.data()), "the code");
    return bytes;
  }

private:
  Program program_ = nullptr;
};

// The newest architecture NVRTC knows that is older than `architecture`, "compute_120": such GPUs run it once
// the driver has compiled it. "" if there is none.
std::string portable_target(const std::string& architecture) {
  const Nvrtc& api = nvrtc();
  constexpr std::size_t kNumberAt = 3; // after "sm_"
  int count = 0;
  if (architecture.size() <= kNumberAt || api.known_count(&count) != kSuccess)
    return "";
  std::vector<int> known(static_cast<std::size_t>(count));
  check(api.known(known.data()), "its architectures");
  const int wanted = std::atoi(architecture.c_str() + kNumberAt);
  int best = 0;
  for (const int number : known)
    if (number < wanted)
      best = std::max(best, number);
  return best > 0 ? "compute_" + std::to_string(best) : "";
}

} // namespace

std::pair<int, int> nvrtc_version() {
  int major = 0, minor = 0;
  check(nvrtc().version(&major, &minor), "its version");
  return {major, minor};
}

DeviceCode compile_for_device(const std::string& source, const std::string& architecture) {
  Compilation compilation(source);
  Result result = compilation.run(architecture);
  std::string portable;
  if (result == kInvalidOption) {
    portable = portable_target(architecture);
    if (portable.empty())
      throw Error("NVRTC knows no architecture " + architecture, ErrorKind::system);
    result = compilation.run(portable);
  }
  const std::string log = compilation.log();
  if (result == kCompilation)
    throw Error("a generated kernel does not compile: " + first_error(log), ErrorKind::internal);
  check(result, "compilation");
  return {compilation.code(!portable.empty()), resources_in(log)};
}

} // namespace sinter::rt::cuda
