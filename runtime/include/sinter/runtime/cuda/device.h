// NVIDIA GPUs, by CUDA's driver, which is looked for when the first one is asked for.
#pragma once

#include "sinter/runtime/device.h"

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace sinter::rt::cuda {

/// The number of the GPU that "cuda" or "cuda:N" names, N in decimal digits without zeros in front; nothing
/// for "cpu". Whether there is such a GPU is not looked at. Throws Error for another text.
std::optional<int> ordinal_of(const std::string& name);

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
  /// The kernel `symbol` of what load() gave, which will be launched with `shared_bytes` of dynamic shared
  /// memory. Throws Error (system) if a block of this GPU cannot have so many.
  virtual void* function(const std::shared_ptr<void>& code, const std::string& symbol,
                         uint32_t shared_bytes = 0) = 0;

  /// At least `bytes` of memory for a call of a library to use while it runs. It is shared: calls run one
  /// after the other. What was handed out before stays, and is not moved. From several threads at once.
  virtual std::shared_ptr<Storage> workspace(uint64_t bytes) = 0;
  /// Runs `body` where libraries find this device to be the current one. From several threads at once.
  virtual void with_context(const std::function<void()>& body) = 0;
};

} // namespace sinter::rt::cuda
