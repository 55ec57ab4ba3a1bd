// Buffers of a call as its library wants them.
#pragma once

#include "cuda/driver.h"
#include "sinter/runtime/cuda/device.h"

#include <span>
#include <vector>

namespace sinter::rt::cuda {

inline constexpr uint64_t kAlignment = 16; ///< bytes; what plans of libraries are made for

/// What a call reads or writes.
struct BufferUse {
  uint32_t buffer = 0; ///< number
  uint64_t bytes = 0;
  bool written = false;
};

/// The addresses of a call's buffers, or of copies of those that do not begin at multiples of kAlignment:
/// slices of concatenations and of what loops go over begin anywhere. The copies are made and given back in
/// the order of the device's stream, which `stream` is wherever something is copied.
class AlignedBuffers {
public:
  /// True if nothing is copied: then nothing is allocated, either.
  static bool are_aligned(std::span<const BufferUse> uses, void* const* buffers);

  AlignedBuffers(CudaDevice& device, Stream stream, std::span<const BufferUse> uses, void* const* buffers);
  AlignedBuffers(const AlignedBuffers&) = delete;
  AlignedBuffers& operator=(const AlignedBuffers&) = delete;

  void* operator[](uint32_t buffer) const { return addresses_[buffer]; }
  /// After the work was given: what it writes goes where it belongs.
  void finish();

private:
  struct Copy {
    BufferUse use;
    std::shared_ptr<Storage> memory;
  };
  const Driver& driver_;
  Stream stream_;
  void* const* buffers_;
  std::vector<void*> addresses_;
  std::vector<Copy> copies_;
};

} // namespace sinter::rt::cuda
