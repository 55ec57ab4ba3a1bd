// What the compilers of kernels, one for each kind of device, are asked for, and what they give.
#pragma once

#include "sinter/runtime/executable.h"

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace sinter::codegen {

struct CompiledKernels {
  std::vector<rt::Kernel> kernels; ///< in the order of their appearance; Kernel::name is the symbol's
  int64_t compiled = 0;            ///< how many of them were compiled for this call
  int64_t tuned = 0;               ///< of the compiled: several variants were measured
  int64_t loaded = 0;              ///< ... were read from the cache on disk; the process had the others
};

/// Kernels that were compiled for a library and not linked in this process, by key: programs of one library
/// share them.
using KernelObjects = std::unordered_map<std::string, rt::Kernel>;

struct KernelOptions {
  /// Measures the ways to compute a kernel that the cost model cannot tell from the best, instead of trusting
  /// it; on a GPU, also what libraries have.
  bool tune = false;
  bool precise = false;  ///< true: no library's algorithm that trades accuracy for speed (Winograd's, FFTs)
  bool diskCache = true; ///< false: the cache on disk is neither read nor written
  /// Not null: kernels are looked for and kept there, with their objects (rt::Kernel::object) instead of
  /// code; neither the process's nor the disk's other kernels are used, so that what comes out depends on the
  /// module and the target alone. For processors only.
  KernelObjects* objects = nullptr;
  /// Called now and then: kernels done, kernels in all.
  std::function<void(int64_t done, int64_t total)> progress;
};

} // namespace sinter::codegen
