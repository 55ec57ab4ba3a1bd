// One pool for each device.
#include "cuda/memory.h"

#include "sinter/runtime/error.h"

namespace sinter::rt::cuda {

DeviceMemory::DeviceMemory(const Driver& driver, DeviceNumber device, const std::string& name, Stream stream)
    : driver_(driver), stream_(stream) {
  constexpr int kMemoryPoolsSupported = 115; // of cuDeviceGetAttribute
  constexpr int kReleaseThreshold = 4;       // of cuMemPoolSetAttribute
  int supported = 0;
  driver_.check(driver_.device_attribute(&supported, kMemoryPoolsSupported, device), "the CUDA device");
  if (supported == 0)
    throw Error(name + " has no memory pools (cuMemPoolCreate)", ErrorKind::system);
  PoolProperties properties;
  properties.location = device;
  driver_.check(driver_.create_pool(&pool_, &properties), "a memory pool");
  uint64_t threshold = UINT64_MAX;
  driver_.check(driver_.set_pool_attribute(pool_, kReleaseThreshold, &threshold), "a memory pool");
}

Status DeviceMemory::allocate(DeviceAddress* memory, uint64_t bytes) const {
  return with_room([&] { return driver_.allocate(memory, bytes, pool_, stream_); });
}

// What was released may lie in pieces, or be released only once the work before that is done.
void DeviceMemory::make_room() const {
  driver_.check(driver_.synchronize(stream_), "a kernel failed");
  driver_.trim_pool(pool_, 0);
}

} // namespace sinter::rt::cuda
