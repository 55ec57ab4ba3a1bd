// Copies between the host's memory and a GPU's.
#pragma once

#include "cuda/driver.h"

#include <array>
#include <cstddef>
#include <mutex>

namespace sinter::rt::cuda {

/// Slots of pinned memory, taken in turn, that copies go by piece by piece: the device reads and writes it
/// while the host goes on, and brings one piece while the host copies another. A slot is taken again when the
/// copies from and to it are done. It is allocated by the first copy, and lives as long as the process. The
/// calling thread is in the device's context. All throw Error (system). From several threads at once.
class Staging {
public:
  static constexpr uint64_t kSlots = 16, kSlotBytes = uint64_t{1} << 20;

  Staging(const Driver& driver, Stream stream) : driver_(driver), stream_(stream) {}

  /// Returns when the host's bytes have been read. That waits for the stream only where more than all slots
  /// hold are on their way.
  void upload(DeviceAddress to, const void* from, uint64_t bytes);
  /// Waits until the bytes are there.
  void download(void* to, DeviceAddress from, uint64_t bytes);

private:
  struct Slot {
    std::byte* memory = nullptr;
    Event done = nullptr; ///< recorded behind every copy from or to it
    uint64_t used = 0;    ///< bytes from its beginning that copies may still read or write
  };

  void download_at_once(void* to, DeviceAddress from, uint64_t bytes) const;
  bool is_pinned();
  Slot& next();
  void wait_for(const Slot& slot) const;

  const Driver& driver_;
  const Stream stream_;
  std::mutex mutex_;
  bool was_tried_ = false;
  std::array<Slot, kSlots> slots_;
  std::size_t current_ = 0;
};

} // namespace sinter::rt::cuda
