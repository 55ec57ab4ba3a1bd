// CUDA C++ to machine code, by NVIDIA's run-time compiler. It takes no GPU.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sinter::rt::cuda {

/// What one kernel takes of a multiprocessor, as the assembler reports it.
struct KernelResources {
  std::string symbol;
  int registers = 0;
  int spilled_bytes = 0; ///< stored by a thread because registers did not suffice
  int shared_bytes = 0;
};

struct DeviceCode {
  std::vector<char> code; ///< as the driver loads it
  std::vector<KernelResources> kernels;
};

/// NVRTC's version, (13, 0). Throws Error (system) if none of CUDA 12 or newer is found.
std::pair<int, int> nvrtc_version();

/// Machine code of `source` for `architecture`, such as "sm_80" or "sm_90a". For a GPU newer than NVRTC, PTX
/// of the newest architecture it knows, which the driver compiles; then `kernels` is empty. Throws Error:
/// system, if there is no NVRTC or it does not know the architecture, nor an older one; internal, if the
/// source has errors, with the first of them.
DeviceCode compile_for_device(const std::string& source, const std::string& architecture);

} // namespace sinter::rt::cuda
