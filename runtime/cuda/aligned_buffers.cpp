// Copies are rare: nothing is reserved for them.
#include "cuda/aligned_buffers.h"

#include <algorithm>

namespace sinter::rt::cuda {
namespace {

bool is_aligned(const void* buffer) {
  return reinterpret_cast<DeviceAddress>(buffer) % kAlignment == 0;
}

} // namespace

bool AlignedBuffers::are_aligned(std::span<const BufferUse> uses, void* const* buffers) {
  return std::ranges::all_of(uses, [&](const BufferUse& use) { return is_aligned(buffers[use.buffer]); });
}

AlignedBuffers::AlignedBuffers(CudaDevice& device, Stream stream, std::span<const BufferUse> uses,
                               void* const* buffers)
    : driver_(Driver::get()), stream_(stream), buffers_(buffers) {
  for (const BufferUse& use : uses) {
    addresses_.resize(std::max<std::size_t>(addresses_.size(), use.buffer + 1));
    addresses_[use.buffer] = buffers[use.buffer];
    if (is_aligned(buffers[use.buffer]))
      continue;
    const auto address = reinterpret_cast<DeviceAddress>(buffers[use.buffer]);
    void* const memory = copies_.emplace_back(Copy{use, device.allocate(use.bytes)}).memory->data();
    if (!use.written)
      driver_.check(driver_.copy(reinterpret_cast<DeviceAddress>(memory), address, use.bytes, stream_),
                    "an aligned copy");
    addresses_[use.buffer] = memory;
  }
}

void AlignedBuffers::finish() {
  for (const Copy& copy : copies_)
    if (copy.use.written)
      driver_.check(driver_.copy(reinterpret_cast<DeviceAddress>(buffers_[copy.use.buffer]),
                                 reinterpret_cast<DeviceAddress>(copy.memory->data()), copy.use.bytes,
                                 stream_),
                    "a copy of a result");
}

} // namespace sinter::rt::cuda
