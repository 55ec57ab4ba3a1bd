// Launches as one CUDA graph.
#pragma once

#include "cuda/memory.h"
#include "sinter/runtime/device.h"

#include <memory>
#include <span>

namespace sinter::rt::cuda {

/// Addresses of a kernel's arguments, as the driver wants them: each is that of one buffer's address.
class KernelArguments {
public:
  KernelArguments(const DeviceKernel& kernel, void* const* buffers);
  void** get() { return addresses_; }

private:
  void* addresses_[DeviceKernel::kMostParameters];
};

/// False if a call of a library cannot be recorded.
bool can_be_recorded(const DeviceLaunch& launch);

/// A graph of `launches`, all of which say they can be recorded, one after the other. It is launched on
/// `stream`; what calls of libraries do is recorded on `recording`, another stream. The calling thread is in
/// the device's context, here and at each launch. Null, and said so (rt::log), if that does not do.
std::unique_ptr<DeviceGraph> record(const Driver& driver, const DeviceMemory& memory, Stream stream,
                                    Stream recording, std::span<const DeviceLaunch> launches);

} // namespace sinter::rt::cuda
