// NVIDIA GPUs, by CUDA's driver, which is looked for when the first one is asked for.
#pragma once

#include "sinter/runtime/device.h"

#include <span>
#include <string>

namespace sinter::rt::cuda {

/// A GPU with its one stream of work.
class CudaDevice : public Device {
public:
  /// The GPU `ordinal`, the same object for every caller. Throws Error (system): no driver, no such GPU, or
  /// one older than compute capability 7.5.
  static std::shared_ptr<CudaDevice> open(int ordinal = 0);

  /// What code is compiled for: "sm_90".
  virtual const std::string& architecture() const = 0;
  virtual uint64_t total_bytes() const = 0;

  /// Code of compile_for_device for this architecture, loaded.
  virtual std::shared_ptr<void> load(std::span<const char> cubin) = 0;
  /// The kernel `symbol` of what load() gave.
  virtual void* function(const std::shared_ptr<void>& code, const std::string& symbol) = 0;
};

} // namespace sinter::rt::cuda
